//! Working on tasks: taking one, giving it back, ending it, stopping it, handing it on.

use brains_core::Fault;
use brains_core::id::{Id, Session, Task};
use brains_core::plane::task::moves::Claimed;
use brains_core::plane::task::{Priority, TaskRecord, check_lease, check_said, check_tags, check_text};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::{ReadyFilter, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::write::{Draft, created, refuse_circle};
use super::{Change, Changed, NOUN, Named, TaskShown, Who, change, event_detail, load, locate, need, needs};
use crate::access::WorkspaceAccess;
use crate::context::Cx;
use crate::idempotency::lapsed;
use crate::input::string_list::StringList;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Tasks that are named as waiting.
const WAITING: u32 = 20;
/// How far a chain of blocked tasks is followed.
const CHAIN: usize = 1_000;

/// Claims a task for your session: nobody else can then. Claiming again renews the lease.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimTask {
    /// Code or id of the task.
    task: String,
    /// The session that takes it.
    session: Option<Id<Session>>,
    /// Give it back by itself after so many minutes; left out, when the session ends.
    #[schemars(range(min = 1, max = 1440))]
    lease_minutes: Option<i64>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for ClaimTask {
    const NAME: &'static str = "claim_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "claim"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Take a task",
        command: "task claim APP-12 --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"task": "APP-12", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&[]).idempotent();
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let lease_ms = check_lease(self.lease_minutes)?;
        let expected = self.expected_revision;
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        let (who, inside) = (Who::of(cx, &access), access.clone());
        cx.grant_as(
            &access,
            self.session,
            move |tx, session| {
                Box::pin(async move {
                    let before = load(tx, &id).await?;
                    before.expect_revision(expected)?;
                    claim(tx, &inside, &who, &session.id, before, lease_ms)
                        .await
                        .map(|task| TaskShown { task })
                })
            },
            |tx, TaskShown { task }| {
                Box::pin(async move { Ok(TaskShown { task: still_claimed(tx, task).await? }) })
            },
        )
        .await
    }
}

async fn claim(
    tx: &mut Tx,
    access: &WorkspaceAccess,
    who: &Who,
    session: &Id<Session>,
    before: TaskRecord,
    lease_ms: Option<i64>,
) -> Result<TaskRecord, Fault> {
    let (after, how) = before.clone().claim(who.mover(Some(session)), tx.now(), lease_ms)?;
    let word = match how {
        Claimed::Renewed if after.lease_expires_at == before.lease_expires_at => return Ok(before),
        Claimed::Renewed => "renewed",
        Claimed::Fresh => "claimed",
    };
    let task = tx.save_task(&access.workspace.id, &before, after, word, None).await?;
    let detail =
        json!({ "holder": session, "attempt": task.attempts, "lease_expires_at": task.lease_expires_at });
    tx.record(
        if how == Claimed::Fresh { "task.claim" } else { "task.renew" },
        event_detail(&task, detail, None),
    )
    .await?;
    Ok(task)
}

/// A task that was claimed before, as it is now; one that its session does not hold any more is no grant.
async fn still_claimed(tx: &mut Tx, before: TaskRecord) -> Result<TaskRecord, Fault> {
    let now = tx.now();
    let task = load(tx, &before.id).await?;
    let holder = match &before.holder {
        Some(holder) => tx.session(holder).await?,
        None => None,
    };
    // A task that is done keeps the name of who did it.
    let runs = !task.status.is_closed() && task.lease_expires_at.is_none_or(|until| until > now);
    if task.holder == before.holder && runs && holder.is_some_and(|holder| holder.lives(now)) {
        return Ok(task);
    }
    Err(lapsed(format!("the session does not hold the task `{}` any more", task.code)))
}

/// Gives you the next task and claims it for your session: first what is assigned to you, then the most urgent, then the
/// oldest, of those that wait for nothing. No two askers get the same.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextTask {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// The session that takes it.
    session: Option<Id<Session>>,
    /// Only tasks at least this urgent.
    priority: Option<Priority>,
    /// Only tasks with all of these tags.
    #[serde(default)]
    tags: StringList,
    /// Give it back by itself after so many minutes; left out, when the session ends.
    #[schemars(range(min = 1, max = 1440))]
    lease_minutes: Option<i64>,
}

/// The task that you have now; none when nothing can be worked on.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NextGiven {
    task: Option<TaskRecord>,
}

impl Operation for NextTask {
    const NAME: &'static str = "next_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "next"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Work on whatever is most urgent",
        command: "task next --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["workspace"]);
    type Output = NextGiven;

    async fn run(self, cx: &Cx<'_>) -> Result<NextGiven, Fault> {
        let lease_ms = check_lease(self.lease_minutes)?;
        let (tags, priority) = (check_tags(&self.tags.0)?, self.priority);
        let access = {
            let mut view = cx.control.store.read().await?;
            match (&self.workspace, &self.session) {
                (None, Some(session)) => {
                    cx.own_session(&mut view, Some(session.clone()), WorkspaceRole::Member).await?.1
                }
                (reference, _) => {
                    cx.workspace(&mut view, reference.as_deref(), WorkspaceRole::Member).await?
                }
            }
        };
        let (who, inside) = (Who::of(cx, &access), access.clone());
        cx.grant_as(
            &access,
            self.session,
            move |tx, session| {
                Box::pin(async move {
                    let filter = ReadyFilter {
                        workspace: inside.workspace.id.clone(),
                        names: vec![session.id.to_string(), who.operator.clone()],
                        priority,
                        tags,
                    };
                    let Some(id) = tx.ready_task(&filter).await? else { return Ok(NextGiven { task: None }) };
                    let before = load(tx, &id).await?;
                    let task = claim(tx, &inside, &who, &session.id, before, lease_ms).await?;
                    Ok(NextGiven { task: Some(task) })
                })
            },
            |tx, NextGiven { task }| {
                Box::pin(async move {
                    let task = match task {
                        Some(task) => Some(still_claimed(tx, task).await?),
                        None => None,
                    };
                    Ok(NextGiven { task })
                })
            },
        )
        .await
    }
}

/// Gives a task back that your session holds, so that others can claim it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseTask {
    /// Code or id of the task.
    task: String,
    /// Why, for whoever takes it next.
    reason: Option<String>,
    /// The session that holds it.
    session: Option<Id<Session>>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
}

impl Operation for ReleaseTask {
    const NAME: &'static str = "release_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "release"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Give it back with a reason",
        command: "task release APP-12 --reason \"needs a Windows machine\"",
        input: r#"{"task": "APP-12", "reason": "needs a Windows machine"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["reason"]);
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let asked = Change {
            task: self.task,
            session: self.session,
            expected_revision: self.expected_revision,
            word: "released",
            action: "task.release",
            note: optional_text("reason", self.reason)?,
        };
        change(cx, asked, |task, mover, _| {
            let detail = json!({ "holder": task.holder });
            Ok(Changed { task: task.release(mover)?, detail })
        })
        .await
    }
}

/// A text that may be left out; an empty one is none.
fn optional_text(param: &'static str, text: Option<String>) -> Result<Option<String>, Fault> {
    text.filter(|text| !text.trim().is_empty()).map(|text| check_text(param, text)).transpose()
}

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
    let code = on.code.clone();
    let mut next = Some(on);
    for _ in 0..CHAIN {
        let Some(at) = next.take() else { break };
        if at.id == task.id {
            return Err(Fault::conflict(format!("`{}` and `{code}` would wait for each other", task.code))
                .code("dependency_circle")
                .param("on")
                .hint("unblock one of them first"));
        }
        let Some(further) = at.block.and_then(|block| block.on) else { break };
        next = match tx.task_of_code(&further).await? {
            Some(found) => tx.task(&found.id).await?,
            None => None,
        };
    }
    Ok(code)
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
