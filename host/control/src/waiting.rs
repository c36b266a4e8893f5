//! Bounded waits: an operation looks, waits until something that concerns it was committed, and looks again. Nothing is
//! held meanwhile; dropping the operation ends its wait, and so does the end of the service. Every look asks first whether
//! the caller may still have the answer: a key, a membership or a session that is over ends the wait with the refusal
//! that a call made now would get.

use std::time::Duration;

use brains_core::plane::key::KeyState;
use brains_core::plane::session::{SessionRecord, foreign};
use brains_core::principal::{Role, unknown_key};
use brains_core::{Fault, Principal};
use brains_store::{CommitListener, ReadSnapshot};
use tokio::time::Instant;

use crate::context::Cx;
use crate::workspace_access::WorkspaceAccess;

/// The longest wait, in milliseconds: past it many a client would give up first.
pub(crate) const MOST_MS: u64 = 60_000;

/// The wait of a call that names none.
pub(crate) const fn default_ms() -> u64 {
    25_000
}

/// How long a call may wait, when that is no more than is allowed.
pub(crate) fn check_timeout(timeout_ms: u64) -> Result<Duration, Fault> {
    if timeout_ms > MOST_MS {
        return Err(Fault::invalid(format!("`timeout_ms` is {timeout_ms}, at most {MOST_MS} are allowed"))
            .param("timeout_ms")
            .hint("ask again when the wait is over; nothing is lost in between"));
    }
    Ok(Duration::from_millis(timeout_ms))
}

/// What a wait stands on beside the caller's key.
#[derive(Debug)]
pub(crate) enum Ground {
    /// What is outside of the workspaces: administrators only.
    Outside,
    /// A workspace that the caller sees, by the name that it was asked for.
    Inside(Box<WorkspaceAccess>, String),
}

/// A wait that has begun: what is committed from now on is heard.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    cx: &'a Cx<'a>,
    listener: CommitListener,
    end: Instant,
    ground: Ground,
    session: Option<SessionRecord>,
}

impl<'a> Waiting<'a> {
    /// `session` is the one that waits, if any does: its end ends the wait, and while it waits it is alive.
    pub(crate) fn start(
        cx: &'a Cx<'a>,
        topics: Vec<String>,
        time: Duration,
        ground: Ground,
        session: Option<SessionRecord>,
    ) -> Self {
        let ground = match ground {
            // What was put away is looked at as it was before.
            Ground::Inside(access, told) => Ground::Inside(Box::new(access.even_archived()), told),
            Ground::Outside => Ground::Outside,
        };
        Self { cx, listener: cx.control.store.listen(topics), end: Instant::now() + time, ground, session }
    }

    /// The database as it is now, for a caller who may still see it.
    pub(crate) async fn look(&self) -> Result<ReadSnapshot, Fault> {
        let principal = self.cx.still().await?;
        let mut view = self.cx.control.store.read().await?;
        self.counts(&mut view).await?;
        match &self.ground {
            Ground::Outside if principal.role != Role::Admin => return Err(outside()),
            Ground::Outside => {}
            Ground::Inside(access, told) => {
                access.still_seen(&mut view, &principal, told, self.cx.now()).await?;
            }
        }
        let Some(session) = &self.session else { return Ok(view) };
        let found = view.session(&session.id).await?;
        let now = self.cx.now();
        let found = found.ok_or_else(|| crate::session_identity::unknown_session(&session.id))?;
        found.check_alive(now)?;
        // Taken up again meanwhile, it may be somebody else's.
        if found.epoch != session.epoch && !self.cx.session_identity(None).is(&mut view, &found).await? {
            return Err(foreign(&session.id));
        }
        if found.is_due(now) {
            drop(view);
            let id = session.id.clone();
            let store = &self.cx.control.store;
            store.touch(move |tx| Box::pin(async move { Ok(tx.renew_session(&id, None).await?) })).await?;
            return Ok(store.read().await?);
        }
        Ok(view)
    }

    /// Refuses a key of the store that counts no more in what is looked at: the ring of keys hears of a revocation a
    /// moment later than the rows do.
    async fn counts(&self, view: &mut ReadSnapshot) -> Result<(), Fault> {
        let Some(id) = &self.cx.principal.key else { return Ok(()) };
        let now = self.cx.now();
        let active = view.key(id).await?.is_some_and(|key| key.state(now) == KeyState::Active);
        let operator = view.operator(&self.cx.principal.operator).await?;
        if active && operator.is_none_or(|operator| operator.revoked_at.is_none()) {
            return Ok(());
        }
        Err(unknown_key())
    }

    /// Whether it is worth looking again; false when the time is over or the service ends.
    pub(crate) async fn again(&self) -> bool {
        self.again_or(std::future::pending()).await
    }

    /// As [`Waiting::again`]; `bell` wakes it, too.
    pub(crate) async fn again_or(&self, bell: impl Future<Output = ()> + Send) -> bool {
        if self.is_over() {
            return false;
        }
        tokio::select! {
            () = self.cx.control.closing.cancelled() => false,
            () = self.listener.heard() => true,
            () = bell => true,
            // One last look.
            () = tokio::time::sleep_until(self.end) => true,
        }
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

impl Cx<'_> {
    /// The caller as it is now; whoever could not make this call any more is refused as a call made now would be.
    pub(crate) async fn still(&self) -> Result<Principal, Fault> {
        let principal = self.control.ports.callers.still(self.principal).await?;
        match self.requirement {
            Some(requirement) if !requirement.permits(&principal) => Err(requirement.refusal(&principal)),
            _ => Ok(principal),
        }
    }
}

/// Refuses who may not see what happens outside of the workspaces.
pub(crate) fn outside() -> Fault {
    Fault::forbidden("events outside of the workspaces are for administrators").param("global")
}
