//! The store as everybody else sees it: opening, reading, writing, following, closing. Nothing in this crate knows it.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use brains_core::Fault;
use brains_core::plane::audit::SealingKey;
use tokio::sync::watch;

#[cfg(test)]
use crate::engine::WRITE_QUEUE;
use crate::engine::{StoreEngine, StoreShared};
use crate::error::StoreError;
use crate::generation::Generation;
use crate::generation_watcher;
use crate::key_last_used::KeyLastUsed;
use crate::notifier::CommitListener;
use crate::open;
use crate::options::{ResponseOptions, StoreOptions, TraceOptions};
use crate::plane::trace::Retention;
use crate::responses::Responses;
use crate::rows::{DatabaseSession, ReadSnapshot, Rows};
use crate::spending::SpendingBook;
use crate::trace_queue::{self, TraceQueue};
use crate::usage_ledger::UsageLedger;
use crate::warm_places::SharedPlaces;
use crate::write::{Actor, Cause, Scopes, Tx, Work};

/// What the closure of [`Store::scan`] returns.
pub type Scan<'v, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'v>>;

/// The database. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: StoreShared,
    place: String,
    traces: TraceOptions,
    response_options: ResponseOptions,
    generations: OnceLock<watch::Receiver<Generation>>,
    trace_queue: OnceLock<TraceQueue>,
    usage_ledger: OnceLock<UsageLedger>,
    responses: OnceLock<Responses>,
    key_last_used: OnceLock<KeyLastUsed>,
    shared_places: OnceLock<SharedPlaces>,
    spending: OnceLock<SpendingBook>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database that `url` names (`sqlite:///path`, a bare path, `postgres://…`), makes the file if
    /// it is not there, and brings the schema up.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let (traces, response_options) = (options.traces, options.responses);
        let (shared, place) = open::open(url, options).await?;
        let inner = Inner {
            shared,
            place,
            traces,
            response_options,
            generations: OnceLock::new(),
            trace_queue: OnceLock::new(),
            usage_ledger: OnceLock::new(),
            responses: OnceLock::new(),
            key_last_used: OnceLock::new(),
            shared_places: OnceLock::new(),
            spending: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where the database is, without credentials; for people.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// Runs `work` as one audited write. It holds the audit heads of its scopes, so writes of one scope are
    /// serial in all processes; what it does is kept together or not at all, and the answer comes after the
    /// commit. A caller that goes away before it starts prevents it, later it changes nothing.
    pub async fn write<T, F>(
        &self,
        scopes: impl Into<Scopes>,
        actor: impl Into<Actor>,
        work: F,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        let cause = Cause { scopes: scopes.into(), actor: actor.into() };
        self.inner.shared.submit(Some(cause), work).await
    }

    /// Runs `work` as one write that nobody audits and nothing serialises: heartbeats, traces.
    pub async fn touch<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        self.inner.shared.submit(None, work).await
    }

    /// The key that signs the audit log now.
    pub fn sealing_key(&self) -> Arc<SealingKey> {
        self.inner.shared.context.sealing.current()
    }

    /// Signs with another key from the next write on.
    pub fn seal_with(&self, key: SealingKey) {
        self.inner.shared.context.sealing.replace(key);
    }

    /// A consistent view; drop it soon, it holds a connection.
    pub async fn read(&self) -> Result<ReadSnapshot, StoreError> {
        let shared = &self.inner.shared;
        shared.engine.snapshot(&shared.context.round_trips).await
    }

    /// As [`Store::read`], but several looks may see different states: for what is told in one, or looked at again by
    /// the write that follows.
    pub async fn look(&self) -> Result<ReadSnapshot, StoreError> {
        let shared = &self.inner.shared;
        match &shared.engine {
            StoreEngine::Sqlite { readers, .. } => Ok(ReadSnapshot(Rows::new(
                DatabaseSession::Sqlite(readers.take().await?),
                shared.context.round_trips.clone(),
            ))),
            // Beginning is what tells that the connection stands.
            StoreEngine::Postgres { .. } => self.read().await,
        }
    }

    /// Runs `work` over a consistent view on a thread where it holds nobody up: for what reads much.
    pub async fn scan<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'v> FnOnce(&'v mut ReadSnapshot) -> Scan<'v, T> + Send + 'static,
    {
        let shared = &self.inner.shared;
        let mut view = shared.engine.snapshot(&shared.context.round_trips).await?;
        if view.is_postgres() {
            return work(&mut view).await;
        }
        let runtime = tokio::runtime::Handle::current();
        let scanned = shared.tasks.spawn_blocking(move || runtime.block_on(work(&mut view)));
        scanned.await.unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// Writes that wait behind a running one.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        match &self.inner.shared.engine {
            StoreEngine::Sqlite { queue, .. } => WRITE_QUEUE - queue.capacity(),
            StoreEngine::Postgres { writers, .. } => writers.queues.waiting(),
        }
    }

    /// How often this store has asked its database for something and waited: what operations cost before anything else.
    pub fn round_trips(&self) -> u64 {
        self.inner.shared.context.round_trips.so_far()
    }

    /// Counters that move whenever keys, configuration or components change, in whichever process. Other
    /// processes' changes show within a quarter of a second.
    pub fn generations(&self) -> watch::Receiver<Generation> {
        let shared = &self.inner.shared;
        let follow = || {
            let (publish, receive) = watch::channel(Generation::default());
            shared.tasks.spawn(generation_watcher::follow(
                shared.engine.clone(),
                shared.context.commit_signal.clone(),
                shared.closing.clone(),
                publish,
            ));
            receive
        };
        self.inner.generations.get_or_init(follow).clone()
    }

    /// Hears of commits of this process that touch one of `topics`: a scope's text, a mailbox. Listen first, then
    /// look, then wait: nothing that is committed in between is missed.
    pub fn listen(&self, topics: Vec<String>) -> CommitListener {
        self.inner.shared.context.notifier.listen(topics)
    }

    /// Where finished requests put their traces.
    pub fn traces(&self) -> TraceQueue {
        self.inner
            .trace_queue
            .get_or_init(|| TraceQueue::start(self.inner.shared.clone(), self.inner.traces))
            .clone()
    }

    /// Where requests put what they used.
    pub fn ledger(&self) -> UsageLedger {
        self.inner.usage_ledger.get_or_init(|| UsageLedger::start(self.inner.shared.clone())).clone()
    }

    /// Where answers are kept that clients go on from.
    pub fn responses(&self) -> Responses {
        let start = || Responses::start(self.inner.shared.clone(), self.inner.response_options);
        self.inner.responses.get_or_init(start).clone()
    }

    /// Where it is noted that a key was presented.
    pub fn key_last_used(&self) -> KeyLastUsed {
        self.inner.key_last_used.get_or_init(|| KeyLastUsed::start(self.inner.shared.clone())).clone()
    }

    /// Where all processes share which candidates conversations are at.
    pub fn shared_places(&self) -> SharedPlaces {
        let start = || SharedPlaces::start(self.inner.shared.clone(), self.generations());
        self.inner.shared_places.get_or_init(start).clone()
    }

    /// Where requests ask whether there is room in the budgets that they count in.
    pub fn spending_book(&self) -> SpendingBook {
        self.inner.spending.get_or_init(|| SpendingBook::new(self.inner.shared.clone())).clone()
    }

    /// Deletes traces beyond `retention` now; the sink does so by itself once a minute while it is used.
    pub async fn prune_traces(&self, retention: Retention) -> Result<(), Fault> {
        trace_queue::prune(&self.inner.shared, retention).await
    }

    /// Ends everything: waiting traces, ledger rows and writes are committed, then the connections close.
    pub async fn close(&self) {
        if let Some(traces) = self.inner.trace_queue.get() {
            traces.close().await;
        }
        if let Some(ledger) = self.inner.usage_ledger.get() {
            ledger.close().await;
        }
        if let Some(book) = self.inner.spending.get() {
            book.close().await;
        }
        if let Some(responses) = self.inner.responses.get() {
            responses.close().await;
        }
        if let Some(uses) = self.inner.key_last_used.get() {
            uses.close().await;
        }
        if let Some(places) = self.inner.shared_places.get() {
            places.close().await;
        }
        let shared = &self.inner.shared;
        shared.closing.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
        match &shared.engine {
            StoreEngine::Sqlite { readers, .. } => readers.close().await,
            StoreEngine::Postgres { readers, writers, .. } => {
                readers.close().await;
                writers.server.close().await;
            }
        }
    }
}
