//! When the leases behind callers are due for another look.

use std::collections::HashMap;
use std::sync::Mutex;

use brains_core::Millis;
use brains_core::sync::Unpoisoned as _;

/// When the leases behind callers are to be looked at again, so that a caller in a hurry costs no look at the database.
#[derive(Debug, Default)]
pub(crate) struct Renewals(Mutex<HashMap<String, Millis>>);

impl Renewals {
    /// Callers that are remembered; past it all are forgotten, and looked at once more.
    const MOST: usize = 10_000;
    /// Often enough for the shortest lease: a twentieth of it.
    const SOON_MS: i64 = 50;
    /// Seldom enough for all others, and soon enough for one that somebody else shortens to the shortest meanwhile.
    const LATE_MS: i64 = 250;

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self, name: &str, now: Millis) -> bool {
        let mut next = self.0.lock_unpoisoned();
        // A clock that was set back is no reason to wait.
        if next.get(name).is_some_and(|at| (1..=Self::LATE_MS).contains(&at.since(now))) {
            return false;
        }
        if next.len() >= Self::MOST {
            next.clear();
        }
        next.insert(name.to_owned(), now.plus_ms(Self::SOON_MS));
        true
    }

    /// A lease of this length was looked at.
    pub(crate) fn looked(&self, name: String, now: Millis, lease_ms: i64) {
        let wait_ms = (lease_ms / 20).clamp(Self::SOON_MS, Self::LATE_MS);
        self.0.lock_unpoisoned().insert(name, now.plus_ms(wait_ms));
    }
}
