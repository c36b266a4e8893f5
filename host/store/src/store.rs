//! Opening, reading, writing, closing.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use brains_core::plane::audit::SealingKey;
use brains_core::{Ambient, Fault};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::Sealing;
use crate::error::StoreError;
use crate::generation_watcher::{self, CommitSignal, Generation};
use crate::key_last_used::KeyLastUsed;
use crate::notifier::{CommitListener, Notifier};
use crate::open::{open_file, open_server, place_of, server};
use crate::plane::trace::Retention;
use crate::readers::SqliteReaders;
use crate::rows::{ReadSnapshot, RoundTripCounter, Rows, Session};
use crate::server::PostgresServer;
use crate::trace_queue::{self, TraceOptions, TraceQueue};
use crate::usage_ledger::UsageLedger;
use crate::write::postgres::{PostgresWriters, ScopeQueues};
use crate::write::sqlite::SqliteWriter;
use crate::write::{Actor, Cause, QueuedWrite, Scopes, Tx, Work, WriteRequest};

/// Writes that may wait for the SQLite writer.
const QUEUE: usize = 1_024;

/// What a snapshot begins with on Postgres.
const VIEW: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub ambient: Arc<dyn Ambient>,
    /// Signs where the audit log stands.
    pub sealing: SealingKey,
    /// How long to wait for a lock, a connection or a place in the queue before giving up.
    pub patience: Duration,
    pub traces: TraceOptions,
}

impl StoreOptions {
    pub fn new(ambient: Arc<dyn Ambient>, sealing: SealingKey) -> Self {
        Self { ambient, sealing, patience: Duration::from_secs(10), traces: TraceOptions::default() }
    }
}

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
    generations: OnceLock<watch::Receiver<Generation>>,
    trace_queue: OnceLock<TraceQueue>,
    usage_ledger: OnceLock<UsageLedger>,
    key_last_used: OnceLock<KeyLastUsed>,
}

/// What the store's own tasks need of it; it keeps no task alive by itself.
#[derive(Debug, Clone)]
pub(crate) struct StoreShared {
    pub(crate) engine: StoreEngine,
    pub(crate) ambient: Arc<dyn Ambient>,
    sealing: Sealing,
    patience: Duration,
    commit_signal: CommitSignal,
    notifier: Notifier,
    round_trips: RoundTripCounter,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

/// One of the two databases, as far as it may be shared between tasks.
#[derive(Debug, Clone)]
pub(crate) enum StoreEngine {
    Sqlite { readers: SqliteReaders, queue: mpsc::Sender<Box<dyn QueuedWrite>> },
    Postgres { readers: PostgresServer, writers: PostgresWriters, places: Arc<Semaphore> },
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
enum DatabaseUrl<'u> {
    File(&'u Path),
    Server(&'u str),
}

impl<'u> DatabaseUrl<'u> {
    fn parse(url: &'u str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(url));
        }
        let path = match url.split_once("://") {
            Some(("sqlite", path)) => path,
            Some(_) => {
                return Err(StoreError::Url { reason: "`db_url` names a database that is not spoken here" });
            }
            None => url.strip_prefix("sqlite:").unwrap_or(url),
        };
        match path {
            "" => Err(StoreError::Url { reason: "`db_url` names no file" }),
            ":memory:" => {
                Err(StoreError::Url { reason: "`db_url` names memory: several connections share a database" })
            }
            path => Ok(Self::File(Path::new(path))),
        }
    }
}

impl Store {
    /// Opens the database that `url` names (`sqlite:///path`, a bare path, `postgres://…`), makes the file if
    /// it is not there, and brings the schema up.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let (commit_signal, notifier, round_trips) =
            (CommitSignal::default(), Notifier::default(), RoundTripCounter::default());
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let sealing = Sealing::new(options.sealing.clone());
        let (engine, place) = match DatabaseUrl::parse(url)? {
            DatabaseUrl::File(path) => {
                let place = format!("`{}`", path.display());
                let (readers, conn, file, identity) =
                    open_file(path, &options).await.map_err(|error| error.at(&place))?;
                tasks.spawn(identity.clone().watch(closing.clone()));
                let writer = SqliteWriter {
                    file,
                    identity,
                    ambient: options.ambient.clone(),
                    sealing: sealing.clone(),
                    closing: closing.clone(),
                    commit_signal: commit_signal.clone(),
                    notifier: notifier.clone(),
                    round_trips: round_trips.clone(),
                    patience: options.patience,
                    conn: Some(conn),
                };
                let (queue, jobs) = mpsc::channel(QUEUE);
                // A thread of its own: it waits for the disk.
                let runtime = tokio::runtime::Handle::current();
                tasks.spawn_blocking(move || runtime.block_on(writer.run(jobs)));
                (StoreEngine::Sqlite { readers, queue }, place)
            }
            DatabaseUrl::Server(url) => {
                let server = server(url, &options)?;
                let place = place_of(&server);
                let (readers, writing) =
                    open_server(server, &options).await.map_err(|error| error.at(&place))?;
                let writers = PostgresWriters {
                    server: writing,
                    ambient: options.ambient.clone(),
                    sealing: sealing.clone(),
                    commit_signal: commit_signal.clone(),
                    notifier: notifier.clone(),
                    round_trips: round_trips.clone(),
                    lanes: ScopeQueues::default(),
                };
                (StoreEngine::Postgres { readers, writers, places: Arc::new(Semaphore::new(QUEUE)) }, place)
            }
        };
        let StoreOptions { ambient, patience, traces, .. } = options;
        let shared = StoreShared {
            engine,
            ambient,
            sealing,
            patience,
            commit_signal,
            notifier,
            round_trips,
            tasks,
            closing,
        };
        let inner = Inner {
            shared,
            place,
            traces,
            generations: OnceLock::new(),
            trace_queue: OnceLock::new(),
            usage_ledger: OnceLock::new(),
            key_last_used: OnceLock::new(),
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
        self.inner.shared.sealing.current()
    }

    /// Signs with another key from the next write on.
    pub fn seal_with(&self, key: SealingKey) {
        self.inner.shared.sealing.replace(key);
    }

    /// A consistent view; drop it soon, it holds a connection.
    pub async fn read(&self) -> Result<ReadSnapshot, StoreError> {
        let shared = &self.inner.shared;
        shared.engine.snapshot(&shared.round_trips).await
    }

    /// As [`Store::read`], but several looks may see different states: for what is told in one, or looked at again by
    /// the write that follows.
    pub async fn look(&self) -> Result<ReadSnapshot, StoreError> {
        let shared = &self.inner.shared;
        match &shared.engine {
            StoreEngine::Sqlite { readers, .. } => Ok(ReadSnapshot(Rows::new(
                Session::Sqlite(readers.take().await?),
                shared.round_trips.clone(),
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
        let mut view = shared.engine.snapshot(&shared.round_trips).await?;
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
            StoreEngine::Sqlite { queue, .. } => QUEUE - queue.capacity(),
            StoreEngine::Postgres { writers, .. } => writers.lanes.waiting(),
        }
    }

    /// How often this store has asked its database for something and waited: what operations cost before anything else.
    pub fn round_trips(&self) -> u64 {
        self.inner.shared.round_trips.so_far()
    }

    /// Counters that move whenever keys, configuration or components change, in whichever process. Other
    /// processes' changes show within a quarter of a second.
    pub fn generations(&self) -> watch::Receiver<Generation> {
        let shared = &self.inner.shared;
        let follow = || {
            let (publish, receive) = watch::channel(Generation::default());
            shared.tasks.spawn(generation_watcher::follow(
                shared.engine.clone(),
                shared.commit_signal.clone(),
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
        self.inner.shared.notifier.listen(topics)
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

    /// Where it is noted that a key was presented.
    pub fn key_last_used(&self) -> KeyLastUsed {
        self.inner.key_last_used.get_or_init(|| KeyLastUsed::start(self.inner.shared.clone())).clone()
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
        if let Some(uses) = self.inner.key_last_used.get() {
            uses.close().await;
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

impl StoreShared {
    pub(crate) async fn submit<T, F>(&self, cause: Option<Cause>, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        if self.closing.is_cancelled() {
            return Err(StoreError::Closed.into());
        }
        let lane = cause.as_ref().and_then(|cause| cause.scopes.lane());
        let (job, answer) = WriteRequest::start(cause, work);
        match &self.engine {
            StoreEngine::Sqlite { queue, .. } => {
                match tokio::time::timeout(self.patience, queue.send(job)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(StoreError::Closed.into()),
                    Err(_) => return Err(StoreError::Overloaded.into()),
                }
            }
            StoreEngine::Postgres { writers, places, .. } => {
                let place = tokio::time::timeout(self.patience, places.clone().acquire_owned()).await;
                let Ok(Ok(place)) = place else { return Err(StoreError::Overloaded.into()) };
                self.tasks.spawn(writers.clone().write(lane, (job, place)));
            }
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl StoreEngine {
    pub(crate) async fn snapshot(&self, round_trips: &RoundTripCounter) -> Result<ReadSnapshot, StoreError> {
        let session = match self {
            Self::Sqlite { readers, .. } => {
                round_trips.count();
                let mut reader = readers.take().await?;
                reader.begin()?;
                Session::Sqlite(reader)
            }
            Self::Postgres { readers, .. } => Session::Postgres(readers.begin(VIEW, round_trips).await?),
        };
        Ok(ReadSnapshot(Rows::new(session, round_trips.clone())))
    }
}
