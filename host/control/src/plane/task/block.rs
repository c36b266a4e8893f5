//! Tasks that cannot go on: what is in the way, and that it is out of the way again.

use brains_core::Fault;
use brains_core::id::{Id, Session};
use brains_core::plane::task::{TaskRecord, check_said};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::Tx;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::write::refuse_circle;
use super::{
    Change, Changed, NOUN, Named, TaskShown, Who, change, event_detail, load, locate, need, optional_text,
};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;

/// Says that a task cannot go on, and why. Its holder lets go of it; with `on` it goes on by itself when that task is done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockTask {
    /// Code or id of the task.
    task: String,
    /// What is in the way.
    reason: String,
    /// Code of the task of the same workspace that is in the way.
    on: Option<String>,
    /// The session that says so.
    session: Option<Id<Session>>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for BlockTask {
    const NAME: &'static str = "block_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "block"]).positional(&["task", "reason"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Wait for another task",
        command: "task block APP-12 \"the schema changes\" --on APP-9",
        input: r#"{"task": "APP-12", "reason": "the schema changes", "on": "APP-9"}"#,
    }];
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let reason = check_said("reason", self.reason)?;
        let (on, expected) = (self.on, self.expected_revision);
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        let (who, inside) = (Who::of(cx, &access), access.clone());
        cx.write_in(&access, self.session, move |tx, session| {
            Box::pin(async move {
                let before = load(tx, &id).await?;
                before.expect_revision(expected)?;
                let on = match on {
                    Some(on) => Some(blocker(tx, &inside, &before, &on).await?),
                    None => None,
                };
                let session = session.map(|session| session.id);
                let after = before.clone().block(
                    who.mover(session.as_ref()),
                    tx.now(),
                    reason.clone(),
                    on.clone(),
                )?;
                let task =
                    tx.save_task(&inside.workspace.id, &before, after, "blocked", Some(&reason)).await?;
                tx.record("task.block", event_detail(&task, json!({ "on": on }), Some(&reason))).await?;
                Ok(TaskShown { task })
            })
        })
        .await
    }
}

/// The code of the task that is in the way, unless waiting for it would have no end.
async fn blocker(
    tx: &mut Tx,
    access: &WorkspaceAccess,
    task: &TaskRecord,
    on: &str,
) -> Result<String, Fault> {
    let on = need(tx, access, on, "on").await?;
    if on.status.is_closed() {
        return Err(Fault::conflict(format!("`{}` is {} already: it is not in the way", on.code, on.status))
            .code("task_closed")
            .param("on"));
    }
    refuse_circle(tx, task, std::slice::from_ref(&on)).await.map_err(|fault| fault.param("on"))?;
    Ok(on.code)
}

/// Lets a blocked task go on: it can be claimed again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnblockTask {
    /// Code or id of the task.
    task: String,
    /// What changed.
    reason: Option<String>,
    /// The session that says so.
    session: Option<Id<Session>>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for UnblockTask {
    const NAME: &'static str = "unblock_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "unblock"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "The way is free",
        command: "task unblock APP-12",
        input: r#"{"task": "APP-12"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let asked = Change {
            task: self.task,
            session: self.session,
            expected_revision: self.expected_revision,
            word: "unblocked",
            action: "task.unblock",
            note: optional_text("reason", self.reason)?,
        };
        change(cx, asked, |task, _, _| task.unblock().map(Changed::new)).await
    }
}
