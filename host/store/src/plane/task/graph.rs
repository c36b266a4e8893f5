//! What waits for what: the edges, and the counts of open dependencies that follow from them.

use brains_core::Id;
use brains_core::id::Task;
use brains_core::plane::task::TaskRecord;

use crate::error::StoreError;
use crate::rows::{Rows, execute, execute_deferred, fetch_all, from_row};
use crate::write::Tx;

/// Edges that are looked at to find a circle.
const REACH_MAX: i64 = 20_000;

const FORGET: &str = "DELETE FROM task_dependency WHERE task = $1";
const NEED: &str = "INSERT INTO task_dependency (task, needs) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const MET: &str = "
    UPDATE task SET open_dependencies = open_dependencies - 1
    WHERE id IN (SELECT task FROM task_dependency WHERE needs = $1) AND open_dependencies > 0";
const UNMET: &str = "
    UPDATE task SET open_dependencies = open_dependencies + 1
    WHERE id IN (SELECT task FROM task_dependency WHERE needs = $1)";
const WAITING: &str = "
    SELECT t.code FROM task_dependency d JOIN task t ON t.id = d.task
    WHERE d.needs = $1 AND t.status IN ('available', 'in_progress', 'blocked') ORDER BY t.id LIMIT $2";
const BLOCKED_ON: &str = "
    SELECT t.*, w.slug FROM task t JOIN workspace w ON w.id = t.workspace
    WHERE t.blocked_on = $1 ORDER BY t.id";
/// A task waits for what it depends on and for what it is blocked on.
const REACH_SQLITE: &str = "
    WITH RECURSIVE reach (task) AS (
        SELECT CAST($1 AS TEXT)
        UNION SELECT d.needs FROM reach r JOIN task_dependency d ON d.task = r.task
        UNION SELECT o.id FROM reach r JOIN task b ON b.id = r.task JOIN task o ON o.code = b.blocked_on
    )
    SELECT d.task, d.needs FROM reach r JOIN task_dependency d ON d.task = r.task
    UNION ALL SELECT b.id, o.id FROM reach r JOIN task b ON b.id = r.task JOIN task o ON o.code = b.blocked_on
    LIMIT $2";
/// The same where a recursive step may name what it extends only once.
const REACH_POSTGRES: &str = "
    WITH RECURSIVE reach (task) AS (
        SELECT CAST($1 AS TEXT) COLLATE \"C\"
        UNION SELECT e.needs FROM reach r CROSS JOIN LATERAL (
            SELECT d.needs FROM task_dependency d WHERE d.task = r.task
            UNION ALL SELECT o.id FROM task b JOIN task o ON o.code = b.blocked_on WHERE b.id = r.task
        ) e
    )
    SELECT d.task, d.needs FROM reach r JOIN task_dependency d ON d.task = r.task
    UNION ALL SELECT b.id, o.id FROM reach r JOIN task b ON b.id = r.task JOIN task o ON o.code = b.blocked_on
    LIMIT $2";

struct Edge(String, String);

from_row! {
    row => Edge { Ok(Self(row.try_get(0)?, row.try_get(1)?)) }
}

/// How many of `needs` are not done.
pub(super) fn open(needs: &[TaskRecord]) -> u32 {
    u32::try_from(needs.iter().filter(|need| need.completed_at.is_none()).count()).unwrap_or(u32::MAX)
}

impl Rows {
    /// Every edge that can be reached from `task`, its own included.
    pub async fn task_edges(&mut self, task: &Id<Task>) -> Result<Vec<(String, String)>, StoreError> {
        let text = if self.is_postgres() { REACH_POSTGRES } else { REACH_SQLITE };
        let edges = fetch_all!(self, Edge, text, task.as_str(), REACH_MAX)?;
        Ok(edges.into_iter().map(|Edge(task, needs)| (task, needs)).collect())
    }

    /// Codes of open tasks that wait for `task`.
    pub async fn waiting_for(&mut self, task: &Id<Task>, limit: u32) -> Result<Vec<String>, StoreError> {
        fetch_all!(self, String, WAITING, task.as_str(), i64::from(limit))
    }
}

impl Tx {
    /// Replaces what `task` waits for. The count in its row is the caller's to save.
    pub async fn set_needs(&mut self, task: &Id<Task>, needs: &[TaskRecord]) -> Result<u32, StoreError> {
        execute!(&mut self.rows, FORGET, task.as_str())?;
        self.add_needs(task, needs).await?;
        Ok(open(needs))
    }

    pub(super) async fn add_needs(
        &mut self,
        task: &Id<Task>,
        needs: &[TaskRecord],
    ) -> Result<(), StoreError> {
        for need in needs {
            execute_deferred!(&mut self.rows, NEED, task.as_str(), need.id.as_str())?;
        }
        Ok(())
    }

    pub(super) async fn met(&mut self, done: &Id<Task>) -> Result<(), StoreError> {
        execute_deferred!(&mut self.rows, MET, done.as_str())
    }

    pub(super) async fn unmet(&mut self, reopened: &Id<Task>) -> Result<(), StoreError> {
        execute_deferred!(&mut self.rows, UNMET, reopened.as_str())
    }

    /// Tasks that wait, blocked, for the end of the one with this code.
    pub async fn blocked_on(&mut self, code: &str) -> Result<Vec<TaskRecord>, StoreError> {
        fetch_all!(&mut self.rows, TaskRecord, BLOCKED_ON, code)
    }
}
