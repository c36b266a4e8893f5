//! Who works where, over all workspaces: what `brains watch` shows.

use std::collections::BTreeMap;

use brains_core::Fault;
use brains_core::plane::focus::FocusRecord;
use brains_core::plane::lock::LockRecord;
use brains_core::plane::workspace::WorkspaceRecord;
use brains_core::principal::Role;
use brains_store::Rows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NOUN, SessionLine, add_branches};
use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_role::role_in;

/// Sessions that are looked at.
const LOOKED_AT: u32 = 2_000;

/// Lists the sessions that live, over all workspaces that you can see, freshest first: which program with which key, in
/// which working tree on which branch, what it is at and what it holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListActivity {
    /// At most so many, up to 1000.
    #[serde(default = "page::default_limit")]
    limit: u32,
}

/// One session, what it is at and what it holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActivityLine {
    #[serde(flatten)]
    session: SessionLine,
    /// What it is at, in its own words.
    intent: Option<String>,
    /// The task that it is at.
    task: Option<String>,
    /// The paths that it is at.
    paths: Vec<String>,
    /// What it holds.
    holds: Vec<String>,
}

/// Who works where.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Activity {
    sessions: Vec<ActivityLine>,
}

impl Operation for ListActivity {
    const NAME: &'static str = "list_activity";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "activity"]).table(
        "sessions",
        &["workspace", "branch", "tool", "key", "state", "intent", "task", "holds", "last_seen_at", "id"],
    );
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Who works where", command: "session activity", input: "{}" }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = Activity;

    async fn run(self, cx: &Cx<'_>) -> Result<Activity, Fault> {
        let limit = usize::try_from(page::limit(self.limit)?).unwrap_or(usize::MAX);
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let mut places: BTreeMap<String, Option<Place>> = BTreeMap::new();
        let (mut lines, mut rest) = (Vec::new(), Vec::new());
        for session in view.live_sessions_anywhere(now, LOOKED_AT).await? {
            let id = session.workspace.to_string();
            if !places.contains_key(&id) {
                let place = match view.workspace(&session.workspace).await? {
                    Some(workspace) => Place::of(&mut view, cx, workspace).await?,
                    None => None,
                };
                places.insert(id.clone(), place);
            }
            let Some(Some(place)) = places.get(&id) else { continue };
            if lines.len() == limit {
                break;
            }
            let focus = place.foci.iter().find(|focus| focus.session == session.id);
            let holds = place.locks.iter().filter(|lock| lock.session == session.id);
            rest.push((focus.cloned(), holds.map(|lock| lock.resource.to_string()).collect::<Vec<_>>()));
            lines.push(SessionLine::of(session, &place.workspace, now));
        }
        drop(view);
        add_branches(cx, &mut lines).await;
        let sessions = lines.into_iter().zip(rest).map(|(session, (focus, holds))| {
            let (intent, task, paths) = match focus {
                Some(focus) => (focus.intent, focus.task, focus.paths),
                None => (None, None, Vec::new()),
            };
            ActivityLine { session, intent, task, paths, holds }
        });
        Ok(Activity { sessions: sessions.collect() })
    }
}

/// A workspace in which somebody works.
struct Place {
    workspace: WorkspaceRecord,
    foci: Vec<FocusRecord>,
    locks: Vec<LockRecord>,
}

impl Place {
    /// None when the caller does not see the workspace.
    async fn of(rows: &mut Rows, cx: &Cx<'_>, workspace: WorkspaceRecord) -> Result<Option<Self>, Fault> {
        if role_in(rows, cx.principal, &workspace).await?.is_none() {
            return Ok(None);
        }
        let now = cx.now();
        Ok(Some(Self {
            foci: rows.foci(&workspace.id, now).await?,
            locks: rows.held_locks(&workspace.id, now).await?,
            workspace,
        }))
    }
}
