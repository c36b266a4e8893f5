//! Letting go of a lock, and taking one away.

use brains_core::Fault;
use brains_core::id::{Id, Lock, Session};
use brains_core::plane::lock::{LockRecord, check_ttl};
use brains_core::plane::session::{SessionRecord, missing};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::grant::{described, still_held};
use super::{LockLine, NOUN, NamedResource, free, on};
use crate::context::Cx;
use crate::input::Span;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::mail::Notice;
use crate::tool::ToolShape;

/// Releases a lock once; it is free when released as often as acquired. Releasing what you do not hold
/// changes nothing and is no error. A person frees what a session holds by its id and with a reason; that takes the role
/// `maintainer`, and the session is told by mail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseLock {
    /// The lock's id; without it the lock is named by what it is on.
    id: Option<Id<Lock>>,
    /// The path that it is on.
    path: Option<String>,
    /// The task that it is on.
    task: Option<String>,
    /// The name that it is on. Without id, path, task and name it is the whole workspace.
    name: Option<String>,
    /// Free it however often it was acquired.
    #[serde(default)]
    all: bool,
    /// Why a person frees it; the holder and the audit log are told.
    reason: Option<String>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// What a release left.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LockReleased {
    /// Whether it is free now; false when it was not yours, or is to be released again.
    released: bool,
    /// The lock, when you still hold it.
    lock: Option<LockRecord>,
}

impl Operation for ReleaseLock {
    const NAME: &'static str = "release_lock";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["lock", "release"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "By its id",
            command: "lock release lock_01kax3v7yqe5nbp8w0c4mzt6rd --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"id": "lock_01kax3v7yqe5nbp8w0c4mzt6rd", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
        },
        Example {
            title: "By what it is on",
            command: "lock release --path src/cart --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"path": "src/cart", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
        },
        Example {
            title: "As a person, from a session that hangs",
            command: "lock release lock_01kax3v7yqe5nbp8w0c4mzt6rd --reason \"hangs since noon\"",
            input: r#"{"id": "lock_01kax3v7yqe5nbp8w0c4mzt6rd", "reason": "hangs since noon"}"#,
        },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["id"]);
    type Output = LockReleased;

    async fn run(self, cx: &Cx<'_>) -> Result<LockReleased, Fault> {
        let named = [&self.path, &self.task, &self.name].into_iter().any(Option::is_some);
        if self.id.is_some() && named {
            return Err(
                Fault::invalid("a lock is named by `id` or by what it is on, not by both").param("id")
            );
        }
        let (session, access, on) = {
            let mut view = cx.control.store.read().await?;
            let own = cx.own_session_if_any(&mut view, self.session, WorkspaceRole::Member).await?;
            let Some((session, access)) = own else {
                drop(view);
                let id = self.id.ok_or_else(missing)?;
                free::free(cx, id, self.reason.as_deref()).await?;
                return Ok(LockReleased { released: true, lock: None });
            };
            let on = NamedResource { path: &self.path, task: &self.task, name: &self.name };
            let on = on.find(&mut view, &access).await?;
            (session, access, on)
        };
        let (id, all) = (self.id, self.all);
        let answer = cx
            .write_as(&access, Some(session.id), move |tx, session| {
                Box::pin(async move {
                    let now = tx.now();
                    let own = tx.locks_of(&session.id, now).await?;
                    let found = own.into_iter().find(|lock| match &id {
                        Some(id) => lock.id == *id,
                        None => lock.resource == on,
                    });
                    let Some(mut lock) = found else {
                        return Ok(LockReleased { released: false, lock: None });
                    };
                    if lock.count > 1 && !all {
                        lock.count -= 1;
                        tx.save_lock(&lock).await?;
                        tx.record("lock.release", described(&lock)).await?;
                        return Ok(LockReleased { released: false, lock: Some(lock) });
                    }
                    tx.delete_lock(&lock.id).await?;
                    lock.count = 0;
                    tx.record("lock.release", described(&lock)).await?;
                    Ok(LockReleased { released: true, lock: None })
                })
            })
            .await?;
        cx.control.freed.notify_waiters();
        Ok(answer)
    }
}

/// Takes a lock away from its holder and holds it yourself; taken by a person, who holds none, it is free. It takes the
/// role `maintainer`; the holder is told by mail, and what it still writes under the old fence is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StealLock {
    /// The lock's id, as `list_locks` shows it.
    id: Id<Lock>,
    /// Why; the holder and the audit log are told.
    reason: String,
    /// How long you hold it, e.g. `10m`; half an hour when nothing is said.
    ttl: Option<Span>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// A lock that changed hands.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LockStolen {
    /// The lock that is yours now; none when it is free.
    lock: Option<LockLine>,
    /// The session that held it.
    taken_from: Id<Session>,
}

impl Operation for StealLock {
    const NAME: &'static str = "steal_lock";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["lock", "steal"])
        .positional(&["id"])
        .confirm("Take the lock away from its holder? What it still writes under it is refused.");
    const EXAMPLES: &'static [Example] = &[Example {
        title: "From one that hangs",
        command: "lock steal lock_01kax3v7yqe5nbp8w0c4mzt6rd --reason \"hangs since noon\" --yes",
        input: r#"{"id": "lock_01kax3v7yqe5nbp8w0c4mzt6rd", "reason": "hangs since noon"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).destructive();
    type Output = LockStolen;

    async fn run(self, cx: &Cx<'_>) -> Result<LockStolen, Fault> {
        let ttl_ms = check_ttl(self.ttl.map(|span| span.ms))?;
        let reason = free::reason(Some(&self.reason))?;
        let own = {
            let mut view = cx.control.store.read().await?;
            cx.own_session_if_any(&mut view, self.session, WorkspaceRole::Maintainer).await?
        };
        let Some((session, access)) = own else {
            let taken_from = free::free(cx, self.id, Some(&reason)).await?.session;
            return Ok(LockStolen { lock: None, taken_from });
        };
        let (id, workspace) = (self.id, access.workspace.clone());
        let (lock, taken_from) = cx
            .grant_as(
                &access,
                Some(session.id),
                move |tx, session| {
                    Box::pin(async move {
                        let now = tx.now();
                        let absent = || free::absent(&id);
                        let found = tx.lock(&id).await?.filter(|lock| lock.workspace == session.workspace);
                        let old = found.filter(|lock| lock.lives(now)).ok_or_else(absent)?;
                        if old.session == session.id {
                            return Err(Fault::conflict("the lock is yours already")
                                .code("lock_own")
                                .param("id"));
                        }
                        tx.delete_lock(&old.id).await?;
                        // What the thief held of the same thing becomes part of what it takes.
                        let own = tx.locks_of(&session.id, now).await?;
                        for lock in own.iter().filter(|lock| lock.resource == old.resource) {
                            tx.delete_lock(&lock.id).await?;
                        }
                        let lock = LockRecord {
                            id: tx.mint(),
                            session: session.id.clone(),
                            count: 1,
                            fence: tx.next_fence(&session.workspace).await?,
                            acquired_at: now,
                            expires_at: now.plus_ms(ttl_ms),
                            reason: Some(reason.clone()),
                            ..old.clone()
                        };
                        tx.insert_lock(&lock).await?;
                        let detail = json!({
                            "lock": lock.id, "kind": lock.resource.kind, "resource": lock.resource.resource,
                            "session": lock.session, "fence": lock.fence, "from_session": old.session,
                            "from_fence": old.fence, "reason": reason,
                        });
                        tx.record("lock.steal", detail).await?;
                        theft_notice(&session, &old, &lock, &reason)
                            .send(tx, Some(&session), &workspace)
                            .await?;
                        Ok((lock, old.session))
                    })
                },
                |tx, (lock, taken_from)| {
                    Box::pin(async move { Ok((still_held(tx, lock).await?, taken_from)) })
                },
            )
            .await?;
        cx.control.freed.notify_waiters();
        let mut view = cx.control.store.read().await?;
        Ok(LockStolen { lock: Some(LockLine::of(&mut view, lock).await?), taken_from })
    }
}

/// What the old holder is told: who took what, and why.
fn theft_notice(thief: &SessionRecord, old: &LockRecord, new: &LockRecord, reason: &str) -> Notice {
    let what = on(&old.resource);
    Notice {
        to: old.session.clone(),
        kind: "lock.steal",
        subject: format!("{} ({}) took your lock on {what}: {reason}", thief.operator, thief.tool),
        body: format!(
            "The session {} took your lock {} on {what}.\n\nReason: {reason}\n\nWhat you still write with the \
             fence {} is refused; the lock has the fence {} now. Stop writing there, answer this message if you need \
             it back, and `acquire_lock` again before you go on.",
            thief.id, old.id, old.fence, new.fence
        ),
    }
}
