//! Sessions: what they are, how they are found, renewed, ended and resumed.

pub(crate) mod checkpoint;
pub(crate) mod link;
pub(crate) mod reap;

use brains_core::id::{Key, Session, Workspace};
use brains_core::plane::session::{Ending, Process, SessionKey, SessionRecord};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, id, signed, storable, unsigned};
use crate::write::Tx;

pub use reap::Holdings;

/// The columns of a session.
macro_rules! session_columns {
    ($($form:tt)*) => {
        $crate::rows::column_list!([$($form)*] id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at, last_seen_at, ended_at, ending, summary, machine, pid, pid_started, key, key_name)
    };
}
pub(super) use session_columns;

statements! {
    GET = "
    SELECT ", session_columns!(), "
    FROM session WHERE id = $1";
    BY_TOKEN = "
    SELECT ", session_columns!(), "
    FROM session WHERE token_hash = $1";
    LIST = "
    SELECT ", session_columns!(), "
    FROM session WHERE workspace = $1 AND id < $2 AND ($3 = 1 OR (ended_at IS NULL AND lease_until > $4))
        AND ($5 = '' OR operator = $5)
    ORDER BY id DESC LIMIT $6";
    LIVE = "
    SELECT ", session_columns!(), "
    FROM session WHERE ended_at IS NULL AND lease_until > $1 AND workspace = $2 ORDER BY last_seen_at DESC, id LIMIT $3";
    LIVE_ANYWHERE = "
    SELECT ", session_columns!(), "
    FROM session WHERE ended_at IS NULL AND lease_until > $1 ORDER BY last_seen_at DESC, id LIMIT $2";
    OF_OPERATOR = "
    SELECT ", session_columns!(), "
    FROM session WHERE operator = $1 AND ended_at IS NULL ORDER BY id";
    OF_KEY = "
    SELECT ", session_columns!(), "
    FROM session WHERE key = $1 AND ended_at IS NULL AND lease_until > $2 ORDER BY id LIMIT 2";
    PROCESSES = "
    SELECT ", session_columns!(), "
    FROM session WHERE machine = $1 AND ended_at IS NULL AND pid IS NOT NULL ORDER BY id";
}

const INSERT: &str = "
    INSERT INTO session (id, workspace, operator, tool, agent, epoch, token_hash, lease_ms, lease_until, started_at,
        last_seen_at, machine, pid, pid_started, key, key_name)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
const RUN_OUT: &str = "
    SELECT workspace FROM session WHERE ended_at IS NULL AND lease_until <= $1
    UNION SELECT workspace FROM task
        WHERE status = 'in_progress' AND lease_expires_at IS NOT NULL AND lease_expires_at <= $1
    UNION SELECT t.workspace FROM task t JOIN session s ON s.id = t.holder
        WHERE t.siblings AND t.status = 'in_progress' AND s.ended_at IS NOT NULL
    ORDER BY 1";
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
        lease_until = $5, last_seen_at = $4, machine = $6, pid = $7, pid_started = $8, key = $9, key_name = $10
    WHERE id = $1";
const RETOKEN: &str = "UPDATE session SET token_hash = $2 WHERE id = $1";

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
            key: match $row.try_get::<Option<&str>, _>(concat!($own, "key"))? {
                Some(key) => {
                    Some(SessionKey { id: id("key", key)?, name: $row.try_get(concat!($own, "key_name"))? })
                }
                None => None,
            },
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

impl Rows {
    pub async fn session(&mut self, id: &Id<Session>) -> Result<Option<SessionRecord>, StoreError> {
        fetch_optional!(self, SessionRecord, GET, id.as_str())
    }

    /// The session whose token has this SHA-256.
    pub async fn session_by_token(&mut self, hash: &str) -> Result<Option<SessionRecord>, StoreError> {
        fetch_optional!(self, SessionRecord, BY_TOKEN, hash)
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

    /// Sessions that live in any workspace, freshest first.
    pub async fn live_sessions_anywhere(
        &mut self,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        fetch_all!(self, SessionRecord, LIVE_ANYWHERE, now.0, i64::from(limit))
    }

    /// Sessions of an operator that are not over.
    pub async fn sessions_of(&mut self, operator: &str) -> Result<Vec<SessionRecord>, StoreError> {
        fetch_all!(self, SessionRecord, OF_OPERATOR, operator)
    }

    /// The session that lives and works with a key, when it is the only one.
    pub async fn only_session_of_key(
        &mut self,
        key: &Id<Key>,
        now: Millis,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let mut found = fetch_all!(self, SessionRecord, OF_KEY, key.as_str(), now.0)?;
        Ok(found.pop().filter(|_| found.is_empty()))
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
            started,
            session.key.as_ref().map(|key| key.id.as_str()),
            session.key.as_ref().map(|key| key.name.as_str())
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

    /// Brings a session back to life under a new epoch; what it was known by through a connection is forgotten.
    pub async fn resume_session(
        &mut self,
        id: &Id<Session>,
        token_hash: &str,
        lease_ms: i64,
        process: Option<&Process>,
        key: Option<&SessionKey>,
    ) -> Result<(), StoreError> {
        let now = self.now().0;
        let (machine, pid, started) = parts(process);
        let until = now.saturating_add(lease_ms);
        execute!(
            &mut self.rows,
            RESUME,
            id.as_str(),
            token_hash,
            lease_ms,
            now,
            until,
            machine,
            pid,
            started,
            key.map(|key| key.id.as_str()),
            key.map(|key| key.name.as_str())
        )
        .map(drop)
    }

    /// Replaces a session's token.
    pub async fn replace_token(&mut self, id: &Id<Session>, token_hash: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, RETOKEN, id.as_str(), token_hash).map(drop)
    }
}

fn parts(process: Option<&Process>) -> (Option<&str>, Option<i64>, Option<i64>) {
    process.map_or((None, None, None), |process| {
        (Some(process.machine.as_str()), Some(i64::from(process.pid)), process.started.map(signed))
    })
}
