//! What an operation works with. Built once per process (`ControlPlane`) and once per call (`Cx`).

use std::sync::Arc;

use brains_core::id::Session;
use brains_core::plane::session::SessionRecord;
use brains_core::{Ambient, Caller, Fault, Id, Millis, Principal};
use brains_store::{Actor, Scope, Scopes, Store, Tx, Work};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer_budget::AnswerBudget;
use crate::call_requirement::CallRequirement;
use crate::idempotency::{KeyedRequest, written};
use crate::job_status::JobBoard;
use crate::ports::Ports;
use crate::session_identity::{FoundSession, Renewals, SessionIdentity};
use crate::workspace_access::{Located, WorkspaceAccess};

/// The operations and everything they stand on.
#[derive(Debug)]
pub struct ControlPlane {
    pub store: Store,
    pub ports: Ports,
    pub ambient: Arc<dyn Ambient>,
    /// One edit of the configuration at a time: it reads a file, validates, writes and applies.
    pub(crate) editing: Mutex<()>,
    /// Rung whenever something may have become free that somebody waits for.
    pub(crate) freed: Arc<Notify>,
    /// Whatever goes on behind an answer; waited for in [`ControlPlane::close`].
    pub(crate) tasks: TaskTracker,
    pub(crate) renewals: Renewals,
    /// The background jobs of this process.
    pub(crate) jobs: JobBoard,
    pub(crate) closing: CancellationToken,
}

impl ControlPlane {
    pub fn new(store: Store, ports: Ports, ambient: Arc<dyn Ambient>) -> Self {
        Self {
            store,
            ports,
            ambient,
            editing: Mutex::new(()),
            freed: Arc::new(Notify::new()),
            tasks: TaskTracker::new(),
            renewals: Renewals::default(),
            jobs: JobBoard::default(),
            closing: CancellationToken::new(),
        }
    }

    /// Ends what goes on in the background and waits for it. The store is closed after this.
    pub async fn close(&self) {
        self.closing.cancel();
        self.freed.notify_waiters();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// One call: who asks, how, and what there is. Built by the registry, never by an operation.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'a> {
    pub control: &'a ControlPlane,
    pub principal: &'a Principal,
    pub caller: &'a Caller,
    /// The key that names this request, when it carries one.
    pub(crate) once: Option<&'a KeyedRequest>,
    /// The fence that this request carries.
    pub(crate) fence: Option<u64>,
    /// An agent says this as its session, or not at all.
    pub(crate) spoken: bool,
    /// Where the directory lies that this call is about, when that was asked already.
    pub(crate) located: Option<&'a Located>,
    /// What the call takes of its caller; none for what the program does by itself.
    pub(crate) requirement: Option<CallRequirement>,
    /// How long the answer may be.
    pub(crate) budget: AnswerBudget,
    /// The session that the caller was found to be.
    pub(crate) found: &'a Arc<FoundSession>,
}

impl<'a> Cx<'a> {
    /// A call that carries nothing but who makes it. `found` begins empty.
    pub(crate) fn new(
        control: &'a ControlPlane,
        principal: &'a Principal,
        caller: &'a Caller,
        found: &'a Arc<FoundSession>,
    ) -> Self {
        Self {
            control,
            principal,
            caller,
            once: None,
            fence: None,
            spoken: false,
            located: None,
            requirement: None,
            budget: AnswerBudget::MOST,
            found,
        }
    }
}

impl Cx<'_> {
    pub(crate) fn now(&self) -> Millis {
        self.control.ambient.now()
    }

    /// Whether an agent speaks, whatever its key may do (contract 5.3).
    pub(crate) fn is_agent(&self) -> bool {
        self.caller.agent || self.principal.agent
    }

    /// Refuses an agent what only a person may do.
    pub(crate) fn check_person(&self, what: &str) -> Result<(), Fault> {
        if !self.is_agent() {
            return Ok(());
        }
        Err(Fault::forbidden(format!("{what} by a person, not by an agent"))
            .code("person_required")
            .hint("ask the person you work for; they can do it with the command line or the console"))
    }

    /// Who is written down in the audit log.
    pub(crate) fn actor(&self) -> Actor {
        Actor { surface: Some(self.caller.surface), agent: self.is_agent(), ..Actor::from(self.principal) }
    }

    /// Runs `work` as one audited write of this call. A request whose key was used before gets the answer that was
    /// kept then; `work` does not run.
    pub(crate) async fn write<T, F>(&self, scopes: impl Into<Scopes>, work: F) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        self.write_once(scopes, work).await.map(|(value, _)| value)
    }

    /// As [`Cx::write`]; also tells whether the answer was kept from before.
    pub(crate) async fn write_once<T, F>(
        &self,
        scopes: impl Into<Scopes>,
        work: F,
    ) -> Result<(T, bool), Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        self.write_or_repeat(scopes, work, |_, kept| Box::pin(async move { Ok(kept) })).await
    }

    /// As [`Cx::write_once`]; an answer that was kept goes through `again`, which tells what is true of it now.
    pub(crate) async fn write_or_repeat<T, F, G>(
        &self,
        scopes: impl Into<Scopes>,
        work: F,
        again: G,
    ) -> Result<(T, bool), Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
        G: for<'tx> FnOnce(&'tx mut Tx, T) -> Work<'tx, T> + Send + 'static,
    {
        let Some(once) = self.once.cloned() else {
            return self.control.store.write(scopes, self.actor(), work).await.map(|value| (value, false));
        };
        self.control
            .store
            .write(scopes, self.actor(), move |tx| {
                Box::pin(async move {
                    let once = once.settle(tx).await?;
                    if let Some(kept) = once.begin(tx).await? {
                        return Ok((again(tx, kept).await?, true));
                    }
                    let value = work(tx).await?;
                    let answer = written(&value)?;
                    once.keep(tx, &answer).await?;
                    Ok((value, false))
                })
            })
            .await
    }

    /// One audited write in a workspace. The caller's rights are looked at again inside of it, leases that ran out
    /// are reaped, a fence that the call carries must hold, and `work` gets the session that the call acts as, if it
    /// acts as one of this workspace.
    pub(crate) async fn write_in<T, F>(
        &self,
        access: &WorkspaceAccess,
        session: Option<Id<Session>>,
        work: F,
    ) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx, Option<SessionRecord>) -> Work<'tx, T> + Send + 'static,
    {
        self.write_in_or_repeat(access, session, work, |_, kept| Box::pin(async move { Ok(kept) })).await
    }

    /// As [`Cx::write_in`]; an answer that was kept goes through `again`.
    async fn write_in_or_repeat<T, F, G>(
        &self,
        access: &WorkspaceAccess,
        session: Option<Id<Session>>,
        work: F,
        again: G,
    ) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx, Option<SessionRecord>) -> Work<'tx, T> + Send + 'static,
        G: for<'tx> FnOnce(&'tx mut Tx, T) -> Work<'tx, T> + Send + 'static,
    {
        let (access, identity, fence) = (access.clone(), self.session_identity(session), self.fence);
        let scopes = access.scopes();
        let written = self.write_or_repeat(
            scopes,
            move |tx| {
                Box::pin(async move {
                    let session = access.enter(tx, &identity, fence).await?;
                    work(tx, session).await
                })
            },
            again,
        );
        written.await.map(|(value, _)| value)
    }

    /// As [`Cx::write_as`], for what gives the session something: an answer that was kept goes through `again`, which
    /// tells whether the session still has it.
    pub(crate) async fn grant_as<T, F, G>(
        &self,
        access: &WorkspaceAccess,
        session: Option<Id<Session>>,
        work: F,
        again: G,
    ) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx, SessionRecord) -> Work<'tx, T> + Send + 'static,
        G: for<'tx> FnOnce(&'tx mut Tx, T) -> Work<'tx, T> + Send + 'static,
    {
        self.write_in_or_repeat(
            access,
            session,
            move |tx, session| {
                Box::pin(async move {
                    let session = session.ok_or_else(brains_core::plane::session::missing)?;
                    work(tx, session).await
                })
            },
            again,
        )
        .await
    }

    /// As [`Cx::write_in`], for what only a session can do.
    pub(crate) async fn write_as<T, F>(
        &self,
        access: &WorkspaceAccess,
        session: Option<Id<Session>>,
        work: F,
    ) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx, SessionRecord) -> Work<'tx, T> + Send + 'static,
    {
        self.grant_as(access, session, work, |_, kept| Box::pin(async move { Ok(kept) })).await
    }

    /// The session that this call is recognised as, when it lives.
    pub(crate) async fn acting_alive(&self) -> Result<Option<SessionRecord>, Fault> {
        let mut view = self.control.store.look().await?;
        let now = self.now();
        let identity = self.session_identity(None);
        let session = match identity.proven(&mut view, now).await? {
            Some(id) => view.session(&id).await?,
            None => identity.of_key(&mut view, now).await?,
        };
        Ok(session.filter(|session| session.lives(now)))
    }

    /// Who this call may act as; `session` is the one that it names.
    pub(crate) fn session_identity(&self, session: Option<Id<Session>>) -> SessionIdentity {
        let identity = SessionIdentity::of(self.principal, self.caller, session, Arc::clone(self.found));
        if self.spoken && self.is_agent() { identity.always() } else { identity }
    }

    /// One audited write outside of every workspace.
    pub(crate) async fn write_global<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        self.write(Scope::global(), work).await
    }
}
