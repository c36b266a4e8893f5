//! The keys and operators that requests are counted against. Each has budgets of its own, so that one that uses up its
//! share leaves the others theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use brains_core::Principal;
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::Budget;

/// Consumers that are remembered before those that hold nothing are forgotten.
const IDLE_MAX: usize = 1_024;

/// What one key, or one operator, holds at the moment.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    pub(crate) connections: Budget,
    pub(crate) requests: Budget,
    pub(crate) body_bytes: Budget,
}

impl Consumer {
    fn holds_something(&self) -> bool {
        [&self.connections, &self.requests, &self.body_bytes]
            .into_iter()
            .any(|budget| budget.standing(0).used > 0)
    }
}

/// The key and the operator that one request is counted against.
#[derive(Debug, Clone)]
pub(crate) struct RequestConsumers {
    pub(crate) fingerprint: Arc<str>,
    pub(crate) key: Arc<Consumer>,
    pub(crate) operator: Arc<Consumer>,
}

/// Every key and operator that holds something, or did lately.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    keys: Mutex<HashMap<String, Arc<Consumer>>>,
    operators: Mutex<HashMap<String, Arc<Consumer>>>,
}

impl Consumers {
    pub(crate) fn of(&self, principal: &Principal) -> RequestConsumers {
        RequestConsumers {
            fingerprint: principal.fingerprint.as_str().into(),
            key: find(&self.keys, &principal.fingerprint),
            operator: find(&self.operators, principal.owner()),
        }
    }

    /// The most that any key holds of something.
    pub(crate) fn most_of_a_key(&self, held: impl Fn(&Consumer) -> u64) -> u64 {
        most(&self.keys, held)
    }

    /// The most that any operator holds of something.
    pub(crate) fn most_of_an_operator(&self, held: impl Fn(&Consumer) -> u64) -> u64 {
        most(&self.operators, held)
    }
}

fn find(consumers: &Mutex<HashMap<String, Arc<Consumer>>>, name: &str) -> Arc<Consumer> {
    let mut consumers = consumers.lock_unpoisoned();
    if let Some(consumer) = consumers.get(name) {
        return Arc::clone(consumer);
    }
    if consumers.len() >= IDLE_MAX {
        consumers.retain(|_, consumer| Arc::strong_count(consumer) > 1 || consumer.holds_something());
    }
    Arc::clone(consumers.entry(name.to_owned()).or_default())
}

fn most(consumers: &Mutex<HashMap<String, Arc<Consumer>>>, held: impl Fn(&Consumer) -> u64) -> u64 {
    let consumers = consumers.lock_unpoisoned();
    consumers.values().map(|consumer| held(consumer)).max().unwrap_or(0)
}
