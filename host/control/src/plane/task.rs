//! Tasks: what is to be done in a workspace. Here: how a task is named and changed; making and rewriting one is in
//! `task/write.rs`, who works on one in `task/claim.rs`, what is in its way in `task/block.rs`, its end in `task/finish.rs`,
//! looking in `task/look.rs`.

mod block;
mod claim;
mod finish;
mod idle;
mod look;
mod write;

use brains_core::id::{Id, Session, Task};
use brains_core::plane::task::moves::Mover;
use brains_core::plane::task::{TaskRecord, check_text, read_code};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::{Fault, Millis};
use brains_store::{Rows, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Cx;
use crate::workspace_access::WorkspaceAccess;

pub(crate) use block::{BlockTask, UnblockTask};
pub(crate) use claim::{ClaimTask, NextTask, ReleaseTask};
pub(crate) use finish::{ArchiveTask, CompleteTask, HandoffTask, ReopenTask};
pub(crate) use look::glance;
pub(crate) use look::{CountTasks, ListTaskComments, ListTaskHistory, ListTasks, ShowTask};

pub(crate) use write::{AssignTask, CommentTask, CreateTask, UpdateTask};

const NOUN: &str = "task";

/// One task.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TaskShown {
    task: TaskRecord,
}

/// A task that a call names, in a workspace that the caller may use.
#[derive(Debug, Clone)]
struct Named {
    id: Id<Task>,
    access: WorkspaceAccess,
}

/// Finds the task that `reference` names: its code or its id.
async fn find(rows: &mut Rows, cx: &Cx<'_>, reference: &str, least: WorkspaceRole) -> Result<Named, Fault> {
    let shown: String = reference.chars().take(100).collect();
    let absent = || {
        Fault::not_found("task", &shown)
            .code("task_not_found")
            .param("task")
            .hint("`list_tasks` shows those of a workspace")
    };
    let id = Id::<Task>::parse(reference.trim());
    let code = if id.is_some() { None } else { read_code(reference) };
    if id.is_none() && code.is_none() {
        return Err(Fault::invalid(format!(
            "`{shown}` is neither the code of a task, such as `APP-12`, nor an id"
        ))
        .param("task"));
    }
    let (id, access) = cx.task_and_workspace(rows, id.as_ref(), code.as_deref(), least, absent).await?;
    Ok(Named { id, access })
}

async fn locate(cx: &Cx<'_>, reference: &str, least: WorkspaceRole) -> Result<Named, Fault> {
    let mut view = cx.control.store.look().await?;
    find(&mut view, cx, reference, least).await
}

/// The same inside of a write: as it is now.
async fn load(tx: &mut Tx, id: &Id<Task>) -> Result<TaskRecord, Fault> {
    tx.task(id).await?.ok_or_else(|| Fault::not_found("task", id).code("task_not_found").param("task"))
}

/// Tasks of the same workspace that one is to wait for.
async fn needs(tx: &mut Tx, access: &WorkspaceAccess, codes: &[String]) -> Result<Vec<TaskRecord>, Fault> {
    let mut needs: Vec<TaskRecord> = Vec::with_capacity(codes.len());
    for text in codes {
        let need = need(tx, access, text, "depends_on").await?;
        if !needs.iter().any(|known| known.id == need.id) {
            needs.push(need);
        }
    }
    if needs.len() > brains_core::plane::task::NEEDS_MAX {
        let most = brains_core::plane::task::NEEDS_MAX;
        return Err(
            Fault::invalid(format!("`depends_on`: a task waits for at most {most}")).param("depends_on")
        );
    }
    Ok(needs)
}

async fn need(
    tx: &mut Tx,
    access: &WorkspaceAccess,
    text: &str,
    param: &'static str,
) -> Result<TaskRecord, Fault> {
    let shown: String = text.chars().take(100).collect();
    let slug = &access.workspace.slug;
    // What is in another workspace is not found, whether the caller could see it or not.
    let absent = || {
        Fault::not_found("task", &shown)
            .code("dependency_not_found")
            .param(param)
            .hint(format!("only tasks of `{slug}` can be waited for here; `list_tasks` shows them"))
    };
    let task = of_workspace(tx, access, text).await?.ok_or_else(absent)?;
    if task.status == brains_core::plane::task::TaskStatus::Archived && task.completed_at.is_none() {
        return Err(Fault::conflict(format!(
            "`{}` is archived and was never done: waiting for it has no end",
            task.code
        ))
        .code("dependency_archived")
        .param(param)
        .hint("`reopen_task` takes it up again"));
    }
    Ok(task)
}

/// The task of a workspace that `text` names by its code or its id.
async fn of_workspace(
    rows: &mut Rows,
    access: &WorkspaceAccess,
    text: &str,
) -> Result<Option<TaskRecord>, Fault> {
    let found = match (Id::<Task>::parse(text.trim()), read_code(text)) {
        (Some(id), _) => rows.task_place(&id).await?,
        (None, Some(code)) => rows.task_of_code(&code).await?,
        (None, None) => None,
    };
    match found.filter(|found| found.workspace == access.workspace.id) {
        Some(found) => Ok(rows.task(&found.id).await?),
        None => Ok(None),
    }
}

/// The code of a task of a workspace, which is what it is called everywhere, however a caller names it.
pub(crate) async fn code_of(rows: &mut Rows, access: &WorkspaceAccess, text: &str) -> Result<String, Fault> {
    let task = of_workspace(rows, access, text).await?;
    task.map(|task| task.code).ok_or_else(|| {
        Fault::not_found("task", text.chars().take(100).collect::<String>())
            .code("task_not_found")
            .param("task")
            .hint("`list_tasks` shows those of the workspace; anything else that has a name is locked by `name`")
    })
}

/// What a call says about the task that it changes.
struct Change {
    task: String,
    session: Option<Id<Session>>,
    expected_revision: Option<u64>,
    /// The word in the task's history.
    word: &'static str,
    /// The event, and what it tells beside the code.
    action: &'static str,
    note: Option<String>,
}

/// What became of a task in a [`change`].
struct Changed {
    task: TaskRecord,
    detail: Value,
}

impl Changed {
    fn new(task: TaskRecord) -> Self {
        Self { task, detail: Value::Null }
    }
}

/// Changes one task by a rule over what it is.
async fn change<F>(cx: &Cx<'_>, asked: Change, decide: F) -> Result<TaskShown, Fault>
where
    F: FnOnce(TaskRecord, Mover<'_>, Millis) -> Result<Changed, Fault> + Send + 'static,
{
    let Named { id, access } = locate(cx, &asked.task, WorkspaceRole::Member).await?;
    let who = Who::of(cx, &access);
    let workspace = access.workspace.id.clone();
    cx.write_in(&access, asked.session, move |tx, session| {
        Box::pin(async move {
            let before = load(tx, &id).await?;
            before.expect_revision(asked.expected_revision)?;
            let session = session.map(|session| session.id);
            let changed = decide(before.clone(), who.mover(session.as_ref()), tx.now())?;
            let task =
                tx.save_task(&workspace, &before, changed.task, asked.word, asked.note.as_deref()).await?;
            tx.record(asked.action, event_detail(&task, changed.detail, asked.note.as_deref())).await?;
            Ok(TaskShown { task })
        })
    })
    .await
}

/// What an event tells of a task: never its text.
fn event_detail(task: &TaskRecord, detail: Value, note: Option<&str>) -> Value {
    let mut shown = json!({ "task": task.code, "revision": task.revision });
    if let (Some(shown), Value::Object(detail)) = (shown.as_object_mut(), detail) {
        shown.extend(detail);
    }
    if let (Some(note), Some(shown)) = (note, shown.as_object_mut()) {
        shown.insert("note".into(), note.chars().take(200).collect::<String>().into());
    }
    shown
}

/// Who changes a task, owned, so that a write can carry it.
#[derive(Debug, Clone)]
struct Who {
    operator: String,
    may_decide: bool,
}

impl Who {
    fn of(cx: &Cx<'_>, access: &WorkspaceAccess) -> Self {
        Self {
            operator: cx.principal.owner().to_owned(),
            may_decide: access.role >= WorkspaceRole::Maintainer && !cx.is_agent(),
        }
    }

    /// Whoever acts as a session has that session's rights and no others.
    fn mover<'a>(&'a self, session: Option<&'a Id<Session>>) -> Mover<'a> {
        Mover { operator: &self.operator, session, authority: self.may_decide && session.is_none() }
    }
}

/// A text that may be left out; an empty one is none.
fn optional_text(param: &'static str, text: Option<String>) -> Result<Option<String>, Fault> {
    text.filter(|text| !brains_core::visible::is_blank(text)).map(|text| check_text(param, text)).transpose()
}
