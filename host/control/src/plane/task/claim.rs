//! Who works on a task: a session claims one, gets the next one, or gives it back.

use brains_core::Fault;
use brains_core::id::{Id, Session};
use brains_core::plane::task::moves::Claimed;
use brains_core::plane::task::{Priority, TaskRecord, check_lease, check_tags};
use brains_core::plane::workspace::{WorkspaceRecord, WorkspaceRole};
use brains_core::principal::Role;
use brains_store::{ReadyFilter, ReadyTask, Rows, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Change, Changed, NOUN, Named, TaskShown, Who, change, event_detail, idle, load, locate, optional_text,
};
use crate::context::Cx;
use crate::idempotency::lapsed;
use crate::input::string_list::StringList;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;
use crate::workspace_role::role_in;

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
    let action = if how == Claimed::Fresh { "task.claim" } else { "task.renew" };
    tx.record_in(&access.scope(), action, event_detail(&task, detail, None)).await?;
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
/// oldest, of those that wait for nothing, here or for all working trees. No two askers get the same.
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
    /// Why there is none: what waits for what.
    #[serde(default)]
    why: Option<String>,
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
        let (access, trees) = {
            let mut view = cx.control.store.read().await?;
            let access = match (&self.workspace, &self.session) {
                (None, Some(session)) => {
                    cx.own_session(&mut view, Some(session.clone()), WorkspaceRole::Member).await?.1
                }
                (reference, _) => {
                    cx.workspace(&mut view, reference.as_deref(), WorkspaceRole::Member).await?
                }
            };
            let trees = with_tasks_for_all(cx, &mut view, &access).await?;
            (access.beside(&trees), trees)
        };
        let (who, inside) = (Who::of(cx, &access), access.clone());
        cx.grant_as(
            &access,
            self.session,
            move |tx, session| {
                Box::pin(async move {
                    let filter = ReadyFilter {
                        workspace: inside.workspace.id.clone(),
                        siblings: trees.iter().map(|tree| tree.id.clone()).collect(),
                        names: vec![session.id.to_string(), who.operator.clone()],
                        priority,
                        tags,
                    };
                    let Some(ReadyTask { id, workspace, .. }) = tx.ready_task(&filter).await? else {
                        let ReadyFilter { names, tags, priority, .. } = filter;
                        let all = tags.is_empty() && priority.is_none();
                        let why = idle::reason(tx, &inside, &names, &tags, all).await?;
                        return Ok(NextGiven { task: None, why: Some(why) });
                    };
                    let before = load(tx, &id).await?;
                    let mut place = inside;
                    if let Some(tree) = trees.into_iter().find(|tree| tree.id == workspace) {
                        place.workspace = tree;
                        place.confirm(tx).await?;
                    }
                    let task = claim(tx, &place, &who, &session.id, before, lease_ms).await?;
                    Ok(NextGiven { task: Some(task), why: None })
                })
            },
            |tx, NextGiven { task, why }| {
                Box::pin(async move {
                    let task = match task {
                        Some(task) => Some(still_claimed(tx, task).await?),
                        None => None,
                    };
                    Ok(NextGiven { task, why })
                })
            },
        )
        .await
    }
}

/// The other working trees of the repository in which a task waits that is for all of them, and in which the caller may
/// work: a write that gives one holds them, too.
async fn with_tasks_for_all(
    cx: &Cx<'_>,
    rows: &mut Rows,
    access: &WorkspaceAccess,
) -> Result<Vec<WorkspaceRecord>, Fault> {
    let mut trees = Vec::new();
    for tree in cx.siblings(rows, &access.workspace).await? {
        let role = role_in(rows, cx.principal, &tree).await?;
        if role.is_some_and(|role| role >= WorkspaceRole::Member) && rows.waits_for_all(&tree.id).await? {
            trees.push(tree);
        }
    }
    Ok(trees)
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
