//! The end of a task: completed, handed on, archived, or taken up again.

use brains_core::Fault;
use brains_core::id::{Id, Session, Task};
use brains_core::plane::task::{Priority, TaskRecord};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::Tx;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::write::{Draft, created};
use super::{
    Change, Changed, NOUN, Named, TaskShown, Who, change, event_detail, load, locate, needs, optional_text,
};
use crate::context::Cx;
use crate::input::string_list::StringList;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Tasks that are named as waiting.
const WAITING: u32 = 20;

/// Ends a task that your session holds. What waited for it can be claimed from then on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteTask {
    /// Code or id of the task.
    task: String,
    /// What was done.
    summary: Option<String>,
    /// The session that holds it.
    session: Option<Id<Session>>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for CompleteTask {
    const NAME: &'static str = "complete_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "complete"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Say that it is done",
        command: "task complete APP-12 --summary \"fixed in 3f2a1c\"",
        input: r#"{"task": "APP-12", "summary": "fixed in 3f2a1c"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["summary"]);
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let summary = optional_text("summary", self.summary)?;
        let asked = Change {
            task: self.task,
            session: self.session,
            expected_revision: self.expected_revision,
            word: "completed",
            action: "task.complete",
            note: summary.clone(),
        };
        change(cx, asked, |task, mover, now| task.complete(mover, now, summary).map(Changed::new)).await
    }
}

/// Takes a task up again that was done or archived.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReopenTask {
    /// Code or id of the task.
    task: String,
    /// Why it is not over.
    reason: Option<String>,
    /// The session that reopens it.
    session: Option<Id<Session>>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for ReopenTask {
    const NAME: &'static str = "reopen_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "reopen"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "It came back",
        command: "task reopen APP-12 --reason \"fails again on main\"",
        input: r#"{"task": "APP-12", "reason": "fails again on main"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let asked = Change {
            task: self.task,
            session: self.session,
            expected_revision: self.expected_revision,
            word: "reopened",
            action: "task.reopen",
            note: optional_text("reason", self.reason)?,
        };
        change(cx, asked, |task, _, _| task.reopen().map(Changed::new)).await
    }
}

/// Puts a task out of sight. One that others still wait for must be done first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveTask {
    /// Code or id of the task.
    task: String,
    /// Why.
    reason: Option<String>,
    /// The session that archives it.
    session: Option<Id<Session>>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for ArchiveTask {
    const NAME: &'static str = "archive_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "archive"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Nobody needs it any more",
        command: "task archive APP-12",
        input: r#"{"task": "APP-12"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted().destructive();
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let (reason, expected) = (optional_text("reason", self.reason)?, self.expected_revision);
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        let (who, workspace) = (Who::of(cx, &access), access.workspace.id.clone());
        cx.write_in(&access, self.session, move |tx, session| {
            Box::pin(async move {
                let before = load(tx, &id).await?;
                before.expect_revision(expected)?;
                let waiting = dependents(tx, &id, &before.code).await?;
                let session = session.map(|session| session.id);
                let after = before.clone().archive(who.mover(session.as_ref()), &waiting)?;
                let task = tx.save_task(&workspace, &before, after, "archived", reason.as_deref()).await?;
                tx.record("task.archive", event_detail(&task, Value::Null, reason.as_deref())).await?;
                Ok(TaskShown { task })
            })
        })
        .await
    }
}

/// Codes of open tasks that wait for this one, by dependency or because they are blocked on it.
async fn dependents(tx: &mut Tx, id: &Id<Task>, code: &str) -> Result<Vec<String>, Fault> {
    let mut waiting = tx.waiting_for(id, WAITING).await?;
    for blocked in tx.blocked_on(code).await? {
        if !waiting.contains(&blocked.code) {
            waiting.push(blocked.code);
        }
    }
    Ok(waiting)
}

/// Ends a task and opens the one that follows from it, in one step. The new one depends on the old one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandoffTask {
    /// Code or id of the task that ends.
    task: String,
    /// One line that says what is to be done next.
    title: String,
    /// Everything that whoever does it must know.
    #[serde(default)]
    body: String,
    /// How urgent the next one is, `p0` first.
    #[serde(default)]
    priority: Priority,
    /// Codes of further tasks that must be done first.
    #[serde(default)]
    depends_on: StringList,
    /// Words to find the next one by.
    #[serde(default)]
    tags: StringList,
    /// Session or operator that alone may claim the next one.
    assignee: Option<String>,
    /// What was done.
    summary: Option<String>,
    /// The session that holds the task that ends.
    session: Option<Id<Session>>,
    /// Refuse if the task that ends has another revision by now.
    expected_revision: Option<u64>,
}

/// The task that ended and the one that follows.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HandedOn {
    completed: TaskRecord,
    next: TaskRecord,
}

impl Operation for HandoffTask {
    const NAME: &'static str = "handoff_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "handoff"]).positional(&["task", "title"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Done with the code, somebody reviews",
        command: "task handoff APP-12 \"Review the login fix\" --summary \"fixed in 3f2a1c\"",
        input: r#"{"task": "APP-12", "title": "Review the login fix", "summary": "fixed in 3f2a1c"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["body", "summary"]);
    type Output = HandedOn;

    async fn run(self, cx: &Cx<'_>) -> Result<HandedOn, Fault> {
        let draft = Draft::check(&self.title, self.body, self.priority, &self.tags, self.assignee)?;
        let (summary, expected) = (optional_text("summary", self.summary)?, self.expected_revision);
        let depends_on = self.depends_on.0;
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        let (who, inside) = (Who::of(cx, &access), access.clone());
        cx.write_in(&access, self.session, move |tx, session| {
            Box::pin(async move {
                let before = load(tx, &id).await?;
                before.expect_revision(expected)?;
                let session = session.map(|session| session.id);
                let after =
                    before.clone().complete(who.mover(session.as_ref()), tx.now(), summary.clone())?;
                let completed = tx
                    .save_task(&inside.workspace.id, &before, after, "completed", summary.as_deref())
                    .await?;
                let mut first = vec![completed.code.clone()];
                first.extend(depends_on);
                let needs = needs(tx, &inside, &first).await?;
                // Whoever could take the one may take the other.
                let mut draft = draft;
                draft.siblings = before.siblings;
                let next = draft.insert(tx, &inside, needs).await?;
                let detail = json!({ "next": next.code });
                tx.record("task.complete", event_detail(&completed, detail, summary.as_deref())).await?;
                tx.record("task.create", event_detail(&next, created(&next), None)).await?;
                Ok(HandedOn { completed, next })
            })
        })
        .await
    }
}
