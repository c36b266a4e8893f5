//! Locks and who waits for them. What conflicts is decided in `brains_core`; here are the rows. A lock whose time is
//! over counts for nothing and is taken away by the next write that meets it.

use brains_core::id::{Lock, LockWait, Session, Workspace};
use brains_core::plane::lock::{LockRecord, Resource, WaitRecord};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, id, signed, storable, unsigned};
use crate::write::Tx;

/// The columns of a lock.
macro_rules! lock_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] id, workspace, kind, resource, mode, session, count, fence, acquired_at, expires_at, reason)
    };
}

statements! {
    GET = "
    SELECT ", lock_columns!(), "
    FROM lock WHERE id = $1";
    LIST = "
    SELECT ", lock_columns!(), "
    FROM lock WHERE workspace = $1 ORDER BY expires_at, id";
    /// Locks that hold: their time is not over, and neither is their session's.
    HELD = "
    SELECT ", lock_columns!(), "
    FROM lock l WHERE workspace = $1 AND expires_at > $2 AND EXISTS (
        SELECT 1 FROM session s WHERE s.id = l.session AND s.ended_at IS NULL AND s.lease_until > $2)
    ORDER BY expires_at, id";
    OF_SESSION = "
    SELECT ", lock_columns!(), "
    FROM lock WHERE session = $1 AND expires_at > $2 ORDER BY expires_at, id";
    BY_FENCE = "
    SELECT ", lock_columns!(), "
    FROM lock WHERE workspace = $1 AND fence = $2 AND expires_at > $3";
    RENEW = "
    UPDATE lock SET expires_at = $2 WHERE id = $1 AND session = $3 AND expires_at > $4
    RETURNING ", lock_columns!(), "";
}

const INSERT: &str = "
    INSERT INTO lock (id, workspace, kind, resource, mode, session, count, fence, acquired_at, expires_at, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const SAVE: &str =
    "UPDATE lock SET mode = $2, count = $3, fence = $4, expires_at = $5, reason = $6 WHERE id = $1";
const DELETE: &str = "DELETE FROM lock WHERE id = $1";
const FREE_OF: &str = "DELETE FROM lock WHERE session = $1";
const RUN_OUT: &str = "DELETE FROM lock WHERE workspace = $1 AND expires_at <= $2";
const PRUNE: &str = "DELETE FROM lock WHERE expires_at <= $1";

const QUEUE: &str = "
    INSERT INTO lock_wait (id, workspace, turn, kind, resource, mode, session, since, alive_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const WAITING: &str = "
    SELECT id, turn, kind, resource, mode, session, since, alive_until
    FROM lock_wait WHERE workspace = $1 AND alive_until > $2 ORDER BY turn";
const ALIVE: &str = "UPDATE lock_wait SET alive_until = $2 WHERE id = $1";
const LEAVE: &str = "DELETE FROM lock_wait WHERE id = $1";
const LEAVE_ALL: &str = "DELETE FROM lock_wait WHERE session = $1";
const GONE: &str = "DELETE FROM lock_wait WHERE alive_until <= $1";

from_row! {
    row => LockRecord {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            workspace: id("workspace", row.try_get("workspace")?)?,
            resource: Resource {
                kind: from_enum_name("kind", row.try_get("kind")?)?,
                resource: row.try_get("resource")?,
            },
            mode: from_enum_name("mode", row.try_get("mode")?)?,
            session: id("session", row.try_get("session")?)?,
            count: u32::try_from(row.try_get::<i64, _>("count")?).unwrap_or(u32::MAX),
            fence: unsigned(row.try_get("fence")?),
            acquired_at: Millis(row.try_get("acquired_at")?),
            expires_at: Millis(row.try_get("expires_at")?),
            reason: row.try_get("reason")?,
        })
    }
    row => WaitRecord {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            turn: unsigned(row.try_get("turn")?),
            resource: Resource {
                kind: from_enum_name("kind", row.try_get("kind")?)?,
                resource: row.try_get("resource")?,
            },
            mode: from_enum_name("mode", row.try_get("mode")?)?,
            session: id("session", row.try_get("session")?)?,
            since: Millis(row.try_get("since")?),
            alive_until: Millis(row.try_get("alive_until")?),
        })
    }
}

impl Rows {
    pub async fn lock(&mut self, id: &Id<Lock>) -> Result<Option<LockRecord>, StoreError> {
        fetch_optional!(self, LockRecord, GET, id.as_str())
    }

    /// Every lock that holds in a workspace, soonest to run out first.
    pub async fn held_locks(
        &mut self,
        workspace: &Id<Workspace>,
        now: Millis,
    ) -> Result<Vec<LockRecord>, StoreError> {
        fetch_all!(self, LockRecord, HELD, workspace.as_str(), now.0)
    }

    /// Those that ran out and were not taken away yet, too.
    pub async fn locks(&mut self, workspace: &Id<Workspace>) -> Result<Vec<LockRecord>, StoreError> {
        fetch_all!(self, LockRecord, LIST, workspace.as_str())
    }

    pub async fn locks_of(
        &mut self,
        session: &Id<Session>,
        now: Millis,
    ) -> Result<Vec<LockRecord>, StoreError> {
        fetch_all!(self, LockRecord, OF_SESSION, session.as_str(), now.0)
    }

    /// The lock that holds under this fence.
    pub async fn lock_by_fence(
        &mut self,
        workspace: &Id<Workspace>,
        fence: u64,
        now: Millis,
    ) -> Result<Option<LockRecord>, StoreError> {
        fetch_optional!(self, LockRecord, BY_FENCE, workspace.as_str(), signed(fence), now.0)
    }

    /// Who waits in a workspace, in turn.
    pub async fn lock_waits(
        &mut self,
        workspace: &Id<Workspace>,
        now: Millis,
    ) -> Result<Vec<WaitRecord>, StoreError> {
        fetch_all!(self, WaitRecord, WAITING, workspace.as_str(), now.0)
    }
}

impl Tx {
    pub async fn insert_lock(&mut self, lock: &LockRecord) -> Result<(), StoreError> {
        // What ran out must not stand in the way of its own resource.
        let now = self.now().0;
        execute!(&mut self.rows, RUN_OUT, lock.workspace.as_str(), now)?;
        execute!(
            &mut self.rows,
            INSERT,
            lock.id.as_str(),
            lock.workspace.as_str(),
            enum_name(&lock.resource.kind),
            storable(&lock.resource.resource).as_ref(),
            enum_name(&lock.mode),
            lock.session.as_str(),
            i64::from(lock.count),
            signed(lock.fence),
            lock.acquired_at.0,
            lock.expires_at.0,
            lock.reason.as_deref().map(storable)
        )
        .map(drop)
    }

    /// Writes down what may change of a lock.
    pub async fn save_lock(&mut self, lock: &LockRecord) -> Result<(), StoreError> {
        execute!(
            &mut self.rows,
            SAVE,
            lock.id.as_str(),
            enum_name(&lock.mode),
            i64::from(lock.count),
            signed(lock.fence),
            lock.expires_at.0,
            lock.reason.as_deref().map(storable)
        )
        .map(drop)
    }

    /// Moves the end of a lock that still holds; none when it does not.
    pub async fn renew_lock(
        &mut self,
        id: &Id<Lock>,
        session: &Id<Session>,
        until: Millis,
    ) -> Result<Option<LockRecord>, StoreError> {
        let now = self.now().0;
        fetch_optional!(&mut self.rows, LockRecord, RENEW, id.as_str(), until.0, session.as_str(), now)
    }

    pub async fn delete_lock(&mut self, id: &Id<Lock>) -> Result<(), StoreError> {
        execute!(&mut self.rows, DELETE, id.as_str()).map(drop)
    }

    pub(crate) async fn free_locks_of(&mut self, session: &Id<Session>) -> Result<u64, StoreError> {
        execute!(&mut self.rows, FREE_OF, session.as_str())
    }

    /// Takes a place at the end of the queue.
    pub async fn queue_for_lock(
        &mut self,
        workspace: &Id<Workspace>,
        mut wait: WaitRecord,
    ) -> Result<WaitRecord, StoreError> {
        wait.turn = self.next_turn(workspace).await?;
        execute!(
            &mut self.rows,
            QUEUE,
            wait.id.as_str(),
            workspace.as_str(),
            signed(wait.turn),
            enum_name(&wait.resource.kind),
            storable(&wait.resource.resource).as_ref(),
            enum_name(&wait.mode),
            wait.session.as_str(),
            wait.since.0,
            wait.alive_until.0
        )?;
        Ok(wait)
    }

    /// A sign of life of a waiter.
    pub async fn keep_waiting(&mut self, id: &Id<LockWait>, until: Millis) -> Result<(), StoreError> {
        execute!(&mut self.rows, ALIVE, id.as_str(), until.0).map(drop)
    }

    pub async fn stop_waiting(&mut self, id: &Id<LockWait>) -> Result<(), StoreError> {
        execute!(&mut self.rows, LEAVE, id.as_str()).map(drop)
    }

    pub(crate) async fn leave_queues(&mut self, session: &Id<Session>) -> Result<(), StoreError> {
        execute!(&mut self.rows, LEAVE_ALL, session.as_str()).map(drop)
    }

    /// Takes away locks that ran out and waiters that went away, in all workspaces.
    pub async fn prune_locks(&mut self) -> Result<u64, StoreError> {
        let now = self.now().0;
        execute!(&mut self.rows, GONE, now)?;
        execute!(&mut self.rows, PRUNE, now)
    }
}
