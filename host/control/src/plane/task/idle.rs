//! Why there is nothing to take: what waits for what, in a sentence each. A circle of tasks that wait for each other is
//! named, for it never ends by itself.

use brains_core::Fault;
use brains_core::plane::task::graph::{Edge, circle};
use brains_core::plane::task::{TaskRecord, TaskStatus};
use brains_store::{Rows, TaskFilter};

use super::write::codes_of;
use crate::workspace_access::WorkspaceAccess;

/// How many tasks are named.
const NAMED: u32 = 10;
/// How many tasks that one waits for are named.
const NEEDS: usize = 5;

/// Says why none of the open tasks of a workspace can be taken by whoever has these names. `all` is false when only some
/// were asked for.
pub(super) async fn reason(
    rows: &mut Rows,
    access: &WorkspaceAccess,
    names: &[String],
    tags: &[String],
    all: bool,
) -> Result<String, Fault> {
    let slug = &access.workspace.slug;
    let filter = TaskFilter {
        statuses: vec![TaskStatus::Available, TaskStatus::Blocked, TaskStatus::InProgress],
        tags: tags.to_vec(),
        ..TaskFilter::of(access.workspace.id.clone())
    };
    let open = rows.tasks(&filter, NAMED + 1).await?;
    if open.is_empty() {
        let asked = if all { "" } else { " with these tags" };
        return Ok(format!("no task of `{slug}`{asked} is open"));
    }
    let named = usize::try_from(NAMED).unwrap_or(usize::MAX);
    let mut sentences = Vec::new();
    let mut told_circle = false;
    for task in open.iter().take(named) {
        sentences.push(one(rows, task, names).await?);
        if !told_circle && let Some(path) = waits_for_itself(rows, task).await? {
            told_circle = true;
            sentences.push(format!(
                "{} is a circle: `unblock_task` one of them, or take one out of the `depends_on` of the one before it",
                path.join(" waits for ")
            ));
        }
    }
    if open.len() > named {
        sentences.push("more are open: `list_tasks` shows them".into());
    }
    let none = if all {
        "no open task can be taken now"
    } else {
        "no open task of those asked for can be taken now"
    };
    Ok(format!("{none}: {}", sentences.join("; ")))
}

async fn one(rows: &mut Rows, task: &TaskRecord, names: &[String]) -> Result<String, Fault> {
    let code = &task.code;
    let on = task.block.as_ref().and_then(|block| block.on.as_ref());
    Ok(match (task.status, &task.block, &task.assignee) {
        (TaskStatus::InProgress, _, _) => match &task.holder {
            Some(holder) => format!("`{code}` is held by `{holder}`"),
            None => format!("`{code}` is in progress"),
        },
        (_, Some(block), _) if on.is_none() => {
            let reason: String = block.reason.chars().take(100).collect();
            format!("`{code}` is blocked: {reason}")
        }
        (_, Some(_), _) => {
            format!("`{code}` is blocked until {} is done", on.map(String::as_str).unwrap_or_default())
        }
        _ if task.open_dependencies > 0 => {
            let open = open_needs(rows, task).await?;
            format!("`{code}` waits for {}", open.join(", "))
        }
        (_, None, Some(assignee)) if !names.contains(assignee) => {
            format!("`{code}` is for `{assignee}` alone")
        }
        _ => format!("`{code}` is not among those asked for"),
    })
}

/// What a task still waits for, and how that stands.
async fn open_needs(rows: &mut Rows, task: &TaskRecord) -> Result<Vec<String>, Fault> {
    let mut open = Vec::new();
    for code in &task.depends_on {
        if open.len() == NEEDS {
            open.push("others".into());
            break;
        }
        let Some(place) = rows.task_of_code(code).await? else { continue };
        let need = rows.task(&place.id).await?.filter(|need| need.completed_at.is_none());
        if let Some(need) = need {
            open.push(format!("`{code}` ({})", need.status));
        }
    }
    Ok(open)
}

async fn waits_for_itself(rows: &mut Rows, task: &TaskRecord) -> Result<Option<Vec<String>>, Fault> {
    if task.open_dependencies == 0 && task.block.is_none() {
        return Ok(None);
    }
    let id = task.id.as_str();
    let known = rows.task_edges(&task.id).await?;
    let edges: Vec<Edge<'_>> = known.iter().map(|(task, needs)| (task.as_str(), needs.as_str())).collect();
    let own: Vec<&str> = edges.iter().filter(|(who, _)| *who == id).map(|(_, needs)| *needs).collect();
    match circle(id, &own, &edges) {
        Some(path) => Ok(Some(codes_of(rows, &path).await?)),
        None => Ok(None),
    }
}
