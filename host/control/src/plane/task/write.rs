//! Making a task, rewriting it, naming who does it, talking about it.

use brains_core::Fault;
use brains_core::id::{Id, Session};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::task::graph::{Edge, circle};
use brains_core::plane::task::{
    Priority, TaskComment, TaskRecord, check_said, check_tags, check_text, check_title,
};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::{NewTask, Rows, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{NOUN, Named, TaskShown, event_detail, load, locate, needs};
use crate::context::Cx;
use crate::input::string_list::StringList;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;
use crate::workspace_role::role_in;

/// Creates a task in a workspace. It can be claimed once everything that it depends on is done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTask {
    /// One line that says what is to be done.
    title: String,
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// Everything that whoever does it must know.
    #[serde(default)]
    body: String,
    /// How urgent it is, `p0` first.
    #[serde(default)]
    priority: Priority,
    /// Codes of tasks that must be done first.
    #[serde(default)]
    depends_on: StringList,
    /// Words to find it by.
    #[serde(default)]
    tags: StringList,
    /// Session or operator that alone may claim it.
    assignee: Option<String>,
    /// Any working tree of the repository may claim it.
    #[serde(default)]
    siblings: bool,
    /// The session that creates it.
    session: Option<Id<Session>>,
}

impl Operation for CreateTask {
    const NAME: &'static str = "create_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "create"]).positional(&["title"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Leave work for whoever is free",
            command: "task create \"Fix the flaky login test\" --priority p1 --tags tests",
            input: r#"{"title": "Fix the flaky login test", "priority": "p1", "tags": ["tests"]}"#,
        },
        Example {
            title: "Work that comes after other work",
            command: "task create \"Release\" --depends-on APP-1,APP-2",
            input: r#"{"title": "Release", "depends_on": ["APP-1", "APP-2"]}"#,
        },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["body", "priority", "depends_on"]);
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let mut draft = Draft::check(&self.title, self.body, self.priority, &self.tags, self.assignee)?;
        draft.siblings = self.siblings;
        let access = {
            let mut view = cx.control.store.look().await?;
            cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Member).await?
        };
        let (depends_on, inside) = (self.depends_on.0, access.clone());
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                let needs = needs(tx, &inside, &depends_on).await?;
                let task = draft.insert(tx, &inside, needs).await?;
                tx.record("task.create", event_detail(&task, created(&task), None)).await?;
                Ok(TaskShown { task })
            })
        })
        .await
    }
}

/// What an event tells of a fresh task.
pub(super) fn created(task: &TaskRecord) -> Value {
    json!({ "title": task.title, "priority": task.priority, "depends_on": task.depends_on })
}

/// A task as somebody wants it, checked.
#[derive(Debug)]
pub(super) struct Draft {
    title: String,
    body: String,
    priority: Priority,
    tags: Vec<String>,
    assignee: Option<String>,
    pub(super) siblings: bool,
}

impl Draft {
    pub(super) fn check(
        title: &str,
        body: String,
        priority: Priority,
        tags: &StringList,
        assignee: Option<String>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            title: check_title("title", title)?,
            body: check_text("body", body)?,
            priority,
            tags: check_tags(&tags.0)?,
            assignee,
            siblings: false,
        })
    }

    pub(super) async fn insert(
        self,
        tx: &mut Tx,
        access: &WorkspaceAccess,
        needs: Vec<TaskRecord>,
    ) -> Result<TaskRecord, Fault> {
        let Self { title, body, priority, tags, assignee, siblings } = self;
        if let Some(assignee) = &assignee {
            check_assignee(tx, access, assignee).await?;
        }
        let new = NewTask { title, body, priority, tags, needs, assignee, siblings };
        Ok(tx.insert_task(&access.workspace.id, &access.workspace.slug, &new).await?)
    }
}

/// Refuses an assignee that could never claim the task.
async fn check_assignee(tx: &mut Tx, access: &WorkspaceAccess, assignee: &str) -> Result<(), Fault> {
    let now = tx.now();
    let absent = |what: &str| {
        Fault::not_found(what, assignee.chars().take(100).collect::<String>())
            .code("assignee_not_found")
            .param("assignee")
            .hint("name a live session of the workspace, or an operator who can work in it")
    };
    if let Some(id) = Id::<Session>::parse(assignee) {
        let there = |session: &SessionRecord| session.workspace == access.workspace.id;
        let session = tx.session(&id).await?.filter(there).ok_or_else(|| absent("session"))?;
        return session.check_alive(now).map_err(|fault| fault.param("assignee"));
    }
    let principal = brains_core::Principal {
        operator: assignee.to_owned(),
        role: Role::Member,
        ..brains_core::Principal::local()
    };
    let role = match tx.operator(assignee).await? {
        Some(operator) if operator.is_active() => {
            let principal = brains_core::Principal { role: operator.role, ..principal };
            role_in(tx, &principal, &access.workspace).await?
        }
        Some(_) => None,
        // The built-in operator has no row.
        None => (assignee == brains_core::principal::ADMIN).then_some(WorkspaceRole::Owner),
    };
    if role.is_some_and(|role| role >= WorkspaceRole::Member) { Ok(()) } else { Err(absent("operator")) }
}

/// Changes what a task says, how urgent it is or what it waits for. What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTask {
    /// Code or id of the task.
    task: String,
    /// One line that says what is to be done.
    title: Option<String>,
    /// Everything that whoever does it must know.
    body: Option<String>,
    /// How urgent it is, `p0` first.
    priority: Option<Priority>,
    /// All its tags from now on.
    tags: Option<StringList>,
    /// Codes of all tasks that must be done first from now on.
    depends_on: Option<StringList>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
    /// The session that changes it.
    session: Option<Id<Session>>,
}

impl Operation for UpdateTask {
    const NAME: &'static str = "update_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "update"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Make it more urgent, unless somebody changed it since",
        command: "task update APP-12 --priority p0 --expected-revision 3",
        input: r#"{"task": "APP-12", "priority": "p0", "expected_revision": 3}"#,
    }];
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let title = self.title.as_deref().map(|title| check_title("title", title)).transpose()?;
        let body = self.body.map(|body| check_text("body", body)).transpose()?;
        let tags = self.tags.map(|tags| check_tags(&tags.0)).transpose()?;
        let (priority, depends_on, expected) = (self.priority, self.depends_on, self.expected_revision);
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        let inside = access.clone();
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                let before = load(tx, &id).await?;
                before.expect_revision(expected)?;
                before.may_change()?;
                let mut after = TaskRecord {
                    title: title.unwrap_or_else(|| before.title.clone()),
                    body: body.unwrap_or_else(|| before.body.clone()),
                    priority: priority.unwrap_or(before.priority),
                    tags: tags.unwrap_or_else(|| before.tags.clone()),
                    ..before.clone()
                };
                if let Some(codes) = depends_on {
                    let needs = needs(tx, &inside, &codes.0).await?;
                    refuse_circle(tx, &before, &needs).await?;
                    after.depends_on = needs.iter().map(|need| need.code.clone()).collect();
                    after.open_dependencies = tx.set_needs(&id, &needs).await?;
                }
                let fields = differences(&before, &after);
                if fields.is_empty() {
                    return Ok(TaskShown { task: before });
                }
                let note = fields.join(", ");
                let task = tx.save_task(&inside.workspace.id, &before, after, "updated", Some(&note)).await?;
                tx.record("task.update", event_detail(&task, json!({ "changed": fields }), None)).await?;
                Ok(TaskShown { task })
            })
        })
        .await
    }
}

fn differences(before: &TaskRecord, after: &TaskRecord) -> Vec<&'static str> {
    let fields = [
        ("title", before.title != after.title),
        ("body", before.body != after.body),
        ("priority", before.priority != after.priority),
        ("tags", before.tags != after.tags),
        ("depends_on", before.depends_on != after.depends_on),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// Refuses what would make a task wait for itself, and tells the way round.
pub(super) async fn refuse_circle(
    rows: &mut Rows,
    task: &TaskRecord,
    needs: &[TaskRecord],
) -> Result<(), Fault> {
    let mut known: Vec<(String, String)> = Vec::new();
    for need in needs {
        known.extend(rows.task_edges(&need.id).await?);
    }
    let edges: Vec<Edge<'_>> = known.iter().map(|(task, needs)| (task.as_str(), needs.as_str())).collect();
    let wanted: Vec<&str> = needs.iter().map(|need| need.id.as_str()).collect();
    let Some(path) = circle(task.id.as_str(), &wanted, &edges) else { return Ok(()) };
    let codes = codes_of(rows, &path).await?;
    Err(Fault::conflict(format!("`{}` would wait for itself: {}", task.code, codes.join(" waits for ")))
        .code("dependency_circle")
        .param("depends_on")
        .hint("take one of these out of the `depends_on` of the one before it, or unblock it"))
}

/// Codes of tasks that are known by their ids.
pub(super) async fn codes_of(rows: &mut Rows, ids: &[String]) -> Result<Vec<String>, Fault> {
    let mut codes = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(id) = Id::parse(id) {
            codes.extend(rows.task(&id).await?.map(|task| task.code));
        }
    }
    Ok(codes)
}

/// Says who alone may claim a task; with nobody named, everybody may again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignTask {
    /// Code or id of the task.
    task: String,
    /// Session or operator; left out, the task is free for all.
    assignee: Option<String>,
    /// Refuse if the task has another revision by now.
    expected_revision: Option<u64>,
    /// The session that assigns it.
    session: Option<Id<Session>>,
}

impl Operation for AssignTask {
    const NAME: &'static str = "assign_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "assign"]).positional(&["task", "assignee"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Give it to an operator's sessions",
        command: "task assign APP-12 ada",
        input: r#"{"task": "APP-12", "assignee": "ada"}"#,
    }];
    type Output = TaskShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskShown, Fault> {
        let (assignee, expected) = (self.assignee, self.expected_revision);
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        let (who, inside) = (super::Who::of(cx, &access), access.clone());
        cx.write_in(&access, self.session, move |tx, session| {
            Box::pin(async move {
                let before = load(tx, &id).await?;
                before.expect_revision(expected)?;
                if let Some(assignee) = &assignee {
                    check_assignee(tx, &inside, assignee).await?;
                }
                let session = session.map(|session| session.id);
                let after = before.clone().assign(who.mover(session.as_ref()), assignee)?;
                let word = if after.assignee.is_some() { "assigned" } else { "unassigned" };
                let note = after.assignee.clone();
                let task = tx.save_task(&inside.workspace.id, &before, after, word, note.as_deref()).await?;
                tx.record("task.assign", event_detail(&task, json!({ "assignee": task.assignee }), None))
                    .await?;
                Ok(TaskShown { task })
            })
        })
        .await
    }
}

/// Says something about a task. Comments stay with it and change nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentTask {
    /// Code or id of the task.
    task: String,
    /// What you say.
    body: String,
    /// The session that says it.
    session: Option<Id<Session>>,
}

/// A comment, as it was kept.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Commented {
    comment: TaskComment,
    /// Code of the task.
    task: String,
}

impl Operation for CommentTask {
    const NAME: &'static str = "comment_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "comment"]).positional(&["task", "body"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Leave what you found",
        command: "task comment APP-12 \"Fails only with a cold cache\"",
        input: r#"{"task": "APP-12", "body": "Fails only with a cold cache"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).spoken();
    type Output = Commented;

    async fn run(self, cx: &Cx<'_>) -> Result<Commented, Fault> {
        let body = check_said("body", self.body)?;
        let Named { id, access } = locate(cx, &self.task, WorkspaceRole::Member).await?;
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                let task = load(tx, &id).await?;
                let comment = tx.insert_comment(&id, &body).await?;
                tx.record("task.comment", json!({ "task": task.code, "comment": comment.id })).await?;
                Ok(Commented { comment, task: task.code })
            })
        })
        .await
    }
}
