//! Which workspace a call is about and whether the caller may do that there. What somebody may not see is not found,
//! in the same words as what does not exist. Nothing is registered here.

use std::path::{Path, PathBuf};

use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::session::{SessionRecord, missing};
use brains_core::plane::workspace::{WorkspaceRecord, WorkspaceRole, standing};
use brains_core::principal::Role;
use brains_core::{Fault, Id};
use brains_store::{Rows, TaskContext, WorkspaceContext};
use serde_json::Value;

use crate::context::Cx;
use crate::session_identity::unknown_session;
use crate::workspace_access::{Located, WorkspaceAccess, check_role, elsewhere, not_found};
use crate::workspace_role::role_in;

/// What a call is told that names no workspace and is made in none.
const NOT_NAMED: &str = "workspace_required";
/// Most workspaces that one call looks at.
const ALL: u32 = 200;

impl Cx<'_> {
    /// The workspace that `reference` names (id, slug or path), or where the caller works when it names none.
    pub(crate) async fn workspace(
        &self,
        rows: &mut Rows,
        reference: Option<&str>,
        least: WorkspaceRole,
    ) -> Result<WorkspaceAccess, Fault> {
        let (found, name) = match reference {
            Some(reference) => (self.referred(rows, reference).await?, reference.to_owned()),
            None => self.current(rows).await?,
        };
        let found = found.ok_or_else(|| not_found(&name))?;
        self.workspace_access(found, least, || not_found(&name))
    }

    /// As [`Cx::workspace`], for what may be asked of all that the caller sees: with none named, and none that the caller
    /// works in.
    pub(crate) async fn workspaces_meant(
        &self,
        rows: &mut Rows,
        reference: Option<&str>,
        least: WorkspaceRole,
    ) -> Result<Vec<WorkspaceAccess>, Fault> {
        match self.workspace(rows, reference, least).await {
            Err(fault) if reference.is_none() && fault.code == NOT_NAMED => {}
            found => return found.map(|access| vec![access]),
        }
        let owner = match self.principal.role {
            Role::Admin => None,
            Role::Member => Some(self.principal.owner()),
        };
        let mut seen = Vec::new();
        for workspace in rows.workspaces(owner, false, "", ALL).await? {
            if let Some(role) = role_in(rows, self.principal, &workspace).await?.filter(|role| *role >= least)
            {
                seen.push(WorkspaceAccess::new(workspace, role, least, self.principal));
            }
        }
        Ok(seen)
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
        let TaskContext { task, siblings, standing } = found.ok_or_else(&absent)?;
        let access = self.workspace_access(standing, least, absent)?;
        Ok((task, WorkspaceAccess { siblings, ..access }))
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
        self.own_session_if_any(rows, named, least).await?.ok_or_else(missing)
    }

    /// As [`Cx::own_session`], for what is done without a session, too.
    pub(crate) async fn own_session_if_any(
        &self,
        rows: &mut Rows,
        named: Option<Id<Session>>,
        least: WorkspaceRole,
    ) -> Result<Option<(SessionRecord, WorkspaceAccess)>, Fault> {
        let now = self.now();
        let Some(id) = &named else {
            let Some(session) = self.session_identity(None).find(rows, now).await? else { return Ok(None) };
            let absent = || unknown_session(&session.id);
            let access = self.workspace_of(rows, &session.workspace, least, absent).await?;
            return Ok(Some((session, access)));
        };
        // Not found before not yours: an id in a workspace that one cannot see does not exist.
        let (session, access) = self.session_in_sight(rows, id, WorkspaceRole::Reader).await?;
        self.session_identity(Some(id.clone())).prove(rows, &session, now).await?;
        session.check_alive(now)?;
        check_role(access.role, least, &access.workspace)?;
        Ok(Some((session, WorkspaceAccess { least, ..access })))
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
        Ok(WorkspaceAccess::new(workspace, role, least, self.principal))
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
                .code(NOT_NAMED)
                .param("workspace")
                .hint("send `workspace`: a slug, an id, or the absolute path of a directory in it"));
        };
        let name = directory.display().to_string();
        Ok((self.at(rows, directory).await?, name))
    }

    /// The directory that an operation is about: the one that is named, from where the caller works when it is relative, or
    /// where the caller works.
    pub(crate) fn directory_at(&self, path: Option<&str>) -> Result<PathBuf, Fault> {
        let here = self.caller.directory.as_ref();
        let found = match path {
            Some(path) => self.directory(path)?.or_else(|| here.map(|at| at.join(path))),
            None => here.cloned(),
        };
        found.ok_or_else(|| {
            Fault::invalid("`path` must be absolute: where you are is not known")
                .code("relative_path")
                .param("path")
        })
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

    /// What the directory of a workspace is to its file system, when the call came from there.
    pub(crate) fn tree_of(&self, workspace: &WorkspaceRecord) -> Option<String> {
        let location = self.located?.found.as_ref().ok()?;
        let there = (&location.path, &location.common_dir) == (&workspace.path, &workspace.common_dir);
        location.tree.clone().filter(|_| there)
    }

    /// Finds out where the directory lies that a call names, or that it comes from, before it reads anything.
    pub(crate) async fn locate_ahead(&self, schema: &Value, input: &Value) -> Option<Located> {
        schema.pointer("/properties/workspace")?;
        let path = match input.get("workspace") {
            Some(Value::String(reference)) => self.directory(reference).ok()??,
            Some(_) => return None,
            None => self.caller.directory.clone()?,
        };
        let found = self.control.ports.directories.locate(path.clone()).await;
        Some(Located { path, found })
    }
}
