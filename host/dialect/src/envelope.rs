//! The borrowed scan of a request body: its top-level members by byte range, without a tree, so that the relay
//! lane can change a few of them and leave every other byte as the client wrote it.

mod edit;
mod splice;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

pub use edit::{Edited, without};
pub use splice::{Splice, SpliceError};

use crate::invalid::Invalid;
use crate::json::{Node, Reader};

/// A top-level member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeMember<'a> {
    /// With its escapes resolved.
    pub name: Cow<'a, str>,
    /// From the name's opening quote.
    pub start: usize,
    pub value: Range<usize>,
}

/// A JSON object that has been checked from end to end.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    text: &'a str,
    /// Just behind the opening brace.
    open: usize,
    members: Vec<EnvelopeMember<'a>>,
}

impl<'a> Envelope<'a> {
    /// Checks the whole body (UTF-8, grammar, depth, nothing behind it) and notes where its members are.
    pub fn scan(body: &'a [u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(body).map_err(|wrong| Invalid::not_utf8(wrong.valid_up_to()))?;
        Self::scan_text(text)
    }

    pub fn scan_text(text: &'a str) -> Result<Self, Invalid> {
        let mut reader = Reader::new(text);
        let kind = reader.kind().map_err(|wrong| Invalid::syntax(text, &wrong))?;
        if kind != crate::json::JsonKind::Object {
            // What only begins like a value is none: `nope` is no null.
            reader.skip().and_then(|_| reader.end()).map_err(|wrong| Invalid::syntax(text, &wrong))?;
            let message = format!("the body must be a JSON object, not {}", kind.noun());
            return Err(Invalid { code: "invalid_json", message, param: None });
        }
        let open = reader.offset() + 1;
        let mut members = Vec::with_capacity(16);
        reader
            .object(|reader, key| {
                let value = reader.skip()?.len();
                let end = reader.offset();
                members.push(EnvelopeMember { name: key.name(), start: key.offset, value: end - value..end });
                Ok(())
            })
            .and_then(|()| reader.end())
            .map_err(|wrong| Invalid::syntax(text, &wrong))?;
        Ok(Self { text, open, members })
    }

    pub const fn text(&self) -> &'a str {
        self.text
    }

    pub fn members(&self) -> &[EnvelopeMember<'a>] {
        &self.members
    }

    /// A member's value as it stands in the text. Asking for one that occurs twice, in whatever spelling, is
    /// an error: an upstream might act on the one that we did not look at.
    pub fn get(&self, name: &str) -> Result<Option<&'a str>, Invalid> {
        let member = self.position(name)?.and_then(|at| self.members.get(at));
        Ok(member.and_then(|member| self.text.get(member.value.clone())))
    }

    /// The same, with its path for errors; `null` counts as absent.
    pub fn node(&self, name: &str) -> Result<Option<Node<'a>>, Invalid> {
        Ok(self.get(name)?.map(|text| Node::at(text, name)).filter(|node| !node.is_null()))
    }

    pub fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, Invalid> {
        self.node(name)?.map(|node| node.string()).transpose()
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Invalid> {
        self.node(name)?.map(|node| node.boolean()).transpose()
    }

    /// Starts changing members.
    pub const fn splice(&self) -> Splice<'_, 'a> {
        Splice::new(self)
    }

    fn position(&self, name: &str) -> Result<Option<usize>, Invalid> {
        let mut found = self.members.iter().enumerate().filter(|(_, member)| member.name == name);
        let first = found.next().map(|(at, _)| at);
        if found.next().is_some() {
            return Err(Invalid::value(format!("`{name}` is given twice"), Some(name.to_owned())));
        }
        Ok(first)
    }
}
