//! Who is a member of a workspace, and as what.

use brains_core::Fault;
use brains_core::plane::workspace::{MemberRecord, WorkspaceRole};
use brains_core::principal::{ADMIN, LOCAL, Role};
use brains_store::Tx;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NOUN;
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::session;
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;

/// Members of a workspace. The administrator may do everything everywhere and is never listed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MemberList {
    members: Vec<MemberRecord>,
}

/// Lists the members of a workspace with their roles.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListWorkspaceMembers {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
}

impl Operation for ListWorkspaceMembers {
    const NAME: &'static str = "list_workspace_members";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "members"])
        .positional(&["workspace"])
        .table("members", &["operator", "role", "created_at"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Who works there",
        command: "workspace members shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = MemberList;

    async fn run(self, cx: &Cx<'_>) -> Result<MemberList, Fault> {
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        Ok(MemberList { members: listed(view.members(&access.workspace.id).await?) })
    }
}

fn listed(members: Vec<MemberRecord>) -> Vec<MemberRecord> {
    members.into_iter().filter(|member| member.operator != ADMIN).collect()
}

/// Makes an operator a member of a workspace, or changes its role.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteToWorkspace {
    /// Slug, id, or a path in it.
    workspace: String,
    /// Slug of the operator.
    operator: String,
    /// What it may do there; `member` when nothing is said.
    role: Option<WorkspaceRole>,
}

impl Operation for InviteToWorkspace {
    const NAME: &'static str = "invite_to_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "invite"])
        .positional(&["workspace", "operator"])
        .shorts(&[("role", 'r')])
        .table("members", &["operator", "role", "created_at"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Somebody who may look",
        command: "workspace invite shop ada --role reader",
        input: r#"{"workspace": "shop", "operator": "ada", "role": "reader"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people();
    type Output = MemberList;

    async fn run(self, cx: &Cx<'_>) -> Result<MemberList, Fault> {
        let access = owned(cx, &self.workspace).await?;
        let role = self.role.unwrap_or(WorkspaceRole::Member);
        let operator = self.operator;
        let members = cx
            .write_in(&access.clone(), None, move |tx, _| {
                Box::pin(async move {
                    check_operator(tx, &operator).await?;
                    if role != WorkspaceRole::Owner {
                        keep_an_owner(tx, &access, &operator).await?;
                    }
                    tx.set_member(&access.workspace.id, &operator, role).await?;
                    tx.record("workspace.invite", json!({ "operator": operator, "role": role })).await?;
                    Ok(tx.members(&access.workspace.id).await?)
                })
            })
            .await?;
        Ok(MemberList { members: listed(members) })
    }
}

/// Takes a membership away. In a private workspace the operator's sessions end with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UninviteFromWorkspace {
    /// Slug, id, or a path in it.
    workspace: String,
    /// Slug of the operator.
    operator: String,
}

impl Operation for UninviteFromWorkspace {
    const NAME: &'static str = "uninvite_from_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "uninvite"])
        .positional(&["workspace", "operator"])
        .table("members", &["operator", "role", "created_at"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Somebody left",
        command: "workspace uninvite shop ada",
        input: r#"{"workspace": "shop", "operator": "ada"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people().destructive();
    type Output = MemberList;

    async fn run(self, cx: &Cx<'_>) -> Result<MemberList, Fault> {
        let access = owned(cx, &self.workspace).await?;
        let operator = self.operator;
        let members = cx
            .write_in(&access.clone(), None, move |tx, _| {
                Box::pin(async move {
                    keep_an_owner(tx, &access, &operator).await?;
                    if !tx.remove_member(&access.workspace.id, &operator).await? {
                        return Err(Fault::not_found("member", &operator)
                            .param("operator")
                            .hint("`brains workspace members` shows them"));
                    }
                    session::end_unseen(tx, &access.workspace).await?;
                    tx.record("workspace.uninvite", json!({ "operator": operator })).await?;
                    Ok(tx.members(&access.workspace.id).await?)
                })
            })
            .await?;
        Ok(MemberList { members: listed(members) })
    }
}

async fn owned(cx: &Cx<'_>, reference: &str) -> Result<WorkspaceAccess, Fault> {
    let mut view = cx.control.store.read().await?;
    cx.workspace(&mut view, Some(reference), WorkspaceRole::Owner).await
}

async fn check_operator(tx: &mut Tx, slug: &str) -> Result<(), Fault> {
    if slug == ADMIN || slug == LOCAL {
        return Err(
            Fault::conflict("the administrator may do everything everywhere already").param("operator")
        );
    }
    match tx.operator(slug).await? {
        Some(operator) if operator.is_active() => Ok(()),
        Some(_) => Err(Fault::conflict(format!("the operator `{slug}` is revoked")).param("operator")),
        None => Err(Fault::not_found("operator", slug).param("operator")),
    }
}

/// The last owner stays one: a workspace that nobody can open is lost to its people.
async fn keep_an_owner(tx: &mut Tx, access: &WorkspaceAccess, operator: &str) -> Result<(), Fault> {
    let workspace = &access.workspace.id;
    if tx.membership(workspace, operator).await? == Some(WorkspaceRole::Owner)
        && tx.owners(workspace).await? == 1
    {
        return Err(Fault::conflict(format!("`{operator}` is the last owner of the workspace"))
            .code("last_owner")
            .param("operator")
            .hint("make somebody else an owner first"));
    }
    Ok(())
}
