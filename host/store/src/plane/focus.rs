//! What sessions are at: one row each.

use brains_core::id::{Session, Workspace};
use brains_core::plane::focus::FocusRecord;
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{from_json, id, list, storable};
use crate::write::Tx;

/// The columns of a focus.
macro_rules! focus_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] session, workspace, intent, task, paths, since, expires_at)
    };
}

statements! {
    GET = "
    SELECT ", focus_columns!(), " FROM focus WHERE session = $1 AND expires_at > $2";
    /// Foci of sessions that live.
    LIST = "
    SELECT ", focus_columns!(), "
    FROM focus f WHERE workspace = $1 AND expires_at > $2 AND EXISTS (
        SELECT 1 FROM session s WHERE s.id = f.session AND s.ended_at IS NULL AND s.lease_until > $2)
    ORDER BY since DESC, session";
}

const SET: &str = "
    INSERT INTO focus (session, workspace, intent, task, paths, since, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (session) DO UPDATE SET workspace = excluded.workspace, intent = excluded.intent,
        task = excluded.task, paths = excluded.paths, since = excluded.since, expires_at = excluded.expires_at";
const CLEAR: &str = "DELETE FROM focus WHERE session = $1";
const PRUNE: &str = "DELETE FROM focus WHERE expires_at <= $1";

from_row! {
    row => FocusRecord {
        Ok(Self {
            session: id("session", row.try_get("session")?)?,
            workspace: id("workspace", row.try_get("workspace")?)?,
            intent: row.try_get("intent")?,
            task: row.try_get("task")?,
            paths: from_json("paths", row.try_get("paths")?)?,
            since: Millis(row.try_get("since")?),
            expires_at: Millis(row.try_get("expires_at")?),
        })
    }
}

impl Rows {
    pub async fn focus(
        &mut self,
        session: &Id<Session>,
        now: Millis,
    ) -> Result<Option<FocusRecord>, StoreError> {
        fetch_optional!(self, FocusRecord, GET, session.as_str(), now.0)
    }

    /// What the sessions of a workspace are at, newest first.
    pub async fn foci(
        &mut self,
        workspace: &Id<Workspace>,
        now: Millis,
    ) -> Result<Vec<FocusRecord>, StoreError> {
        fetch_all!(self, FocusRecord, LIST, workspace.as_str(), now.0)
    }
}

impl Tx {
    pub async fn set_focus(&mut self, focus: &FocusRecord) -> Result<(), StoreError> {
        execute!(
            &mut self.rows,
            SET,
            focus.session.as_str(),
            focus.workspace.as_str(),
            focus.intent.as_deref().map(storable),
            focus.task.as_deref().map(storable),
            list(&focus.paths),
            focus.since.0,
            focus.expires_at.0
        )
        .map(drop)
    }

    /// Tells whether there was one.
    pub async fn clear_focus(&mut self, session: &Id<Session>) -> Result<bool, StoreError> {
        Ok(execute!(&mut self.rows, CLEAR, session.as_str())? == 1)
    }

    /// Forgets foci that are past their time.
    pub async fn prune_foci(&mut self) -> Result<u64, StoreError> {
        let now = self.now().0;
        execute!(&mut self.rows, PRUNE, now)
    }
}
