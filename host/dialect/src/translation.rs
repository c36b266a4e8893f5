//! What becomes of each member of a request on the wire of the upstream that answers it: kept, mapped, lost or refused.
//! One row for a member of the canonical form, whichever client's wire said it. Encoders ask this table before they leave something out, so nothing is dropped in silence, and
//! `docs/reference/translation.md` is written from it.

mod page;
mod table;
#[cfg(test)]
mod tests;

pub use page::page;
pub use table::rows;

use crate::canon::{Fault, Json};
use crate::fault::unsupported;
use crate::ingress::Ingress;
use crate::json::{Members, Node};

/// The wires that a request is translated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamWire {
    OpenAiChat,
    OpenAiResponses,
    AnthropicMessages,
    OllamaChat,
    GeminiGenerate,
    BedrockConverse,
}

impl UpstreamWire {
    pub const ALL: [Self; 6] = [
        Self::OpenAiChat,
        Self::OpenAiResponses,
        Self::AnthropicMessages,
        Self::OllamaChat,
        Self::GeminiGenerate,
        Self::BedrockConverse,
    ];

    /// As surfaces name it.
    pub const fn dialect(self) -> &'static str {
        match self {
            Self::OpenAiChat => crate::openai_chat::DIALECT,
            Self::OpenAiResponses => crate::openai_responses::DIALECT,
            Self::AnthropicMessages => crate::anthropic_messages::DIALECT,
            Self::OllamaChat => crate::ollama_chat::DIALECT,
            Self::GeminiGenerate => crate::gemini_generate::DIALECT,
            Self::BedrockConverse => crate::bedrock_converse::DIALECT,
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

/// One member of the canonical form: what clients call it, and what becomes of it, a column for each wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranslationRow {
    /// The name that losses and refusals carry.
    pub member: &'static str,
    pub clients: ClientNames,
    pub upstreams: Dispositions,
}

/// A member's paths without indices in the requests of each wire; more than one where a wire has several ways to say it,
/// none where it has no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientNames {
    pub openai_chat: &'static [&'static str],
    pub openai_responses: &'static [&'static str],
    pub anthropic_messages: &'static [&'static str],
}

/// What becomes of a member on the wire of each upstream that clients speak too, and on Ollama's. Those of vendors' own wires
/// have columns by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispositions {
    pub openai_chat: Disposition,
    pub openai_responses: Disposition,
    pub anthropic_messages: Disposition,
    pub ollama_chat: Disposition,
}

impl TranslationRow {
    pub const fn client_names(&self, ingress: Ingress) -> &'static [&'static str] {
        match ingress {
            Ingress::OpenAiChat => self.clients.openai_chat,
            Ingress::OpenAiResponses | Ingress::OpenAiCompaction => self.clients.openai_responses,
            Ingress::AnthropicMessages => self.clients.anthropic_messages,
            // They say what they share with chat completions by the same names; a table of its own would repeat them.
            Ingress::OpenAiCompletions => &[],
        }
    }

    pub fn disposition(&self, wire: UpstreamWire) -> Disposition {
        match wire {
            UpstreamWire::OpenAiChat => self.upstreams.openai_chat,
            UpstreamWire::OpenAiResponses => self.upstreams.openai_responses,
            UpstreamWire::AnthropicMessages => self.upstreams.anthropic_messages,
            UpstreamWire::OllamaChat => self.upstreams.ollama_chat,
            UpstreamWire::GeminiGenerate => disposition_in(&table::GEMINI_GENERATE, self.member),
            UpstreamWire::BedrockConverse => disposition_in(table::BEDROCK_CONVERSE, self.member),
        }
    }
}

/// The disposition of a member. Leftovers that nobody has heard of came from a client of chat completions: they are
/// forwarded on its own wire and lost on another.
pub fn disposition(member: &str, wire: UpstreamWire) -> Disposition {
    match (rows().find(|row| row.member == member), wire) {
        (Some(row), _) => row.disposition(wire),
        (None, UpstreamWire::OpenAiChat) => Disposition::Kept,
        (
            None,
            UpstreamWire::OpenAiResponses
            | UpstreamWire::AnthropicMessages
            | UpstreamWire::OllamaChat
            | UpstreamWire::GeminiGenerate
            | UpstreamWire::BedrockConverse,
        ) => Disposition::Lost("not known on this wire"),
    }
}

/// What a loss at this path of a client's body is called: a hint that may stand anywhere goes by its own name.
pub(crate) fn loss_name(path: &str) -> &str {
    let own = path.rsplit('.').next().unwrap_or(path);
    if own == "cache_control" { own } else { path }
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

/// Whether a leftover is what clients of one wire alone can say: an object of its members. Leftovers that stand by
/// themselves are those of chat completions.
pub(crate) fn is_wire(name: &str) -> bool {
    Ingress::ALL.iter().any(|ingress| ingress.name() == name)
}

/// The name of content that no other wire has.
pub(crate) const OTHER_CONTENT: &str = "messages.content.other";

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
            UpstreamWire::OpenAiChat => |member| disposition(member, UpstreamWire::OpenAiChat),
            UpstreamWire::OpenAiResponses => |member| disposition(member, UpstreamWire::OpenAiResponses),
            UpstreamWire::AnthropicMessages => |member| disposition(member, UpstreamWire::AnthropicMessages),
            UpstreamWire::OllamaChat => |member| disposition(member, UpstreamWire::OllamaChat),
            UpstreamWire::GeminiGenerate => |member| disposition(member, UpstreamWire::GeminiGenerate),
            UpstreamWire::BedrockConverse => |member| disposition(member, UpstreamWire::BedrockConverse),
        })
    }

    /// As the table of a component's own says; mostly `|member| disposition_in(TABLE, member)`.
    pub const fn by(disposition: fn(&str) -> Disposition) -> Self {
        Self { disposition, names: Vec::new() }
    }

    /// Only names: nothing is refused.
    pub(crate) const fn names_only() -> Self {
        Self::by(|_| Disposition::Lost(""))
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
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
    /// `read` or ask for nothing. Those of another wire stand below its name, and go by their own.
    pub fn leftovers(&mut self, place: &str, extra: Option<&str>, read: &[&str]) -> Result<(), Fault> {
        let Some(object) = extra.and_then(|text| Node::root(text).object().ok()) else { return Ok(()) };
        let said = object.iter().filter(|(name, node)| !read.contains(name) && !asks_nothing(node.text()));
        for (name, node) in said {
            if is_wire(name) {
                self.leftovers(place, Some(node.text()), &[])?;
                continue;
            }
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
