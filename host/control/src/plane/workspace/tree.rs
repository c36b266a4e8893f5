//! Where the tree of a workspace is: a directory that was moved is known by what it is to its file system, and no second
//! workspace is made of it.

use brains_core::Fault;
use brains_core::plane::workspace::{Location, WorkspaceRecord};

use crate::context::Cx;
use crate::workspace_role::role_in;

/// Refuses to make a second workspace of a directory that was moved, or whose git directory was: the caller hears which
/// one it is. One that it does not see does not exist for it.
pub(crate) async fn refuse_moved(cx: &Cx<'_>, location: &Location) -> Result<(), Fault> {
    let Some(workspace) = before_moving(cx, location).await? else { return Ok(()) };
    let WorkspaceRecord { slug, path, .. } = workspace;
    let here = &location.path;
    let was = if path == *here {
        "its git directory was moved".to_owned()
    } else {
        format!("it was moved here from `{path}`")
    };
    Err(Fault::conflict(format!("`{here}` is the directory of the workspace `{slug}`: {was}"))
        .code("workspace_moved")
        .param("workspace")
        .hint(format!(
            "`move_workspace` with `workspace` `{slug}` and `path` `{here}` keeps its tasks, mail and locks; when it shall \
             be another one, `archive_workspace` puts `{slug}` away first"
        )))
}

/// The workspace of the tree at `location` when it is registered elsewhere, and not there any more.
async fn before_moving(cx: &Cx<'_>, location: &Location) -> Result<Option<WorkspaceRecord>, Fault> {
    let Some(tree) = location.tree.as_deref().filter(|_| location.exists) else { return Ok(None) };
    let found = {
        let mut view = cx.control.store.read().await?;
        let there = view.workspace_at(&location.common_dir, &location.path).await?;
        let moved = if there.is_none() { view.workspace_of_tree(tree).await? } else { None };
        match moved.filter(|moved| moved.archived_at.is_none()) {
            Some(moved) if role_in(&mut view, cx.principal, &moved).await?.is_some() => Some(moved),
            _ => None,
        }
    };
    let Some(moved) = found else { return Ok(None) };
    let gone = moved.path == location.path || !is_there(cx, &moved).await?;
    Ok(gone.then_some(moved))
}

/// Whether the tree of a workspace is where it is registered.
pub(super) async fn is_there(cx: &Cx<'_>, workspace: &WorkspaceRecord) -> Result<bool, Fault> {
    let found = cx.control.ports.directories.locate(workspace.path.clone().into()).await?;
    Ok(found.exists && found.path == workspace.path && found.common_dir == workspace.common_dir)
}
