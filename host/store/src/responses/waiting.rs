//! Turns that wait to be written, where they are found meanwhile. A turn leaves when the last of who would write it lets go of
//! it: written, or lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use brains_core::sync::Unpoisoned as _;

use super::stored::{ResponseOwner, StoredResponse};

/// What may wait together: minutes of usual turns, or one of the largest.
const BYTES: usize = 128 << 20;

#[derive(Debug, Default)]
pub(super) struct WaitingResponses(Mutex<WaitingTurns>);

#[derive(Debug, Default)]
struct WaitingTurns {
    /// By operator and id.
    by_id: HashMap<(String, String), WaitingTurn>,
    bytes: usize,
}

#[derive(Debug)]
struct WaitingTurn {
    response: Arc<StoredResponse>,
    /// Another turn has the id, too: it names nothing.
    repeated: bool,
}

/// What waits under an id.
#[derive(Debug)]
pub(super) enum WaitingAnswer {
    Turn(Arc<StoredResponse>),
    /// The id names nothing.
    Repeated,
    Nothing,
}

/// A turn on its way to the database.
#[derive(Debug, Clone)]
pub(super) struct QueuedResponse(Arc<WaitingPlace>);

/// Its place among those that wait.
#[derive(Debug)]
struct WaitingPlace {
    response: Arc<StoredResponse>,
    all: Arc<WaitingResponses>,
}

impl QueuedResponse {
    pub(super) fn response(&self) -> &StoredResponse {
        &self.0.response
    }
}

impl WaitingResponses {
    /// From now on the turn is found. None when there is no room for it.
    pub(super) fn enter(self: &Arc<Self>, response: StoredResponse) -> Option<QueuedResponse> {
        let turns = &mut *self.0.lock_unpoisoned();
        let bytes = turns.bytes.saturating_add(response.bytes());
        if bytes > BYTES {
            return None;
        }
        turns.bytes = bytes;
        let response = Arc::new(response);
        let key = (response.operator.clone(), response.id.clone());
        let turn = WaitingTurn { response: Arc::clone(&response), repeated: turns.by_id.contains_key(&key) };
        turns.by_id.insert(key, turn);
        Some(QueuedResponse(Arc::new(WaitingPlace { response, all: Arc::clone(self) })))
    }

    /// A turn by its id.
    pub(super) fn find(&self, operator: &str, id: &str) -> WaitingAnswer {
        let turns = self.0.lock_unpoisoned();
        match turns.by_id.get(&(operator.to_owned(), id.to_owned())) {
            Some(turn) if turn.repeated => WaitingAnswer::Repeated,
            Some(turn) => WaitingAnswer::Turn(Arc::clone(&turn.response)),
            None => WaitingAnswer::Nothing,
        }
    }

    /// A turn of this owner's whose answer has an item of this id.
    pub(super) fn with_item(&self, owner: &ResponseOwner, item: &str) -> Option<Arc<StoredResponse>> {
        let turns = self.0.lock_unpoisoned();
        let named = turns.by_id.values().find(|turn| {
            !turn.repeated && owner.owns(&turn.response) && turn.response.items.iter().any(|id| id == item)
        })?;
        Some(Arc::clone(&named.response))
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        let turns = &mut *self.all.0.lock_unpoisoned();
        turns.bytes = turns.bytes.saturating_sub(self.response.bytes());
        let key = (self.response.operator.clone(), self.response.id.clone());
        // One that came later under the same id has the place now.
        if turns.by_id.get(&key).is_some_and(|turn| Arc::ptr_eq(&turn.response, &self.response)) {
            turns.by_id.remove(&key);
        }
    }
}
