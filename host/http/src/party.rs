//! Who is behind requests, as far as budgets go: each key, and each operator over all of theirs, has a count of its own, so
//! that one that takes all it may leaves the others theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use brains_core::Principal;
use brains_core::traffic::budget::Budget;

/// Parties that are remembered before those that hold nothing are forgotten.
const IDLE_MAX: usize = 1_024;

/// What one key, or one operator, holds at the moment.
#[derive(Debug, Default)]
pub(crate) struct Party {
    pub(crate) connections: Budget,
    pub(crate) requests: Budget,
    pub(crate) body_bytes: Budget,
}

impl Party {
    fn holds_something(&self) -> bool {
        [&self.connections, &self.requests, &self.body_bytes]
            .into_iter()
            .any(|budget| budget.standing(0).used > 0)
    }
}

/// The parties of whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    pub(crate) fingerprint: Arc<str>,
    pub(crate) key: Arc<Party>,
    pub(crate) operator: Arc<Party>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Parties {
    keys: Mutex<HashMap<String, Arc<Party>>>,
    operators: Mutex<HashMap<String, Arc<Party>>>,
}

impl Parties {
    pub(crate) fn of(&self, principal: &Principal) -> Behind {
        Behind {
            fingerprint: principal.fingerprint.as_str().into(),
            key: find(&self.keys, &principal.fingerprint),
            operator: find(&self.operators, principal.owner()),
        }
    }

    /// The most that any key holds of something.
    pub(crate) fn most_of_a_key(&self, held: impl Fn(&Party) -> u64) -> u64 {
        most(&self.keys, held)
    }

    /// The most that any operator holds of something.
    pub(crate) fn most_of_an_operator(&self, held: impl Fn(&Party) -> u64) -> u64 {
        most(&self.operators, held)
    }
}

fn find(parties: &Mutex<HashMap<String, Arc<Party>>>, name: &str) -> Arc<Party> {
    let mut parties = parties.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(party) = parties.get(name) {
        return Arc::clone(party);
    }
    if parties.len() >= IDLE_MAX {
        parties.retain(|_, party| Arc::strong_count(party) > 1 || party.holds_something());
    }
    Arc::clone(parties.entry(name.to_owned()).or_default())
}

fn most(parties: &Mutex<HashMap<String, Arc<Party>>>, held: impl Fn(&Party) -> u64) -> u64 {
    let parties = parties.lock().unwrap_or_else(PoisonError::into_inner);
    parties.values().map(|party| held(party)).max().unwrap_or(0)
}
