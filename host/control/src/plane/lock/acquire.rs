//! Acquiring and renewing.

use brains_core::Fault;
use brains_core::id::{Id, Lock, LockWait, Session};
use brains_core::plane::lock::{
    LockDecision, LockMode, LockRecord, Resource, Wanted, check_ttl, check_wait, decide,
};
use brains_core::plane::session::{SessionRecord, check_text};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::Tx;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::wait;
use super::{LockLine, NOUN, held, resource};
use crate::context::Cx;
use crate::idempotency::lapsed;
use crate::input::Span;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// What a session asks for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) resource: Resource,
    pub(super) mode: LockMode,
    pub(super) ttl_ms: i64,
    pub(super) reason: Option<String>,
    /// Held again counts once more; a claim is only renewed.
    pub(super) counts: bool,
}

/// Acquires a lock, or tells who holds it. Held again by the same session it counts up, and is to be released as often.
/// Every fresh grant has a higher fence than all before it: send it as `fence` with what you write, and a write that
/// comes too late is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcquireLock {
    /// A file, a folder or a glob, relative to the workspace: `src/cart.rs`, `docs/`, `src/**/*.rs`.
    path: Option<String>,
    /// A task.
    task: Option<String>,
    /// Anything else that has a name, e.g. `deploy`. Without path, task and name it is the whole workspace.
    name: Option<String>,
    /// Alone, or with others that hold it shared; alone when nothing is said.
    #[serde(default)]
    mode: LockMode,
    /// How long it holds, e.g. `10m`; half an hour when nothing is said.
    ttl: Option<Span>,
    /// How long to wait for it, in turn with others who wait; not at all when nothing is said.
    #[serde(default)]
    wait_ms: u64,
    /// What it is for; others see it.
    reason: Option<String>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// A lock that is yours.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LockGranted {
    lock: LockLine,
}

impl Operation for AcquireLock {
    const NAME: &'static str = "acquire_lock";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["lock", "acquire"])
        .positional(&["path"])
        .table("", &["lock.id", "lock.kind", "lock.resource", "lock.mode", "lock.fence", "lock.expires_at"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A folder, for ten minutes",
            command: "lock acquire src/cart --ttl 10m --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"path": "src/cart", "ttl": "10m", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
        },
        Example {
            title: "A name, when it is free within twenty seconds",
            command: "lock acquire --name deploy --wait-ms 20000 --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"name": "deploy", "wait_ms": 20000, "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
        },
    ];
    const ONCE: bool = true;
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["path", "name", "mode", "wait_ms"]);
    type Output = LockGranted;

    async fn run(self, cx: &Cx<'_>) -> Result<LockGranted, Fault> {
        let ask = Ask {
            resource: resource(self.path.as_deref(), self.task.as_deref(), self.name.as_deref())?,
            mode: self.mode,
            ttl_ms: check_ttl(self.ttl.map(|span| span.ms))?,
            reason: check_text("reason", self.reason.as_deref())?,
            counts: true,
        };
        let wait_ms = check_wait(self.wait_ms)?;
        let (session, access) = {
            let mut view = cx.control.store.read().await?;
            cx.own_session(&mut view, self.session, WorkspaceRole::Member).await?
        };
        let lock = wait::acquire(cx, &access, &session, &ask, wait_ms).await?;
        let mut view = cx.control.store.read().await?;
        Ok(LockGranted { lock: LockLine::of(&mut view, lock).await? })
    }
}

/// One try, inside a write of the workspace. What stands in the way is an error, so that nothing of the try is kept;
/// who was granted leaves the queue.
pub(super) async fn attempt(
    tx: &mut Tx,
    session: &SessionRecord,
    ask: &Ask,
    place_in_queue: Option<(&Id<LockWait>, u64)>,
) -> Result<LockRecord, Fault> {
    let now = tx.now();
    let held_locks = tx.held_locks(&session.workspace, now).await?;
    let waiting = tx.lock_waits(&session.workspace, now).await?;
    let wanted = Wanted {
        resource: &ask.resource,
        mode: ask.mode,
        session: &session.id,
        turn: place_in_queue.map(|(_, turn)| turn),
    };
    let decision = decide(&wanted, &held_locks, &waiting, now);
    let ends = now.plus_ms(ask.ttl_ms);
    let lock = match decision {
        LockDecision::Blocked { holders, ahead } => {
            let holders: Vec<_> = holders.into_iter().cloned().collect();
            let ahead: Vec<_> = ahead.into_iter().cloned().collect();
            return Err(held(tx, &ask.resource, &holders, &ahead).await?);
        }
        LockDecision::Again(own) => {
            let mut lock = own.clone();
            lock.count = lock.count.saturating_add(u32::from(ask.counts));
            // A shorter time asked for inside must not cut off what was asked for outside.
            lock.expires_at = if ask.counts { lock.expires_at.max(ends) } else { ends };
            lock.reason = ask.reason.clone().or(lock.reason);
            tx.save_lock(&lock).await?;
            lock
        }
        LockDecision::Upgrade(own) => {
            let mut lock = own.clone();
            lock.mode = ask.mode;
            lock.count = lock.count.saturating_add(u32::from(ask.counts));
            lock.expires_at = lock.expires_at.max(ends);
            lock.fence = tx.next_fence(&session.workspace).await?;
            tx.save_lock(&lock).await?;
            lock
        }
        LockDecision::Grant => {
            let lock = LockRecord {
                id: Id::mint(tx.ambient()),
                workspace: session.workspace.clone(),
                resource: ask.resource.clone(),
                mode: ask.mode,
                session: session.id.clone(),
                count: 1,
                fence: tx.next_fence(&session.workspace).await?,
                acquired_at: now,
                expires_at: ends,
                reason: ask.reason.clone(),
            };
            tx.insert_lock(&lock).await?;
            lock
        }
    };
    if let Some((wait, _)) = place_in_queue {
        tx.stop_waiting(wait).await?;
    }
    tx.record("lock.acquire", described(&lock)).await?;
    Ok(lock)
}

/// A lock that was granted before, as it is now; one that its session does not hold any more is no grant.
pub(super) async fn still_held(tx: &mut Tx, before: LockRecord) -> Result<LockRecord, Fault> {
    let now = tx.now();
    let lock = tx.lock(&before.id).await?.filter(|lock| lock.session == before.session && lock.lives(now));
    let holder = tx.session(&before.session).await?;
    match lock {
        Some(lock) if holder.is_some_and(|holder| holder.lives(now)) => Ok(lock),
        _ => Err(lapsed(format!(
            "the lock `{}` that it got was released, ran out or was taken away since",
            before.id
        ))),
    }
}

/// What the audit log says about a lock.
pub(super) fn described(lock: &LockRecord) -> serde_json::Value {
    json!({
        "lock": lock.id, "kind": lock.resource.kind, "resource": lock.resource.resource, "mode": lock.mode,
        "session": lock.session, "count": lock.count, "fence": lock.fence, "expires_at": lock.expires_at,
    })
}

/// Makes a lock hold longer, or shorter, from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenewLock {
    /// The lock's id.
    id: Id<Lock>,
    /// How long it holds from now on, e.g. `10m`; half an hour when nothing is said.
    ttl: Option<Span>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

impl Operation for RenewLock {
    const NAME: &'static str = "renew_lock";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Touch;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["lock", "renew"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Ten more minutes",
        command: "lock renew lock_01kax3v7yqe5nbp8w0c4mzt6rd --ttl 10m --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"id": "lock_01kax3v7yqe5nbp8w0c4mzt6rd", "ttl": "10m", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).idempotent();
    type Output = LockGranted;

    async fn run(self, cx: &Cx<'_>) -> Result<LockGranted, Fault> {
        let ttl_ms = check_ttl(self.ttl.map(|span| span.ms))?;
        let (session, _) = {
            let mut view = cx.control.store.read().await?;
            cx.own_session(&mut view, self.session, WorkspaceRole::Member).await?
        };
        let (id, owner) = (self.id.clone(), session.id.clone());
        let renewed = cx
            .control
            .store
            .touch(move |tx| {
                Box::pin(async move {
                    // A session that ended meanwhile holds nothing that could be renewed.
                    if !tx.renew_session(&owner, None).await? {
                        return Ok(None);
                    }
                    let until = tx.now().plus_ms(ttl_ms);
                    Ok(tx.renew_lock(&id, &owner, until).await?)
                })
            })
            .await?;
        let mut view = cx.control.store.read().await?;
        match renewed {
            Some(lock) => Ok(LockGranted { lock: LockLine::of(&mut view, lock).await? }),
            None => Err(not_yours(&self.id)),
        }
    }
}

/// A lock that the session does not hold: it ran out, was taken away, or was never its own.
pub(super) fn not_yours(id: &Id<Lock>) -> Fault {
    Fault::conflict(format!("you do not hold the lock `{id}`: it was released, ran out or was taken away"))
        .code("lock_lost")
        .param("id")
        .hint("`acquire_lock` it again and look at what changed meanwhile; `list_locks` shows who holds what")
}
