//! What a session hears when it begins or comes back: who else is there, what they hold and are at, what waits for
//! it. Each plane adds its part here; a list is cut to a few, its count is whole.

use brains_core::id::{Id, Session};
use brains_core::plane::focus::FocusRecord;
use brains_core::plane::lock::LockRecord;
use brains_core::plane::session::SessionRecord;
use brains_core::{Fault, Millis};
use brains_store::Rows;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// How many of each thing are shown.
const SHOWN: usize = 5;
/// How many live sessions are looked at.
const PEERS: u32 = 200;

/// Another session of the workspace.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Peer {
    session: Id<Session>,
    operator: String,
    tool: String,
    last_seen_at: Millis,
    /// What it is at, in its own words.
    intent: Option<String>,
    /// The task that it is at.
    task: Option<String>,
    /// The paths that it is at.
    paths: Vec<String>,
}

/// What there is to know at the beginning.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Welcome {
    /// How many other sessions live in the workspace.
    peers_count: usize,
    /// The freshest of them.
    peers: Vec<Peer>,
    /// How many locks others hold.
    locks_count: usize,
    /// Those that hold longest.
    locks: Vec<LockRecord>,
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
        if peers_count > 0 {
            hints.push(format!(
                "{peers_count} other sessions work here: say what you are at with `set_focus`, and lock what you change with `acquire_lock`"
            ));
        }
        if locks_count > 0 {
            hints.push(format!("{locks_count} locks are held by others: `list_locks` shows them"));
        }
        Ok(Self {
            peers_count,
            peers: peers.into_iter().map(|peer| Peer::of(peer, &foci)).collect(),
            locks_count,
            locks,
            hints,
            brain_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// What was offered, in numbers: adoption is measured by it.
    pub(crate) fn counts(&self) -> Value {
        json!({ "peers": self.peers_count, "locks": self.locks_count })
    }
}

impl Peer {
    fn of(session: SessionRecord, foci: &[FocusRecord]) -> Self {
        let focus = foci.iter().find(|focus| focus.session == session.id);
        Self {
            intent: focus.and_then(|focus| focus.intent.clone()),
            task: focus.and_then(|focus| focus.task.clone()),
            paths: focus.map(|focus| focus.paths.clone()).unwrap_or_default(),
            session: session.id,
            operator: session.operator,
            tool: session.tool,
            last_seen_at: session.last_seen_at,
        }
    }
}
