//! A turn as it is kept, whose it is, and for how long.

use std::sync::Arc;

use brains_core::Millis;
use brains_core::id::{Id, Trace};

use crate::bounds::{NAME, TURN};

/// One turn: what was asked and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    pub operator: String,
    /// The key that it was asked with, by its fingerprint.
    pub credential: String,
    /// As the client knows it.
    pub id: String,
    pub trace: Id<Trace>,
    pub at: Millis,
    /// The trace of the first turn of the conversation.
    pub thread: Id<Trace>,
    /// The turn before.
    pub previous: Option<String>,
    /// JSON, as the client wrote it.
    pub input: String,
    /// JSON, as it was answered.
    pub answer: String,
    /// Ids of the items of the answer, which later requests may name.
    pub items: Vec<String>,
}

/// Whose turns somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseOwner {
    pub operator: String,
    /// Only what was asked with this key.
    pub credential: Option<String>,
}

/// The conversation up to a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredConversation {
    /// Oldest first.
    Whole(Vec<Arc<StoredResponse>>),
    /// This turn is not there, or is somebody else's.
    Missing(String),
    /// It is longer than may be read.
    TooLong,
}

/// How long turns are kept; none means no bound of that sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseRetention {
    /// Days since the last turn of a thread.
    pub days: Option<u64>,
    /// Of all turns together; the threads that nothing was added to for longest go first.
    pub bytes: Option<u64>,
}

impl StoredResponse {
    pub(super) fn bytes(&self) -> usize {
        self.input.len().saturating_add(self.answer.len())
    }

    /// Whether it can be kept as it is: half of a turn is none.
    pub(super) fn fits(&self) -> bool {
        let names = [&self.id].into_iter().chain(&self.previous).chain(&self.items);
        self.input.len() <= TURN
            && self.answer.len() <= TURN
            && names.into_iter().all(|name| !name.is_empty() && name.len() <= NAME && !name.contains('\0'))
    }
}

impl ResponseOwner {
    pub(super) fn owns(&self, response: &StoredResponse) -> bool {
        self.operator == response.operator
            && self.credential.as_ref().is_none_or(|credential| *credential == response.credential)
    }
}
