//! Locks in the other working trees of a repository. They are told; only where the operator wants it they are in the way.

use brains_core::config::SiblingLocks;
use brains_core::plane::lock::{LockKind, LockMode, LockRecord, Resource};
use brains_core::plane::workspace::WorkspaceRecord;
use brains_core::{Fault, Millis};
use brains_store::Rows;
use schemars::JsonSchema;
use serde::Serialize;

use super::LockLine;
use crate::context::Cx;

/// A lock that holds in another working tree of the repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SiblingLock {
    /// Slug of its workspace.
    worktree: String,
    /// The same in words.
    note: String,
    #[serde(flatten)]
    lock: LockLine,
}

impl SiblingLock {
    pub(super) async fn all(rows: &mut Rows, found: Vec<(String, LockRecord)>) -> Result<Vec<Self>, Fault> {
        let mut lines = Vec::with_capacity(found.len());
        for (worktree, lock) in found {
            let note = format!("held in worktree {worktree}");
            lines.push(Self { worktree, note, lock: LockLine::of(rows, lock).await? });
        }
        Ok(lines)
    }
}

/// What locks of siblings do, as it is configured now.
pub(super) fn rule(cx: &Cx<'_>) -> SiblingLocks {
    cx.control.ports.settings.active().config.locks.siblings
}

/// The locks of `siblings`, each with the slug of its working tree.
pub(super) async fn held(
    rows: &mut Rows,
    siblings: &[WorkspaceRecord],
    now: Millis,
) -> Result<Vec<(String, LockRecord)>, Fault> {
    let mut found = Vec::new();
    for sibling in siblings {
        let locks = rows.held_locks(&sibling.id, now).await?;
        found.extend(locks.into_iter().map(|lock| (sibling.slug.clone(), lock)));
    }
    Ok(found)
}

/// Those of them that a lock on `wanted` would meet, were it in the same working tree.
pub(super) async fn meeting(
    rows: &mut Rows,
    siblings: &[WorkspaceRecord],
    wanted: &Resource,
    mode: LockMode,
    now: Millis,
) -> Result<Vec<(String, LockRecord)>, Fault> {
    let mut found = held(rows, siblings, now).await?;
    found.retain(|(_, lock)| mode.excludes(lock.mode) && meet(&lock.resource, wanted));
    Ok(found)
}

/// A whole working tree is not the other one's.
fn meet(theirs: &Resource, wanted: &Resource) -> bool {
    theirs.kind != LockKind::Workspace && wanted.kind != LockKind::Workspace && theirs.overlaps(wanted)
}
