//! Locks: who holds what of a workspace, who may have it next. Pure rules over what is held and who waits; the
//! resources themselves and their globs are in `lock/resource.rs` and `lock/pattern.rs`.

mod pattern;
mod resource;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Id, Lock, LockWait, Session, Workspace};
use crate::{Fault, Millis};

pub use pattern::Pattern;
pub use resource::{LockKind, Resource};

/// How long a lock holds when nothing is said.
pub const TTL_MS: i64 = 30 * 60_000;
/// The bounds of a time that somebody asks for.
pub const TTL_BOUNDS_MS: (i64, i64) = (1_000, 24 * 3_600_000);
/// The longest wait for one; past it a client would give up first.
pub const WAIT_MAX_MS: u64 = 110_000;

/// Whether others may hold it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// With others that hold it shared.
    Shared,
    /// Alone.
    #[default]
    Exclusive,
}

impl LockMode {
    /// Whether two holders of these modes exclude each other.
    pub fn excludes(self, other: Self) -> bool {
        self == Self::Exclusive || other == Self::Exclusive
    }
}

/// One lock that a session holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockRecord {
    pub id: Id<Lock>,
    pub workspace: Id<Workspace>,
    #[serde(flatten)]
    pub resource: Resource,
    pub mode: LockMode,
    /// The session that holds it.
    pub session: Id<Session>,
    /// How often it was acquired and not yet released.
    pub count: u32,
    /// Rises with every grant in this workspace; a write that carries it is refused once it is stale.
    pub fence: u64,
    pub acquired_at: Millis,
    pub expires_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl LockRecord {
    pub fn lives(&self, now: Millis) -> bool {
        self.expires_at > now
    }
}

/// Somebody who waits for a lock, in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitRecord {
    pub id: Id<LockWait>,
    /// Rises with every waiter of the workspace: the lower one is served first.
    pub turn: u64,
    #[serde(flatten)]
    pub resource: Resource,
    pub mode: LockMode,
    pub session: Id<Session>,
    pub since: Millis,
    /// Until when the waiter counts without a sign of life.
    pub alive_until: Millis,
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub resource: &'a Resource,
    pub mode: LockMode,
    pub session: &'a Id<Session>,
    /// The place in the queue; none for one who has not queued.
    pub turn: Option<u64>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockDecision<'a> {
    /// The session holds this very resource in a mode that is enough.
    Again(&'a LockRecord),
    /// It holds it shared, wants it alone, and nobody else is in the way.
    Upgrade(&'a LockRecord),
    Grant,
    /// Somebody holds it, or waits for it longer.
    Blocked {
        holders: Vec<&'a LockRecord>,
        ahead: Vec<&'a WaitRecord>,
    },
}

/// Decides a request over everything that is held and waited for in its workspace. A session is never in its own
/// way, and passes waiters that cannot go on before it lets go of what it holds: waiting for them would never end.
pub fn decide<'a>(
    wanted: &Wanted<'_>,
    held: &'a [LockRecord],
    waiting: &'a [WaitRecord],
    now: Millis,
) -> LockDecision<'a> {
    let own = held
        .iter()
        .find(|lock| lock.lives(now) && lock.session == *wanted.session && lock.resource == *wanted.resource);
    if let Some(own) = own
        && (own.mode == LockMode::Exclusive || wanted.mode == LockMode::Shared)
    {
        return LockDecision::Again(own);
    }
    let holders: Vec<&LockRecord> = holders(wanted, held, now).collect();
    let ahead = ahead(wanted, held, waiting, now);
    match (own, holders.is_empty() && ahead.is_empty()) {
        (Some(own), true) => LockDecision::Upgrade(own),
        (None, true) => LockDecision::Grant,
        (_, false) => LockDecision::Blocked { holders, ahead },
    }
}

fn holders<'a>(
    wanted: &Wanted<'_>,
    held: &'a [LockRecord],
    now: Millis,
) -> impl Iterator<Item = &'a LockRecord> {
    held.iter().filter(move |lock| {
        lock.lives(now)
            && lock.session != *wanted.session
            && lock.mode.excludes(wanted.mode)
            && lock.resource.overlaps(wanted.resource)
    })
}

/// Waiters that are served before this request.
fn ahead<'a>(
    wanted: &Wanted<'_>,
    held: &[LockRecord],
    waiting: &'a [WaitRecord],
    now: Millis,
) -> Vec<&'a WaitRecord> {
    let kept = kept_by(wanted.session, held, waiting, now);
    let served_before = waiting.iter().filter(|waiter| {
        waiter.alive_until > now
            && waiter.session != *wanted.session
            && wanted.turn.is_none_or(|turn| waiter.turn < turn)
            && waiter.mode.excludes(wanted.mode)
            && waiter.resource.overlaps(wanted.resource)
    });
    served_before.filter(|waiter| !kept.contains(&waiter.turn)).collect()
}

/// Turns of the waiters that a session keeps waiting: by what it holds, or because they stand behind one of these.
fn kept_by(session: &Id<Session>, held: &[LockRecord], waiting: &[WaitRecord], now: Millis) -> Vec<u64> {
    let own: Vec<&LockRecord> =
        held.iter().filter(|lock| lock.lives(now) && lock.session == *session).collect();
    if own.is_empty() {
        return Vec::new();
    }
    let excludes = |waiter: &WaitRecord, resource: &Resource, mode: LockMode| {
        waiter.mode.excludes(mode) && waiter.resource.overlaps(resource)
    };
    let mut others: Vec<&WaitRecord> =
        waiting.iter().filter(|waiter| waiter.alive_until > now && waiter.session != *session).collect();
    others.sort_by_key(|waiter| waiter.turn);
    let mut kept: Vec<&WaitRecord> = Vec::new();
    for waiter in others {
        let behind = |first: &&WaitRecord| {
            first.session != waiter.session && excludes(waiter, &first.resource, first.mode)
        };
        if own.iter().any(|lock| excludes(waiter, &lock.resource, lock.mode)) || kept.iter().any(behind) {
            kept.push(waiter);
        }
    }
    kept.into_iter().map(|waiter| waiter.turn).collect()
}

/// Whether waiting for this would never end: somebody in the way, as a holder or ahead in the queue, waits, directly or
/// through others, for something that the session itself holds.
pub fn deadlock(wanted: &Wanted<'_>, held: &[LockRecord], waiting: &[WaitRecord], now: Millis) -> bool {
    let in_the_way = |wanted: &Wanted<'_>| -> Vec<Id<Session>> {
        let holders = holders(wanted, held, now).map(|lock| lock.session.clone());
        let ahead = ahead(wanted, held, waiting, now).into_iter().map(|waiter| waiter.session.clone());
        holders.chain(ahead).collect()
    };
    let mut reached: Vec<Id<Session>> = Vec::new();
    let mut open = in_the_way(wanted);
    while let Some(session) = open.pop() {
        if session == *wanted.session {
            return true;
        }
        if reached.contains(&session) {
            continue;
        }
        for wait in waiting.iter().filter(|wait| wait.alive_until > now && wait.session == session) {
            let turn = Some(wait.turn);
            open.extend(in_the_way(&Wanted {
                resource: &wait.resource,
                mode: wait.mode,
                session: &session,
                turn,
            }));
        }
        reached.push(session);
    }
    false
}

/// What is said to one whose fence names no lock that is held.
pub fn stale(fence: u64, newest: u64) -> Fault {
    Fault::conflict(format!("the fence {fence} is stale: its lock was released, ran out or was taken away"))
        .code("stale_fence")
        .param("fence")
        .hint(format!("the newest grant in this workspace has fence {newest}; acquire the lock again and look at what changed before you write"))
}

/// A time that a lock is to hold, within bounds.
pub fn check_ttl(ttl_ms: Option<i64>) -> Result<i64, Fault> {
    let (least, most) = TTL_BOUNDS_MS;
    match ttl_ms {
        None => Ok(TTL_MS),
        Some(ms) if (least..=most).contains(&ms) => Ok(ms),
        Some(_) => Err(Fault::invalid("`ttl` must be between one second and 24 hours").param("ttl")),
    }
}

/// A wait that somebody asks for.
pub fn check_wait(wait_ms: u64) -> Result<u64, Fault> {
    if wait_ms <= WAIT_MAX_MS {
        return Ok(wait_ms);
    }
    Err(Fault::invalid(format!("`wait_ms` is at most {WAIT_MAX_MS}"))
        .param("wait_ms")
        .hint("ask again when it is over"))
}

#[cfg(test)]
mod tests;
