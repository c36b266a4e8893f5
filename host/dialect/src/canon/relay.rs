//! Same wire on both sides (WIT interface `relay`): the host splices and forwards the bytes, the component
//! decides the exchange.

use super::chat::{CallContext, Json};
use super::exchange::{Field, Framing, Request};

/// ("chat", "openai-chat"), ("audio.speech", "opaque") …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    pub name: String,
    pub dialect: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub surface: String,
    pub model: String,
    pub stream: bool,
    pub query: String,
    pub headers: Vec<Field>,
    pub ctx: CallContext,
}

/// What stands at a path in the body: members by name, `[]` for every entry of an array. The empty path is the body. What is
/// not there, or of another kind, is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub path: String,
    pub value: Json,
}

/// Whether a text at a path inside of an object contains another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub path: String,
    pub contains: String,
}

/// Members of the objects at a path, of those that meet the condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersAt {
    pub at: String,
    pub names: Vec<String>,
    pub when: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    pub path: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pub path: String,
    pub old: Json,
    pub new: Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Objects on the way are made.
    Set(Member),
    /// Set of the component's own accord: taken back once the upstream has refused it by name.
    Add(Member),
    /// What the client loses is named.
    Remove(MembersAt),
    /// The same, once the upstream has refused one of them by name.
    GiveUp(MembersAt),
    /// All but these are removed.
    Keep(MembersAt),
    /// A member that has the new name already wins.
    Rename(Renaming),
    Replace(Replacement),
}

impl Edit {
    /// Sets what stands at a path.
    pub fn set(path: impl Into<String>, value: impl Into<Json>) -> Self {
        Self::Set(Member { path: path.into(), value: value.into() })
    }

    /// Removes these members of the objects at a path.
    pub fn remove(at: impl Into<String>, names: &[&str]) -> Self {
        Self::Remove(MembersAt::of(at, names))
    }
}

impl MembersAt {
    /// These members of all objects at a path.
    pub fn of(at: impl Into<String>, names: &[&str]) -> Self {
        Self { at: at.into(), names: names.iter().map(|&name| name.to_owned()).collect(), when: None }
    }
}

/// `request.body` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    pub request: Request,
    pub framing: Framing,
    pub edits: Vec<Edit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lane {
    Relay(Outbound),
    Translate,
}
