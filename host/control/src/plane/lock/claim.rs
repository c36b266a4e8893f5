//! Claims of a whole workspace, as the reference product has them: a view of the lock on it. A claim is held alone,
//! renewed by claiming again, and its scope is a label.

use brains_core::id::{Id, Session};
use brains_core::plane::lock::{LockKind, LockMode, LockRecord, Resource, check_ttl};
use brains_core::plane::session::check_text;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::grant::{Ask, described};
use super::{NOUN, wait};
use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// One claim.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Claim {
    /// Slug of the workspace.
    workspace: String,
    session_id: Id<Session>,
    /// What it is for.
    scope: String,
    claimed_at: Millis,
    expires_at: Millis,
    /// Rises with every grant.
    fence: u64,
    /// Always empty; other products keep something here.
    metadata: Map<String, Value>,
}

impl Claim {
    pub(crate) fn of(lock: LockRecord, slug: &str) -> Self {
        Self {
            workspace: slug.to_owned(),
            session_id: lock.session,
            scope: lock.reason.unwrap_or_else(default_scope),
            claimed_at: lock.acquired_at,
            expires_at: lock.expires_at,
            fence: lock.fence,
            metadata: Map::new(),
        }
    }
}

fn default_scope() -> String {
    "code".into()
}

const fn default_minutes() -> i64 {
    30
}

/// Claims a whole workspace for a session, or renews its claim. Others who lock files of it are in the way.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimWorkspace {
    /// Slug, id, or a path in it; the session's own when nothing is said.
    workspace: Option<String>,
    /// What it is for.
    #[serde(default = "default_scope")]
    scope: String,
    /// How long it holds.
    #[serde(default = "default_minutes")]
    minutes: i64,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

impl Operation for ClaimWorkspace {
    const NAME: &'static str = "claim_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "claim"])
        .aliases(&[Alias { path: &["workspace-claim"], hidden: true }])
        .table("", &["workspace", "session_id", "scope", "claimed_at", "expires_at"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "For an hour",
        command: "workspace claim --workspace shop --minutes 60",
        input: r#"{"workspace": "shop", "minutes": 60}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = Claim;

    async fn run(self, cx: &Cx<'_>) -> Result<Claim, Fault> {
        let ask = Ask {
            resource: Resource::workspace(),
            mode: LockMode::Exclusive,
            ttl_ms: check_ttl(Some(self.minutes.saturating_mul(60_000)))
                .map_err(|_| Fault::invalid("`minutes` must be between 1 and 1440").param("minutes"))?,
            reason: check_text("scope", Some(&self.scope))?,
            counts: false,
            // A claim is on one working tree.
            siblings: Vec::new(),
        };
        let (session, access) = cx.session_there(self.session, self.workspace.as_deref()).await?;
        let lock = wait::acquire(cx, &access, &session, &ask, 0).await?;
        Ok(Claim::of(lock, &access.workspace.slug))
    }
}

/// Lets go of the claim of a workspace. Letting go of what you do not hold is no error.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseWorkspace {
    /// Slug, id, or a path in it; the session's own when nothing is said.
    workspace: Option<String>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// What a release did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClaimReleased {
    /// Slug of the workspace.
    workspace: String,
    /// False when it was not yours.
    released: bool,
}

impl Operation for ReleaseWorkspace {
    const NAME: &'static str = "release_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "release"])
        .aliases(&[Alias { path: &["workspace-release"], hidden: true }]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Others may come",
        command: "workspace release --workspace shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = ClaimReleased;

    async fn run(self, cx: &Cx<'_>) -> Result<ClaimReleased, Fault> {
        let (session, access) = cx.session_there(self.session, self.workspace.as_deref()).await?;
        let released = cx
            .write_as(&access, Some(session.id), move |tx, session| {
                Box::pin(async move {
                    let now = tx.now();
                    let own = tx.locks_of(&session.id, now).await?;
                    let Some(lock) = own.into_iter().find(|lock| lock.resource.kind == LockKind::Workspace)
                    else {
                        return Ok(false);
                    };
                    tx.delete_lock(&lock.id).await?;
                    tx.record("lock.release", described(&LockRecord { count: 0, ..lock })).await?;
                    Ok(true)
                })
            })
            .await?;
        cx.control.freed.notify_waiters();
        Ok(ClaimReleased { workspace: access.workspace.slug, released })
    }
}

/// Lists the claims of a workspace, those that run out first first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListWorkspaceClaims {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
    /// Those that ran out and were not taken away yet, too.
    #[serde(default)]
    include_expired: bool,
}

/// Claims of a workspace.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClaimList {
    claims: Vec<Claim>,
}

impl Operation for ListWorkspaceClaims {
    const NAME: &'static str = "list_workspace_claims";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "claims"])
        .aliases(&[Alias { path: &["workspace-claims"], hidden: true }])
        .table("claims", &["workspace", "session_id", "scope", "claimed_at", "expires_at"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Who claims it",
        command: "workspace claims --workspace shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = ClaimList;

    async fn run(self, cx: &Cx<'_>) -> Result<ClaimList, Fault> {
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let workspace = &access.workspace;
        let locks = if self.include_expired {
            view.locks(&workspace.id).await?
        } else {
            view.held_locks(&workspace.id, now).await?
        };
        let claims = locks.into_iter().filter(|lock| lock.resource.kind == LockKind::Workspace);
        Ok(ClaimList { claims: claims.map(|lock| Claim::of(lock, &workspace.slug)).collect() })
    }
}
