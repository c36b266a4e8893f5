//! What the listeners of a process count together: connections, bodies under way, operations. The limits are those of
//! the configuration in force; each refusal names the key that sets it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use brains_core::config::{Budgets, Config};
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::{Budget, Standing};
use brains_core::traffic::limit::{Admission, Window};
use brains_core::{Ambient, Fault, FaultKind, Origin, Principal};
use serde_json::{Map, Value, json};

use crate::body::Allowance;
use crate::consumers::{Consumer, Consumers, RequestConsumers};
use crate::limits::now_ms;
use crate::port::ProcessInfo;
use crate::serve::{Owner, Seat, Seats};

/// The code of a refusal that ends its connection.
pub(crate) const TOO_MANY_CONNECTIONS: &str = "too_many_connections";
/// When to come back to a budget that is spent: parts of it come back as soon as any request ends.
const SPENT_RETRY_MS: u64 = 1_000;
/// However scarce descriptors are, so many connections are served.
const CONNECTIONS_MIN: u64 = 16;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The counters. A clone is the same.
#[derive(Clone)]
pub struct TrafficCounters(Arc<Inner>);

struct Inner {
    process: Arc<dyn ProcessInfo>,
    ambient: Arc<dyn Ambient>,
    /// File descriptors that the process may have; 0 when nobody knows.
    descriptors: u64,
    seats: Seats,
    consumers: Consumers,
    bodies: Budget,
    operations: Mutex<Window>,
    refused: Refused,
}

/// Refusals of what is counted by consumer: the consumers are forgotten, these stay.
#[derive(Debug, Default)]
struct Refused {
    by_key: AtomicU64,
    by_operator: AtomicU64,
    requests: AtomicU64,
    operations: AtomicU64,
    trees: AtomicU64,
    late: AtomicU64,
}

/// What a call's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// A chat with a model.
    Chat,
    /// An operation's input, or a message of the MCP.
    Operation,
    /// A file.
    Upload,
}

impl TrafficCounters {
    /// `descriptors` is how many files the process may have open; 0 when that is not known.
    pub fn new(process: Arc<dyn ProcessInfo>, ambient: Arc<dyn Ambient>, descriptors: u64) -> Self {
        Self(Arc::new(Inner {
            process,
            ambient,
            descriptors,
            seats: Seats::default(),
            consumers: Consumers::default(),
            bodies: Budget::default(),
            operations: Mutex::default(),
            refused: Refused::default(),
        }))
    }

    /// The budgets in force, for who serves no request.
    pub(crate) fn budgets(&self) -> Budgets {
        self.0.process.config().budgets
    }

    pub(crate) fn seats(&self) -> &Seats {
        &self.0.seats
    }

    /// Connections at once.
    pub(crate) fn connections(&self) -> u64 {
        connections(&self.budgets(), self.0.descriptors)
    }

    /// The consumers behind a request that came by no connection that is counted.
    pub(crate) fn consumers_of(&self, principal: &Principal) -> RequestConsumers {
        self.0.consumers.of(principal)
    }

    /// Counts a connection against its key and operator, once each key; a longer idle one of the same key, or operator,
    /// gives way to it.
    pub(crate) fn claim(
        &self,
        seat: &Seat,
        principal: &Principal,
        config: &Config,
    ) -> Result<RequestConsumers, Fault> {
        let operator = principal.owner();
        // Whoever changes keys counts under the last one.
        let former = {
            let mut owner = seat.owner();
            match &*owner {
                Some(known)
                    if *known.consumers.fingerprint == principal.fingerprint
                        && known.operator == operator =>
                {
                    return Ok(known.consumers.clone());
                }
                _ => owner.take(),
            }
        };
        drop(former);
        let consumers = self.0.consumers.of(principal);
        let budgets = &config.budgets;
        let all = connections(budgets, self.0.descriptors);
        let share = |limit: u32, most: u64| if limit == 0 { most } else { u64::from(limit).min(most) };
        let per_key = share(budgets.connections_per_key, all / 4 * 3);
        let per_operator = share(budgets.connections_per_operator, all / 8 * 7);
        let own_key = |one: &Seat| {
            one.owner().as_ref().is_some_and(|owner| *owner.consumers.fingerprint == principal.fingerprint)
        };
        let own = |one: &Seat| one.owner().as_ref().is_some_and(|owner| owner.operator == operator);
        let key = self.draw(&consumers.key, per_key, own_key).ok_or_else(|| {
            self.0.refused.by_key.fetch_add(1, Ordering::Relaxed);
            crowded("key", per_key, "connections_per_key")
        })?;
        let whole = self.draw(&consumers.operator, per_operator, own).ok_or_else(|| {
            self.0.refused.by_operator.fetch_add(1, Ordering::Relaxed);
            crowded("operator", per_operator, "connections_per_operator")
        })?;
        let owner =
            Owner { consumers: consumers.clone(), operator: operator.to_owned(), _draws: [key, whole] };
        *seat.owner() = Some(owner);
        Ok(consumers)
    }

    fn draw(
        &self,
        consumer: &Consumer,
        limit: u64,
        own: impl Fn(&Seat) -> bool,
    ) -> Option<brains_core::traffic::budget::Draw> {
        loop {
            match consumer.connections.draw(1, limit) {
                Ok(draw) => return Some(draw),
                // What it counted for comes back here, its socket when it has left.
                Err(_) => drop(self.0.seats.send_away(&own)?.owner().take()),
            }
        }
    }

    /// Lets a model request of this key be under way beside its others.
    pub(crate) fn request(
        &self,
        consumers: &RequestConsumers,
        config: &Config,
    ) -> Result<brains_core::traffic::budget::Draw, Fault> {
        let limit = requests_per_key(config);
        consumers.key.requests.draw(1, limit).map_err(|_| {
            self.0.refused.requests.fetch_add(1, Ordering::Relaxed);
            Fault::unavailable(format!("as many requests of this key are under way as may be, {limit}"))
                .retry_after_ms(SPENT_RETRY_MS)
                .hint("`budgets.requests_per_key` sets it")
        })
    }

    /// Counts an operation, or a message to a tool, against its key.
    pub(crate) fn operation(
        &self,
        principal: &Principal,
        settings: bool,
        config: &Config,
    ) -> Result<(), Fault> {
        // Whoever holds the admin key set the limit, and may be the only one who can lift it.
        if principal.key.is_none() {
            return Ok(());
        }
        let limit = config.budgets.operations_per_minute;
        let name = if settings {
            std::borrow::Cow::Owned(format!("{} settings", principal.fingerprint))
        } else {
            std::borrow::Cow::Borrowed(principal.fingerprint.as_str())
        };
        let admission: Admission = {
            let mut window = self.0.operations.lock_unpoisoned();
            window.admit(&name, now_ms(&*self.0.ambient), limit)
        };
        if admission.allowed {
            return Ok(());
        }
        self.0.refused.operations.fetch_add(1, Ordering::Relaxed);
        let message = format!("this key may call {limit} operations per minute");
        Err(Fault::new(FaultKind::RateLimited, Origin::Client, message)
            .retry_after_ms(admission.retry_after_ms.max(1))
            .hint("`budgets.operations_per_minute` sets it"))
    }

    /// What a body may be.
    pub(crate) fn allowance(
        &self,
        carries: Carries,
        consumers: Option<&RequestConsumers>,
        config: &Config,
    ) -> Allowance {
        let budgets = &config.budgets;
        let (limit, key) = match carries {
            Carries::Chat => (config.max_body_bytes, "max_body_bytes"),
            Carries::Operation => (u64::from(budgets.operation_body_kib) * KIB, "budgets.operation_body_kib"),
            Carries::Upload => (u64::from(budgets.upload_body_mib) * MIB, "budgets.upload_body_mib"),
        };
        let budget_bytes = u64::from(budgets.body_mib) * MIB;
        Allowance {
            limit_bytes: usize::try_from(limit).unwrap_or(usize::MAX),
            key,
            seconds: budgets.body_seconds,
            all: (self.0.bodies.clone(), budget_bytes),
            // One body always fits, however small the budget is.
            own: consumers.map(|consumers| {
                (consumers.key.body_bytes.clone(), (budget_bytes / 2).max(limit.min(budget_bytes)))
            }),
        }
    }

    /// Refuses a document that would become a tree of more than `limit` nodes; 0 is no limit.
    pub(crate) fn check_tree(&self, bytes: &[u8], limit: u32) -> Result<(), Fault> {
        brains_dialect::json::within(bytes, limit).map_err(|over| {
            self.0.refused.trees.fetch_add(1, Ordering::Relaxed);
            Fault::invalid(format!("the body is too large a document: {over}"))
                .code("json_too_large")
                .hint("send less at once, or raise `budgets.json_nodes`")
        })
    }

    pub(crate) fn count_late(&self) {
        self.0.refused.late.fetch_add(1, Ordering::Relaxed);
    }

    /// How every budget of the listeners stands, by its key.
    pub(crate) fn standings(&self, config: &Config) -> Map<String, Value> {
        let budgets = &config.budgets;
        let Inner { consumers, refused, seats, bodies, descriptors, .. } = &*self.0;
        let all = connections(budgets, *descriptors);
        let count = |refused: &AtomicU64| refused.load(Ordering::Relaxed);
        let standing = |used: u64, limit: u64, refused: u64| json!(Standing { used, limit, refused });
        let body = bodies.standing(u64::from(budgets.body_mib) * MIB);
        let used =
            |pick: fn(&Consumer) -> &Budget| move |consumer: &Consumer| pick(consumer).standing(0).used;
        let connections = used(|consumer| &consumer.connections);
        [
            ("connections", json!(seats.standing(all))),
            (
                "connections_per_key",
                standing(
                    consumers.most_of_a_key(connections),
                    budgets.connections_per_key.into(),
                    count(&refused.by_key),
                ),
            ),
            (
                "connections_per_operator",
                standing(
                    consumers.most_of_an_operator(connections),
                    budgets.connections_per_operator.into(),
                    count(&refused.by_operator),
                ),
            ),
            (
                "requests_per_key",
                standing(
                    consumers.most_of_a_key(used(|consumer| &consumer.requests)),
                    requests_per_key(config),
                    count(&refused.requests),
                ),
            ),
            (
                "body_mib",
                standing(body.used.div_ceil(MIB), budgets.body_mib.into(), body.refused),
            ),
            ("body_seconds", standing(0, budgets.body_seconds.into(), count(&refused.late))),
            ("json_nodes", standing(0, budgets.json_nodes.into(), count(&refused.trees))),
            (
                "operations_per_minute",
                standing(0, budgets.operations_per_minute.into(), count(&refused.operations)),
            ),
            (
                "descriptor_reserve",
                json!({ "used": 0, "limit": budgets.descriptor_reserve, "refused": 0, "descriptors": descriptors }),
            ),
        ]
        .into_iter()
        .map(|(name, standing)| (name.to_owned(), standing))
        .collect()
    }
}

/// What others are left is a sixteenth of all places, so few places are one key's.
fn requests_per_key(config: &Config) -> u64 {
    match config.budgets.requests_per_key {
        0 => u64::from(config.max_concurrent_requests - config.max_concurrent_requests / 16),
        limit => limit.into(),
    }
}

/// Half of what the reserve leaves: a connection may need another one upstream.
fn connections(budgets: &Budgets, descriptors: u64) -> u64 {
    let wanted = u64::from(budgets.connections);
    if descriptors == 0 {
        return wanted.max(CONNECTIONS_MIN);
    }
    let left = descriptors.saturating_sub(budgets.descriptor_reserve.into()) / 2;
    wanted.min(left).max(CONNECTIONS_MIN)
}

fn crowded(whose: &str, limit: u64, key: &str) -> Fault {
    Fault::new(
        FaultKind::RateLimited,
        Origin::Client,
        format!("this {whose} has as many connections open as may be, {limit}"),
    )
    .code(TOO_MANY_CONNECTIONS)
    .retry_after_ms(SPENT_RETRY_MS)
    .hint(format!("close some, or raise `budgets.{key}`"))
}

impl fmt::Debug for TrafficCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficCounters").field("descriptors", &self.0.descriptors).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        let budgets = Budgets::default();
        for (descriptors, expected) in [(0, 4096), (1 << 20, 4096), (1024, 448), (256, 64), (64, 16), (1, 16)]
        {
            assert_eq!(connections(&budgets, descriptors), expected, "{descriptors}");
        }
    }
}
