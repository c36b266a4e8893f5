//! Writes. A mutation is one closure over a [`Tx`]; the store begins, locks the audit head of its scopes,
//! commits, and answers after the commit. Inside, only `tx` is awaited. Closures that wait together share a transaction
//! (`write/group.rs`); where they wait is in `write/sqlite.rs` (one queue) and `write/postgres.rs` (one per workspace).

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use brains_core::author::Author;
use brains_core::caller::CallSurface;
use brains_core::id::{Key, Session};
use brains_core::plane::session::SessionRecord;
use brains_core::principal::SYSTEM;
use brains_core::{Ambient, Fault, Id, Millis, Principal};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::audit::{AuditHead, Sealing};
use crate::error::StoreError;
use crate::rows::Rows;
use crate::text::storable;

pub(crate) mod group;
pub(crate) mod postgres;
pub(crate) mod sqlite;

/// How long one closure may take. It awaits nothing but its transaction, so this is a bug or a server that fell silent.
const CLOSURE_LIMIT: Duration = Duration::from_secs(30);

/// How the scopes of workspaces begin.
const WORKSPACE: &str = "workspace:";

/// What a write's closure returns: a future that borrows the transaction.
pub type Work<'tx, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'tx>>;

/// A part of the world whose writes are serial and share one audit chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    /// Everything that belongs to no workspace.
    pub fn global() -> Self {
        Self("global".into())
    }

    pub fn workspace(id: &str) -> Self {
        Self(format!("{WORKSPACE}{id}"))
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The scope of this name, whether anything was written there or not.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The scopes of one write, locked in order; the first one named is where [`Tx::record`] writes.
#[derive(Debug, Clone)]
pub struct Scopes {
    first: Scope,
    others: Vec<Scope>,
}

impl Scopes {
    /// A write in several scopes at once.
    pub fn new(first: Scope, others: Vec<Scope>) -> Self {
        Self { first, others }
    }

    /// Where this write may wait for others like it: the workspace that it is in, when it is in one alone. What is
    /// written elsewhere touches rows that many scopes share, and holds them no longer than it must.
    pub(crate) fn lane(&self) -> Option<Scope> {
        let alone =
            self.others.iter().all(|other| *other == self.first) && self.first.0.starts_with(WORKSPACE);
        alone.then(|| self.first.clone())
    }

    fn in_order(&self) -> Vec<&Scope> {
        let mut all: Vec<&Scope> = std::iter::once(&self.first).chain(&self.others).collect();
        all.sort();
        all.dedup();
        all
    }
}

impl From<Scope> for Scopes {
    fn from(first: Scope) -> Self {
        Self { first, others: Vec::new() }
    }
}

/// Who is written down as having done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Slug of the operator.
    pub operator: String,
    pub key: Option<Id<Key>>,
    /// The session that it was done as; set by [`Tx::act_as`] once it is known.
    pub session: Option<Id<Session>>,
    /// Through which door the call came; none for what the program does by itself.
    pub surface: Option<CallSurface>,
    /// Whether an agent does it, whatever its key may do.
    pub agent: bool,
}

impl Actor {
    /// The program itself: what it does at start and in the background.
    pub fn system() -> Self {
        Self { operator: SYSTEM.into(), key: None, session: None, surface: None, agent: false }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self {
            operator: principal.operator.clone(),
            key: principal.key.clone(),
            session: None,
            surface: None,
            agent: principal.agent,
        }
    }
}

/// What is locked and who is recorded; a touch has neither.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) scopes: Scopes,
    pub(crate) actor: Actor,
}

/// One write: everything done through it is kept together or not at all.
pub struct Tx {
    pub(crate) rows: Rows,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) at: Millis,
    pub(crate) cause: Option<Cause>,
    pub(crate) heads: Vec<AuditHead>,
    /// Heads as closures before this one left them in the same transaction, which holds them.
    pub(crate) held: Vec<AuditHead>,
    pub(crate) sealing: Sealing,
    /// A counter of [`crate::generation_watcher`] moved.
    pub(crate) bumped: bool,
    /// What [`crate::notifier`] tells after the commit.
    pub(crate) announced: Vec<String>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("at", &self.at).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl std::ops::Deref for Tx {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.rows
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }
}

impl Tx {
    pub(crate) fn new(rows: Rows, ambient: Arc<dyn Ambient>, sealing: Sealing) -> Self {
        Self {
            rows,
            ambient,
            at: Millis(0),
            cause: None,
            heads: Vec::new(),
            held: Vec::new(),
            sealing,
            bumped: false,
            announced: Vec::new(),
        }
    }

    /// When this write happens: one instant for all of it.
    pub fn now(&self) -> Millis {
        self.at
    }

    /// A source of ids for the rows of this write.
    pub fn ambient(&self) -> &dyn Ambient {
        &*self.ambient
    }

    /// Starts one closure: locks its scopes in order and reads their heads.
    async fn enter(&mut self, cause: Option<Cause>) -> Result<(), StoreError> {
        self.at = self.ambient.now();
        self.start_over();
        if let Some(cause) = &cause {
            for scope in cause.scopes.in_order() {
                let held = self.held.iter().find(|head| head.scope() == scope).cloned();
                let head = match held {
                    Some(head) => head,
                    None => AuditHead::lock(&mut self.rows, scope).await?,
                };
                self.heads.push(head);
            }
        }
        self.cause = cause;
        Ok(())
    }

    /// Forgets what a closure left behind that failed.
    pub(crate) fn start_over(&mut self) {
        self.heads.clear();
        self.rows.start_over();
    }

    /// Wakes, after the commit, whoever listens for `topic`. One that is rolled back may wake them for nothing.
    pub(crate) fn announce(&mut self, topic: String) {
        self.announced.push(topic);
    }

    /// Whether this write holds the head of `scope`.
    pub fn holds(&self, scope: &Scope) -> bool {
        self.heads.iter().any(|head| head.scope() == scope)
    }

    /// From here on rows and entries name `session` as the one that did it. What an agent's session does, an agent does,
    /// whatever key it is done with.
    pub fn act_as(&mut self, session: &SessionRecord) {
        if let Some(cause) = &mut self.cause {
            cause.actor.session = Some(session.id.clone());
            cause.actor.agent |= session.agent;
        }
    }

    /// Who does this write. Every row that says who made it says this.
    pub fn author(&self) -> Author {
        match &self.cause {
            Some(cause) => Author {
                operator: storable(&cause.actor.operator).into_owned(),
                session: cause.actor.session.clone(),
                agent: cause.actor.agent,
            },
            None => Author { operator: SYSTEM.into(), session: None, agent: false },
        }
    }

    pub(crate) fn first_scope(&self) -> Option<Scope> {
        self.cause.as_ref().map(|cause| cause.scopes.first.clone())
    }
}

/// A closure with its type erased, so that closures of all results stand in one queue.
pub(crate) trait QueuedWrite: Send {
    /// Whether nobody waits for it any more. Asked before it starts, never after.
    fn abandoned(&self) -> bool;
    /// Runs the closure and keeps what it returned; some of its statements may wait. On an error the caller rolls back.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;
    /// Tells the caller, after the commit or the rollback.
    fn answer(self: Box<Self>, end: Result<(), Fault>);
}

pub(crate) struct WriteRequest<T, F> {
    cause: Option<Cause>,
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> WriteRequest<T, F>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    pub(crate) fn start(
        cause: Option<Cause>,
        work: F,
    ) -> (Box<dyn QueuedWrite>, oneshot::Receiver<Result<T, Fault>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { cause, work: Some(work), value: None, reply }), answer)
    }
}

impl<T, F> QueuedWrite for WriteRequest<T, F>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Err(StoreError::Closed.into()) };
            tx.enter(self.cause.take()).await?;
            let guarded = AssertUnwindSafe(async { work(tx).await }).catch_unwind();
            let value = match tokio::time::timeout(CLOSURE_LIMIT, guarded).await {
                Err(_) => return Err(StoreError::Stalled.into()),
                Ok(Err(_)) => return Err(StoreError::Panicked.into()),
                Ok(Ok(result)) => result?,
            };
            if tx.rows.refused() {
                return Err(StoreError::Poisoned.into());
            }
            self.value = Some(value);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, end: Result<(), Fault>) {
        let answer = match (end, self.value) {
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(StoreError::Closed.into()),
            (Err(fault), _) => Err(fault),
        };
        // A caller that went away learns nothing; the write stands as decided.
        drop(self.reply.send(answer));
    }
}
