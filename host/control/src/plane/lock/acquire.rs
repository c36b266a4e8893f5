//! Acquiring and renewing.

use brains_core::Fault;
use brains_core::config::SiblingLocks;
use brains_core::id::{Id, Lock, Session};
use brains_core::plane::lock::{LockMode, check_ttl, check_wait};
use brains_core::plane::session::check_text;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grant::Ask;
use super::sibling::SiblingLock;
use super::wait;
use super::{LockLine, NOUN, NamedResource, sibling};
use crate::context::Cx;
use crate::input::Span;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Acquires a lock, or tells who holds it. Held again by the same session it counts up, and is to be released as often.
/// Every fresh grant has a higher fence than all before it: send it as `fence` with what you write, and a write that
/// comes too late is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcquireLock {
    /// A file, a folder with all below it, or a glob: `src/cart.rs`, `docs/`, `src/**/*.rs`.
    path: Option<String>,
    /// Code or id of a task.
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
    /// What meets it in other working trees of the repository; it is yours all the same.
    siblings: Vec<SiblingLock>,
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
        let rule = sibling::rule(cx);
        let ttl_ms = check_ttl(self.ttl.map(|span| span.ms))?;
        let reason = check_text("reason", self.reason.as_deref())?;
        let wait_ms = check_wait(self.wait_ms)?;
        let mut siblings = Vec::new();
        let (session, access, resource) = {
            let mut view = cx.control.store.read().await?;
            let (session, access) = cx.own_session(&mut view, self.session, WorkspaceRole::Member).await?;
            let on = NamedResource { path: &self.path, task: &self.task, name: &self.name };
            let resource = on.find(&mut view, &access).await?;
            if rule == SiblingLocks::Refuse {
                siblings = cx.siblings(&mut view, &access.workspace).await?;
            }
            (session, access, resource)
        };
        let ask = Ask { resource, mode: self.mode, ttl_ms, reason, counts: true, siblings };
        let lock = wait::acquire(cx, &access, &session, &ask, wait_ms).await?;
        let mut view = cx.control.store.read().await?;
        let met = match rule {
            SiblingLocks::Warn => {
                let siblings = cx.siblings(&mut view, &access.workspace).await?;
                sibling::meeting(&mut view, &siblings, &ask.resource, ask.mode, cx.now()).await?
            }
            SiblingLocks::Refuse | SiblingLocks::Off => Vec::new(),
        };
        let siblings = SiblingLock::all(&mut view, met).await?;
        Ok(LockGranted { lock: LockLine::of(&mut view, lock).await?, siblings })
    }
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
            Some(lock) => {
                Ok(LockGranted { lock: LockLine::of(&mut view, lock).await?, siblings: Vec::new() })
            }
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
