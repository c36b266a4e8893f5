//! Who writes.

use brains_core::caller::CallSurface;
use brains_core::id::{Key, Session};
use brains_core::principal::SYSTEM;
use brains_core::{Id, Principal};

use crate::write::scope::Scopes;

/// Who is written down as having done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Slug of the operator.
    pub operator: String,
    pub key: Option<Id<Key>>,
    /// The session that it was done as; set by [`Tx::act_as`] once it is known.
    pub session: Option<Id<Session>>,
    /// Through which door the call came; none for what the program does by itself.
    pub surface: Option<CallSurface>,
    /// Whether an agent does it, whatever its key may do.
    pub agent: bool,
}

impl Actor {
    /// The program itself: what it does at start and in the background.
    pub fn system() -> Self {
        Self { operator: SYSTEM.into(), key: None, session: None, surface: None, agent: false }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self {
            operator: principal.operator.clone(),
            key: principal.key.clone(),
            session: None,
            surface: None,
            agent: principal.agent,
        }
    }
}

/// What is locked and who is recorded; a touch has neither.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) scopes: Scopes,
    pub(crate) actor: Actor,
}
