//! Which sessions there are.

use brains_core::Fault;
use brains_core::id::{Id, Session};
use brains_core::plane::focus::FocusRecord;
use brains_core::plane::lock::LockRecord;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::SessionFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NOUN, SessionLine, add_branches};
use crate::context::Cx;
use crate::input::page::{bad_cursor, default_limit, limit};
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Lists the sessions of a workspace, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSessions {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
    /// Those that are over too.
    #[serde(default)]
    all: bool,
    /// Only those that work for this operator.
    operator: Option<String>,
    /// How many at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of sessions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionPage {
    sessions: Vec<SessionLine>,
    /// Those that live in other working trees of the repository, with the first page.
    siblings: Vec<SessionLine>,
    /// Where the next page begins; none when this is the last.
    next_cursor: Option<String>,
}

impl Operation for ListSessions {
    const NAME: &'static str = "list_sessions";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape =
        CliShape::new(&["session", "list"]).aliases(&[Alias { path: &["sessions"], hidden: true }]).table(
            "sessions",
            &[
                "id",
                "tool",
                "state",
                "operator",
                "key",
                "branch",
                "last_seen_at",
                "lease_expires_at",
                "summary",
            ],
        );
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Who works there",
            command: "session list --workspace shop",
            input: r#"{"workspace": "shop"}"#,
        },
        Example {
            title: "What was done lately",
            command: "session list --workspace shop --all --limit 5",
            input: r#"{"workspace": "shop", "all": true, "limit": 5}"#,
        },
    ];
    type Output = SessionPage;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionPage, Fault> {
        let limit = limit(self.limit)?;
        let first = self.cursor.is_none();
        let before = self.cursor.map(|cursor| Id::parse(&cursor).ok_or_else(bad_cursor)).transpose()?;
        let filter = SessionFilter { all: self.all, operator: self.operator, before };
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let now = cx.now();
        let found = view.sessions(&access.workspace.id, &filter, now, limit + 1).await?;
        let line = |session| SessionLine::of(session, &access.workspace, now);
        let mut sessions: Vec<_> = found.into_iter().map(line).collect();
        let mut siblings = Vec::new();
        if first {
            for tree in cx.siblings(&mut view, &access.workspace).await? {
                let live = SessionFilter { operator: filter.operator.clone(), ..SessionFilter::default() };
                let found = view.sessions(&tree.id, &live, now, limit).await?;
                siblings.extend(found.into_iter().map(|session| SessionLine::of(session, &tree, now)));
            }
        }
        drop(view);
        add_branches(cx, &mut sessions).await;
        add_branches(cx, &mut siblings).await;
        siblings.truncate(cx.budget.part(4).fitting(&siblings));
        let next_cursor =
            cx.budget.without(&siblings).cut(&mut sessions, limit, |session| session.id.to_string());
        Ok(SessionPage { sessions, siblings, next_cursor })
    }
}

/// Shows one session: what it is at and what it holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowSession {
    /// The session's id, as `list_sessions` shows it.
    id: Id<Session>,
}

/// One session with what it holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionShown {
    session: SessionLine,
    /// What it is at.
    focus: Option<FocusRecord>,
    /// What it holds.
    locks: Vec<LockRecord>,
    /// How many checkpoints it wrote.
    checkpoints_total: u64,
}

impl Operation for ShowSession {
    const NAME: &'static str = "show_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "show"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "What one is at",
        command: "session show ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"id": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = SessionShown;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionShown, Fault> {
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let (session, access) = cx.session_in_sight(&mut view, &self.id, WorkspaceRole::Reader).await?;
        let lives = session.lives(now);
        let focus = if lives { view.focus(&session.id, now).await? } else { None };
        let locks = if lives { view.locks_of(&session.id, now).await? } else { Vec::new() };
        let checkpoints_total = view.checkpoint_count(&session.id).await?;
        drop(view);
        let mut line = SessionLine::of(session, &access.workspace, now);
        add_branches(cx, std::slice::from_mut(&mut line)).await;
        Ok(SessionShown { session: line, focus, locks, checkpoints_total })
    }
}
