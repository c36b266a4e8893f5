//! Tasks: one row each, with its history, its comments and its edges. Every change goes through
//! [`Tx::save_task`], which keeps what is derived from a task (tallies, tags, who may start now) beside it.

use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::task::{
    Block, Priority, TaskChange, TaskComment, TaskRecord, TaskStatus, code, code_stem,
};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, execute, execute_deferred, fetch_all, fetch_optional, from_row};
use crate::text::{from_enum_name, from_json, id, list, signed, storable, unsigned};
use crate::write::{Actor, Scope, Tx};

mod graph;
mod tally;

pub use tally::TaskCount;

const GET: &str = "
    SELECT t.*, w.slug FROM task t JOIN workspace w ON w.id = t.workspace WHERE t.id = $1";
const PLACE_OF_CODE: &str = "SELECT id, workspace FROM task WHERE code = $1";
const PLACE_OF_ID: &str = "SELECT id, workspace FROM task WHERE id = $1";
/// The next number, and whether a task has that code already: a slug that another workspace had once may find its old
/// codes in use.
const COUNT_UP: &str = "
    INSERT INTO task_counter (workspace, last) VALUES ($1, 1)
    ON CONFLICT (workspace) DO UPDATE SET last = task_counter.last + 1
    RETURNING last, (SELECT COUNT(*) FROM task t WHERE t.code = $2 || CAST(task_counter.last AS TEXT)) AS taken";
const INSERT: &str = "
    INSERT INTO task (
        id, workspace, code, title, body, priority, status, tags, depends_on, open_dependencies, assignee, attempts,
        created_by, created_by_session, created_at, updated_at, revision, created_by_agent, siblings
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $14, $14, 1, $15, $16)";
const UPDATE: &str = "
    UPDATE task SET title = $3, body = $4, priority = $5, status = $6, tags = $7, depends_on = $8,
        open_dependencies = $9, assignee = $10, holder = $11, claimed_at = $12, lease_expires_at = $13,
        attempts = $14, block_reason = $15, blocked_on = $16, blocked_at = $17, completed_at = $18,
        completion_summary = $19, updated_at = $20, revision = revision + 1
    WHERE id = $1 AND revision = $2
    RETURNING (SELECT COUNT(*) FROM task b WHERE b.blocked_on = task.code)";
const NOTE: &str = "
    INSERT INTO task_change (task, revision, at, change, operator, session, note, agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const CHANGES: &str = "
    SELECT revision, at, change, operator, session, note, agent FROM task_change
    WHERE task = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3";
const COMMENT: &str = "
    INSERT INTO task_comment (id, task, at, operator, session, body, agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const COMMENTS: &str = "
    SELECT id, at, operator, session, body, agent FROM task_comment
    WHERE task = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const UNTAG: &str = "DELETE FROM task_tag WHERE task = $1";
const TAG: &str = "INSERT INTO task_tag (task, tag, workspace, status, priority) VALUES ($1, $2, $3, $4, $5)";
const MOVE_TAGS: &str = "UPDATE task_tag SET status = $2, priority = $3 WHERE task = $1";
const OVERDUE: &str = "
    SELECT id FROM task
    WHERE workspace = $1 AND status = 'in_progress' AND lease_expires_at IS NOT NULL AND lease_expires_at <= $2
    ORDER BY lease_expires_at LIMIT $3";
/// Held by sessions of other working trees that are over: whoever ends one holds its own workspace alone.
const LEFT_BEHIND: &str = "
    SELECT t.id FROM task t JOIN session s ON s.id = t.holder
    WHERE t.workspace = $1 AND t.status = 'in_progress' AND t.siblings AND s.ended_at IS NOT NULL
    ORDER BY t.id LIMIT $2";
const HELD: &str = "
    SELECT id FROM task WHERE holder = $1 AND workspace = $2 AND status = 'in_progress' ORDER BY id";
const ASSIGNED: &str = "
    SELECT id FROM task
    WHERE assignee = $1 AND workspace = $2 AND status IN ('available', 'in_progress', 'blocked') ORDER BY id";

/// Why a task is free whose holder is there no more.
const HOLDER_IS_OVER: &str = "the session of its holder is over";
/// Claims whose time is over that one write frees.
const FREED: i64 = 100;

/// Higher than every id that can be: where a list that has no cursor begins.
const LAST: &str = "~";

from_row! {
    row => TaskRecord {
        let session = |column: &str| -> Result<Option<Id<Session>>, StoreError> {
            row.try_get::<Option<&str>, _>(column)?.map(|text| id(column, text)).transpose()
        };
        let time = |column: &str| -> Result<Option<Millis>, StoreError> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(Millis))
        };
        let count = |column: &str| -> Result<u32, StoreError> {
            Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
        };
        let block = match time("blocked_at")? {
            Some(since) => Some(Block {
                reason: row.try_get::<Option<String>, _>("block_reason")?.unwrap_or_default(),
                on: row.try_get("blocked_on")?,
                since,
            }),
            None => None,
        };
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            code: row.try_get("code")?,
            workspace: row.try_get("slug")?,
            siblings: row.try_get("siblings")?,
            title: row.try_get("title")?,
            body: row.try_get("body")?,
            priority: from_enum_name("priority", row.try_get("priority")?)?,
            status: from_enum_name("status", row.try_get("status")?)?,
            tags: from_json("tags", row.try_get("tags")?)?,
            depends_on: from_json("depends_on", row.try_get("depends_on")?)?,
            open_dependencies: count("open_dependencies")?,
            assignee: row.try_get("assignee")?,
            holder: session("holder")?,
            claimed_at: time("claimed_at")?,
            lease_expires_at: time("lease_expires_at")?,
            attempts: count("attempts")?,
            block,
            completed_at: time("completed_at")?,
            completion_summary: row.try_get("completion_summary")?,
            created_by: row.try_get("created_by")?,
            created_by_session: session("created_by_session")?,
            created_by_agent: row.try_get("created_by_agent")?,
            created_at: Millis(row.try_get("created_at")?),
            updated_at: Millis(row.try_get("updated_at")?),
            revision: unsigned(row.try_get("revision")?),
        })
    }
    row => TaskChange {
        Ok(Self {
            revision: unsigned(row.try_get("revision")?),
            at: Millis(row.try_get("at")?),
            change: row.try_get("change")?,
            operator: row.try_get("operator")?,
            session: row.try_get::<Option<&str>, _>("session")?.map(|text| id("session", text)).transpose()?,
            agent: row.try_get("agent")?,
            note: row.try_get("note")?,
        })
    }
    row => TaskComment {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            at: Millis(row.try_get("at")?),
            operator: row.try_get("operator")?,
            session: row.try_get::<Option<&str>, _>("session")?.map(|text| id("session", text)).transpose()?,
            agent: row.try_get("agent")?,
            body: row.try_get("body")?,
        })
    }
    row => Number { Ok(Self { last: row.try_get(0)?, taken: row.try_get::<i64, _>(1)? > 0 }) }
    row => Saved { Ok(Self { blocks: row.try_get::<i64, _>(0)? > 0 }) }
    row => TaskPlace {
        Ok(Self { id: id("id", row.try_get(0)?)?, workspace: id("workspace", row.try_get(1)?)? })
    }
}

/// A workspace's next number.
struct Number {
    last: i64,
    taken: bool,
}

/// What became of a task that was saved.
struct Saved {
    /// Whether another one is blocked on it.
    blocks: bool,
}

/// Which task, and where. A task never moves to another workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlace {
    pub id: Id<Task>,
    pub workspace: Id<Workspace>,
}

/// A task that is not there yet.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub title: String,
    pub body: String,
    pub priority: Priority,
    pub tags: Vec<String>,
    /// What must be done first.
    pub needs: Vec<TaskRecord>,
    pub assignee: Option<String>,
    /// Whether the repository's other working trees may claim it.
    pub siblings: bool,
}

impl Rows {
    pub async fn task(&mut self, id: &Id<Task>) -> Result<Option<TaskRecord>, StoreError> {
        fetch_optional!(self, TaskRecord, GET, id.as_str())
    }

    /// The task that has this code.
    pub async fn task_of_code(&mut self, code: &str) -> Result<Option<TaskPlace>, StoreError> {
        fetch_optional!(self, TaskPlace, PLACE_OF_CODE, code)
    }

    pub async fn task_place(&mut self, id: &Id<Task>) -> Result<Option<TaskPlace>, StoreError> {
        fetch_optional!(self, TaskPlace, PLACE_OF_ID, id.as_str())
    }

    /// What happened to a task, newest first, before the revision `before`.
    pub async fn task_changes(
        &mut self,
        task: &Id<Task>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<TaskChange>, StoreError> {
        let before = before.map_or(i64::MAX, signed);
        fetch_all!(self, TaskChange, CHANGES, task.as_str(), before, i64::from(limit))
    }

    /// What was said about a task, newest first, before the comment `before`.
    pub async fn task_comments(
        &mut self,
        task: &Id<Task>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TaskComment>, StoreError> {
        fetch_all!(self, TaskComment, COMMENTS, task.as_str(), before.unwrap_or(LAST), i64::from(limit))
    }
}

impl Tx {
    /// Adds a task with the workspace's next number.
    pub async fn insert_task(
        &mut self,
        workspace: &Id<Workspace>,
        slug: &str,
        new: &NewTask,
    ) -> Result<TaskRecord, StoreError> {
        let author = self.author();
        let mut task = TaskRecord {
            id: self.mint(),
            code: String::new(),
            workspace: slug.to_owned(),
            siblings: new.siblings,
            title: storable(&new.title).into_owned(),
            body: storable(&new.body).into_owned(),
            priority: new.priority,
            status: TaskStatus::Available,
            tags: new.tags.iter().map(|tag| storable(tag).into_owned()).collect(),
            depends_on: new.needs.iter().map(|need| need.code.clone()).collect(),
            open_dependencies: graph::open(&new.needs),
            assignee: new.assignee.clone(),
            holder: None,
            claimed_at: None,
            lease_expires_at: None,
            attempts: 0,
            block: None,
            completed_at: None,
            completion_summary: None,
            created_by: author.operator,
            created_by_session: author.session,
            created_by_agent: author.agent,
            created_at: self.at,
            updated_at: self.at,
            revision: 1,
        };
        let stem = code_stem(slug);
        loop {
            let found = fetch_optional!(&mut self.rows, Number, COUNT_UP, workspace.as_str(), &stem)?;
            let Number { last, taken } = found.ok_or(StoreError::Value { column: "last".into() })?;
            if !taken {
                task.code = code(slug, last);
                break;
            }
        }
        execute_deferred!(
            &mut self.rows,
            INSERT,
            task.id.as_str(),
            workspace.as_str(),
            &task.code,
            &task.title,
            &task.body,
            task.priority.word(),
            task.status.word(),
            list(&task.tags),
            list(&task.depends_on),
            i64::from(task.open_dependencies),
            &task.assignee,
            &task.created_by,
            task.created_by_session.as_ref().map(Id::as_str),
            task.created_at.0,
            task.created_by_agent,
            task.siblings
        )?;
        self.tag_task(workspace, &task).await?;
        self.add_needs(&task.id, &new.needs).await?;
        self.tally(workspace, None, Some(&task)).await?;
        self.note_change(&task, "created", None).await?;
        Ok(task)
    }

    /// Keeps a task as `after`, one revision on, and everything that follows from it; tells the tasks that may go on
    /// because this one is done.
    pub async fn save_task(
        &mut self,
        workspace: &Id<Workspace>,
        before: &TaskRecord,
        mut after: TaskRecord,
        change: &str,
        note: Option<&str>,
    ) -> Result<TaskRecord, StoreError> {
        after.updated_at = self.at;
        let (reason, on, since) = match &after.block {
            Some(block) => (Some(storable(&block.reason)), block.on.as_deref(), Some(block.since.0)),
            None => (None, None, None),
        };
        let saved = fetch_optional!(
            &mut self.rows,
            Saved,
            UPDATE,
            after.id.as_str(),
            signed(before.revision),
            storable(&after.title).as_ref(),
            storable(&after.body).as_ref(),
            after.priority.word(),
            after.status.word(),
            list(&after.tags),
            list(&after.depends_on),
            i64::from(after.open_dependencies),
            &after.assignee,
            after.holder.as_ref().map(Id::as_str),
            after.claimed_at.map(|at| at.0),
            after.lease_expires_at.map(|at| at.0),
            i64::from(after.attempts),
            reason.as_deref(),
            on,
            since,
            after.completed_at.map(|at| at.0),
            after.completion_summary.as_deref().map(storable),
            after.updated_at.0
        )?;
        after.revision = before.revision.saturating_add(1);
        // Writes of one workspace are serial: a row that is not found was changed from outside.
        let Saved { blocks } = saved.ok_or(StoreError::Value { column: "revision".into() })?;
        let moved = (before.status, before.priority) != (after.status, after.priority);
        if before.tags != after.tags {
            execute!(&mut self.rows, UNTAG, after.id.as_str())?;
            self.tag_task(workspace, &after).await?;
        } else if moved && !after.tags.is_empty() {
            execute_deferred!(
                &mut self.rows,
                MOVE_TAGS,
                after.id.as_str(),
                after.status.word(),
                after.priority.word()
            )?;
        }
        if moved {
            self.tally(workspace, Some(before), Some(&after)).await?;
        }
        self.note_change(&after, change, note).await?;
        match (before.completed_at.is_some(), after.completed_at.is_some()) {
            (false, true) => {
                self.met(&after.id).await?;
                if blocks {
                    self.unblock_those_on(workspace, &after.code).await?;
                }
            }
            (true, false) => self.unmet(&after.id).await?,
            (true, true) | (false, false) => {}
        }
        Ok(after)
    }

    async fn unblock_those_on(&mut self, workspace: &Id<Workspace>, done: &str) -> Result<(), StoreError> {
        for before in self.blocked_on(done).await? {
            let Ok(after) = before.clone().unblock() else { continue };
            let note = format!("`{done}` is done");
            // Unblocking completes nothing, so this goes one level deep.
            let saved = Box::pin(self.save_task(workspace, &before, after, "unblocked", Some(&note))).await?;
            let detail = serde_json::json!({ "task": saved.code, "because": done });
            self.record_in(&Scope::workspace(workspace.as_str()), "task.unblock", detail).await?;
        }
        Ok(())
    }

    async fn tag_task(&mut self, workspace: &Id<Workspace>, task: &TaskRecord) -> Result<(), StoreError> {
        for tag in &task.tags {
            execute_deferred!(
                &mut self.rows,
                TAG,
                task.id.as_str(),
                tag,
                workspace.as_str(),
                task.status.word(),
                task.priority.word()
            )?;
        }
        Ok(())
    }

    async fn note_change(
        &mut self,
        task: &TaskRecord,
        change: &str,
        note: Option<&str>,
    ) -> Result<(), StoreError> {
        let author = self.author();
        execute_deferred!(
            &mut self.rows,
            NOTE,
            task.id.as_str(),
            signed(task.revision),
            self.at.0,
            change,
            &author.operator,
            author.session.as_ref().map(Id::as_str),
            note.map(storable).as_deref(),
            author.agent
        )
    }

    pub async fn insert_comment(&mut self, task: &Id<Task>, body: &str) -> Result<TaskComment, StoreError> {
        let author = self.author();
        let comment = TaskComment {
            id: self.mint(),
            at: self.at,
            operator: author.operator,
            session: author.session,
            agent: author.agent,
            body: storable(body).into_owned(),
        };
        execute_deferred!(
            &mut self.rows,
            COMMENT,
            comment.id.as_str(),
            task.as_str(),
            comment.at.0,
            &comment.operator,
            comment.session.as_ref().map(Id::as_str),
            &comment.body,
            comment.agent
        )?;
        Ok(comment)
    }

    /// Frees the tasks whose claims ended by time, some at a time.
    pub(crate) async fn free_overdue_tasks(&mut self, workspace: &Id<Workspace>) -> Result<(), StoreError> {
        let overdue = fetch_all!(&mut self.rows, String, OVERDUE, workspace.as_str(), self.at.0, FREED)?;
        self.free_tasks(workspace, &overdue, "its lease is over").await?;
        let left = fetch_all!(&mut self.rows, String, LEFT_BEHIND, workspace.as_str(), FREED)?;
        self.free_tasks(workspace, &left, HOLDER_IS_OVER).await
    }

    /// Lets go of everything in its workspace that a session holds or alone may claim; tells how many tasks it held. What
    /// it holds in another working tree is freed there, see [`Tx::free_overdue_tasks`].
    pub(crate) async fn release_tasks(&mut self, session: &Id<Session>) -> Result<u64, StoreError> {
        let why = HOLDER_IS_OVER;
        let Some(session) = self.session(session).await? else { return Ok(0) };
        let (id, workspace) = (session.id.as_str(), session.workspace.as_str());
        let held = fetch_all!(&mut self.rows, String, HELD, id, workspace)?;
        let assigned = fetch_all!(&mut self.rows, String, ASSIGNED, id, workspace)?;
        self.free_tasks(&session.workspace, &held, why).await?;
        for text in assigned {
            let Some(before) = self.stored_task(&text).await? else { continue };
            let after = TaskRecord { assignee: None, ..before.clone() };
            self.save_task(&session.workspace, &before, after, "unassigned", Some(why)).await?;
        }
        Ok(u64::try_from(held.len()).unwrap_or(u64::MAX))
    }

    async fn free_tasks(
        &mut self,
        workspace: &Id<Workspace>,
        ids: &[String],
        why: &str,
    ) -> Result<(), StoreError> {
        // Whoever's call it was that met this, it is the program that does it.
        let actor = self.swap_actor(Actor::system());
        for text in ids {
            let Some(before) = self.stored_task(text).await? else { continue };
            let after = before.clone().abandon();
            let saved = self.save_task(workspace, &before, after, "released", Some(why)).await?;
            let holder = before.holder.as_ref().map(Id::as_str);
            let detail = serde_json::json!({ "task": saved.code, "holder": holder, "because": why });
            self.record_in(&Scope::workspace(workspace.as_str()), "task.release", detail).await?;
        }
        self.swap_actor(actor);
        Ok(())
    }

    fn swap_actor(&mut self, actor: Actor) -> Actor {
        match &mut self.cause {
            Some(cause) => std::mem::replace(&mut cause.actor, actor),
            None => actor,
        }
    }

    pub(super) async fn stored_task(&mut self, text: &str) -> Result<Option<TaskRecord>, StoreError> {
        fetch_optional!(&mut self.rows, TaskRecord, GET, text)
    }
}
