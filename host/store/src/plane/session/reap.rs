//! The end of sessions whose time is over, and what the end of one frees, however it comes: in the same write.

use brains_core::Id;
use brains_core::id::{Session, Workspace};
use brains_core::plane::session::{Ending, SessionRecord};
use serde::Serialize;
use serde_json::json;

use crate::error::StoreError;
use crate::plane::session::session_columns;
use crate::rows::{fetch_all, statements};
use crate::write::Tx;

/// Sessions that one write ends at most; the rest waits for the next.
const REAP: i64 = 500;

statements! {
    RUN_OUT = "
    SELECT ", session_columns!(), "
    FROM session WHERE workspace = $1 AND ended_at IS NULL AND lease_until <= $2 ORDER BY id LIMIT $3";
}

/// What the end of a session freed, by plane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Holdings {
    /// How many locks.
    pub locks: u64,
    /// How many tasks.
    pub tasks: u64,
}

impl Tx {
    /// Frees everything that a session holds: one line per plane.
    pub async fn release_holdings(&mut self, session: &Id<Session>) -> Result<Holdings, StoreError> {
        let locks = self.free_locks_of(session).await?;
        self.leave_queues(session).await?;
        self.clear_focus(session).await?;
        let tasks = self.release_tasks(session).await?;
        Ok(Holdings { locks, tasks })
    }

    /// Ends the sessions of a workspace whose lease ran out, and the claims of tasks whose own did, so that nothing in
    /// this write meets what they held.
    pub async fn reap(&mut self, workspace: &Id<Workspace>) -> Result<u64, StoreError> {
        let now = self.now();
        let over = fetch_all!(&mut self.rows, SessionRecord, RUN_OUT, workspace.as_str(), now.0, REAP)?;
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
}
