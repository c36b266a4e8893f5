//! Locks: acquired, waited for in turn, renewed, released, taken away; who holds what and who is in the way. The
//! rules are in `brains_core::plane::lock`.

mod acquire;
mod claim;
mod free;
mod grant;
mod list;
mod release;
mod sibling;
mod wait;

use brains_core::id::{Id, Session};
use brains_core::plane::lock::{LockKind, LockMode, LockRecord, Resource, WaitRecord};
use brains_core::{Fault, Millis};
use brains_store::Rows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plane::task;
use crate::workspace_access::WorkspaceAccess;

pub(crate) use acquire::{AcquireLock, RenewLock};
pub(crate) use claim::{Claim, ClaimWorkspace, ListWorkspaceClaims, ReleaseWorkspace};
pub(crate) use list::{ListLocks, WhoBlocks};
pub(crate) use release::{ReleaseLock, StealLock};

const NOUN: &str = "lock";

/// One lock and who holds it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LockLine {
    #[serde(flatten)]
    lock: LockRecord,
    /// Slug of the operator that the holder works for.
    operator: String,
    /// The program that holds it.
    tool: String,
}

impl LockLine {
    async fn of(rows: &mut Rows, lock: LockRecord) -> Result<Self, Fault> {
        let holder = rows.session(&lock.session).await?;
        let (operator, tool) = holder.map(|holder| (holder.operator, holder.tool)).unwrap_or_default();
        Ok(Self { lock, operator, tool })
    }

    pub(crate) async fn all(rows: &mut Rows, locks: Vec<LockRecord>) -> Result<Vec<Self>, Fault> {
        let mut lines = Vec::with_capacity(locks.len());
        for lock in locks {
            lines.push(Self::of(rows, lock).await?);
        }
        Ok(lines)
    }
}

/// Somebody who waits for a lock.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WaitLine {
    #[serde(flatten)]
    resource: Resource,
    mode: LockMode,
    session: Id<Session>,
    since: Millis,
}

impl From<WaitRecord> for WaitLine {
    fn from(wait: WaitRecord) -> Self {
        let WaitRecord { resource, mode, session, since, .. } = wait;
        Self { resource, mode, session, since }
    }
}

/// What a lock is on, as the members of an input name it; the whole workspace when none is given.
#[derive(Debug, Clone, Copy)]
struct NamedResource<'a> {
    path: &'a Option<String>,
    task: &'a Option<String>,
    name: &'a Option<String>,
}

impl NamedResource<'_> {
    /// The resource of a workspace, by the one name that it has: however a path or a task is written, it is the same.
    async fn find(self, rows: &mut Rows, access: &WorkspaceAccess) -> Result<Resource, Fault> {
        match (self.path, self.task, self.name) {
            (None, None, None) => Ok(Resource::workspace()),
            (Some(path), None, None) => Resource::path(path, Some(&access.workspace.path)),
            (None, Some(task), None) => Resource::task(&task::code_of(rows, access, task).await?),
            (None, None, Some(name)) => Resource::name(name),
            _ => Err(Fault::invalid("a lock is on one of `path`, `task` and `name`").param("path")),
        }
    }
}

/// What a lock is on, for those who held it.
fn on(resource: &Resource) -> String {
    let on = &resource.resource;
    match resource.kind {
        LockKind::Workspace => "the workspace".to_owned(),
        LockKind::Path => format!("the path `{on}`"),
        LockKind::Task => format!("the task `{on}`"),
        LockKind::Name => format!("`{on}`"),
    }
}

/// The refusal that tells who holds what, until when, and what to do.
async fn held(
    rows: &mut Rows,
    wanted: &Resource,
    holders: &[LockRecord],
    ahead: &[WaitRecord],
    worktree: Option<&str>,
) -> Result<Fault, Fault> {
    let message = match (holders.first(), ahead.first()) {
        (Some(holder), _) => {
            let line = LockLine::of(rows, holder.clone()).await?;
            let more = match holders.len() {
                1 => String::new(),
                count => format!(", and {} more are in the way", count - 1),
            };
            let place = worktree.map(|slug| format!(" in worktree `{slug}`")).unwrap_or_default();
            let why = line.lock.reason.map(|reason| format!(" (\"{reason}\")")).unwrap_or_default();
            format!(
                "{} is held{place} by `{}` ({} of `{}`) until {}{why}{more}; {wanted} overlaps it",
                line.lock.resource, line.lock.session, line.tool, line.operator, line.lock.expires_at
            )
        }
        (None, Some(first)) => {
            format!("{wanted} is free, but `{}` waits for it since {}", first.session, first.since)
        }
        (None, None) => format!("{wanted} is not free"),
    };
    Ok(Fault::conflict(message)
        .code("lock_held")
        .hint("wait for it with `wait_ms`, ask its holder, or take it away with `steal_lock` and a reason"))
}
