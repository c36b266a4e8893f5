//! How many tasks stand where. Every change moves the counts, so counting a hundred thousand tasks reads a few rows.

use brains_core::Id;
use brains_core::id::Workspace;
use brains_core::plane::task::{Priority, TaskRecord, TaskStatus};

use crate::error::StoreError;
use crate::rows::{Rows, execute_deferred, fetch_all, from_row};
use crate::text::{from_enum_name, unsigned};
use crate::write::Tx;

const MORE: &str = "
    INSERT INTO task_tally (workspace, status, priority, tasks) VALUES ($1, $2, $3, 1)
    ON CONFLICT (workspace, status, priority) DO UPDATE SET tasks = task_tally.tasks + 1";
const FEWER: &str = "
    UPDATE task_tally SET tasks = tasks - 1 WHERE workspace = $1 AND status = $2 AND priority = $3";
const COUNTS: &str = "
    SELECT status, priority, tasks FROM task_tally WHERE workspace = $1 AND tasks > 0
    ORDER BY status, priority";

/// How many tasks of one workspace have one status and one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskCount {
    pub status: TaskStatus,
    pub priority: Priority,
    pub tasks: u64,
}

from_row! {
    row => TaskCount {
        Ok(Self {
            status: from_enum_name("status", row.try_get(0)?)?,
            priority: from_enum_name("priority", row.try_get(1)?)?,
            tasks: unsigned(row.try_get(2)?),
        })
    }
}

impl Rows {
    pub async fn task_counts(&mut self, workspace: &Id<Workspace>) -> Result<Vec<TaskCount>, StoreError> {
        fetch_all!(self, TaskCount, COUNTS, workspace.as_str())
    }
}

impl Tx {
    pub(super) async fn tally(
        &mut self,
        workspace: &Id<Workspace>,
        before: Option<&TaskRecord>,
        after: Option<&TaskRecord>,
    ) -> Result<(), StoreError> {
        for (text, task) in [(FEWER, before), (MORE, after)] {
            let Some(task) = task else { continue };
            execute_deferred!(
                &mut self.rows,
                text,
                workspace.as_str(),
                task.status.word(),
                task.priority.word()
            )?;
        }
        Ok(())
    }
}
