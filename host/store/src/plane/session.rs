//! Sessions, what they are known by, and their checkpoints. The end of a session, however it comes, frees what it
//! held in the same write.

use brains_core::id::{Session, Workspace};
use brains_core::plane::session::{CheckpointRecord, Ending, LinkRecord, Process, SessionRecord};
use brains_core::{Id, Millis};
use serde::Serialize;
use serde_json::json;

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_all, fetch_optional, from_row};
use crate::text::{enum_name, from_enum_name, id, signed, storable, unsigned};
use crate::write::Tx;

/// Sessions that one write ends at most; the rest waits for the next.
const REAP: i64 = 500;

const INSERT: &str = "
    INSERT INTO session (id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at,
        last_seen_at, machine, pid, pid_started)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const GET: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE id = $1";
const BY_TOKEN: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE token_hash = $1";
/// The newest life of what a link names.
const BY_LINK: &str = "
    SELECT s.id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session s JOIN session_link l ON l.session = s.id
    WHERE l.kind = $1 AND l.value = $2 AND s.operator = $3 AND s.ended_at IS NULL
    ORDER BY l.linked_at DESC, s.id DESC LIMIT 1";
const LINKED: &str = "SELECT COUNT(*) FROM session_link WHERE session = $1 AND kind = $2 AND value = $3";
const LIST: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE workspace = $1 AND id < $2 AND ($3 = 1 OR (ended_at IS NULL AND lease_until > $4))
        AND ($5 = '' OR operator = $5)
    ORDER BY id DESC LIMIT $6";
const LIVE: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE ended_at IS NULL AND lease_until > $1 AND workspace = $2 ORDER BY last_seen_at DESC, id LIMIT $3";
const OF_OPERATOR: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE operator = $1 AND ended_at IS NULL ORDER BY id";
const RUN_OUT_IN: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE workspace = $1 AND ended_at IS NULL AND lease_until <= $2 ORDER BY id LIMIT $3";
const RUN_OUT: &str = "
    SELECT workspace FROM session WHERE ended_at IS NULL AND lease_until <= $1
    UNION SELECT workspace FROM task
        WHERE status = 'in_progress' AND lease_expires_at IS NOT NULL AND lease_expires_at <= $1
    ORDER BY 1";
const PROCESSES: &str = "
    SELECT id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at,
        ended_at, ending, summary, machine, pid, pid_started
    FROM session WHERE machine = $1 AND ended_at IS NULL AND pid IS NOT NULL ORDER BY id";
/// Live sessions by operator, of the workspaces that `$2` sees: never which ones, only how many.
const PRESENCE: &str = "
    SELECT s.operator, COUNT(DISTINCT s.workspace) AS workspaces, COUNT(*) AS sessions,
        MAX(s.last_seen_at) AS last_seen_at
    FROM session s JOIN workspace w ON w.id = s.workspace
    WHERE s.ended_at IS NULL AND s.lease_until > $1 AND s.operator <> $2
        AND ($3 = 1 OR w.visibility = 'shared' OR EXISTS (
            SELECT 1 FROM workspace_member m WHERE m.workspace = w.id AND m.operator = $2))
    GROUP BY s.operator ORDER BY 4 DESC, 1";
const STARTS: &str = "
    SELECT scope, at, session, detail FROM event
    WHERE kind = 'session.start' AND (at > $1 OR (at = $1 AND session > $2)) AND session IS NOT NULL
    ORDER BY at, session LIMIT $3";
const DID: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM event WHERE scope = $1 AND session = $2 AND kind = $3 AND at >= $4 AND at <= $5 LIMIT 1
    ) did";
const SEEN: &str = "
    UPDATE session SET last_seen_at = $2, lease_until = $2 + lease_ms
    WHERE id = $1 AND ended_at IS NULL AND lease_until > $2";
const SEEN_FOR: &str = "
    UPDATE session SET last_seen_at = $2, lease_ms = $3, lease_until = $2 + $3
    WHERE id = $1 AND ended_at IS NULL AND lease_until > $2";
const END: &str = "
    UPDATE session SET ended_at = $2, ending = $3, summary = COALESCE($4, summary)
    WHERE id = $1 AND ended_at IS NULL";
const RESUME: &str = "
    UPDATE session SET ended_at = NULL, ending = NULL, epoch = epoch + 1, token_hash = $2, lease_ms = $3,
        lease_until = $5, last_seen_at = $4, machine = $6, pid = $7, pid_started = $8
    WHERE id = $1";
const RETOKEN: &str = "UPDATE session SET token_hash = $2 WHERE id = $1";
const LINK: &str = "
    INSERT INTO session_link (session, kind, value, linked_at, linked_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
const UNLINK: &str = "DELETE FROM session_link WHERE session = $1 AND kind = $2";
const LINKS: &str = "
    SELECT session, kind, value, linked_at, linked_by FROM session_link WHERE session = $1 ORDER BY linked_at, kind, value";
const FIND: &str = "
    SELECT session, kind, value, linked_at, linked_by FROM session_link
    WHERE kind = $1 AND value = $2 ORDER BY linked_at DESC, session DESC LIMIT $3";
const NOTE: &str = "
    INSERT INTO checkpoint (id, session, workspace, epoch, summary, next_action, blockers, scratchpad_path, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const NOTES: &str = "
    SELECT id, session, workspace, epoch, summary, next_action, blockers, scratchpad_path, created_at
    FROM checkpoint WHERE session = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const NOTE_COUNT: &str = "SELECT COUNT(*) FROM checkpoint WHERE session = $1";

/// The session in a row of either database, in columns whose names begin with `$own`.
macro_rules! session {
    ($row:ident, $own:literal) => {{
        let machine: Option<String> = $row.try_get(concat!($own, "machine"))?;
        let pid: Option<i64> = $row.try_get(concat!($own, "pid"))?;
        SessionRecord {
            id: id("id", $row.try_get(concat!($own, "id"))?)?,
            workspace: id("workspace", $row.try_get(concat!($own, "workspace"))?)?,
            operator: $row.try_get(concat!($own, "operator"))?,
            tool: $row.try_get(concat!($own, "tool"))?,
            agent: $row.try_get::<i64, _>(concat!($own, "agent"))? != 0,
            epoch: unsigned($row.try_get(concat!($own, "epoch"))?),
            token_hash: $row.try_get(concat!($own, "token_hash"))?,
            lease_ms: $row.try_get(concat!($own, "lease_ms"))?,
            lease_until: Millis($row.try_get(concat!($own, "lease_until"))?),
            started_at: Millis($row.try_get(concat!($own, "started_at"))?),
            last_seen_at: Millis($row.try_get(concat!($own, "last_seen_at"))?),
            ended_at: $row.try_get::<Option<i64>, _>(concat!($own, "ended_at"))?.map(Millis),
            ending: match $row.try_get::<Option<&str>, _>(concat!($own, "ending"))? {
                Some(ending) => Some(from_enum_name("ending", ending)?),
                None => None,
            },
            summary: $row.try_get(concat!($own, "summary"))?,
            process: match (machine, pid.and_then(|pid| u32::try_from(pid).ok())) {
                (Some(machine), Some(pid)) => Some(Process {
                    machine,
                    pid,
                    started: $row.try_get::<Option<i64>, _>(concat!($own, "pid_started"))?.map(unsigned),
                }),
                _ => None,
            },
        }
    }};
}
pub(super) use session;

from_row! {
    row => SessionRecord { Ok(session!(row, "")) }
    row => LinkRecord {
        Ok(Self {
            session: id("session", row.try_get("session")?)?,
            kind: row.try_get("kind")?,
            value: row.try_get("value")?,
            linked_at: Millis(row.try_get("linked_at")?),
            linked_by: from_enum_name("linked_by", row.try_get("linked_by")?)?,
        })
    }
    row => CheckpointRecord {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            session: id("session", row.try_get("session")?)?,
            workspace: id("workspace", row.try_get("workspace")?)?,
            epoch: unsigned(row.try_get("epoch")?),
            summary: row.try_get("summary")?,
            next_action: row.try_get("next_action")?,
            blockers: row.try_get("blockers")?,
            scratchpad_path: row.try_get("scratchpad_path")?,
            created_at: Millis(row.try_get("created_at")?),
        })
    }
    row => SessionStart {
        Ok(Self {
            scope: row.try_get("scope")?,
            at: Millis(row.try_get("at")?),
            session: row.try_get("session")?,
            detail: row.try_get("detail")?,
        })
    }
    row => Presence {
        Ok(Self {
            operator: row.try_get("operator")?,
            workspaces: unsigned(row.try_get("workspaces")?),
            sessions: unsigned(row.try_get("sessions")?),
            last_seen_at: Millis(row.try_get("last_seen_at")?),
        })
    }
}

/// Which sessions of a workspace to list; newest first.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Those that are over too.
    pub all: bool,
    pub operator: Option<String>,
    /// Cursor: only older ones than this, the last of the page before.
    pub before: Option<Id<Session>>,
}

/// How present an operator is, over all workspaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    pub operator: String,
    pub workspaces: u64,
    pub sessions: u64,
    pub last_seen_at: Millis,
}

/// The event of a session's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    pub scope: String,
    pub at: Millis,
    pub session: String,
    /// Canonical JSON.
    pub detail: String,
}

/// What the end of a session freed, by plane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Holdings {
    /// How many locks.
    pub locks: u64,
    /// How many tasks.
    pub tasks: u64,
}

impl Rows {
    pub async fn session(&mut self, id: &Id<Session>) -> Result<Option<SessionRecord>, StoreError> {
        fetch_optional!(self, SessionRecord, GET, id.as_str())
    }

    /// The session whose token has this SHA-256.
    pub async fn session_by_token(&mut self, hash: &str) -> Result<Option<SessionRecord>, StoreError> {
        fetch_optional!(self, SessionRecord, BY_TOKEN, hash)
    }

    /// The operator's newest session that is not over and is linked to this.
    pub async fn session_by_link(
        &mut self,
        kind: &str,
        value: &str,
        operator: &str,
    ) -> Result<Option<SessionRecord>, StoreError> {
        fetch_optional!(
            self,
            SessionRecord,
            BY_LINK,
            storable(kind).as_ref(),
            storable(value).as_ref(),
            operator
        )
    }

    pub async fn is_linked(
        &mut self,
        session: &Id<Session>,
        kind: &str,
        value: &str,
    ) -> Result<bool, StoreError> {
        let (kind, value) = (storable(kind), storable(value));
        let found = fetch_optional!(self, i64, LINKED, session.as_str(), kind.as_ref(), value.as_ref())?;
        Ok(found != Some(0))
    }

    pub async fn sessions(
        &mut self,
        workspace: &Id<Workspace>,
        filter: &SessionFilter,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let before = filter.before.as_ref().map_or("ses_~", Id::as_str);
        fetch_all!(
            self,
            SessionRecord,
            LIST,
            workspace.as_str(),
            before,
            i64::from(filter.all),
            now.0,
            filter.operator.as_deref().unwrap_or_default(),
            i64::from(limit)
        )
    }

    /// Sessions that live, freshest first.
    pub async fn live_sessions(
        &mut self,
        workspace: &Id<Workspace>,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        fetch_all!(self, SessionRecord, LIVE, now.0, workspace.as_str(), i64::from(limit))
    }

    /// Sessions of an operator that are not over.
    pub async fn sessions_of(&mut self, operator: &str) -> Result<Vec<SessionRecord>, StoreError> {
        fetch_all!(self, SessionRecord, OF_OPERATOR, operator)
    }

    /// Workspaces in which the lease of a session or of a claim ran out.
    pub async fn run_out(&mut self, now: Millis) -> Result<Vec<Id<Workspace>>, StoreError> {
        let found = fetch_all!(self, String, RUN_OUT, now.0)?;
        Ok(found.iter().filter_map(|text| Id::parse(text)).collect())
    }

    /// Sessions that are not over and name a process of this machine.
    pub async fn sessions_on(&mut self, machine: &str) -> Result<Vec<SessionRecord>, StoreError> {
        fetch_all!(self, SessionRecord, PROCESSES, machine)
    }

    /// Operators other than `operator` who have sessions that live, freshest first, counted where `operator` sees them
    /// or `everywhere`.
    pub async fn presence(
        &mut self,
        operator: &str,
        everywhere: bool,
        now: Millis,
    ) -> Result<Vec<Presence>, StoreError> {
        fetch_all!(self, Presence, PRESENCE, now.0, operator, i64::from(everywhere))
    }

    /// Starts of sessions after the one at `since` of the session `after`, oldest first.
    pub async fn session_starts(
        &mut self,
        since: Millis,
        after: &str,
        limit: u32,
    ) -> Result<Vec<SessionStart>, StoreError> {
        fetch_all!(self, SessionStart, STARTS, since.0, after, i64::from(limit))
    }

    /// Whether a session did something within a time.
    pub async fn session_did(
        &mut self,
        scope: &str,
        session: &str,
        kind: &str,
        from: Millis,
        until: Millis,
    ) -> Result<bool, StoreError> {
        let found = fetch_optional!(self, i64, DID, scope, session, kind, from.0, until.0)?;
        Ok(found.is_some_and(|count| count > 0))
    }

    /// What a session is known by, oldest first.
    pub async fn session_links(&mut self, session: &Id<Session>) -> Result<Vec<LinkRecord>, StoreError> {
        fetch_all!(self, LinkRecord, LINKS, session.as_str())
    }

    /// Sessions that are or were known by this, newest link first.
    pub async fn linked_sessions(
        &mut self,
        kind: &str,
        value: &str,
        limit: u32,
    ) -> Result<Vec<LinkRecord>, StoreError> {
        fetch_all!(
            self,
            LinkRecord,
            FIND,
            storable(kind).as_ref(),
            storable(value).as_ref(),
            i64::from(limit)
        )
    }

    /// Checkpoints older than `before`, newest first.
    pub async fn checkpoints(
        &mut self,
        session: &Id<Session>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CheckpointRecord>, StoreError> {
        let before = before.unwrap_or("cp_~");
        fetch_all!(self, CheckpointRecord, NOTES, session.as_str(), before, i64::from(limit))
    }

    pub async fn checkpoint_count(&mut self, session: &Id<Session>) -> Result<u64, StoreError> {
        Ok(unsigned(fetch_optional!(self, i64, NOTE_COUNT, session.as_str())?.unwrap_or(0)))
    }
}

impl Tx {
    pub async fn insert_session(&mut self, session: &SessionRecord) -> Result<(), StoreError> {
        let (machine, pid, started) = parts(session.process.as_ref());
        execute!(
            &mut self.rows,
            INSERT,
            session.id.as_str(),
            session.workspace.as_str(),
            &session.operator,
            storable(&session.tool).as_ref(),
            i64::from(session.agent),
            signed(session.epoch),
            &session.token_hash,
            session.lease_ms,
            session.lease_until.0,
            session.started_at.0,
            session.last_seen_at.0,
            machine,
            pid,
            started
        )
        .map(drop)
    }

    /// Renews a lease, for its own length or for another one; tells whether the session still lived.
    pub async fn renew_session(
        &mut self,
        id: &Id<Session>,
        lease_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let now = self.now().0;
        let renewed = match lease_ms {
            None => execute!(&mut self.rows, SEEN, id.as_str(), now)?,
            Some(lease_ms) => execute!(&mut self.rows, SEEN_FOR, id.as_str(), now, lease_ms)?,
        };
        Ok(renewed == 1)
    }

    /// Ends a session and frees what it held; `None` when it was over before.
    pub async fn end_session(
        &mut self,
        id: &Id<Session>,
        ending: Ending,
        summary: Option<&str>,
    ) -> Result<Option<Holdings>, StoreError> {
        let now = self.now().0;
        let summary = summary.map(storable);
        if execute!(&mut self.rows, END, id.as_str(), now, enum_name(&ending), summary)? == 0 {
            return Ok(None);
        }
        self.release_holdings(id).await.map(Some)
    }

    /// Frees everything that a session holds: one line per plane.
    pub async fn release_holdings(&mut self, session: &Id<Session>) -> Result<Holdings, StoreError> {
        let locks = self.free_locks_of(session).await?;
        self.leave_queues(session).await?;
        self.clear_focus(session).await?;
        let tasks = self.release_tasks(session, "the session of its holder is over").await?;
        Ok(Holdings { locks, tasks })
    }

    /// Ends the sessions of a workspace whose lease ran out, and the claims of tasks whose own did, so that nothing in
    /// this write meets what they held.
    pub async fn reap(&mut self, workspace: &Id<Workspace>) -> Result<u64, StoreError> {
        let now = self.now();
        let over = fetch_all!(&mut self.rows, SessionRecord, RUN_OUT_IN, workspace.as_str(), now.0, REAP)?;
        let mut reaped = 0;
        for session in over {
            reaped += u64::from(self.reap_one(&session, Ending::Expired).await?);
        }
        self.free_overdue_tasks(workspace).await?;
        Ok(reaped)
    }

    /// Ends one session for a cause of its own; tells whether it was still there to end.
    pub async fn reap_one(&mut self, session: &SessionRecord, ending: Ending) -> Result<bool, StoreError> {
        let Some(freed) = self.end_session(&session.id, ending, None).await? else { return Ok(false) };
        let detail =
            json!({ "session": session.id, "operator": session.operator, "cause": ending, "freed": freed });
        self.record_by_system("session.reap", detail).await?;
        Ok(true)
    }

    /// Brings a session back to life under a new epoch; what it was known by through a connection is forgotten.
    pub async fn resume_session(
        &mut self,
        id: &Id<Session>,
        token_hash: &str,
        lease_ms: i64,
        process: Option<&Process>,
    ) -> Result<(), StoreError> {
        let now = self.now().0;
        let (machine, pid, started) = parts(process);
        let until = now.saturating_add(lease_ms);
        execute!(&mut self.rows, RESUME, id.as_str(), token_hash, lease_ms, now, until, machine, pid, started)
            .map(drop)
    }

    /// Replaces a session's token.
    pub async fn replace_token(&mut self, id: &Id<Session>, token_hash: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, RETOKEN, id.as_str(), token_hash).map(drop)
    }

    /// Ties a session to an id; tells whether it was not tied before.
    pub async fn link_session(&mut self, link: &LinkRecord) -> Result<bool, StoreError> {
        let added = execute!(
            &mut self.rows,
            LINK,
            link.session.as_str(),
            storable(&link.kind).as_ref(),
            storable(&link.value).as_ref(),
            link.linked_at.0,
            enum_name(&link.linked_by)
        )?;
        Ok(added == 1)
    }

    /// Forgets the links of one kind.
    pub async fn unlink_session(&mut self, session: &Id<Session>, kind: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, UNLINK, session.as_str(), kind).map(drop)
    }

    pub async fn insert_checkpoint(&mut self, checkpoint: &CheckpointRecord) -> Result<(), StoreError> {
        execute!(
            &mut self.rows,
            NOTE,
            checkpoint.id.as_str(),
            checkpoint.session.as_str(),
            checkpoint.workspace.as_str(),
            signed(checkpoint.epoch),
            storable(&checkpoint.summary).as_ref(),
            checkpoint.next_action.as_deref().map(storable),
            checkpoint.blockers.as_deref().map(storable),
            checkpoint.scratchpad_path.as_deref().map(storable),
            checkpoint.created_at.0
        )
        .map(drop)
    }
}

fn parts(process: Option<&Process>) -> (Option<&str>, Option<i64>, Option<i64>) {
    process.map_or((None, None, None), |process| {
        (Some(process.machine.as_str()), Some(i64::from(process.pid)), process.started.map(signed))
    })
}
