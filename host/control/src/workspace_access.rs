//! A workspace that a call uses: the caller's rights in it, looked at again inside of every write, and who acts there.

use std::path::PathBuf;

use brains_core::id::Workspace;
use brains_core::plane::lock;
use brains_core::plane::session::SessionRecord;
use brains_core::plane::workspace::{Location, WorkspaceRecord, WorkspaceRole, standing};
use brains_core::{Fault, Id, Millis, Principal};
use brains_store::{Rows, Scope, Scopes, SessionContext, Tx, WorkspaceContext};

use crate::session_identity::{SessionIdentity, SessionLookup};

/// A workspace that the caller may use, and as what.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceAccess {
    pub(crate) workspace: WorkspaceRecord,
    pub(crate) role: WorkspaceRole,
    pub(crate) least: WorkspaceRole,
    pub(crate) principal: Principal,
    /// Whether it may be one that was archived.
    pub(crate) archived: bool,
    /// Whether sessions of the repository's other working trees may act here, too.
    pub(crate) siblings: bool,
    /// Workspaces that a write in this one holds still, too.
    pub(crate) beside: Vec<Scope>,
}

impl WorkspaceAccess {
    pub(crate) fn new(
        workspace: WorkspaceRecord,
        role: WorkspaceRole,
        least: WorkspaceRole,
        principal: &Principal,
    ) -> Self {
        let principal = principal.clone();
        Self { workspace, role, least, principal, archived: false, siblings: false, beside: Vec::new() }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::workspace(self.workspace.id.as_str())
    }

    /// What a write in it takes.
    pub(crate) fn scopes(&self) -> Scopes {
        Scopes::new(self.scope(), self.beside.clone())
    }

    /// For a write that looks at other workspaces, which must not change meanwhile.
    #[must_use]
    pub(crate) fn beside(mut self, others: &[WorkspaceRecord]) -> Self {
        self.beside = others.iter().map(|other| Scope::workspace(other.id.as_str())).collect();
        self
    }

    /// For what is done to archived workspaces too.
    #[must_use]
    pub(crate) fn even_archived(mut self) -> Self {
        self.archived = true;
        self
    }

    /// Looks again from inside a write, and finds out who acts.
    pub(crate) async fn enter(
        &self,
        tx: &mut Tx,
        identity: &SessionIdentity,
        fence: Option<u64>,
    ) -> Result<Option<SessionRecord>, Fault> {
        let (id, owner, now) = (&self.workspace.id, self.principal.owner(), tx.now());
        let found = identity.found(now);
        let (standing, mut seen) = match identity.selector(found.as_ref()) {
            Some(selector) => match tx.session_context(id, owner, now, selector).await? {
                Some(SessionContext { standing, session }) => {
                    (Some(standing), SessionLookup::Is(session.map(Box::new)))
                }
                None => (None, SessionLookup::NotYet),
            },
            None => (tx.workspace_context(id, owner, now).await?, SessionLookup::NotYet),
        };
        let run_out = standing.as_ref().is_some_and(|standing| standing.run_out);
        self.check(standing)?;
        if run_out {
            tx.reap(id).await?;
            // It may have been one of those whose lease was over.
            seen = SessionLookup::NotYet;
        }
        let session = match identity.enter(tx, seen).await? {
            Some(session) if session.workspace == self.workspace.id => Some(session),
            Some(session) if self.siblings && self.is_sibling(tx, &session).await? => Some(session),
            Some(session) if identity.is_named() => return Err(elsewhere(&session, &self.workspace)),
            _ => None,
        };
        if let Some(fence) = fence {
            // A fence counts in the workspace of its lock.
            let place = session.as_ref().map_or(&self.workspace.id, |session| &session.workspace);
            check_fence(tx, place, session.as_ref(), fence).await?;
        }
        Ok(session)
    }

    async fn is_sibling(&self, rows: &mut Rows, session: &SessionRecord) -> Result<bool, Fault> {
        let common = &self.workspace.common_dir;
        let tree = rows.workspace(&session.workspace).await?;
        Ok(*common != self.workspace.path && tree.is_some_and(|tree| tree.common_dir == *common))
    }

    /// Refuses when the caller's rights or the workspace changed since it was looked up.
    pub(crate) async fn confirm(&self, tx: &mut Tx) -> Result<WorkspaceRecord, Fault> {
        let now = tx.now();
        let standing = tx.workspace_context(&self.workspace.id, self.principal.owner(), now).await?;
        self.check(standing)
    }

    /// Refuses when `principal` does not see the workspace any more, in the words of a look-up of `name`.
    pub(crate) async fn still_seen(
        &self,
        rows: &mut Rows,
        principal: &Principal,
        name: &str,
        now: Millis,
    ) -> Result<(), Fault> {
        let found = rows.workspace_context(&self.workspace.id, principal.owner(), now).await?;
        let WorkspaceContext { workspace, membership, .. } = found.ok_or_else(|| not_found(name))?;
        let role = standing(principal, workspace.visibility, membership).ok_or_else(|| not_found(name))?;
        check_role(role, self.least, &workspace)
    }

    fn check(&self, found: Option<WorkspaceContext>) -> Result<WorkspaceRecord, Fault> {
        let absent = || not_found(&self.workspace.slug);
        let WorkspaceContext { workspace, membership, .. } = found.ok_or_else(absent)?;
        let role = standing(&self.principal, workspace.visibility, membership).ok_or_else(absent)?;
        check_role(role, self.least, &workspace)?;
        if workspace.archived_at.is_some() && !self.archived {
            return Err(Fault::conflict(format!("the workspace `{}` is archived", workspace.slug))
                .code("workspace_archived")
                .param("workspace")
                .hint("a maintainer brings it back with `unarchive_workspace`"));
        }
        Ok(workspace)
    }
}

/// Refuses a fence whose lock does not hold any more, or is another's.
pub(crate) async fn check_fence(
    tx: &mut Tx,
    workspace: &Id<Workspace>,
    session: Option<&SessionRecord>,
    fence: u64,
) -> Result<(), Fault> {
    let now = tx.now();
    let held = tx.lock_by_fence(workspace, fence, now).await?;
    let holds = held.is_some_and(|lock| session.is_none_or(|session| lock.session == session.id));
    if holds { Ok(()) } else { Err(lock::stale(fence, tx.newest_fence(workspace).await?)) }
}

/// Where the directory lies that a call names, or that it comes from. It is asked before the call reads anything: no
/// connection to a database waits for a file system.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    pub(crate) found: Result<Location, Fault>,
}

pub(crate) fn check_role(
    role: WorkspaceRole,
    least: WorkspaceRole,
    workspace: &WorkspaceRecord,
) -> Result<(), Fault> {
    if role >= least {
        return Ok(());
    }
    Err(Fault::forbidden(format!(
        "this takes the role `{}` in the workspace `{}`, you have `{}`",
        least.word(),
        workspace.slug,
        role.word()
    ))
    .code("role_too_low")
    .hint("an owner of the workspace can change that with `invite_to_workspace`"))
}

/// A workspace that is not there, or that the caller must not know of.
pub(crate) fn not_found(name: &str) -> Fault {
    let name: String = name.chars().take(200).collect();
    Fault::not_found("workspace", name)
        .code("workspace_not_found")
        .param("workspace")
        .hint(
            "`list_workspaces` shows those that you can see; `register_workspace` adds a project of yours, with a \
             marker such as `.git`; to others their owners invite you, and an administrator registers any directory",
        )
}

pub(crate) fn elsewhere(session: &SessionRecord, workspace: &WorkspaceRecord) -> Fault {
    Fault::conflict(format!(
        "the session `{}` works in another workspace than `{}`",
        session.id, workspace.slug
    ))
    .code("session_elsewhere")
    .param("session")
    .hint("start a session in that workspace")
}
