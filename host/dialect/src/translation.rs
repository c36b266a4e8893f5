//! What becomes of each member of a chat request on the wire of the upstream that answers it: kept, mapped, lost
//! or refused. Encoders ask this table before they leave something out, so nothing is dropped in silence, and
//! `docs/reference/translation.md` is written from it.

mod page;
mod table;
#[cfg(test)]
mod tests;

pub use page::page;
pub use table::TABLE;

use crate::canon::{Fault, Json};
use crate::fault::unsupported;
use crate::json::{Members, Node};

/// The wires that a request is translated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamWire {
    Chat,
    Messages,
    Ollama,
}

impl UpstreamWire {
    pub const ALL: [Self; 3] = [Self::Chat, Self::Messages, Self::Ollama];

    /// As surfaces name it.
    pub const fn dialect(self) -> &'static str {
        match self {
            Self::Chat => crate::openai_chat::DIALECT,
            Self::Messages => crate::anthropic_messages::DIALECT,
            Self::Ollama => crate::ollama_chat::DIALECT,
        }
    }
}

/// What becomes of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The upstream gets what the client said.
    Kept,
    /// The upstream gets the same meaning in its own words.
    Mapped(&'static str),
    /// Left out, and named in `x-brains-loss` and in the trace.
    Lost(&'static str),
    /// 400 with `code: unsupported_parameter` and the member as `param`.
    Refused(&'static str),
}

/// One member of a chat request, by its path without indices, and its disposition on each wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranslationRow {
    pub member: &'static str,
    pub chat: Disposition,
    pub messages: Disposition,
    pub ollama: Disposition,
}

impl TranslationRow {
    pub const fn disposition(&self, wire: UpstreamWire) -> Disposition {
        match wire {
            UpstreamWire::Chat => self.chat,
            UpstreamWire::Messages => self.messages,
            UpstreamWire::Ollama => self.ollama,
        }
    }
}

/// The disposition of a member. What nobody has heard of is forwarded on the client's own wire and lost on another.
pub fn disposition(member: &str, wire: UpstreamWire) -> Disposition {
    match (TABLE.iter().find(|row| row.member == member), wire) {
        (Some(row), _) => row.disposition(wire),
        (None, UpstreamWire::Chat) => Disposition::Kept,
        (None, UpstreamWire::Messages | UpstreamWire::Ollama) => Disposition::Lost("not known on this wire"),
    }
}

/// The disposition of a member by a table of the component's own. What stands in none is lost.
pub fn disposition_in(table: &[(&str, Disposition)], member: &str) -> Disposition {
    let row = table.iter().find(|(name, _)| *name == member);
    row.map_or(Disposition::Lost("no place for it"), |(_, disposition)| *disposition)
}

/// Arguments as the object that wires other than the client's own want. Text that is none is kept for the model to
/// see what it wrote.
pub fn arguments_object(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "{}".to_owned();
    }
    if crate::json::check(text).is_ok() && text.starts_with('{') {
        return text.to_owned();
    }
    let mut raw = Members::new();
    raw.string("_raw", text);
    raw.finish()
}

/// Whether a leftover of a request asks for nothing.
pub(crate) fn asks_nothing(json: &str) -> bool {
    matches!(json, "null" | "false" | "[]" | "{}" | "\"\"" | "0")
}

/// A request as an upstream of some wire wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub body: Json,
    /// What could not be said, by the names of the table.
    pub losses: Vec<String>,
}

/// What one request loses on its way.
#[derive(Debug)]
pub struct Losses {
    disposition: fn(&str) -> Disposition,
    names: Vec<String>,
}

/// A client can send any number of unknown members; a header cannot hold them all.
const MOST_NAMES: usize = 32;

impl Losses {
    pub(crate) fn new(wire: UpstreamWire) -> Self {
        Self::by(match wire {
            UpstreamWire::Chat => |member| disposition(member, UpstreamWire::Chat),
            UpstreamWire::Messages => |member| disposition(member, UpstreamWire::Messages),
            UpstreamWire::Ollama => |member| disposition(member, UpstreamWire::Ollama),
        })
    }

    /// As the table of a component's own says; mostly `|member| disposition_in(TABLE, member)`.
    pub const fn by(disposition: fn(&str) -> Disposition) -> Self {
        Self { disposition, names: Vec::new() }
    }

    /// The upstream's wire has no place for this member: the table says whether that is a loss or a refusal.
    pub fn cannot(&mut self, member: &str) -> Result<(), Fault> {
        match (self.disposition)(member) {
            Disposition::Refused(why) => Err(unsupported(member, why)),
            Disposition::Kept | Disposition::Mapped(_) | Disposition::Lost(_) => {
                self.name(member);
                Ok(())
            }
        }
    }

    /// Names a loss.
    pub fn name(&mut self, member: &str) {
        let plain = member.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte));
        let name = if plain && member.len() <= 64 { member } else { "unknown" };
        if self.names.len() < MOST_NAMES && !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// The members of `extra`, leftovers that stood at `place`: none of them can be said, but for those that were
    /// `read` or ask for nothing.
    pub fn leftovers(&mut self, place: &str, extra: Option<&str>, read: &[&str]) -> Result<(), Fault> {
        let Some(object) = extra.and_then(|text| Node::root(text).object().ok()) else { return Ok(()) };
        let said = object.iter().filter(|(name, node)| !read.contains(name) && !asks_nothing(node.text()));
        for (name, _) in said {
            let mark = if place.is_empty() { "" } else { "." };
            self.cannot(&format!("{place}{mark}{name}"))?;
        }
        Ok(())
    }

    /// A tool's name on wires that have flat ones only.
    pub fn qualified(&mut self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) => {
                self.name("tool_namespace");
                format!("{namespace}__{name}")
            }
            None => name.to_owned(),
        }
    }

    /// Their names, for [`Outbound::losses`](crate::canon::exchange::Outbound::losses).
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}
