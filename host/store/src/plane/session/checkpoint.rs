//! Checkpoints of sessions: what was done, what comes next.

use brains_core::id::Session;
use brains_core::plane::session::CheckpointRecord;
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{id, signed, storable, unsigned};
use crate::write::Tx;

/// The columns of a checkpoint.
macro_rules! checkpoint_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] id, session, workspace, epoch, summary, next_action, blockers, scratchpad_path, created_at)
    };
}

statements! {
    INSERT = "INSERT INTO checkpoint (", checkpoint_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = "
    SELECT ", checkpoint_columns!(), " FROM checkpoint WHERE session = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
}

const COUNT: &str = "SELECT COUNT(*) FROM checkpoint WHERE session = $1";

from_row! {
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
}

impl Rows {
    /// Checkpoints older than `before`, newest first.
    pub async fn checkpoints(
        &mut self,
        session: &Id<Session>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CheckpointRecord>, StoreError> {
        let before = before.unwrap_or("cp_~");
        fetch_all!(self, CheckpointRecord, LIST, session.as_str(), before, i64::from(limit))
    }

    pub async fn checkpoint_count(&mut self, session: &Id<Session>) -> Result<u64, StoreError> {
        Ok(unsigned(fetch_optional!(self, i64, COUNT, session.as_str())?.unwrap_or(0)))
    }
}

impl Tx {
    pub async fn insert_checkpoint(&mut self, checkpoint: &CheckpointRecord) -> Result<(), StoreError> {
        execute!(
            &mut self.rows,
            INSERT,
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
