//! Changing a few members of a body whose other bytes stay as they are. A member that is replaced keeps its
//! place, a new one goes to the end, a removed one takes the comma and the space towards its neighbour with it.

use std::borrow::Cow;

use super::Envelope;
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
    /// `None` removes.
    value: Option<Cow<'e, str>>,
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

    /// A member's value as the changes so far leave it; none when they remove it or it never stood there.
    pub fn value(&self, name: &str) -> Result<Option<&str>, Invalid> {
        match self.changes.iter().find(|change| change.name == name) {
            Some(change) => Ok(change.value.as_deref()),
            None => self.envelope.get(name),
        }
    }

    /// Sets a member to text of our own making, which is JSON.
    pub(crate) fn set_sound(&mut self, name: &'static str, value: String) -> Result<&mut Self, SpliceError> {
        self.change(Cow::Borrowed(name), Some(Cow::Owned(value)))
    }

    /// The new body.
    pub fn finish(&self) -> String {
        let text = self.envelope.text;
        let members = &self.envelope.members;
        let replaced = |name: &str| members.iter().find(|member| member.name == name);
        let (mut longer, mut shorter) = (0, 0);
        for change in &self.changes {
            longer += change.value.as_ref().map_or(0, |value| value.len() + 32);
            shorter += replaced(&change.name).map_or(0, |member| member.value.len());
        }
        let mut out = String::with_capacity((text.len() + longer).saturating_sub(shorter));
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
            if let Some(value) = change.and_then(|change| change.value.as_deref()) {
                out.push_str(text.get(copied..member.value.start).unwrap_or_default());
                out.push_str(value);
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

    fn change(&mut self, name: Cow<'e, str>, value: Option<Cow<'e, str>>) -> Result<&mut Self, SpliceError> {
        self.envelope.position(&name)?;
        self.changes.retain(|change| change.name != name);
        self.changes.push(Change { name, value });
        Ok(self)
    }
}
