//! Who holds what, and who is in the way.

use brains_core::Fault;
use brains_core::config::SiblingLocks;
use brains_core::id::{Id, Session};
use brains_core::plane::lock::{LockDecision, LockMode, Wanted, decide};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sibling::SiblingLock;
use super::{LockLine, NOUN, NamedResource, WaitLine, sibling};
use crate::context::Cx;
use crate::input::page::{default_limit, limit};
use crate::operation::{CliShape, Example, Operation, OperationKind};

/// Lists the locks that hold in a workspace, those that run out first first, and who waits for one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListLocks {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
    /// Only those that this session holds.
    holder: Option<Id<Session>>,
    /// How many at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of locks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LockPage {
    locks: Vec<LockLine>,
    /// Who waits, in turn.
    waiting: Vec<WaitLine>,
    /// What is held in other working trees of the repository, with the first page.
    siblings: Vec<SiblingLock>,
    /// Where the next page begins; none when this is the last.
    next_cursor: Option<String>,
}

impl Operation for ListLocks {
    const NAME: &'static str = "list_locks";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["lock", "list"]).table(
        "locks",
        &["id", "resource", "mode", "tool", "operator", "expires_at", "session", "kind", "fence", "reason"],
    );
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Who holds what",
        command: "lock list --workspace shop",
        input: r#"{"workspace": "shop"}"#,
    }];
    type Output = LockPage;

    async fn run(self, cx: &Cx<'_>) -> Result<LockPage, Fault> {
        let limit = limit(self.limit)?;
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let workspace = &access.workspace.id;
        let mut locks = view.held_locks(workspace, now).await?;
        locks.retain(|lock| self.holder.as_ref().is_none_or(|holder| lock.session == *holder));
        let after = |cursor: &String| {
            let (at, id) = cursor.split_once(' ')?;
            Some((at.parse::<i64>().ok()?, id.to_owned()))
        };
        if let Some(cursor) = &self.cursor {
            let (at, id) = after(cursor).ok_or_else(crate::input::page::bad_cursor)?;
            locks.retain(|lock| (lock.expires_at.0, lock.id.as_str()) > (at, id.as_str()));
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        locks.truncate(most.saturating_add(1));
        let mut locks = LockLine::all(&mut view, locks).await?;
        let mut waiting: Vec<WaitLine> =
            view.lock_waits(workspace, now).await?.into_iter().map(WaitLine::from).collect();
        waiting.truncate(cx.budget.part(4).fitting(&waiting).min(most));
        let siblings = match (self.cursor, self.holder, sibling::rule(cx)) {
            (None, None, SiblingLocks::Warn | SiblingLocks::Refuse) => {
                let trees = cx.siblings(&mut view, &access.workspace).await?;
                sibling::held(&mut view, &trees, now).await?
            }
            _ => Vec::new(),
        };
        let mut siblings = SiblingLock::all(&mut view, siblings).await?;
        siblings.truncate(cx.budget.part(4).fitting(&siblings).min(most));
        let name = |line: &LockLine| format!("{} {}", line.lock.expires_at.0, line.lock.id);
        let next_cursor = cx.budget.without(&waiting).without(&siblings).cut(&mut locks, limit, name);
        Ok(LockPage { locks, waiting, siblings, next_cursor })
    }
}

/// Tells who is in the way of a lock, without asking for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhoBlocks {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
    /// A file, a folder with all below it, or a glob.
    path: Option<String>,
    /// Code or id of a task.
    task: Option<String>,
    /// Anything else that has a name. Without path, task and name it is the whole workspace.
    name: Option<String>,
    /// Alone, or with others that hold it shared; alone when nothing is said.
    #[serde(default)]
    mode: LockMode,
    /// Seen from this session, which is never in its own way.
    seen_from: Option<Id<Session>>,
}

/// Who is in the way.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Blockers {
    /// Whether the lock would be granted now.
    free: bool,
    /// Who holds something that overlaps.
    holders: Vec<LockLine>,
    /// Who waits for something that overlaps.
    waiting: Vec<WaitLine>,
    /// What overlaps in other working trees of the repository.
    siblings: Vec<SiblingLock>,
}

impl Operation for WhoBlocks {
    const NAME: &'static str = "who_blocks";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["lock", "blockers"]).positional(&["path"]).table(
        "holders",
        &["id", "resource", "mode", "tool", "operator", "expires_at", "session", "kind", "reason"],
    );
    const EXAMPLES: &'static [Example] = &[Example {
        title: "May I change the cart?",
        command: "lock blockers src/cart --workspace shop",
        input: r#"{"workspace": "shop", "path": "src/cart"}"#,
    }];
    type Output = Blockers;

    async fn run(self, cx: &Cx<'_>) -> Result<Blockers, Fault> {
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let on = NamedResource { path: &self.path, task: &self.task, name: &self.name };
        let resource = on.find(&mut view, &access).await?;
        let held = view.held_locks(&access.workspace.id, now).await?;
        let queue = view.lock_waits(&access.workspace.id, now).await?;
        let nobody = Id::mint(&*cx.control.ambient);
        let session = self.seen_from.as_ref().unwrap_or(&nobody);
        let wanted = Wanted { resource: &resource, mode: self.mode, session, turn: None };
        let (holders, ahead) = match decide(&wanted, &held, &queue, now) {
            LockDecision::Blocked { holders, ahead } => (holders, ahead),
            LockDecision::Again(_) | LockDecision::Upgrade(_) | LockDecision::Grant => {
                (Vec::new(), Vec::new())
            }
        };
        let rule = sibling::rule(cx);
        let met = if rule == SiblingLocks::Off {
            Vec::new()
        } else {
            let trees = cx.siblings(&mut view, &access.workspace).await?;
            sibling::meeting(&mut view, &trees, &resource, self.mode, now).await?
        };
        let kept_out = rule == SiblingLocks::Refuse && !met.is_empty();
        Ok(Blockers {
            free: holders.is_empty() && ahead.is_empty() && !kept_out,
            siblings: SiblingLock::all(&mut view, met).await?,
            holders: LockLine::all(&mut view, holders.into_iter().cloned().collect()).await?,
            waiting: ahead.into_iter().cloned().map(WaitLine::from).collect(),
        })
    }
}
