//! Changing a few members of a body whose other bytes stay as they are. A member that is replaced keeps its
//! place, a new one goes to the end, a removed one takes the comma and the space towards its neighbour with it.

use std::borrow::Cow;

use super::Envelope;
use super::edit::{self, Edited};
use crate::canon::relay;
use crate::invalid::Invalid;
use crate::json::{self, quote};

/// Why a splice was refused, and whose doing it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The client's body does not allow it.
    #[error(transparent)]
    Body(#[from] Invalid),
    /// The edit itself is wrong.
    #[error("the new value of `{member}` is not JSON")]
    NotJson { member: String },
    #[error("the edits leave no `{member}` array to put a message into")]
    NoPlace { member: &'static str },
}

#[derive(Debug, Clone)]
struct Change<'e> {
    name: Cow<'e, str>,
    what: What<'e>,
}

#[derive(Debug, Clone)]
enum What<'e> {
    Removed,
    Value(Cow<'e, str>),
    /// Its value stays.
    Name(Cow<'e, str>),
}

/// Changes being collected; the last one of a member counts.
#[derive(Debug, Clone)]
pub struct Splice<'e, 'a> {
    envelope: &'e Envelope<'a>,
    changes: Vec<Change<'e>>,
}

impl<'e, 'a> Splice<'e, 'a> {
    pub(super) const fn new(envelope: &'e Envelope<'a>) -> Self {
        Self { envelope, changes: Vec::new() }
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
        self.change(name, What::Value(value))
    }

    pub fn set_string(&mut self, name: &'e str, value: &str) -> Result<&mut Self, SpliceError> {
        self.change(Cow::Borrowed(name), What::Value(Cow::Owned(quote(value))))
    }

    pub fn remove(&mut self, name: impl Into<Cow<'e, str>>) -> Result<&mut Self, SpliceError> {
        self.change(name.into(), What::Removed)
    }

    /// Gives a member another name, at its place.
    pub fn rename(
        &mut self,
        name: impl Into<Cow<'e, str>>,
        new: impl Into<Cow<'e, str>>,
    ) -> Result<&mut Self, SpliceError> {
        self.change(name.into(), What::Name(new.into()))
    }

    /// What a component asked for, but for the paths that are `withheld`.
    pub fn apply(&mut self, edits: &'e [relay::Edit], withheld: &[String]) -> Result<Edited, SpliceError> {
        edit::apply(self, edits, withheld)
    }

    /// A member's value as the changes so far leave it; none when they remove it or it never stood there.
    pub fn value(&self, name: &str) -> Result<Option<&str>, Invalid> {
        let renamed = |change: &&Change<'_>| matches!(&change.what, What::Name(new) if new == name);
        if let Some(change) = self.changes.iter().find(renamed) {
            return self.envelope.get(&change.name);
        }
        match self.changes.iter().find(|change| change.name == name).map(|change| &change.what) {
            Some(What::Value(value)) => Ok(Some(value)),
            Some(What::Removed | What::Name(_)) => Ok(None),
            None => self.envelope.get(name),
        }
    }

    /// Sets a member to text of our own making, which is JSON.
    pub(crate) fn set_sound(
        &mut self,
        name: impl Into<Cow<'e, str>>,
        value: String,
    ) -> Result<&mut Self, SpliceError> {
        self.change(name.into(), What::Value(Cow::Owned(value)))
    }

    pub(super) const fn envelope(&self) -> &'e Envelope<'a> {
        self.envelope
    }

    /// Whether anything is to change.
    pub(super) const fn changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The new body.
    pub fn finish(&self) -> String {
        let text = self.envelope.text;
        let members = &self.envelope.members;
        let replaced = |name: &str| members.iter().find(|member| member.name == name);
        let (mut longer, mut shorter) = (0, 0);
        for change in &self.changes {
            longer += match &change.what {
                What::Removed => 0,
                What::Value(text) | What::Name(text) => text.len() + 32,
            };
            shorter += replaced(&change.name).map_or(0, |member| member.value.len());
        }
        let mut out = String::with_capacity((text.len() + longer).saturating_sub(shorter));
        let mut copied = 0;
        // The end of the last member that stays, and where the text goes on behind removed ones.
        let mut kept_end = None;
        for (at, member) in members.iter().enumerate() {
            let change = self.changes.iter().find(|change| change.name == member.name);
            if let Some(Change { what: What::Removed, .. }) = change {
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
            match change.map(|change| &change.what) {
                Some(What::Value(value)) => {
                    out.push_str(text.get(copied..member.value.start).unwrap_or_default());
                    out.push_str(value);
                    copied = member.value.end;
                }
                Some(What::Name(new)) => {
                    out.push_str(text.get(copied..member.start).unwrap_or_default());
                    json::quote_into(new, &mut out);
                    // Up to the colon: whatever space stands around it stays.
                    let key = text.get(member.start..member.value.start).unwrap_or_default().trim_end();
                    copied = member.start + key.strip_suffix(':').unwrap_or(key).trim_end().len();
                }
                Some(What::Removed) | None => {}
            }
            kept_end = Some(member.value.end);
        }
        let place = kept_end.unwrap_or_else(|| copied.max(self.envelope.open));
        out.push_str(text.get(copied..place).unwrap_or_default());
        let mut first = kept_end.is_none();
        for change in &self.changes {
            let What::Value(value) = &change.what else { continue };
            if members.iter().any(|member| member.name == change.name) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            json::quote_into(&change.name, &mut out);
            out.push(':');
            out.push_str(value);
        }
        out.push_str(text.get(place..).unwrap_or_default());
        out
    }

    fn change(&mut self, name: Cow<'e, str>, what: What<'e>) -> Result<&mut Self, SpliceError> {
        self.envelope.position(&name)?;
        self.changes.retain(|change| change.name != name);
        self.changes.push(Change { name, what });
        Ok(self)
    }
}
