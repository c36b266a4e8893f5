//! Who wrote something: told of everything that others read, so that an agent's words never pass for a person's.

use crate::id::{Id, Session};

/// Whoever does a write, as its rows tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Slug of the operator.
    pub operator: String,
    /// The session that it was done as, when it was done as one.
    pub session: Option<Id<Session>>,
    /// Whether an agent did it, rather than a person or the program.
    pub agent: bool,
}
