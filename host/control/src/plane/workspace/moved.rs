//! Putting a workspace where its directory was moved to, with everything of it.

use brains_core::Fault;
use brains_core::plane::workspace::{Location, WorkspaceRecord, WorkspaceRole};
use brains_core::principal::Role;
use brains_store::{Scope, Scopes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::tree::is_there;
use super::{DirectoryClaim, NOUN, WorkspaceAnswer, WorkspaceLine};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::not_found;
use crate::workspace_role::role_in;

/// Puts a workspace where its directory is now, after that was moved. Its id, slug, tasks, mail, sessions and locks stay. A
/// directory that is not known to be the same one takes a maintainer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveWorkspace {
    /// Slug, id, or the path that it had.
    workspace: String,
    /// Absolute path of where it is now; where the caller works when nothing is said.
    path: Option<String>,
}

impl Operation for MoveWorkspace {
    const NAME: &'static str = "move_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "move"]).positional(&["workspace", "path"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "After `git worktree move`",
        command: "workspace move shop-fix /home/ada/trees/shop-fix",
        input: r#"{"workspace": "shop-fix", "path": "/home/ada/trees/shop-fix"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted().idempotent();
    type Output = WorkspaceAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceAnswer, Fault> {
        let path = cx.directory_at(self.path.as_deref())?;
        let reference = path.display().to_string();
        let to = cx.control.ports.directories.locate(path).await?;
        let (access, same) = {
            let mut view = cx.control.store.read().await?;
            let access = cx.workspace(&mut view, Some(&self.workspace), WorkspaceRole::Member).await?;
            let same = match &to.tree {
                Some(tree) => view.workspace_of_tree(tree).await?,
                None => None,
            };
            if same.is_some_and(|same| same.id == access.workspace.id) {
                (access, true)
            } else {
                (cx.workspace(&mut view, Some(&self.workspace), WorkspaceRole::Maintainer).await?, false)
            }
        };
        let (before, role) = (access.workspace.clone(), access.role);
        let stays = (&before.path, &before.common_dir) == (&to.path, &to.common_dir);
        if before.path != to.path && is_there(cx, &before).await? {
            return Err(Fault::conflict(format!(
                "the workspace `{}` is still at `{}`",
                before.slug, before.path
            ))
            .code("workspace_in_place")
            .param("workspace")
            .hint("move its directory first; `register_workspace` makes a workspace of another one"));
        }
        let claim = DirectoryClaim::of(cx, &to);
        let absent = not_found(&reference).param("path");
        // A tree that is the same one took its git directory along, and its siblings find that there now.
        let with_siblings = same && before.common_dir != to.common_dir && before.common_dir != before.path;
        let scopes = Scopes::new(access.scope(), vec![Scope::global()]);
        let workspace = cx
            .write(scopes, move |tx| {
                Box::pin(async move {
                    let workspace = access.confirm(tx).await?;
                    if stays {
                        return Ok(workspace);
                    }
                    let taken = tx.workspace_at(&to.common_dir, &to.path).await?;
                    if let Some(taken) = taken.filter(|taken| taken.id != workspace.id) {
                        let role = role_in(tx, &access.principal, &taken).await?;
                        return Err(role.map_or(absent, |_| exists(&taken)));
                    }
                    let others_below = tx.others_below(&to.path, access.principal.owner()).await?;
                    match claim {
                        DirectoryClaim::Any => {}
                        DirectoryClaim::Project if !others_below => {}
                        DirectoryClaim::Project | DirectoryClaim::Missing | DirectoryClaim::None => {
                            return Err(absent);
                        }
                    }
                    tx.move_workspace(&workspace, &to, with_siblings).await?;
                    let detail = json!({ "slug": workspace.slug, "from": workspace.path, "to": to.path });
                    tx.record("workspace.move", detail).await?;
                    let Location { path, common_dir, .. } = to;
                    Ok(WorkspaceRecord { path, common_dir, ..workspace })
                })
            })
            .await?;
        Ok(WorkspaceAnswer { workspace: WorkspaceLine { workspace, role } })
    }
}

fn exists(taken: &WorkspaceRecord) -> Fault {
    Fault::conflict(format!("`{}` is the workspace `{}` already", taken.path, taken.slug))
        .code("workspace_exists")
        .param("path")
        .hint(format!("work in `{}`, or `archive_workspace` one of the two", taken.slug))
}
