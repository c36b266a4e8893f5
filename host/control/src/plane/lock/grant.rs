//! One try to get a lock, inside a write: granted, held again, or who is in the way.

use brains_core::id::{Id, LockWait};
use brains_core::plane::lock::{LockDecision, LockMode, LockRecord, Resource, Wanted, decide};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::workspace::WorkspaceRecord;
use brains_core::{Fault, Millis};
use brains_store::Tx;
use serde_json::json;

use super::{held, sibling};
use crate::idempotency::lapsed;

/// What a session asks for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) resource: Resource,
    pub(super) mode: LockMode,
    pub(super) ttl_ms: i64,
    pub(super) reason: Option<String>,
    /// Held again counts once more; a claim is only renewed.
    pub(super) counts: bool,
    /// Working trees of the same repository whose locks are in the way, too.
    pub(super) siblings: Vec<WorkspaceRecord>,
}

/// One try, inside a write of the workspace. What stands in the way is an error, so that nothing of the try is kept;
/// who was granted leaves the queue.
pub(super) async fn attempt(
    tx: &mut Tx,
    session: &SessionRecord,
    ask: &Ask,
    place_in_queue: Option<(&Id<LockWait>, u64)>,
) -> Result<LockRecord, Fault> {
    let now = tx.now();
    let held_locks = tx.held_locks(&session.workspace, now).await?;
    let waiting = tx.lock_waits(&session.workspace, now).await?;
    let wanted = Wanted {
        resource: &ask.resource,
        mode: ask.mode,
        session: &session.id,
        turn: place_in_queue.map(|(_, turn)| turn),
    };
    let decision = decide(&wanted, &held_locks, &waiting, now);
    if !matches!(decision, LockDecision::Again(_) | LockDecision::Blocked { .. }) {
        refuse_siblings(tx, ask, now).await?;
    }
    let ends = now.plus_ms(ask.ttl_ms);
    let lock = match decision {
        LockDecision::Blocked { holders, ahead } => {
            let holders: Vec<_> = holders.into_iter().cloned().collect();
            let ahead: Vec<_> = ahead.into_iter().cloned().collect();
            return Err(held(tx, &ask.resource, &holders, &ahead, None).await?);
        }
        LockDecision::Again(own) => {
            let mut lock = own.clone();
            lock.count = lock.count.saturating_add(u32::from(ask.counts));
            // A shorter time asked for inside must not cut off what was asked for outside.
            lock.expires_at = if ask.counts { lock.expires_at.max(ends) } else { ends };
            lock.reason = ask.reason.clone().or(lock.reason);
            tx.save_lock(&lock).await?;
            lock
        }
        LockDecision::Upgrade(own) => {
            let mut lock = own.clone();
            lock.mode = ask.mode;
            lock.count = lock.count.saturating_add(u32::from(ask.counts));
            lock.expires_at = lock.expires_at.max(ends);
            lock.fence = tx.next_fence(&session.workspace).await?;
            tx.save_lock(&lock).await?;
            lock
        }
        LockDecision::Grant => {
            let lock = LockRecord {
                id: tx.mint(),
                workspace: session.workspace.clone(),
                resource: ask.resource.clone(),
                mode: ask.mode,
                session: session.id.clone(),
                count: 1,
                fence: tx.next_fence(&session.workspace).await?,
                acquired_at: now,
                expires_at: ends,
                reason: ask.reason.clone(),
            };
            tx.insert_lock(&lock).await?;
            lock
        }
    };
    if let Some((wait, _)) = place_in_queue {
        tx.stop_waiting(wait).await?;
    }
    tx.record("lock.acquire", described(&lock)).await?;
    Ok(lock)
}

/// Refuses what a lock of another working tree is in the way of.
async fn refuse_siblings(tx: &mut Tx, ask: &Ask, now: Millis) -> Result<(), Fault> {
    let found = sibling::meeting(tx, &ask.siblings, &ask.resource, ask.mode, now).await?;
    let Some((worktree, _)) = found.first() else { return Ok(()) };
    let there = found.iter().filter(|(other, _)| other == worktree).map(|(_, lock)| lock.clone());
    let holders: Vec<_> = there.collect();
    Err(held(tx, &ask.resource, &holders, &[], Some(worktree)).await?)
}

/// A lock that was granted before, as it is now; one that its session does not hold any more is no grant.
pub(super) async fn still_held(tx: &mut Tx, before: LockRecord) -> Result<LockRecord, Fault> {
    let now = tx.now();
    let lock = tx.lock(&before.id).await?.filter(|lock| lock.session == before.session && lock.lives(now));
    let holder = tx.session(&before.session).await?;
    match lock {
        Some(lock) if holder.is_some_and(|holder| holder.lives(now)) => Ok(lock),
        _ => Err(lapsed(format!(
            "the lock `{}` that it got was released, ran out or was taken away since",
            before.id
        ))),
    }
}

/// What the audit log says about a lock.
pub(super) fn described(lock: &LockRecord) -> serde_json::Value {
    json!({
        "lock": lock.id, "kind": lock.resource.kind, "resource": lock.resource.resource, "mode": lock.mode,
        "session": lock.session, "count": lock.count, "fence": lock.fence, "expires_at": lock.expires_at,
    })
}
