//! Waiting for a lock in turn. The wait holds no transaction and no thread; its row in the queue lives by signs of
//! life, so a waiter that goes away, however it does, stops nobody behind it.

use std::sync::Arc;
use std::time::Duration;

use brains_core::id::{Id, LockWait, Session};
use brains_core::plane::lock::{LockDecision, LockRecord, WaitRecord, Wanted, deadlock, decide};
use brains_core::plane::session::SessionRecord;
use brains_core::{Fault, Millis};
use brains_store::{ReadSnapshot, Store};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::grant::{Ask, attempt, still_held};
use super::sibling;
use crate::context::Cx;
use crate::waiting::{Ground, Waiting};
use crate::workspace_access::WorkspaceAccess;

/// How long a waiter counts without a sign of life.
const ALIVE_MS: i64 = 10_000;
/// How often it gives one.
const SIGN_EVERY: Duration = Duration::from_secs(3);

/// Acquires a lock, waiting for it as long as asked.
pub(super) async fn acquire(
    cx: &Cx<'_>,
    access: &WorkspaceAccess,
    session: &SessionRecord,
    ask: &Ask,
    wait_ms: u64,
) -> Result<LockRecord, Fault> {
    let refused = match attempt_once(cx, access, &session.id, ask, None).await {
        Err(fault) if fault.code == "lock_held" => fault,
        decided => return decided,
    };
    if wait_ms == 0 {
        return Err(refused);
    }
    let queued = Queued::enter(cx, access, &session.id, ask).await?;
    wait(cx, access, session, ask, &queued, Duration::from_millis(wait_ms)).await
}

async fn wait(
    cx: &Cx<'_>,
    access: &WorkspaceAccess,
    session: &SessionRecord,
    ask: &Ask,
    queued: &Queued,
    time: Duration,
) -> Result<LockRecord, Fault> {
    let ground = Ground::Inside(Box::new(access.clone()), access.workspace.slug.clone());
    let waiting = Waiting::start(cx, Vec::new(), time, ground, Some(session.clone()));
    let mut sign_at = Instant::now() + SIGN_EVERY;
    loop {
        // Registered before looking, so that nothing that happens in between is missed.
        let freed = cx.control.freed.notified();
        tokio::pin!(freed);
        freed.as_mut().enable();
        let last = waiting.is_over();
        let view = waiting.look().await?;
        // A look that writes nothing: most wakings find that it is somebody else's turn.
        if may_be_free(view, access, &session.id, ask, queued.turn, cx.now()).await? || last {
            match attempt_once(cx, access, &session.id, ask, Some((&queued.id, queued.turn))).await {
                Ok(lock) => {
                    queued.served();
                    return Ok(lock);
                }
                Err(fault) if fault.code == "lock_held" && !last => {}
                Err(fault) => return Err(fault),
            }
        }
        if Instant::now() >= sign_at {
            queued.sign(cx).await?;
            sign_at = Instant::now() + SIGN_EVERY;
        }
        if !waiting.again_or(freed).await && cx.control.closing.is_cancelled() {
            return Err(Fault::unavailable("the service is shutting down").hint("ask again once it is back"));
        }
    }
}

async fn attempt_once(
    cx: &Cx<'_>,
    access: &WorkspaceAccess,
    session: &Id<Session>,
    ask: &Ask,
    queued: Option<(&Id<LockWait>, u64)>,
) -> Result<LockRecord, Fault> {
    let (ask, queued) = (ask.clone(), queued.map(|(id, turn)| (id.clone(), turn)));
    // Nothing changes hands in those whose locks count here.
    let access = access.clone().beside(&ask.siblings);
    cx.grant_as(
        &access,
        Some(session.clone()),
        move |tx, session| {
            Box::pin(async move {
                let queued = queued.as_ref().map(|(id, turn)| (id, *turn));
                attempt(tx, &session, &ask, queued).await
            })
        },
        |tx, before| Box::pin(still_held(tx, before)),
    )
    .await
}

async fn may_be_free(
    mut view: ReadSnapshot,
    access: &WorkspaceAccess,
    session: &Id<Session>,
    ask: &Ask,
    turn: u64,
    now: Millis,
) -> Result<bool, Fault> {
    if !sibling::meeting(&mut view, &ask.siblings, &ask.resource, ask.mode, now).await?.is_empty() {
        return Ok(false);
    }
    let held = view.held_locks(&access.workspace.id, now).await?;
    let waiting = view.lock_waits(&access.workspace.id, now).await?;
    let wanted = Wanted { resource: &ask.resource, mode: ask.mode, session, turn: Some(turn) };
    Ok(!matches!(decide(&wanted, &held, &waiting, now), LockDecision::Blocked { .. }))
}

/// A place in the queue. Dropped, it is given up.
struct Queued {
    id: Id<LockWait>,
    turn: u64,
    store: Store,
    tasks: TaskTracker,
    freed: Arc<Notify>,
    served: std::sync::atomic::AtomicBool,
}

impl Queued {
    async fn enter(
        cx: &Cx<'_>,
        access: &WorkspaceAccess,
        session: &Id<Session>,
        ask: &Ask,
    ) -> Result<Self, Fault> {
        let now = cx.now();
        let wait = WaitRecord {
            id: Id::mint(&*cx.control.ambient),
            turn: 0,
            resource: ask.resource.clone(),
            mode: ask.mode,
            session: session.clone(),
            since: now,
            alive_until: now.plus_ms(ALIVE_MS),
        };
        let mut queued = Self {
            id: wait.id.clone(),
            turn: 0,
            store: cx.control.store.clone(),
            tasks: cx.control.tasks.clone(),
            freed: Arc::clone(&cx.control.freed),
            served: false.into(),
        };
        let workspace = access.workspace.id.clone();
        let wait = cx
            .control
            .store
            .write(access.scope(), cx.actor(), move |tx| {
                Box::pin(async move {
                    let now = tx.now();
                    let held = tx.held_locks(&workspace, now).await?;
                    let waiting = tx.lock_waits(&workspace, now).await?;
                    let wanted = Wanted {
                        resource: &wait.resource,
                        mode: wait.mode,
                        session: &wait.session,
                        turn: None,
                    };
                    if deadlock(&wanted, &held, &waiting, now) {
                        return Err(Fault::conflict(format!(
                            "waiting for {} would never end: its holder waits for something that you hold",
                            wait.resource
                        ))
                        .code("lock_deadlock")
                        .hint("release what you hold, or do without this one"));
                    }
                    Ok(tx.queue_for_lock(&workspace, wait).await?)
                })
            })
            .await?;
        queued.turn = wait.turn;
        Ok(queued)
    }

    /// The grant took the place out of the queue already.
    fn served(&self) {
        self.served.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    async fn sign(&self, cx: &Cx<'_>) -> Result<(), Fault> {
        let id = self.id.clone();
        cx.control
            .store
            .touch(move |tx| {
                Box::pin(async move {
                    let until = tx.now().plus_ms(ALIVE_MS);
                    Ok(tx.keep_waiting(&id, until).await?)
                })
            })
            .await
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if self.served.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let (store, id, freed) = (self.store.clone(), self.id.clone(), Arc::clone(&self.freed));
        self.tasks.spawn(async move {
            let left = store.touch(move |tx| Box::pin(async move { Ok(tx.stop_waiting(&id).await?) })).await;
            match left {
                Ok(()) => freed.notify_waiters(),
                Err(fault) => tracing::debug!(%fault, "a place in a queue was not given up; it runs out"),
            }
        });
    }
}
