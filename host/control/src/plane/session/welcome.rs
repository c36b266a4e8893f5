//! What a session hears when it begins or comes back: who else is there, what they hold and are at, what waits for
//! it. Each plane adds its part here; a list is cut to a few, its count is whole.

use brains_core::id::{Id, Session, Workspace};
use brains_core::plane::focus::FocusRecord;
use brains_core::plane::handoff::HandoffRecord;
use brains_core::plane::lock::LockRecord;
use brains_core::plane::mail::{COUNTED_MAX, MessageRecord, notice};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::task::{TaskRecord, TaskStatus};
use brains_core::plane::workspace::WorkspaceRecord;
use brains_core::{Fault, Millis};
use brains_store::{Rows, SeenBy, TaskFilter};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Cx;
use crate::plane::handoff;

/// How many of each thing are shown.
const SHOWN: usize = 5;
const SHOWN_ROWS: u32 = 5;
/// How many held tasks are counted.
const HELD: u32 = 100;
/// How many live sessions are looked at.
const PEERS: u32 = 200;

/// Another session of the workspace.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Peer")]
pub(crate) struct SessionPeer {
    session: Id<Session>,
    operator: String,
    tool: String,
    /// Name of the key that it works with.
    key: Option<String>,
    /// Whether it is an agent's, rather than a person's.
    agent: bool,
    last_seen_at: Millis,
    /// What it is at, in its own words.
    intent: Option<String>,
    /// The task that it is at.
    task: Option<String>,
    /// The paths that it is at.
    paths: Vec<String>,
}

/// Another working tree of the repository, in which somebody works.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Sibling {
    /// Slug of its workspace: mail, tasks and lists take it as `workspace`.
    worktree: String,
    path: String,
    /// The branch that it is on now.
    branch: Option<String>,
    /// How many sessions live in it.
    peers_count: usize,
    /// The freshest of them.
    peers: Vec<SessionPeer>,
    /// How many locks they hold.
    locks_count: usize,
    /// Those that hold longest.
    locks: Vec<LockRecord>,
}

impl Sibling {
    /// What goes on in the other working trees of a repository; their branches are asked for apart.
    pub(crate) async fn all(
        rows: &mut Rows,
        cx: &Cx<'_>,
        workspace: &WorkspaceRecord,
    ) -> Result<Vec<Self>, Fault> {
        let now = cx.now();
        let mut siblings = Vec::new();
        for tree in cx.siblings(rows, workspace).await? {
            let mut peers = rows.live_sessions(&tree.id, now, PEERS).await?;
            if peers.is_empty() {
                continue;
            }
            let foci = rows.foci(&tree.id, now).await?;
            let mut locks = rows.held_locks(&tree.id, now).await?;
            locks.reverse();
            let (peers_count, locks_count) = (peers.len(), locks.len());
            locks.truncate(SHOWN);
            peers.truncate(SHOWN);
            let peers = peers.into_iter().map(|peer| SessionPeer::of(peer, &foci)).collect();
            let (worktree, path) = (tree.slug, tree.path);
            siblings.push(Self { worktree, path, branch: None, peers_count, peers, locks_count, locks });
            if siblings.len() == SHOWN {
                break;
            }
        }
        Ok(siblings)
    }

    /// Adds the branches. It looks at files: no view of the database is held meanwhile.
    pub(crate) async fn add_branches(cx: &Cx<'_>, siblings: &mut [Self]) {
        for sibling in siblings {
            sibling.branch = cx.branch(&sibling.path).await;
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Sender {
    /// Slug of the operator.
    operator: String,
    /// The session, when it was one.
    session: Option<Id<Session>>,
    /// Whether an agent did, rather than a person.
    agent: bool,
}

impl Sender {
    fn of(message: &MessageRecord) -> Self {
        Self {
            operator: message.from.clone(),
            session: message.from_session.clone(),
            agent: message.from_agent,
        }
    }
}

/// What there is to know at the beginning.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Welcome {
    /// How many other sessions live in the workspace.
    peers_count: usize,
    /// The freshest of them.
    peers: Vec<SessionPeer>,
    /// How many locks others hold.
    locks_count: usize,
    /// Those that hold longest.
    locks: Vec<LockRecord>,
    /// Other working trees of the repository in which somebody works.
    siblings: Vec<Sibling>,
    /// How many messages wait unread, counted up to 100.
    unread_count: u32,
    /// Subjects of those that are read first.
    unread_subjects: Vec<String>,
    /// Who wrote them, in the same order.
    unread_senders: Vec<Sender>,
    /// The note of where work stopped here, if one waits to be picked up.
    handoff: Option<HandoffRecord>,
    /// How many tasks it holds.
    tasks_count: usize,
    /// The tasks that it holds, the most urgent first.
    tasks: Vec<TaskRecord>,
    /// What to do about it, a sentence each.
    hints: Vec<String>,
    brain_version: String,
}

impl Welcome {
    pub(crate) async fn of(rows: &mut Rows, session: &SessionRecord, now: Millis) -> Result<Self, Fault> {
        let mut peers = rows.live_sessions(&session.workspace, now, PEERS).await?;
        peers.retain(|peer| peer.id != session.id);
        let foci = rows.foci(&session.workspace, now).await?;
        let mut locks = rows.held_locks(&session.workspace, now).await?;
        locks.retain(|lock| lock.session != session.id);
        locks.reverse();
        let (peers_count, locks_count) = (peers.len(), locks.len());
        locks.truncate(SHOWN);
        peers.truncate(SHOWN);
        let mut hints = Vec::new();
        if session.epoch > 1 {
            hints.push("this is the session that you had before, with its locks and tasks".to_owned());
        }
        hints.push(
            "keep `session_token`: when you are not recognised any more, after a restart of the service for one, \
             `resume_session` with it takes this session up again; `start_session` would make another"
                .into(),
        );
        if peers_count > 0 {
            hints.push(format!(
                "{peers_count} other sessions work here: say what you are at with `set_focus`, and lock what you change with `acquire_lock`"
            ));
        }
        if locks_count > 0 {
            hints.push(format!("{locks_count} locks are held by others: `list_locks` shows them"));
        }
        let unread_count = rows.unread(&session.id, now, COUNTED_MAX + 1).await?;
        if let Some(line) = notice(unread_count) {
            hints.push(line);
        }
        let unread = rows.unread_letters(&session.id, now, SHOWN_ROWS).await?;
        let filter = TaskFilter {
            statuses: vec![TaskStatus::InProgress],
            holder: Some(session.id.clone()),
            // Whoever holds one has seen it.
            siblings: Some(SeenBy { operator: String::new(), all: true }),
            ..TaskFilter::of(session.workspace.clone())
        };
        let mut tasks = rows.tasks(&filter, HELD).await?;
        let tasks_count = tasks.len();
        tasks.truncate(SHOWN);
        Ok(Self {
            unread_count,
            unread_senders: unread.iter().map(|letter| Sender::of(&letter.message)).collect(),
            unread_subjects: unread.into_iter().map(|letter| letter.message.subject).collect(),
            handoff: None,
            siblings: Vec::new(),
            tasks_count,
            tasks,
            peers_count,
            peers: peers.into_iter().map(|peer| SessionPeer::of(peer, &foci)).collect(),
            locks_count,
            locks,
            hints,
            brain_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// What was offered, in numbers: adoption is measured by it.
    pub(crate) fn counts(&self) -> Value {
        json!({ "peers": self.peers_count, "locks": self.locks_count, "unread_messages": self.unread_count })
    }

    /// Adds what goes on in the other working trees of the repository.
    pub(crate) async fn with_siblings(
        mut self,
        rows: &mut Rows,
        cx: &Cx<'_>,
        workspace: &WorkspaceRecord,
    ) -> Result<Self, Fault> {
        self.siblings = Sibling::all(rows, cx, workspace).await?;
        if !self.siblings.is_empty() {
            let trees: Vec<&str> =
                self.siblings.iter().take(SHOWN).map(|tree| tree.worktree.as_str()).collect();
            self.hints.push(format!(
                "others work in other working trees of this repository ({}): what they hold is told as a warning, and \
                 `send_message` with `siblings` reaches them too",
                trees.join(", ")
            ));
        }
        Ok(self)
    }

    /// Adds the branches of the siblings. It looks at files: no view of the database is held meanwhile.
    pub(crate) async fn with_branches(mut self, cx: &Cx<'_>) -> Self {
        Sibling::add_branches(cx, &mut self.siblings).await;
        self
    }

    /// Adds the handoff that waits, as the configured age lets it.
    pub(crate) async fn with_handoff(
        mut self,
        rows: &mut Rows,
        cx: &Cx<'_>,
        workspace: &Id<Workspace>,
    ) -> Result<Self, Fault> {
        self.handoff = handoff::pending(rows, cx, workspace).await?;
        if self.handoff.is_some() {
            self.hints.push("somebody left word of where work stopped: `pick_handoff` takes it up".into());
        }
        Ok(self)
    }
}

impl SessionPeer {
    fn of(session: SessionRecord, foci: &[FocusRecord]) -> Self {
        let focus = foci.iter().find(|focus| focus.session == session.id);
        Self {
            intent: focus.and_then(|focus| focus.intent.clone()),
            task: focus.and_then(|focus| focus.task.clone()),
            paths: focus.map(|focus| focus.paths.clone()).unwrap_or_default(),
            session: session.id,
            operator: session.operator,
            tool: session.tool,
            key: session.key.map(|key| key.name),
            agent: session.agent,
            last_seen_at: session.last_seen_at,
        }
    }
}
