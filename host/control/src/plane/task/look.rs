//! Looking at tasks: lists, counts, one task whole, what was said and what happened.

use std::collections::BTreeMap;

use brains_core::Fault;
use brains_core::id::{Id, Session, Task, Workspace};
use brains_core::plane::task::{Priority, TaskChange, TaskComment, TaskRecord, TaskStatus, check_tags};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::TaskFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NOUN, find};
use crate::context::Cx;
use crate::input::page;
use crate::input::string_list::StringList;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Characters of a body that a list shows.
const GLANCE: usize = 280;
/// Comments and changes that stand beside a task.
const RECENT: u32 = 20;
/// Tasks that are named as waiting.
const WAITING: u32 = 100;

/// Lists the tasks of a workspace as they should be done: the most urgent first, then the oldest; with those of its
/// siblings that are for all. Without a workspace, and outside of one, those of all that you see.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTasks {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// Only these; all but `archived` when left out.
    #[serde(default)]
    status: Vec<TaskStatus>,
    /// Only those of this urgency.
    priority: Option<Priority>,
    /// Only those with all of these tags.
    #[serde(default)]
    tags: StringList,
    /// Only those that this session holds or completed.
    holder: Option<Id<Session>>,
    /// Only those assigned to this session or operator.
    assignee: Option<String>,
    /// Only those that wait for nothing and that nobody holds.
    #[serde(default)]
    ready: bool,
    /// Whole bodies, not only how they begin.
    #[serde(default)]
    full: bool,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this task: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of tasks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskPage {
    tasks: Vec<TaskRecord>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListTasks {
    const NAME: &'static str = "list_tasks";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "list"])
        .table("tasks", &["code", "priority", "status", "title", "tags", "depends_on", "assignee", "holder"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Everything that is not archived", command: "task list", input: "{}" },
        Example {
            title: "What can be worked on now",
            command: "task list --ready",
            input: r#"{"ready": true}"#,
        },
    ];
    const TOOL: ToolShape =
        ToolShape::of(Self::ROLE, Self::KIND).core(&["workspace", "status", "ready", "cursor"]);
    type Output = TaskPage;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskPage, Fault> {
        let limit = page::limit(self.limit)?;
        let after = self.cursor.as_deref().map(read_cursor).transpose()?;
        let mut view = cx.control.store.look().await?;
        let meant = cx.workspaces_meant(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let (statuses, tags) = (statuses(self.status, self.ready), check_tags(&self.tags.0)?);
        let mut tasks = Vec::new();
        // Of several, each is among those that are meant.
        let alone = meant.len() == 1;
        for access in meant {
            let filter = TaskFilter {
                workspace: access.workspace.id,
                statuses: statuses.clone(),
                priority: self.priority,
                tags: tags.clone(),
                holder: self.holder.clone(),
                assignee: self.assignee.clone(),
                ready: self.ready,
                after: after.clone(),
                siblings: alone.then(|| cx.seen_by()),
            };
            tasks.extend(view.tasks(&filter, limit + 1).await?);
        }
        tasks.sort_by(|one, other| (one.priority, &one.id).cmp(&(other.priority, &other.id)));
        tasks.truncate(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1));
        if !self.full {
            tasks.iter_mut().for_each(glance);
        }
        let next_cursor = cx
            .budget
            .cut(&mut tasks, limit, |task: &TaskRecord| format!("{}.{}", task.priority.word(), task.id));
        Ok(TaskPage { tasks, next_cursor })
    }
}

fn statuses(mut asked: Vec<TaskStatus>, ready: bool) -> Vec<TaskStatus> {
    if asked.is_empty() {
        asked.extend(TaskStatus::ALL.into_iter().filter(|status| *status != TaskStatus::Archived));
    }
    asked.sort_unstable();
    asked.dedup();
    if ready {
        asked.retain(|status| *status == TaskStatus::Available);
    }
    asked
}

/// Cuts a body to its beginning.
pub(crate) fn glance(task: &mut TaskRecord) {
    if let Some((end, _)) = task.body.char_indices().nth(GLANCE) {
        task.body.truncate(end);
        task.body.push('\u{2026}');
    }
}

fn read_cursor(cursor: &str) -> Result<(Priority, Id<Task>), Fault> {
    let (word, id) = cursor.split_once('.').ok_or_else(page::bad_cursor)?;
    let priority = Priority::ALL.into_iter().find(|priority| priority.word() == word);
    priority.zip(Id::parse(id)).ok_or_else(page::bad_cursor)
}

/// Counts the tasks of a workspace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountTasks {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
}

/// How many tasks stand where.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskCounts {
    workspace: Id<Workspace>,
    /// All but the archived ones.
    tasks: u64,
    /// By status.
    by_status: BTreeMap<String, u64>,
    /// Those that are not done, by urgency.
    open_by_priority: BTreeMap<String, u64>,
}

impl Operation for CountTasks {
    const NAME: &'static str = "count_tasks";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "count"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "How much is left", command: "task count", input: "{}" }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = TaskCounts;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskCounts, Fault> {
        let mut view = cx.control.store.look().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let mut counts = TaskCounts {
            workspace: access.workspace.id.clone(),
            tasks: 0,
            by_status: TaskStatus::ALL.map(|status| (status.word().to_owned(), 0)).into(),
            open_by_priority: Priority::ALL.map(|priority| (priority.word().to_owned(), 0)).into(),
        };
        for count in view.task_counts(&access.workspace.id).await? {
            *counts.by_status.entry(count.status.word().to_owned()).or_default() += count.tasks;
            if count.status != TaskStatus::Archived {
                counts.tasks += count.tasks;
            }
            if !count.status.is_closed() {
                *counts.open_by_priority.entry(count.priority.word().to_owned()).or_default() += count.tasks;
            }
        }
        Ok(counts)
    }
}

/// Shows one task whole, with what was last said about it and what last happened to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowTask {
    /// Code or id of the task.
    task: String,
}

/// A task and what belongs to it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskWhole {
    task: TaskRecord,
    /// Codes of open tasks that wait for it.
    waiting: Vec<String>,
    /// The newest comments, newest first.
    comments: Vec<TaskComment>,
    /// The newest changes, newest first.
    history: Vec<TaskChange>,
}

impl Operation for ShowTask {
    const NAME: &'static str = "show_task";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "show"]).positional(&["task"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Everything about one",
        command: "task show APP-12",
        input: r#"{"task": "APP-12"}"#,
    }];
    type Output = TaskWhole;

    async fn run(self, cx: &Cx<'_>) -> Result<TaskWhole, Fault> {
        let mut view = cx.control.store.read().await?;
        let id = find(&mut view, cx, &self.task, WorkspaceRole::Reader).await?.id;
        let task = view.task(&id).await?.ok_or_else(|| Fault::not_found("task", &id).param("task"))?;
        Ok(TaskWhole {
            waiting: view.waiting_for(&id, WAITING).await?,
            comments: view.task_comments(&id, None, RECENT).await?,
            history: view.task_changes(&id, None, RECENT).await?,
            task,
        })
    }
}

/// Lists what was said about a task, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTaskComments {
    /// Code or id of the task.
    task: String,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this comment: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of comments.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CommentPage {
    comments: Vec<TaskComment>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListTaskComments {
    const NAME: &'static str = "list_task_comments";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "comments"])
        .positional(&["task"])
        .table("comments", &["at", "operator", "agent", "session", "body"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "What was said",
        command: "task comments APP-12",
        input: r#"{"task": "APP-12"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = CommentPage;

    async fn run(self, cx: &Cx<'_>) -> Result<CommentPage, Fault> {
        let limit = page::limit(self.limit)?;
        if let Some(cursor) = &self.cursor {
            Id::<brains_core::id::Comment>::parse(cursor).ok_or_else(page::bad_cursor)?;
        }
        let mut view = cx.control.store.read().await?;
        let id = find(&mut view, cx, &self.task, WorkspaceRole::Reader).await?.id;
        let mut comments = view.task_comments(&id, self.cursor.as_deref(), limit + 1).await?;
        let next_cursor = cx.budget.cut(&mut comments, limit, |comment: &TaskComment| comment.id.to_string());
        Ok(CommentPage { comments, next_cursor })
    }
}

/// Lists what happened to a task, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTaskHistory {
    /// Code or id of the task.
    task: String,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this revision: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of a task's history.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HistoryPage {
    history: Vec<TaskChange>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListTaskHistory {
    const NAME: &'static str = "list_task_history";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["task", "history"])
        .positional(&["task"])
        .table("history", &["revision", "at", "change", "operator", "agent", "session", "note"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Who did what", command: "task history APP-12", input: r#"{"task": "APP-12"}"# }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = HistoryPage;

    async fn run(self, cx: &Cx<'_>) -> Result<HistoryPage, Fault> {
        let limit = page::limit(self.limit)?;
        let before = match &self.cursor {
            Some(cursor) => Some(cursor.parse::<u64>().map_err(|_| page::bad_cursor())?),
            None => None,
        };
        let mut view = cx.control.store.read().await?;
        let id = find(&mut view, cx, &self.task, WorkspaceRole::Reader).await?.id;
        let mut history = view.task_changes(&id, before, limit + 1).await?;
        let next_cursor =
            cx.budget.cut(&mut history, limit, |change: &TaskChange| change.revision.to_string());
        Ok(HistoryPage { history, next_cursor })
    }
}
