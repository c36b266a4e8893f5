//! Focus: what sessions are at, so that others keep clear. It forbids nothing; what overlaps is told as a warning.

use std::cmp::Reverse;

use brains_core::id::{Id, Session, Workspace};
use brains_core::plane::focus::{FocusRecord, check_paths};
use brains_core::plane::lock::{LockMode, Resource};
use brains_core::plane::session::check_text;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use brains_store::Rows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Cx;
use crate::input::Span;
use crate::input::page::bad_cursor;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::task;
use crate::tool::ToolShape;

const NOUN: &str = "focus";
/// How long a focus is shown when nothing is said.
const TTL_MS: i64 = 4 * 3_600_000;
/// The longest.
const TTL_MAX_MS: i64 = 24 * 3_600_000;

/// Somebody who is at the same, or holds it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Warning {
    session: Id<Session>,
    /// Slug of the other working tree of the repository that it is in; none when it works here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worktree: Option<String>,
    /// Whether it holds a lock on it; else it only said that it is at it.
    locked: bool,
    /// The task that both are at.
    task: Option<String>,
    /// Your paths that meet theirs.
    paths: Vec<String>,
    /// What the other is about.
    intent: Option<String>,
}

/// Says what your session is at; others see it, and you hear who is at the same. It replaces what you said before.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetFocus {
    /// What it is about, in a sentence.
    intent: Option<String>,
    /// Code or id of the task that you work on.
    task: Option<String>,
    /// Files, folders with all below them, and globs.
    #[serde(default)]
    paths: Vec<String>,
    /// How long it is shown, e.g. `2h`; four hours when nothing is said.
    ttl: Option<Span>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// What your session is at now.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FocusSet {
    focus: FocusRecord,
    /// Who is at the same, or holds it.
    warnings: Vec<Warning>,
}

impl Operation for SetFocus {
    const NAME: &'static str = "set_focus";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["focus", "set"])
        .positional(&["intent"])
        .table("warnings", &["session", "worktree", "locked", "task", "paths", "intent"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "In words and paths",
        command: "focus set \"rounding in the cart\" --paths src/cart --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"intent": "rounding in the cart", "paths": ["src/cart"], "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["intent", "paths"]);
    type Output = FocusSet;

    async fn run(self, cx: &Cx<'_>) -> Result<FocusSet, Fault> {
        let intent = check_text("intent", self.intent.as_deref())?;
        let task = self.task.filter(|task| !task.trim().is_empty());
        if intent.is_none() && task.is_none() && self.paths.is_empty() {
            return Err(Fault::invalid("a focus has at least one of `intent`, `task` and `paths`")
                .param("intent")
                .hint("`clear_focus` says that you are at nothing"));
        }
        let ttl_ms = self.ttl.map_or(TTL_MS, |span| span.ms);
        if ttl_ms > TTL_MAX_MS {
            return Err(Fault::invalid("`ttl` is at most 24 hours").param("ttl"));
        }
        let (session, access) = cx.session_there(self.session, None).await?;
        let paths = check_paths(&self.paths, Some(&access.workspace.path))?;
        let inside = access.clone();
        let siblings = {
            let mut view = cx.control.store.look().await?;
            cx.siblings(&mut view, &access.workspace).await?
        };
        cx.write_as(&access, Some(session.id), move |tx, session| {
            Box::pin(async move {
                let now = tx.now();
                let task = match task {
                    Some(task) => Some(task::code_of(tx, &inside, &task).await?),
                    None => None,
                };
                let focus = FocusRecord {
                    session: session.id.clone(),
                    workspace: session.workspace.clone(),
                    intent,
                    task,
                    paths,
                    since: now,
                    expires_at: now.plus_ms(ttl_ms),
                };
                tx.set_focus(&focus).await?;
                let mut found = warnings(tx, &session.workspace, None, &focus, now).await?;
                for tree in &siblings {
                    found.extend(warnings(tx, &tree.id, Some(&tree.slug), &focus, now).await?);
                }
                let warnings = found;
                let detail = json!({
                    "session": session.id, "intent": focus.intent, "task": focus.task, "paths": focus.paths,
                    "overlaps": warnings.len(),
                });
                tx.record("focus.set", detail).await?;
                Ok(FocusSet { focus, warnings })
            })
        })
        .await
    }
}

async fn warnings(
    rows: &mut Rows,
    workspace: &Id<Workspace>,
    worktree: Option<&String>,
    focus: &FocusRecord,
    now: Millis,
) -> Result<Vec<Warning>, Fault> {
    let mut warnings = Vec::new();
    for other in rows.foci(workspace, now).await? {
        if other.session != focus.session
            && let Some(overlap) = focus.overlap(&other)
        {
            warnings.push(Warning {
                session: other.session,
                worktree: worktree.cloned(),
                locked: false,
                task: overlap.task,
                paths: overlap.paths,
                intent: other.intent,
            });
        }
    }
    let mine: Vec<Resource> = focus.paths.iter().filter_map(|path| Resource::path(path, None).ok()).collect();
    let task = focus.task.as_deref().and_then(|task| Resource::task(task).ok());
    for lock in rows.held_locks(workspace, now).await? {
        if lock.session == focus.session || lock.mode == LockMode::Shared {
            continue;
        }
        let paths: Vec<String> = mine
            .iter()
            .filter(|path| path.overlaps(&lock.resource))
            .map(|path| path.resource.clone())
            .collect();
        let task =
            task.as_ref().filter(|task| task.overlaps(&lock.resource)).map(|task| task.resource.clone());
        if task.is_some() || !paths.is_empty() {
            warnings.push(Warning {
                session: lock.session,
                worktree: worktree.cloned(),
                locked: true,
                task,
                paths,
                intent: lock.reason,
            });
        }
    }
    Ok(warnings)
}

/// Says that your session is at nothing in particular.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearFocus {
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// What was cleared.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FocusCleared {
    /// False when there was none.
    cleared: bool,
}

impl Operation for ClearFocus {
    const NAME: &'static str = "clear_focus";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["focus", "clear"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Done with it",
        command: "focus clear --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted().idempotent();
    type Output = FocusCleared;

    async fn run(self, cx: &Cx<'_>) -> Result<FocusCleared, Fault> {
        let (session, access) = cx.session_there(self.session, None).await?;
        let cleared = cx
            .write_as(&access, Some(session.id), |tx, session| {
                Box::pin(async move {
                    let cleared = tx.clear_focus(&session.id).await?;
                    if cleared {
                        tx.record("focus.clear", json!({ "session": session.id })).await?;
                    }
                    Ok(cleared)
                })
            })
            .await?;
        Ok(FocusCleared { cleared })
    }
}

/// Lists what the sessions of a workspace are at, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListFocus {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// What a session of another working tree is at.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SiblingFocus {
    /// Slug of its workspace.
    worktree: String,
    #[serde(flatten)]
    focus: FocusRecord,
}

/// What the sessions are at.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FocusList {
    focus: Vec<FocusRecord>,
    /// What those in other working trees of the repository are at.
    siblings: Vec<SiblingFocus>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListFocus {
    const NAME: &'static str = "list_focus";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape =
        CliShape::new(&["focus", "list"]).table("focus", &["session", "task", "intent", "paths", "since"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Who is at what",
        command: "focus list --workspace shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    type Output = FocusList;

    async fn run(self, cx: &Cx<'_>) -> Result<FocusList, Fault> {
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let now = cx.now();
        let mut focus = view.foci(&access.workspace.id, now).await?;
        let mut siblings = Vec::new();
        if let Some(cursor) = &self.cursor {
            let (since, session) = cursor.split_once(' ').ok_or_else(bad_cursor)?;
            let since = since.parse().map_err(|_| bad_cursor())?;
            focus.retain(|one| (Reverse(one.since.0), one.session.as_str()) > (Reverse(since), session));
        } else {
            for tree in cx.siblings(&mut view, &access.workspace).await? {
                let found = view.foci(&tree.id, now).await?;
                let worktree = |focus| SiblingFocus { worktree: tree.slug.clone(), focus };
                siblings.extend(found.into_iter().map(worktree));
            }
        }
        siblings.truncate(cx.budget.part(4).fitting(&siblings));
        let name = |one: &FocusRecord| format!("{} {}", one.since.0, one.session);
        let next_cursor = cx.budget.without(&siblings).cut(&mut focus, u32::MAX, name);
        Ok(FocusList { focus, siblings, next_cursor })
    }
}
