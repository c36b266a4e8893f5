//! Lists of tasks: in the order in which they should be done, whatever the filter. Each status is asked for by
//! itself, so that one index gives both the condition and the order; the pieces are merged here.

use brains_core::Id;
use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::task::{Priority, TaskRecord, TaskStatus};

use crate::error::StoreError;
use crate::list::Query;
use crate::rows::{Rows, fetch_optional, from_row};
use crate::text::{from_enum_name, id};

const WAITS_FOR_ALL: &str =
    "SELECT CAST(1 AS BIGINT) FROM task WHERE workspace = $1 AND status = 'available' AND siblings LIMIT 1";

/// Which tasks to list.
#[derive(Debug, Clone)]
pub struct TaskFilter {
    pub workspace: Id<Workspace>,
    pub statuses: Vec<TaskStatus>,
    pub priority: Option<Priority>,
    /// Each of them.
    pub tags: Vec<String>,
    pub holder: Option<Id<Session>>,
    pub assignee: Option<String>,
    /// Only those that wait for nothing.
    pub ready: bool,
    /// Cursor: the last of the page before.
    pub after: Option<(Priority, Id<Task>)>,
    /// Also those of the repository's other working trees that are for all of them.
    pub siblings: Option<SeenBy>,
}

/// Whose eyes look at workspaces.
#[derive(Debug, Clone)]
pub struct SeenBy {
    pub operator: String,
    /// Whether they see all.
    pub all: bool,
}

impl TaskFilter {
    /// Everything in one workspace but what is archived.
    pub fn of(workspace: Id<Workspace>) -> Self {
        let statuses = TaskStatus::ALL.into_iter().filter(|status| *status != TaskStatus::Archived).collect();
        Self {
            workspace,
            statuses,
            priority: None,
            tags: Vec::new(),
            holder: None,
            assignee: None,
            ready: false,
            after: None,
            siblings: None,
        }
    }
}

/// Who looks for the next task, and among which.
#[derive(Debug, Clone)]
pub struct ReadyFilter {
    pub workspace: Id<Workspace>,
    /// Other working trees of the repository, of whose tasks those that are for all are looked at, too.
    pub siblings: Vec<Id<Workspace>>,
    /// Names under which tasks may be assigned to the asker.
    pub names: Vec<String>,
    /// At least this urgent.
    pub priority: Option<Priority>,
    pub tags: Vec<String>,
}

/// A task that can be claimed now, and where it is.
#[derive(Debug, Clone)]
pub struct ReadyTask {
    pub id: Id<Task>,
    pub workspace: Id<Workspace>,
    priority: Priority,
}

from_row! {
    row => ReadyTask {
        Ok(Self {
            priority: from_enum_name("priority", row.try_get(0)?)?,
            id: id("id", row.try_get(1)?)?,
            workspace: id("workspace", row.try_get(2)?)?,
        })
    }
}

impl Rows {
    /// Tasks by priority, then by age.
    pub async fn tasks(&mut self, filter: &TaskFilter, limit: u32) -> Result<Vec<TaskRecord>, StoreError> {
        if filter.statuses.is_empty() {
            return Ok(Vec::new());
        }
        whole(filter, limit).fetch_all(self).await
    }

    /// Whether a task of a workspace waits that the repository's other working trees may claim.
    pub async fn waits_for_all(&mut self, workspace: &Id<Workspace>) -> Result<bool, StoreError> {
        Ok(fetch_optional!(self, i64, WAITS_FOR_ALL, workspace.as_str())?.is_some())
    }

    /// The task that should be done next: first what is assigned to the asker, then what nobody is named for.
    pub async fn ready_task(&mut self, filter: &ReadyFilter) -> Result<Option<ReadyTask>, StoreError> {
        let mut best: Option<ReadyTask> = None;
        for name in filter.names.iter().map(Some).chain([None]) {
            // What is assigned goes before what is not; both names of the asker count the same.
            if name.is_none() && best.is_some() {
                break;
            }
            let mut found =
                ready(filter, &filter.workspace, false, name).fetch_all::<ReadyTask>(self).await?;
            for tree in &filter.siblings {
                found.extend(ready(filter, tree, true, name).fetch_all::<ReadyTask>(self).await?);
            }
            best = best
                .into_iter()
                .chain(found)
                .min_by(|one, other| (one.priority, &one.id).cmp(&(other.priority, &other.id)));
        }
        Ok(best)
    }
}

/// The tasks that come first of the beginnings in each status.
fn whole(filter: &TaskFilter, limit: u32) -> Query {
    let mut query = Query::new(
        "SELECT t.*, w.slug FROM task t JOIN workspace w ON w.id = t.workspace WHERE t.id IN (SELECT id FROM (",
    );
    for (at, status) in filter.statuses.iter().enumerate() {
        query.push(if at == 0 { "SELECT * FROM (" } else { ") one UNION ALL SELECT * FROM (" });
        piece(&mut query, filter, *status, limit);
        if let Some(seen_by) = &filter.siblings {
            query.push(") one UNION ALL SELECT * FROM (");
            of_siblings(&mut query, filter, seen_by, *status, limit);
        }
    }
    query.push(") one) each ORDER BY priority, id LIMIT ").push_bind(i64::from(limit));
    query.push(") ORDER BY t.priority, t.id");
    query
}

/// The beginning of the tasks of one workspace in one status.
pub(crate) fn piece(query: &mut Query, filter: &TaskFilter, status: TaskStatus, limit: u32) {
    select(query, filter);
    query.push(" AND g.workspace = ").push_bind(filter.workspace.as_str().to_owned());
    narrow(query, filter, status, limit);
}

/// The same of those for all working trees, in the other trees that somebody sees. There are few.
fn of_siblings(query: &mut Query, filter: &TaskFilter, seen_by: &SeenBy, status: TaskStatus, limit: u32) {
    select(query, filter);
    query.push(if filter.tags.is_empty() { " AND g.siblings" } else { " AND t.siblings" });
    query.push(
        " AND g.workspace IN (SELECT w.id FROM workspace w JOIN workspace own ON own.common_dir = w.common_dir
        WHERE own.common_dir <> own.path AND w.archived_at IS NULL AND w.id <> own.id AND own.id = ",
    );
    query.push_bind(filter.workspace.as_str().to_owned());
    if !seen_by.all {
        query.push(" AND (w.visibility = 'shared' OR EXISTS (SELECT 1 FROM workspace_member m");
        query.push(" WHERE m.workspace = w.id AND m.operator = ").push_bind(seen_by.operator.clone());
        query.push("))");
    }
    query.push(")");
    narrow(query, filter, status, limit);
}

fn select(query: &mut Query, filter: &TaskFilter) {
    match filter.tags.first() {
        Some(tag) => {
            query.push(
                "SELECT g.priority, g.task AS id FROM task_tag g JOIN task t ON t.id = g.task WHERE g.tag = ",
            );
            query.push_bind(tag.clone());
            other_tags(query, &filter.tags);
        }
        None => {
            query.push("SELECT g.priority, g.id FROM task g WHERE TRUE");
        }
    }
}

fn narrow(query: &mut Query, filter: &TaskFilter, status: TaskStatus, limit: u32) {
    // What only the task's own row has, and how the entry of the list is told apart.
    let (own, key) = if filter.tags.is_empty() { ("g", "g.id") } else { ("t", "g.task") };
    // A literal, so that the indexes that cover one status are met.
    query.push(" AND g.status = '").push(status.word()).push("'");
    if let Some(priority) = filter.priority {
        query.push(" AND g.priority = ").push_bind(priority.word().to_owned());
    }
    if filter.ready {
        query.push(" AND ").push(own).push(".open_dependencies = 0");
    }
    if let Some(holder) = &filter.holder {
        query.push(" AND ").push(own).push(".holder = ").push_bind(holder.as_str().to_owned());
    }
    if let Some(assignee) = &filter.assignee {
        query.push(" AND ").push(own).push(".assignee = ").push_bind(assignee.clone());
    }
    if let Some((priority, id)) = &filter.after {
        query.push(" AND (g.priority, ").push(key).push(") > (").push_bind(priority.word().to_owned());
        query.push(", ").push_bind(id.as_str().to_owned()).push(")");
    }
    query.push(" ORDER BY g.priority, ").push(key).push(" LIMIT ").push_bind(i64::from(limit));
}

fn other_tags(query: &mut Query, tags: &[String]) {
    for tag in tags.iter().skip(1) {
        query.push(" AND EXISTS (SELECT 1 FROM task_tag o WHERE o.task = g.task AND o.tag = ");
        query.push_bind(tag.clone()).push(")");
    }
}

/// The next task of a workspace for whoever has a name, or for everybody; `shared` when it must be for all trees.
pub(crate) fn ready(
    filter: &ReadyFilter,
    workspace: &Id<Workspace>,
    shared: bool,
    name: Option<&String>,
) -> Query {
    let mut query = Query::new("SELECT t.priority, t.id, t.workspace FROM task t WHERE t.workspace = ");
    query.push_bind(workspace.as_str().to_owned());
    if shared {
        query.push(" AND t.siblings");
    }
    query.push(" AND t.status = 'available' AND t.open_dependencies = 0 AND t.assignee ");
    match name {
        Some(name) => query.push("= ").push_bind(name.clone()),
        None => query.push("IS NULL"),
    };
    if let Some(priority) = filter.priority {
        query.push(" AND t.priority <= ").push_bind(priority.word().to_owned());
    }
    for tag in &filter.tags {
        query.push(" AND EXISTS (SELECT 1 FROM task_tag o WHERE o.task = t.id AND o.tag = ");
        query.push_bind(tag.clone()).push(")");
    }
    query.push(" ORDER BY t.priority, t.id LIMIT 1");
    query
}
