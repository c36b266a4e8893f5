//! Changing a few members of a body whose other bytes stay as they are. A member that is replaced keeps its
//! place, a new one goes to the end, a removed one takes the comma and the space towards its neighbour with it.

use std::borrow::Cow;

use super::{Envelope, Member};
use crate::canon::relay;
use crate::invalid::Invalid;
use crate::json::{self, Node, quote};

/// Why a splice was refused, and whose doing it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The client's body does not allow it.
    #[error(transparent)]
    Body(#[from] Invalid),
    /// The edit itself is wrong.
    #[error("the new value of `{member}` is not JSON")]
    NotJson { member: String },
    #[error("the edits leave no `messages` array to put a message into")]
    NoMessages,
}

#[derive(Debug, Clone)]
struct Change<'e> {
    name: Cow<'e, str>,
    /// `None` removes.
    value: Option<Cow<'e, str>>,
}

/// Changes being collected; the last one of a member counts.
#[derive(Debug, Clone)]
pub struct Splice<'e, 'a> {
    envelope: &'e Envelope<'a>,
    changes: Vec<Change<'e>>,
    heads: Vec<Cow<'e, str>>,
}

impl<'e, 'a> Splice<'e, 'a> {
    pub(super) const fn new(envelope: &'e Envelope<'a>) -> Self {
        Self { envelope, changes: Vec::new(), heads: Vec::new() }
    }

    /// Sets a member to JSON text.
    pub fn set(
        &mut self,
        name: impl Into<Cow<'e, str>>,
        value: impl Into<Cow<'e, str>>,
    ) -> Result<&mut Self, SpliceError> {
        let (name, value) = (name.into(), value.into());
        if json::check(&value).is_err() {
            return Err(SpliceError::NotJson { member: name.into_owned() });
        }
        self.change(name, Some(value))
    }

    pub fn set_string(&mut self, name: &'e str, value: &str) -> Result<&mut Self, SpliceError> {
        self.change(Cow::Borrowed(name), Some(Cow::Owned(quote(value))))
    }

    pub fn remove(&mut self, name: impl Into<Cow<'e, str>>) -> Result<&mut Self, SpliceError> {
        self.change(name.into(), None)
    }

    /// What a component asked for.
    pub fn apply(&mut self, edits: &'e [relay::Edit]) -> Result<&mut Self, SpliceError> {
        for edit in edits {
            match edit {
                relay::Edit::Set(member) => self.set(&*member.name, &*member.value)?,
                relay::Edit::Remove(name) => self.remove(&**name)?,
            };
        }
        Ok(self)
    }

    /// Puts a message before all others, whatever edits do to `messages`. Later calls go behind earlier ones.
    pub fn head_message(&mut self, message: impl Into<Cow<'e, str>>) -> Result<&mut Self, SpliceError> {
        let message = message.into();
        self.envelope.messages()?;
        if json::check(&message).is_err() {
            return Err(SpliceError::NotJson { member: "messages".to_owned() });
        }
        self.heads.push(message);
        Ok(self)
    }

    /// A system message before all others.
    pub fn preamble(&mut self, text: &str) -> Result<&mut Self, SpliceError> {
        self.head_message(format!("{{\"role\":\"system\",\"content\":{}}}", quote(text)))
    }

    /// Sets `stream_options.include_usage` and keeps what else is in there.
    pub fn want_usage(&mut self) -> Result<&mut Self, SpliceError> {
        const OPTIONS: &str = "stream_options";
        let options = match self.changes.iter().find(|change| change.name == OPTIONS) {
            Some(change) => {
                change.value.as_deref().map(|text| Node::at(text, OPTIONS)).filter(|node| !node.is_null())
            }
            None => self.envelope.node(OPTIONS)?,
        };
        let value = match options {
            None => "{\"include_usage\":true}".to_owned(),
            Some(node) => {
                node.object()?.optional("include_usage")?.map_or(Ok(false), |node| node.boolean())?;
                let inner = Envelope::scan_text(node.text())?;
                inner
                    .splice()
                    .change(Cow::Borrowed("include_usage"), Some(Cow::Borrowed("true")))?
                    .finish()?
            }
        };
        self.change(Cow::Borrowed(OPTIONS), Some(Cow::Owned(value)))
    }

    /// The new body.
    pub fn finish(&self) -> Result<String, SpliceError> {
        let text = self.envelope.text;
        let grown: usize = self
            .changes
            .iter()
            .filter_map(|change| change.value.as_ref())
            .map(|value| value.len() + 32)
            .sum();
        let heads: usize = self.heads.iter().map(|head| head.len() + 1).sum();
        let mut out = String::with_capacity(text.len() + grown + heads);
        let members = &self.envelope.members;
        let mut copied = 0;
        // The end of the last member that stays, and where the text goes on behind removed ones.
        let mut kept_end = None;
        for (at, member) in members.iter().enumerate() {
            let change = self.changes.iter().find(|change| change.name == member.name);
            if let Some(Change { value: None, .. }) = change {
                if kept_end.is_none() {
                    // Nothing stays before it: drop up to the next member, or to its own end.
                    out.push_str(text.get(copied..member.start).unwrap_or_default());
                    copied = members.get(at + 1).map_or(member.value.end, |next| next.start);
                } else {
                    let end = kept_end.unwrap_or(copied);
                    out.push_str(text.get(copied..end).unwrap_or_default());
                    copied = member.value.end;
                    kept_end = Some(copied);
                }
                continue;
            }
            let value = change.and_then(|change| change.value.as_deref());
            if let Some(value) = self.replacement(member, value)? {
                out.push_str(text.get(copied..member.value.start).unwrap_or_default());
                out.push_str(&value);
                copied = member.value.end;
            }
            kept_end = Some(member.value.end);
        }
        let place = kept_end.unwrap_or_else(|| copied.max(self.envelope.open));
        out.push_str(text.get(copied..place).unwrap_or_default());
        let mut first = kept_end.is_none();
        for change in &self.changes {
            let Some(value) = change.value.as_deref() else { continue };
            if members.iter().any(|member| member.name == change.name) {
                continue;
            }
            let value =
                if change.name == "messages" { self.with_heads(value)? } else { Cow::Borrowed(value) };
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            json::quote_into(&change.name, &mut out);
            out.push(':');
            out.push_str(&value);
        }
        if !self.heads.is_empty() && !self.has_messages() {
            return Err(SpliceError::NoMessages);
        }
        out.push_str(text.get(place..).unwrap_or_default());
        Ok(out)
    }

    fn has_messages(&self) -> bool {
        match self.changes.iter().find(|change| change.name == "messages") {
            Some(change) => change.value.is_some(),
            None => self.envelope.members.iter().any(|member| member.name == "messages"),
        }
    }

    /// The text that stands for a member's value from now on; `None` leaves it.
    fn replacement<'v>(
        &self,
        member: &Member<'_>,
        value: Option<&'v str>,
    ) -> Result<Option<Cow<'v, str>>, SpliceError>
    where
        'e: 'v,
    {
        if member.name == "messages" && !self.heads.is_empty() {
            let old = self.envelope.text.get(member.value.clone()).unwrap_or_default();
            return self.with_heads(value.unwrap_or(old)).map(Cow::into_owned).map(Cow::Owned).map(Some);
        }
        Ok(value.map(Cow::Borrowed))
    }

    fn with_heads<'v>(&self, array: &'v str) -> Result<Cow<'v, str>, SpliceError> {
        if self.heads.is_empty() {
            return Ok(Cow::Borrowed(array));
        }
        let Some(rest) = array.trim_start().strip_prefix('[') else { return Err(SpliceError::NoMessages) };
        let empty = rest.trim_start().starts_with(']');
        let mut out = String::with_capacity(array.len() + 64);
        out.push('[');
        out.push_str(&self.heads.join(","));
        if !empty {
            out.push(',');
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }

    fn change(&mut self, name: Cow<'e, str>, value: Option<Cow<'e, str>>) -> Result<&mut Self, SpliceError> {
        self.envelope.position(&name)?;
        self.changes.retain(|change| change.name != name);
        self.changes.push(Change { name, value });
        Ok(self)
    }
}
