//! Which workspace a call is about and whether the caller may do that there. What somebody may not see is not found,
//! in the same words as what does not exist. Nothing is registered here.

use std::path::{Path, PathBuf};

use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::lock;
use brains_core::plane::session::SessionRecord;
use brains_core::plane::workspace::{Location, WorkspaceRecord, WorkspaceRole, standing};
use brains_core::{Fault, Id, Millis, Principal};
use brains_store::{Rows, Scope, SessionContext, TaskContext, Tx, WorkspaceContext};
use serde_json::Value;

use crate::context::Cx;
use crate::operation::OperationEntry;
use crate::session_identity::{SessionIdentity, SessionLookup, unknown_session};

/// A workspace that the caller may use, and as what.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceAccess {
    pub(crate) workspace: WorkspaceRecord,
    pub(crate) role: WorkspaceRole,
    least: WorkspaceRole,
    principal: Principal,
    /// Whether it may be one that was archived.
    archived: bool,
}

impl WorkspaceAccess {
    pub(crate) fn scope(&self) -> Scope {
        Scope::workspace(self.workspace.id.as_str())
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
        let (standing, mut seen) = match identity.called() {
            Some(called) => match tx.session_context(id, owner, now, called).await? {
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
            Some(session) if identity.is_named() => return Err(elsewhere(&session, &self.workspace)),
            _ => None,
        };
        if let Some(fence) = fence {
            check_fence(tx, &self.workspace.id, session.as_ref(), fence).await?;
        }
        Ok(session)
    }

    /// Refuses when the caller's rights or the workspace changed since it was looked up.
    pub(crate) async fn confirm(&self, tx: &mut Tx) -> Result<WorkspaceRecord, Fault> {
        let now = tx.now();
        let standing = tx.workspace_context(&self.workspace.id, self.principal.owner(), now).await?;
        self.check(standing)
    }

    /// Refuses when `principal` does not see the workspace any more, in the words of a look-up of `told`.
    pub(crate) async fn still_seen(
        &self,
        rows: &mut Rows,
        principal: &Principal,
        told: &str,
        now: Millis,
    ) -> Result<(), Fault> {
        let found = rows.workspace_context(&self.workspace.id, principal.owner(), now).await?;
        let WorkspaceContext { workspace, membership, .. } = found.ok_or_else(|| not_found(told))?;
        let role = standing(principal, workspace.visibility, membership).ok_or_else(|| not_found(told))?;
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

impl Cx<'_> {
    /// The workspace that `reference` names (id, slug or path), or where the caller works when it names none.
    pub(crate) async fn workspace(
        &self,
        rows: &mut Rows,
        reference: Option<&str>,
        least: WorkspaceRole,
    ) -> Result<WorkspaceAccess, Fault> {
        let (found, told) = match reference {
            Some(reference) => (self.referred(rows, reference).await?, reference.to_owned()),
            None => self.current(rows).await?,
        };
        let found = found.ok_or_else(|| not_found(&told))?;
        self.workspace_access(found, least, || not_found(&told))
    }

    /// The workspace of something that was looked up; `absent` is what the caller hears if it cannot see it.
    pub(crate) async fn workspace_of(
        &self,
        rows: &mut Rows,
        id: &Id<Workspace>,
        least: WorkspaceRole,
        absent: impl Fn() -> Fault + Send,
    ) -> Result<WorkspaceAccess, Fault> {
        let found = self.standing(rows, id).await?.ok_or_else(&absent)?;
        self.workspace_access(found, least, absent)
    }

    /// The task that has this id or this code, and its workspace.
    pub(crate) async fn task_and_workspace(
        &self,
        rows: &mut Rows,
        id: Option<&Id<Task>>,
        code: Option<&str>,
        least: WorkspaceRole,
        absent: impl Fn() -> Fault,
    ) -> Result<(Id<Task>, WorkspaceAccess), Fault> {
        let found = rows.task_context(id, code, self.principal.owner(), self.now()).await?;
        let TaskContext { task, standing } = found.ok_or_else(&absent)?;
        Ok((task, self.workspace_access(standing, least, absent)?))
    }

    async fn standing(&self, rows: &mut Rows, id: &Id<Workspace>) -> Result<Option<WorkspaceContext>, Fault> {
        Ok(rows.workspace_context(id, self.principal.owner(), self.now()).await?)
    }

    /// A session that the caller can see, alive or not, and its workspace.
    pub(crate) async fn session_in_sight(
        &self,
        rows: &mut Rows,
        id: &Id<Session>,
        least: WorkspaceRole,
    ) -> Result<(SessionRecord, WorkspaceAccess), Fault> {
        let session = rows.session(id).await?.ok_or_else(|| unknown_session(id))?;
        let access = self.workspace_of(rows, &session.workspace, least, || unknown_session(id)).await?;
        Ok((session, access))
    }

    /// The session that the caller acts as, and its workspace.
    pub(crate) async fn own_session(
        &self,
        rows: &mut Rows,
        named: Option<Id<Session>>,
        least: WorkspaceRole,
    ) -> Result<(SessionRecord, WorkspaceAccess), Fault> {
        let Some(id) = &named else {
            let session = self.session_identity(None).require(rows, self.now()).await?;
            let access =
                self.workspace_of(rows, &session.workspace, least, || unknown_session(&session.id)).await?;
            return Ok((session, access));
        };
        // Not found before not yours: an id in a workspace that one cannot see does not exist.
        let (session, access) = self.session_in_sight(rows, id, WorkspaceRole::Reader).await?;
        self.session_identity(None).prove(rows, &session).await?;
        session.check_alive(self.now())?;
        check_role(access.role, least, &access.workspace)?;
        Ok((session, WorkspaceAccess { least, ..access }))
    }

    /// The session that the caller acts as; when a workspace is named too, it must be the session's own.
    pub(crate) async fn session_there(
        &self,
        named: Option<Id<Session>>,
        workspace: Option<&str>,
    ) -> Result<(SessionRecord, WorkspaceAccess), Fault> {
        let mut view = self.control.store.look().await?;
        let (session, access) = self.own_session(&mut view, named, WorkspaceRole::Member).await?;
        if workspace.is_some() {
            let meant = self.workspace(&mut view, workspace, WorkspaceRole::Member).await?;
            if meant.workspace.id != session.workspace {
                return Err(elsewhere(&session, &meant.workspace));
            }
        }
        Ok((session, access))
    }

    fn workspace_access(
        &self,
        found: WorkspaceContext,
        least: WorkspaceRole,
        absent: impl Fn() -> Fault,
    ) -> Result<WorkspaceAccess, Fault> {
        let WorkspaceContext { workspace, membership, .. } = found;
        let role = standing(self.principal, workspace.visibility, membership).ok_or_else(absent)?;
        check_role(role, least, &workspace)?;
        Ok(WorkspaceAccess { workspace, role, least, principal: self.principal.clone(), archived: false })
    }

    async fn referred(&self, rows: &mut Rows, reference: &str) -> Result<Option<WorkspaceContext>, Fault> {
        if let Some(id) = Id::<Workspace>::parse(reference) {
            return self.standing(rows, &id).await;
        }
        match self.directory(reference)? {
            Some(path) => self.at(rows, path).await,
            None => Ok(rows.workspace_context_by_slug(reference, self.principal.owner(), self.now()).await?),
        }
    }

    /// The workspace that the caller works in, and what to call it if there is none.
    async fn current(&self, rows: &mut Rows) -> Result<(Option<WorkspaceContext>, String), Fault> {
        if let Some(session) = self.session_identity(None).find(rows, self.now()).await? {
            return Ok((self.standing(rows, &session.workspace).await?, session.workspace.to_string()));
        }
        let Some(directory) = self.caller.directory.clone() else {
            return Err(Fault::invalid("no workspace was named")
                .code("workspace_required")
                .param("workspace")
                .hint("send `workspace`: a slug, an id, or the absolute path of a directory in it"));
        };
        let told = directory.display().to_string();
        Ok((self.at(rows, directory).await?, told))
    }

    /// The path that `reference` means, when it is one.
    pub(crate) fn directory(&self, reference: &str) -> Result<Option<PathBuf>, Fault> {
        let path = Path::new(reference);
        if path.is_absolute() {
            return Ok(Some(path.to_owned()));
        }
        if !reference.starts_with('.') && !reference.contains('/') {
            return Ok(None);
        }
        match &self.caller.directory {
            Some(directory) => Ok(Some(directory.join(path))),
            None => Err(Fault::invalid(format!("`{reference}` is relative, and where you are is not known"))
                .code("relative_path")
                .param("workspace")
                .hint("send the absolute path, the slug or the id")),
        }
    }

    async fn at(&self, rows: &mut Rows, path: PathBuf) -> Result<Option<WorkspaceContext>, Fault> {
        let location = match self.located {
            Some(located) if located.path == path => located.found.clone()?,
            _ => self.control.ports.directories.locate(path).await?,
        };
        let found = match rows.workspace_at(&location.common_dir, &location.path).await? {
            Some(exact) => Some(exact),
            None => rows
                .workspace_above(&location.asked)
                .await?
                .filter(|workspace| location.belongs_to(&workspace.path)),
        };
        match found {
            Some(workspace) => self.standing(rows, &workspace.id).await,
            None => Ok(None),
        }
    }
}

/// Where the directory lies that a call names, or that it comes from. It is asked before the call reads anything: no
/// connection to a database waits for a file system.
#[derive(Debug)]
pub(crate) struct Located {
    path: PathBuf,
    found: Result<Location, Fault>,
}

impl Located {
    pub(crate) async fn ahead(entry: &OperationEntry, input: &Value, cx: &Cx<'_>) -> Option<Self> {
        entry.input_schema.pointer("/properties/workspace")?;
        let path = match input.get("workspace") {
            Some(Value::String(reference)) => cx.directory(reference).ok()??,
            Some(_) => return None,
            None => cx.caller.directory.clone()?,
        };
        let found = cx.control.ports.directories.locate(path.clone()).await;
        Some(Self { path, found })
    }
}

/// What the caller is in a workspace; none when it does not exist for them.
pub(crate) async fn role_in(
    rows: &mut Rows,
    principal: &Principal,
    workspace: &WorkspaceRecord,
) -> Result<Option<WorkspaceRole>, Fault> {
    let membership = rows.membership(&workspace.id, principal.owner()).await?;
    Ok(standing(principal, workspace.visibility, membership))
}

fn check_role(role: WorkspaceRole, least: WorkspaceRole, workspace: &WorkspaceRecord) -> Result<(), Fault> {
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
pub(crate) fn not_found(told: &str) -> Fault {
    let told: String = told.chars().take(200).collect();
    Fault::not_found("workspace", told)
        .code("workspace_not_found")
        .param("workspace")
        .hint(
            "`list_workspaces` shows those that you can see; `register_workspace` adds a project of yours, with a \
             marker such as `.git`; to others their owners invite you, and an administrator registers any directory",
        )
}

fn elsewhere(session: &SessionRecord, workspace: &WorkspaceRecord) -> Fault {
    Fault::conflict(format!(
        "the session `{}` works in another workspace than `{}`",
        session.id, workspace.slug
    ))
    .code("session_elsewhere")
    .param("session")
    .hint("start a session in that workspace")
}
