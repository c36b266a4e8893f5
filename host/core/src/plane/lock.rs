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
/// way, and what it holds already it keeps without standing in line again.
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
    // Whoever holds it shared already would wait for waiters who wait for it: only holders count then.
    let ahead: Vec<&WaitRecord> =
        if own.is_some() { Vec::new() } else { ahead(wanted, waiting, now).collect() };
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

fn ahead<'a>(
    wanted: &Wanted<'_>,
    waiting: &'a [WaitRecord],
    now: Millis,
) -> impl Iterator<Item = &'a WaitRecord> {
    waiting.iter().filter(move |waiter| {
        waiter.alive_until > now
            && waiter.session != *wanted.session
            && wanted.turn.is_none_or(|turn| waiter.turn < turn)
            && waiter.mode.excludes(wanted.mode)
            && waiter.resource.overlaps(wanted.resource)
    })
}

/// Whether waiting for this would never end: somebody in the way waits, directly or through others, for something
/// that the session itself holds.
pub fn deadlock(wanted: &Wanted<'_>, held: &[LockRecord], waiting: &[WaitRecord], now: Millis) -> bool {
    let mut reached: Vec<&Id<Session>> = Vec::new();
    let mut open: Vec<&Id<Session>> = holders(wanted, held, now).map(|lock| &lock.session).collect();
    while let Some(session) = open.pop() {
        if session == wanted.session {
            return true;
        }
        if reached.contains(&session) {
            continue;
        }
        reached.push(session);
        for wait in waiting.iter().filter(|wait| wait.alive_until > now && wait.session == *session) {
            let theirs = Wanted { resource: &wait.resource, mode: wait.mode, session, turn: Some(wait.turn) };
            open.extend(holders(&theirs, held, now).map(|lock| &lock.session));
        }
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
