//! Changing one workspace: its names, whether work goes on in it, who sees it.

use brains_core::plane::workspace::{Visibility, WorkspaceRecord, WorkspaceRole, check_name, check_slug};
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use brains_store::{Scope, Scopes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{NOUN, WorkspaceAnswer, WorkspaceLine};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::session;
use crate::tool::ToolShape;

/// Renames a workspace: its slug, its name for people, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameWorkspace {
    /// Slug, id, or a path in it.
    workspace: String,
    /// The new slug.
    slug: Option<String>,
    /// The new name for people.
    name: Option<String>,
}

impl Operation for RenameWorkspace {
    const NAME: &'static str = "rename_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "rename"]).positional(&["workspace", "slug"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Another slug",
        command: "workspace rename shop store",
        input: r#"{"workspace": "shop", "slug": "store"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people();
    type Output = WorkspaceAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceAnswer, Fault> {
        if self.slug.is_none() && self.name.is_none() {
            return Err(Fault::invalid("neither `slug` nor `name` is given").param("slug"));
        }
        if let Some(slug) = &self.slug {
            check_slug(slug)?;
        }
        let name = self.name.as_deref().map(check_name).transpose()?;
        let slug = self.slug;
        change(cx, &self.workspace, WorkspaceRole::Maintainer, "workspace.rename", move |workspace, _| {
            workspace.slug = slug.unwrap_or_else(|| workspace.slug.clone());
            workspace.name = name.unwrap_or_else(|| workspace.name.clone());
            Ok(json!({ "slug": workspace.slug, "name": workspace.name }))
        })
        .await
    }
}

/// Puts a workspace away: nobody works in it until it is brought back. Nothing of it is lost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveWorkspace {
    /// Slug, id, or a path in it.
    workspace: String,
}

impl Operation for ArchiveWorkspace {
    const NAME: &'static str = "archive_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "archive"]).positional(&["workspace"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Put one away",
        command: "workspace archive shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people().destructive();
    type Output = WorkspaceAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceAnswer, Fault> {
        change(cx, &self.workspace, WorkspaceRole::Maintainer, "workspace.archive", |workspace, now| {
            if workspace.archived_at.is_some() {
                return Err(Fault::conflict(format!(
                    "the workspace `{}` is archived already",
                    workspace.slug
                )));
            }
            workspace.archived_at = Some(now);
            Ok(json!({ "slug": workspace.slug }))
        })
        .await
    }
}

/// Brings an archived workspace back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnarchiveWorkspace {
    /// Slug, id, or a path in it.
    workspace: String,
}

impl Operation for UnarchiveWorkspace {
    const NAME: &'static str = "unarchive_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "unarchive"]).positional(&["workspace"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Work in it again",
        command: "workspace unarchive shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people();
    type Output = WorkspaceAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceAnswer, Fault> {
        change(cx, &self.workspace, WorkspaceRole::Maintainer, "workspace.unarchive", |workspace, _| {
            if workspace.archived_at.take().is_none() {
                return Err(Fault::conflict(format!("the workspace `{}` is not archived", workspace.slug)));
            }
            Ok(json!({ "slug": workspace.slug }))
        })
        .await
    }
}

/// Says who sees a workspace: everybody, or its members only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetWorkspaceVisibility {
    /// Slug, id, or a path in it.
    workspace: String,
    /// Who sees it.
    visibility: Visibility,
}

impl Operation for SetWorkspaceVisibility {
    const NAME: &'static str = "set_workspace_visibility";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape =
        CliShape::new(&["workspace", "visibility"]).positional(&["workspace", "visibility"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "For its members only",
        command: "workspace visibility shop private",
        input: r#"{"workspace": "shop", "visibility": "private"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people();
    type Output = WorkspaceAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceAnswer, Fault> {
        let visibility = self.visibility;
        change(cx, &self.workspace, WorkspaceRole::Owner, "workspace.visibility", move |workspace, _| {
            workspace.visibility = visibility;
            Ok(json!({ "slug": workspace.slug, "visibility": visibility }))
        })
        .await
    }
}

/// Changes the row of a workspace. Both scopes are held: a slug is unique over all of them.
async fn change<F>(
    cx: &Cx<'_>,
    reference: &str,
    least: WorkspaceRole,
    action: &'static str,
    alter: F,
) -> Result<WorkspaceAnswer, Fault>
where
    F: FnOnce(&mut WorkspaceRecord, Millis) -> Result<serde_json::Value, Fault> + Send + 'static,
{
    let access = {
        let mut view = cx.control.store.read().await?;
        cx.workspace(&mut view, Some(reference), least).await?.even_archived()
    };
    let role = access.role;
    let scopes = Scopes::new(access.scope(), vec![Scope::global()]);
    let workspace = cx
        .write(scopes, move |tx| {
            Box::pin(async move {
                let mut workspace = access.confirm(tx).await?;
                let detail = alter(&mut workspace, tx.now())?;
                tx.save_workspace(&workspace).await?;
                session::end_unseen(tx, &workspace).await?;
                tx.record(action, detail).await?;
                Ok(workspace)
            })
        })
        .await?;
    cx.control.freed.notify_waiters();
    Ok(WorkspaceAnswer { workspace: WorkspaceLine { workspace, role } })
}
