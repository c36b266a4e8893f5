//! A workspace at a glance: who works there, what is held, what waits, what happened last. Each part is what the list
//! of its plane shows; nothing here decides what that is, and looking changes nothing.

use brains_core::id::{Id, Session};
use brains_core::plane::handoff::HandoffRecord;
use brains_core::plane::lock::LockKind;
use brains_core::plane::mail::Letter;
use brains_core::plane::task::{TaskRecord, TaskStatus};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use brains_store::{EventFilter, Rows, SessionFilter, TaskFilter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NOUN, WorkspaceLine};
use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::event::EventLine;
use crate::plane::lock::{Claim, LockLine};
use crate::plane::session::{SessionLine, Sibling};
use crate::plane::{handoff, task};
use crate::session_identity::unknown_session;
use crate::workspace_access::WorkspaceAccess;

const fn default_limit() -> u32 {
    50
}

/// Shows a workspace at a glance: who works there, what is locked, what is to be done, what happened last, and with a
/// session its unread mail. Looking changes nothing; mail stays unread.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetState {
    /// Slug, id or path of the workspace; where you work when left out, else all that you see.
    workspace: Option<String>,
    /// The session whose mail is shown too.
    session: Option<Id<Session>>,
    /// How many of each at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Whole bodies of tasks, not only how they begin.
    #[serde(default)]
    full: bool,
}

/// A workspace at one moment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "State")]
pub(crate) struct WorkspaceState {
    generated_at: Millis,
    /// None when it is of several: of all that you see, asked for outside of one.
    workspace: Option<WorkspaceLine>,
    /// Other working trees of the repository in which somebody works; none when it is of several.
    siblings: Vec<Sibling>,
    /// Those that live, newest first.
    active_sessions: Vec<SessionLine>,
    /// Claims of the whole workspace.
    active_claims: Vec<Claim>,
    /// What is held, those that run out first first.
    active_locks: Vec<LockLine>,
    /// The one that waits to be picked up.
    active_handoffs: Vec<HandoffRecord>,
    /// What is to be done, the most urgent first; behind it, as far as there is room, what is done.
    active_tasks: Vec<TaskRecord>,
    /// Newest first.
    recent_events: Vec<EventLine>,
    /// What waits for the session, as it would be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread_messages: Option<Vec<Letter>>,
}

impl Operation for GetState {
    const NAME: &'static str = "get_state";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "state"]).positional(&["workspace"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "How things stand here", command: "workspace state", input: "{}" },
        Example {
            title: "And what waits for me",
            command: "workspace state shop --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"workspace": "shop", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
        },
    ];
    type Output = WorkspaceState;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceState, Fault> {
        let limit = page::limit(self.limit)?;
        let now = cx.now();
        // One view: the parts belong to the same moment.
        let mut view = cx.control.store.read().await?;
        let session = match self.session {
            Some(id) => Some(cx.own_session(&mut view, Some(id), WorkspaceRole::Reader).await?.0),
            None => cx.session_identity(None).find(&mut view, now).await?,
        };
        let meant = match (&self.workspace, &session) {
            (None, Some(session)) => {
                let absent = || unknown_session(&session.id);
                vec![cx.workspace_of(&mut view, &session.workspace, WorkspaceRole::Reader, absent).await?]
            }
            (reference, _) => {
                cx.workspaces_meant(&mut view, reference.as_deref(), WorkspaceRole::Reader).await?
            }
        };
        let unread_messages = match &session {
            Some(session) => Some(view.unread_letters(&session.id, now, limit).await?),
            None => None,
        };
        let mut state = WorkspaceState::empty(now, unread_messages);
        let alone = meant.len() == 1;
        for access in meant {
            if alone {
                state.siblings = Sibling::all(&mut view, cx, &access.workspace).await?;
            }
            state.add(&mut view, cx, access, limit, self.full, alone).await?;
        }
        drop(view);
        Sibling::add_branches(cx, &mut state.siblings).await;
        if !alone {
            state.workspace = None;
            state.order(limit);
        }
        Ok(state)
    }
}

impl WorkspaceState {
    fn empty(generated_at: Millis, unread_messages: Option<Vec<Letter>>) -> Self {
        Self {
            generated_at,
            workspace: None,
            siblings: Vec::new(),
            active_sessions: Vec::new(),
            active_claims: Vec::new(),
            active_locks: Vec::new(),
            active_handoffs: Vec::new(),
            active_tasks: Vec::new(),
            recent_events: Vec::new(),
            unread_messages,
        }
    }

    async fn add(
        &mut self,
        view: &mut Rows,
        cx: &Cx<'_>,
        access: WorkspaceAccess,
        limit: u32,
        full: bool,
        alone: bool,
    ) -> Result<(), Fault> {
        let now = self.generated_at;
        let (id, slug) = (access.workspace.id.clone(), access.workspace.slug.clone());
        let sessions = view.sessions(&id, &SessionFilter::default(), now, limit).await?;
        let mut locks = view.held_locks(&id, now).await?;
        let claims = locks.iter().filter(|lock| lock.resource.kind == LockKind::Workspace);
        self.active_claims.extend(claims.map(|lock| Claim::of(lock.clone(), &slug)));
        locks.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let siblings = alone.then(|| cx.seen_by());
        let all = TaskFilter { siblings, ..TaskFilter::of(id.clone()) };
        let mut active_tasks = tasks(view, all, limit).await?;
        if !full {
            active_tasks.iter_mut().for_each(task::glance);
        }
        let newest = EventFilter { newest_first: true, ..EventFilter::default() };
        let events = view.list_events(&access.scope(), &newest, limit).await?;
        self.active_sessions
            .extend(sessions.into_iter().map(|one| SessionLine::of(one, &access.workspace, now)));
        self.active_locks.extend(LockLine::all(view, locks).await?);
        self.active_handoffs.extend(handoff::pending(view, cx, &id).await?);
        self.active_tasks.extend(active_tasks);
        self.recent_events.extend(events.into_iter().map(EventLine::from));
        self.workspace = Some(WorkspaceLine { workspace: access.workspace, role: access.role });
        Ok(())
    }

    /// Puts what comes from several workspaces in one order.
    fn order(&mut self, limit: u32) {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.active_tasks.sort_by_key(|task| (task.status == TaskStatus::Done, task.priority));
        self.recent_events.sort_by_key(|event| std::cmp::Reverse(event.at));
        self.active_sessions.truncate(most);
        self.active_claims.truncate(most);
        self.active_locks.truncate(most);
        self.active_handoffs.truncate(most);
        self.active_tasks.truncate(most);
        self.recent_events.truncate(most);
    }
}

/// What is to be done before what is done: that must not take the room, however urgent it was.
async fn tasks(rows: &mut Rows, all: TaskFilter, limit: u32) -> Result<Vec<TaskRecord>, Fault> {
    let mut open = all.clone();
    open.statuses.retain(|status| *status != TaskStatus::Done);
    let mut found = rows.tasks(&open, limit).await?;
    let room = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
    if room > 0 {
        let done = TaskFilter { statuses: vec![TaskStatus::Done], ..all };
        found.extend(rows.tasks(&done, room).await?);
    }
    Ok(found)
}
