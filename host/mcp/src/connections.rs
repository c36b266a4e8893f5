//! The open connections, of both transports that have some: whose each is, how many a key and an operator may have, and
//! which one gives way. A call of the era without connections needs none, so it never meets these limits.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard};

use brains_core::config::Budgets;
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::Standing;
use brains_core::{Fault, Principal};

/// When to come back to a server that is full.
const FULL_RETRY_MS: u64 = 1_000;

/// The limits in force; they may change while connections are open.
pub trait Bounds: Debug + Send + Sync {
    fn budgets(&self) -> Budgets;
}

/// The connections. A clone is the same.
#[derive(Debug, Clone)]
pub struct Connections {
    held: Arc<Mutex<Held>>,
    bounds: Arc<dyn Bounds>,
}

#[derive(Debug, Default)]
struct Held {
    open: HashMap<String, Open>,
    /// Orders what was used when; it takes no clock for that.
    ticks: u64,
    /// Connections that gave way or were refused, by what ran out.
    refused: HashMap<Ran, u64>,
}

/// One connection.
#[derive(Debug)]
struct Open {
    operator: String,
    fingerprint: String,
    used: u64,
    /// Requests that are being answered.
    busy: u32,
    /// Streams of events that are being read.
    streams: u32,
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ran {
    Key,
    Operator,
    All,
}

/// What a request does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Request,
    Stream,
}

/// Whether there is room for one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectionRoom {
    Free,
    /// Once this connection, which idles, is closed.
    After(String),
}

/// A use that goes on.
#[derive(Debug)]
pub(crate) struct InUse {
    connections: Connections,
    id: String,
    how: Use,
}

impl Connections {
    pub fn new(bounds: Arc<dyn Bounds>) -> Self {
        Self { held: Arc::default(), bounds }
    }

    pub(crate) fn add(&self, id: &str, principal: &Principal) {
        let mut held = self.held();
        let used = held.tick();
        let (operator, fingerprint) = (principal.operator.clone(), principal.fingerprint.clone());
        held.open.insert(id.to_owned(), Open { operator, fingerprint, used, busy: 0, streams: 0 });
    }

    pub(crate) fn remove(&self, id: &str) {
        self.held().open.remove(id);
    }

    /// Whether a message of `operator` may find the connection. One that nobody knows is nobody's secret.
    pub(crate) fn admits(&self, id: &str, operator: &str) -> bool {
        self.held().open.get(id).is_none_or(|open| open.operator == operator)
    }

    /// Whether there is such a connection.
    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.held().open.contains_key(id)
    }

    /// Keeps a connection from giving way for as long as the use goes on.
    pub(crate) fn begin(&self, id: &str, how: Use) -> InUse {
        let mut held = self.held();
        let used = held.tick();
        if let Some(open) = held.open.get_mut(id) {
            open.used = used;
            *open.count(how) += 1;
        }
        drop(held);
        InUse { connections: self.clone(), id: id.to_owned(), how }
    }

    /// Whether `principal` may have so many `more` connections, and what must be closed before.
    pub(crate) fn room(&self, principal: &Principal, more: usize) -> Result<ConnectionRoom, Fault> {
        let budgets = self.bounds.budgets();
        let mut held = self.held();
        let own_key = |open: &Open| open.fingerprint == principal.fingerprint;
        let own = |open: &Open| open.operator == principal.operator;
        let full = |count: usize, limit: u32| {
            limit > 0 && count + more > usize::try_from(limit).unwrap_or(usize::MAX)
        };
        let of = |own: &dyn Fn(&Open) -> bool| held.open.values().filter(|open| own(open)).count();
        let (ran, limit) = if full(of(&own_key), budgets.mcp_connections_per_key) {
            (Ran::Key, budgets.mcp_connections_per_key)
        } else if full(of(&own), budgets.mcp_connections_per_operator) {
            (Ran::Operator, budgets.mcp_connections_per_operator)
        } else if full(held.open.len(), budgets.mcp_connections) {
            (Ran::All, budgets.mcp_connections)
        } else {
            return Ok(ConnectionRoom::Free);
        };
        *held.refused.entry(ran).or_default() += 1;
        let chosen = match ran {
            Ran::Key => held.idlest(own_key),
            Ran::Operator => held.idlest(own_key).or_else(|| held.idlest(own)),
            // Others' only when nobody is there to notice.
            Ran::All => held.idlest(own_key).or_else(|| held.idlest(|open| open.streams == 0)),
        };
        chosen.map(ConnectionRoom::After).ok_or_else(|| refusal(ran, limit))
    }

    /// How the budgets stand, by their keys.
    pub fn standings(&self) -> [(&'static str, Standing); 3] {
        let budgets = self.bounds.budgets();
        let held = self.held();
        let most = |name: fn(&Open) -> &str| {
            let mut counts: HashMap<&str, u64> = HashMap::new();
            held.open.values().for_each(|open| *counts.entry(name(open)).or_default() += 1);
            counts.into_values().max().unwrap_or(0)
        };
        let standing = |used: u64, limit: u32, ran: Ran| Standing {
            used,
            limit: limit.into(),
            refused: held.refused.get(&ran).copied().unwrap_or(0),
        };
        let (key, operator) = (most(|open| &open.fingerprint), most(|open| &open.operator));
        [
            ("mcp_connections", standing(held.open.len() as u64, budgets.mcp_connections, Ran::All)),
            ("mcp_connections_per_key", standing(key, budgets.mcp_connections_per_key, Ran::Key)),
            (
                "mcp_connections_per_operator",
                standing(operator, budgets.mcp_connections_per_operator, Ran::Operator),
            ),
        ]
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock_unpoisoned()
    }
}

impl Held {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    /// The connection that was used longest ago, one that nobody listens to first; none while all answer requests.
    fn idlest(&self, among: impl Fn(&Open) -> bool) -> Option<String> {
        let idle = self.open.iter().filter(|(_, open)| open.busy == 0 && among(open));
        idle.min_by_key(|(_, open)| (open.streams > 0, open.used)).map(|(id, _)| id.clone())
    }
}

impl Open {
    fn count(&mut self, how: Use) -> &mut u32 {
        match how {
            Use::Request => &mut self.busy,
            Use::Stream => &mut self.streams,
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut held = self.connections.held();
        let used = held.tick();
        if let Some(open) = held.open.get_mut(&self.id) {
            open.used = used;
            let count = open.count(self.how);
            *count = count.saturating_sub(1);
        }
    }
}

fn refusal(ran: Ran, limit: u32) -> Fault {
    let (whose, key) = match ran {
        Ran::Key => ("this key has", "mcp_connections_per_key"),
        Ran::Operator => ("this operator has", "mcp_connections_per_operator"),
        Ran::All => ("all together have", "mcp_connections"),
    };
    Fault::unavailable(format!(
        "{whose} as many MCP connections as may be, {limit}, and all are being answered"
    ))
    .code("too_many_connections")
    .retry_after_ms(FULL_RETRY_MS)
    .hint(format!("end some, wait, or raise `budgets.{key}`; calls of the revision 2026-07-28 need none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Few;

    impl Bounds for Few {
        fn budgets(&self) -> Budgets {
            Budgets {
                mcp_connections: 4,
                mcp_connections_per_key: 2,
                mcp_connections_per_operator: 3,
                ..Budgets::default()
            }
        }
    }

    fn somebody(operator: &str, key: &str) -> Principal {
        Principal { operator: operator.into(), ..Principal::admin(key) }
    }

    #[test]
    fn the_idlest_of_the_same_key_gives_way_first() {
        let connections = Connections::new(Arc::new(Few));
        let ada = somebody("ada", "a1");
        for id in ["one", "two"] {
            assert_eq!(connections.room(&ada, 1), Ok(ConnectionRoom::Free));
            connections.add(id, &ada);
        }
        assert_eq!(connections.room(&ada, 1), Ok(ConnectionRoom::After("one".into())));
        let stream = connections.begin("one", Use::Stream);
        assert_eq!(
            connections.room(&ada, 1),
            Ok(ConnectionRoom::After("two".into())),
            "somebody listens to the other"
        );
        let busy = connections.begin("two", Use::Request);
        assert_eq!(connections.room(&ada, 1), Ok(ConnectionRoom::After("one".into())));
        let also = connections.begin("one", Use::Request);
        let refused = connections.room(&ada, 1).unwrap_err();
        assert_eq!((&*refused.code, refused.retry_after_ms), ("too_many_connections", Some(1_000)));
        assert!(refused.hint.unwrap().contains("budgets.mcp_connections_per_key"));
        drop((stream, busy, also));
        assert_eq!(connections.room(&ada, 1), Ok(ConnectionRoom::After("two".into())));
    }

    #[test]
    fn operators_and_all_together_have_an_end_too() {
        let connections = Connections::new(Arc::new(Few));
        let keys = [("ada", "a1"), ("ada", "a1"), ("ada", "a2")];
        for (number, (operator, key)) in keys.into_iter().enumerate() {
            connections.add(&number.to_string(), &somebody(operator, key));
        }
        assert_eq!(connections.room(&somebody("ada", "a3"), 1), Ok(ConnectionRoom::After("0".into())));
        let bob = somebody("bob", "b1");
        assert_eq!(connections.room(&bob, 1), Ok(ConnectionRoom::Free));
        connections.add("3", &bob);
        assert_eq!(connections.room(&somebody("eve", "e1"), 1), Ok(ConnectionRoom::After("0".into())));
        let heard: Vec<InUse> = ["0", "1", "2", "3"].map(|id| connections.begin(id, Use::Stream)).into();
        assert!(
            connections.room(&somebody("eve", "e1"), 1).is_err(),
            "nobody who listens is put out for others"
        );
        drop(heard);
        let told = connections.standings();
        assert_eq!(told[0].1, Standing { used: 4, limit: 4, refused: 2 });
        assert_eq!((told[1].1.used, told[2].1.used), (2, 3));
        assert!(
            !connections.admits("3", "ada")
                && connections.admits("3", "bob")
                && connections.admits("x", "ada")
        );
    }
}
