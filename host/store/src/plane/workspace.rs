//! Workspaces and who is a member of them. Writes are made in the workspace's own scope; registering one, which has
//! no scope yet, in the global one.

use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::session::{Process, SessionKey, SessionRecord};
use brains_core::plane::workspace::{Location, MemberRecord, WorkspaceRecord, WorkspaceRole, slugs};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::plane::session::{session, session_columns};
use crate::rows::{Rows, execute, execute_deferred, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, id, storable, unsigned};
use crate::write::Tx;

/// How many names are tried before giving up.
const SLUGS: usize = 1_000;

/// The columns of a workspace.
macro_rules! workspace_columns {
    ($($form:tt)*) => {
        $crate::rows::column_list!([$($form)*] id, slug, name, path, common_dir, visibility, created_at, created_by, archived_at, last_touched_at, last_summary)
    };
}

/// A workspace with what the operator `$2` is there, and whether at `$3` a lease or a claim has run out that somebody should end;
/// with what else is asked, and how the workspace is found.
macro_rules! standing {
    ($more:expr, $from:literal, $rest:literal) => {
        concat!(
            "
    SELECT ",
            workspace_columns!("w."),
            ", m.role, EXISTS (
            SELECT 1 FROM session s WHERE s.workspace = w.id AND s.ended_at IS NULL AND s.lease_until <= $3
        ) OR EXISTS (
            SELECT 1 FROM task t WHERE t.workspace = w.id AND t.status = 'in_progress'
                AND t.lease_expires_at IS NOT NULL AND t.lease_expires_at <= $3
        ) OR EXISTS (
            SELECT 1 FROM task t JOIN session s ON s.id = t.holder
            WHERE t.workspace = w.id AND t.status = 'in_progress' AND t.siblings AND s.ended_at IS NOT NULL
        ) AS run_out",
            $more,
            "
    FROM ",
            $from,
            " LEFT JOIN workspace_member m ON m.workspace = w.id AND m.operator = $2
    ",
            $rest
        )
    };
}

statements! {
    BY_ID = "
    SELECT ", workspace_columns!(), "
    FROM workspace WHERE id = $1";
    BY_PLACE = "
    SELECT ", workspace_columns!(), "
    FROM workspace WHERE common_dir = $1 AND path = $2";
    OF_TREE = "
    SELECT ", workspace_columns!(), "
    FROM workspace WHERE tree = $1 ORDER BY id DESC LIMIT 1";
    /// The one with the longest path that holds `$1`.
    ABOVE = "
    SELECT ", workspace_columns!(), "
    FROM workspace
    WHERE $1 = path OR path = '/' OR SUBSTR($1, 1, LENGTH(path) + 1) = path || '/'
    ORDER BY LENGTH(path) DESC, id LIMIT 1";
    SEEN_BY_ALL = "
    SELECT ", workspace_columns!(), "
    FROM workspace WHERE slug > $1 AND ($2 = 1 OR archived_at IS NULL) ORDER BY slug LIMIT $3";
    SEEN_BY = "
    SELECT ", workspace_columns!(), "
    FROM workspace WHERE slug > $1 AND ($2 = 1 OR archived_at IS NULL)
        AND (visibility = 'shared' OR EXISTS (
            SELECT 1 FROM workspace_member m WHERE m.workspace = workspace.id AND m.operator = $4))
    ORDER BY slug LIMIT $3";
    SIBLINGS = "
    SELECT ", workspace_columns!(), "
    FROM workspace WHERE common_dir = $1 AND id <> $2 AND archived_at IS NULL
        AND ($3 = 1 OR visibility = 'shared' OR EXISTS (
            SELECT 1 FROM workspace_member m WHERE m.workspace = workspace.id AND m.operator = $4))
    ORDER BY slug LIMIT $5";
    STANDING = standing!("", "workspace w", "WHERE w.id = $1");
    /// The same, and the session that has an id or a token's SHA-256.
    ENTERING = standing!(
        concat!(", ", session_columns!("x.", "own_")),
        "workspace w",
        "LEFT JOIN session x ON x.id = $4 OR x.token_hash = $5 WHERE w.id = $1"
    );
    STANDING_BY_SLUG = standing!("", "workspace w", "WHERE w.slug = $1");
    STANDING_OF_TASK = standing!(
        ", k.id AS task, k.siblings",
        "task k JOIN workspace w ON w.id = k.workspace",
        "WHERE k.id = $1 OR k.code = $4"
    );
}

const INSERT: &str = "
    INSERT INTO workspace (id, slug, name, path, common_dir, visibility, created_at, created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
/// Whether anybody but `$3` registered one between `$1` and `$2`: what lies below a directory, in the order of bytes.
const OTHERS_BELOW: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM workspace WHERE path > $1 AND path < $2 AND created_by <> $3 LIMIT 1
    ) below";
const CHANGE: &str = "
    UPDATE workspace SET slug = $2, name = $3, visibility = $4, archived_at = $5, last_touched_at = $6, last_summary = $7
    WHERE id = $1";
const NOTE_TREE: &str = "UPDATE workspace SET tree = $2 WHERE id = $1 AND (tree IS NULL OR tree <> $2)";
const MOVE: &str = "UPDATE workspace SET path = $2, common_dir = $3, tree = $4 WHERE id = $1";
/// The git directory that working trees share was moved, and they are where they were.
const MOVE_SIBLINGS: &str = "UPDATE workspace SET common_dir = $2 WHERE common_dir = $1";
const TAKEN: &str = "SELECT COUNT(*) FROM workspace WHERE slug = $1 AND id <> $2";
const ROLE: &str = "SELECT role FROM workspace_member WHERE workspace = $1 AND operator = $2";
const MEMBERS: &str =
    "SELECT operator, role, created_at FROM workspace_member WHERE workspace = $1 ORDER BY operator";
const INVITE: &str = "
    INSERT INTO workspace_member (workspace, operator, role, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (workspace, operator) DO UPDATE SET role = excluded.role";
const UNINVITE: &str = "DELETE FROM workspace_member WHERE workspace = $1 AND operator = $2";
const OWNERS: &str = "SELECT COUNT(*) FROM workspace_member WHERE workspace = $1 AND role = 'owner'";
const NEXT_FENCE: &str = "UPDATE workspace SET fence = fence + 1 WHERE id = $1 RETURNING fence";
const NEXT_TURN: &str = "UPDATE workspace SET turn = turn + 1 WHERE id = $1 RETURNING turn";
const FENCE: &str = "SELECT fence FROM workspace WHERE id = $1";

/// What every call looks at; their plans are looked at in a test.
#[cfg(test)]
pub(crate) const LOOKS: [&str; 4] = [STANDING, ENTERING, STANDING_BY_SLUG, STANDING_OF_TASK];

/// The workspace in a row of either database.
macro_rules! workspace {
    ($row:ident) => {
        WorkspaceRecord {
            id: id("id", $row.try_get("id")?)?,
            slug: $row.try_get("slug")?,
            name: $row.try_get("name")?,
            path: $row.try_get("path")?,
            common_dir: $row.try_get("common_dir")?,
            visibility: from_enum_name("visibility", $row.try_get("visibility")?)?,
            created_at: Millis($row.try_get("created_at")?),
            created_by: $row.try_get("created_by")?,
            archived_at: $row.try_get::<Option<i64>, _>("archived_at")?.map(Millis),
            last_touched_at: $row.try_get::<Option<i64>, _>("last_touched_at")?.map(Millis),
            last_summary: $row.try_get("last_summary")?,
        }
    };
}

from_row! {
    row => WorkspaceRecord { Ok(workspace!(row)) }
    row => WorkspaceContext {
        let role: Option<&str> = row.try_get("role")?;
        Ok(Self {
            workspace: workspace!(row),
            membership: role.map(|role| from_enum_name("role", role)).transpose()?,
            run_out: row.try_get("run_out")?,
        })
    }
    row => SessionContext {
        let role: Option<&str> = row.try_get("role")?;
        let known: Option<&str> = row.try_get("own_id")?;
        let session = match known {
            Some(_) => Some(session!(row, "own_")),
            None => None,
        };
        Ok(Self {
            standing: WorkspaceContext {
                workspace: workspace!(row),
                membership: role.map(|role| from_enum_name("role", role)).transpose()?,
                run_out: row.try_get("run_out")?,
            },
            session,
        })
    }
    row => TaskContext {
        let role: Option<&str> = row.try_get("role")?;
        Ok(Self {
            task: id("task", row.try_get("task")?)?,
            siblings: row.try_get("siblings")?,
            standing: WorkspaceContext {
                workspace: workspace!(row),
                membership: role.map(|role| from_enum_name("role", role)).transpose()?,
                run_out: row.try_get("run_out")?,
            },
        })
    }
    row => MemberRecord {
        Ok(Self {
            operator: row.try_get("operator")?,
            role: from_enum_name("role", row.try_get("role")?)?,
            created_at: Millis(row.try_get("created_at")?),
        })
    }
    row => WorkspaceRole { from_enum_name("role", row.try_get(0)?) }
}

/// A workspace, and what an operator is there.
#[derive(Debug, Clone)]
pub struct WorkspaceContext {
    pub workspace: WorkspaceRecord,
    pub membership: Option<WorkspaceRole>,
    /// A lease of a session or a claim of a task is over: [`Tx::reap`] has something to do.
    pub run_out: bool,
}

/// What a write looks at before all else.
#[derive(Debug, Clone)]
pub struct SessionContext {
    pub standing: WorkspaceContext,
    pub session: Option<SessionRecord>,
}

/// A task, and where it is.
#[derive(Debug, Clone)]
pub struct TaskContext {
    pub task: Id<Task>,
    /// Whether the repository's other working trees may claim it.
    pub siblings: bool,
    pub standing: WorkspaceContext,
}

/// How a session is named: by its id, or by the SHA-256 of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionSelector<'n> {
    Id(&'n Id<Session>),
    Token(&'n str),
}

impl Rows {
    /// As [`Rows::workspace_context`], with the session that is called so, in one look.
    pub async fn session_context(
        &mut self,
        id: &Id<Workspace>,
        operator: &str,
        now: Millis,
        called: SessionSelector<'_>,
    ) -> Result<Option<SessionContext>, StoreError> {
        let (named, token) = match called {
            SessionSelector::Id(id) => (Some(id.as_str()), None),
            SessionSelector::Token(hash) => (None, Some(hash)),
        };
        fetch_optional!(self, SessionContext, ENTERING, id.as_str(), operator, now.0, named, token)
    }

    /// The task that has this id or this code, and its workspace as `operator` meets it, in one look.
    pub async fn task_context(
        &mut self,
        id: Option<&Id<Task>>,
        code: Option<&str>,
        operator: &str,
        now: Millis,
    ) -> Result<Option<TaskContext>, StoreError> {
        fetch_optional!(self, TaskContext, STANDING_OF_TASK, id.map(Id::as_str), operator, now.0, code)
    }

    /// A workspace as `operator` meets it, in one look.
    pub async fn workspace_context(
        &mut self,
        id: &Id<Workspace>,
        operator: &str,
        now: Millis,
    ) -> Result<Option<WorkspaceContext>, StoreError> {
        fetch_optional!(self, WorkspaceContext, STANDING, id.as_str(), operator, now.0)
    }

    pub async fn workspace(&mut self, id: &Id<Workspace>) -> Result<Option<WorkspaceRecord>, StoreError> {
        fetch_optional!(self, WorkspaceRecord, BY_ID, id.as_str())
    }

    pub async fn workspace_context_by_slug(
        &mut self,
        slug: &str,
        operator: &str,
        now: Millis,
    ) -> Result<Option<WorkspaceContext>, StoreError> {
        fetch_optional!(self, WorkspaceContext, STANDING_BY_SLUG, storable(slug).as_ref(), operator, now.0)
    }

    /// The workspace of exactly this working tree.
    pub async fn workspace_at(
        &mut self,
        common_dir: &str,
        path: &str,
    ) -> Result<Option<WorkspaceRecord>, StoreError> {
        fetch_optional!(
            self,
            WorkspaceRecord,
            BY_PLACE,
            storable(common_dir).as_ref(),
            storable(path).as_ref()
        )
    }

    /// The workspace whose directory is this one to its file system, wherever that lay.
    pub async fn workspace_of_tree(&mut self, tree: &str) -> Result<Option<WorkspaceRecord>, StoreError> {
        fetch_optional!(self, WorkspaceRecord, OF_TREE, tree)
    }

    /// The workspace whose directory is `path` or the nearest one above it.
    pub async fn workspace_above(&mut self, path: &str) -> Result<Option<WorkspaceRecord>, StoreError> {
        fetch_optional!(self, WorkspaceRecord, ABOVE, storable(path).as_ref())
    }

    /// The other working trees of a workspace's repository, those that `operator` sees or `all`.
    pub async fn siblings(
        &mut self,
        workspace: &WorkspaceRecord,
        operator: &str,
        all: bool,
        limit: u32,
    ) -> Result<Vec<WorkspaceRecord>, StoreError> {
        fetch_all!(
            self,
            WorkspaceRecord,
            SIBLINGS,
            storable(&workspace.common_dir).as_ref(),
            workspace.id.as_str(),
            i64::from(all),
            operator,
            i64::from(limit)
        )
    }

    /// Whether somebody other than `operator` registered a workspace below `path`.
    pub async fn others_below(&mut self, path: &str, operator: &str) -> Result<bool, StoreError> {
        let path = path.trim_end_matches('/');
        // `0` comes right behind `/`.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        let found = fetch_optional!(
            self,
            i64,
            OTHERS_BELOW,
            storable(&from).as_ref(),
            storable(&to).as_ref(),
            operator
        )?;
        Ok(found.unwrap_or(0) > 0)
    }

    /// Workspaces by slug, after `after`: all of them, or those that `operator` sees.
    pub async fn workspaces(
        &mut self,
        operator: Option<&str>,
        archived: bool,
        after: &str,
        limit: u32,
    ) -> Result<Vec<WorkspaceRecord>, StoreError> {
        let (archived, limit, after) = (i64::from(archived), i64::from(limit), storable(after));
        match operator {
            None => fetch_all!(self, WorkspaceRecord, SEEN_BY_ALL, after.as_ref(), archived, limit),
            Some(operator) => {
                fetch_all!(self, WorkspaceRecord, SEEN_BY, after.as_ref(), archived, limit, operator)
            }
        }
    }

    /// What `operator` is by membership.
    pub async fn membership(
        &mut self,
        workspace: &Id<Workspace>,
        operator: &str,
    ) -> Result<Option<WorkspaceRole>, StoreError> {
        fetch_optional!(self, WorkspaceRole, ROLE, workspace.as_str(), operator)
    }

    pub async fn members(&mut self, workspace: &Id<Workspace>) -> Result<Vec<MemberRecord>, StoreError> {
        fetch_all!(self, MemberRecord, MEMBERS, workspace.as_str())
    }

    /// How many members are owners.
    pub async fn owners(&mut self, workspace: &Id<Workspace>) -> Result<i64, StoreError> {
        Ok(fetch_optional!(self, i64, OWNERS, workspace.as_str())?.unwrap_or(0))
    }

    /// The fence of the newest grant.
    pub async fn newest_fence(&mut self, workspace: &Id<Workspace>) -> Result<u64, StoreError> {
        Ok(unsigned(fetch_optional!(self, i64, FENCE, workspace.as_str())?.unwrap_or(0)))
    }
}

impl Tx {
    /// Registers a workspace under the first free slug that follows from `wanted`; `exact` takes no other. The one
    /// that is there already is given back as it is, with `false`.
    pub async fn register_workspace(
        &mut self,
        mut record: WorkspaceRecord,
        exact: bool,
    ) -> Result<(WorkspaceRecord, bool), StoreError> {
        if let Some(there) = self.workspace_at(&record.common_dir, &record.path).await? {
            return Ok((there, false));
        }
        let wanted = record.slug.clone();
        for slug in slugs(&wanted).take(if exact { 1 } else { SLUGS }) {
            let added = execute!(
                &mut self.rows,
                INSERT,
                record.id.as_str(),
                &slug,
                storable(&record.name).as_ref(),
                storable(&record.path).as_ref(),
                storable(&record.common_dir).as_ref(),
                enum_name(&record.visibility),
                record.created_at.0,
                &record.created_by
            )?;
            if added == 1 {
                record.slug = slug;
                return Ok((record, true));
            }
        }
        Err(StoreError::Taken { noun: "workspace", name: wanted })
    }

    /// Writes down what may change of a workspace.
    pub async fn save_workspace(&mut self, workspace: &WorkspaceRecord) -> Result<(), StoreError> {
        let taken =
            fetch_optional!(&mut self.rows, i64, TAKEN, &workspace.slug, workspace.id.as_str())?.unwrap_or(0);
        if taken > 0 {
            return Err(StoreError::Taken { noun: "workspace", name: workspace.slug.clone() });
        }
        execute!(
            &mut self.rows,
            CHANGE,
            workspace.id.as_str(),
            &workspace.slug,
            storable(&workspace.name).as_ref(),
            enum_name(&workspace.visibility),
            workspace.archived_at.map(|at| at.0),
            workspace.last_touched_at.map(|at| at.0),
            workspace.last_summary.as_deref().map(storable)
        )
        .map(drop)
    }

    /// Notes what the directory of a workspace is to its file system.
    pub async fn note_tree(&mut self, workspace: &Id<Workspace>, tree: &str) -> Result<(), StoreError> {
        execute_deferred!(&mut self.rows, NOTE_TREE, workspace.as_str(), tree)
    }

    /// Puts a workspace where its directory is now. `with_siblings` when the git directory that it shares with others was
    /// moved.
    pub async fn move_workspace(
        &mut self,
        workspace: &WorkspaceRecord,
        to: &Location,
        with_siblings: bool,
    ) -> Result<(), StoreError> {
        let (path, common_dir) = (storable(&to.path), storable(&to.common_dir));
        let id = workspace.id.as_str();
        execute!(&mut self.rows, MOVE, id, path.as_ref(), common_dir.as_ref(), to.tree.as_deref())?;
        if with_siblings {
            execute!(&mut self.rows, MOVE_SIBLINGS, &workspace.common_dir, common_dir.as_ref())?;
        }
        Ok(())
    }

    /// Makes `operator` a member, or changes its role.
    pub async fn set_member(
        &mut self,
        workspace: &Id<Workspace>,
        operator: &str,
        role: WorkspaceRole,
    ) -> Result<(), StoreError> {
        let now = self.now().0;
        execute!(&mut self.rows, INVITE, workspace.as_str(), operator, enum_name(&role), now).map(drop)
    }

    /// Tells whether `operator` was a member.
    pub async fn remove_member(
        &mut self,
        workspace: &Id<Workspace>,
        operator: &str,
    ) -> Result<bool, StoreError> {
        Ok(execute!(&mut self.rows, UNINVITE, workspace.as_str(), operator)? == 1)
    }

    /// The next fence: higher than every one before, whatever became of their locks.
    pub async fn next_fence(&mut self, workspace: &Id<Workspace>) -> Result<u64, StoreError> {
        Ok(unsigned(fetch_optional!(&mut self.rows, i64, NEXT_FENCE, workspace.as_str())?.unwrap_or(0)))
    }

    /// The next place in the queue for locks.
    pub(crate) async fn next_turn(&mut self, workspace: &Id<Workspace>) -> Result<u64, StoreError> {
        Ok(unsigned(fetch_optional!(&mut self.rows, i64, NEXT_TURN, workspace.as_str())?.unwrap_or(0)))
    }
}
