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
use crate::changes::{self, Generation, Nudge};
use crate::error::StoreError;
use crate::ledger::Ledger;
use crate::notices::{Listener, Notices};
use crate::open::{open_file, open_server, place_of, server};
use crate::plane::trace::Retention;
use crate::readers::Readers;
use crate::rows::{Rows, Session, Snapshot, Trips};
use crate::server::Server;
use crate::sink::{self, TraceOptions, TraceSink};
use crate::uses::KeyUses;
use crate::write::postgres::{Lanes, Writers};
use crate::write::sqlite::Writer;
use crate::write::{Actor, Call, Cause, Job, Scopes, Tx, Work};

/// Writes that may wait for the SQLite writer.
const QUEUE: usize = 1_024;

/// What a snapshot begins with on Postgres.
const VIEW: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub ambient: Arc<dyn Ambient>,
    /// Signs where the audit log stands.
    pub sealing: SealingKey,
    /// How long to wait for a lock, a connection or a place in the queue before giving up.
    pub patience: Duration,
    pub traces: TraceOptions,
}

impl Options {
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
    hub: Hub,
    place: String,
    traces: TraceOptions,
    changes: OnceLock<watch::Receiver<Generation>>,
    sink: OnceLock<TraceSink>,
    ledger: OnceLock<Ledger>,
    uses: OnceLock<KeyUses>,
}

/// What the store's own tasks need of it; it keeps no task alive by itself.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    pub(crate) engine: Engine,
    pub(crate) ambient: Arc<dyn Ambient>,
    sealing: Sealing,
    patience: Duration,
    nudge: Nudge,
    notices: Notices,
    trips: Trips,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

/// One of the two databases, as far as it may be shared between tasks.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    Sqlite { readers: Readers, queue: mpsc::Sender<Box<dyn Job>> },
    Postgres { readers: Server, writers: Writers, places: Arc<Semaphore> },
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
enum Place<'u> {
    File(&'u Path),
    Server(&'u str),
}

impl<'u> Place<'u> {
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
    pub async fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let (nudge, notices, trips) = (Nudge::default(), Notices::default(), Trips::default());
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let sealing = Sealing::new(options.sealing.clone());
        let (engine, place) = match Place::parse(url)? {
            Place::File(path) => {
                let place = format!("`{}`", path.display());
                let (readers, conn, file, identity) =
                    open_file(path, &options).await.map_err(|error| error.at(&place))?;
                tasks.spawn(identity.clone().watch(closing.clone()));
                let writer = Writer {
                    file,
                    identity,
                    ambient: options.ambient.clone(),
                    sealing: sealing.clone(),
                    closing: closing.clone(),
                    nudge: nudge.clone(),
                    notices: notices.clone(),
                    trips: trips.clone(),
                    patience: options.patience,
                    conn: Some(conn),
                };
                let (queue, jobs) = mpsc::channel(QUEUE);
                // A thread of its own: it waits for the disk.
                let runtime = tokio::runtime::Handle::current();
                tasks.spawn_blocking(move || runtime.block_on(writer.run(jobs)));
                (Engine::Sqlite { readers, queue }, place)
            }
            Place::Server(url) => {
                let server = server(url, &options)?;
                let place = place_of(&server);
                let (readers, writing) =
                    open_server(server, &options).await.map_err(|error| error.at(&place))?;
                let writers = Writers {
                    server: writing,
                    ambient: options.ambient.clone(),
                    sealing: sealing.clone(),
                    nudge: nudge.clone(),
                    notices: notices.clone(),
                    trips: trips.clone(),
                    lanes: Lanes::default(),
                };
                (Engine::Postgres { readers, writers, places: Arc::new(Semaphore::new(QUEUE)) }, place)
            }
        };
        let Options { ambient, patience, traces, .. } = options;
        let hub = Hub { engine, ambient, sealing, patience, nudge, notices, trips, tasks, closing };
        let inner = Inner {
            hub,
            place,
            traces,
            changes: OnceLock::new(),
            sink: OnceLock::new(),
            ledger: OnceLock::new(),
            uses: OnceLock::new(),
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
        self.inner.hub.submit(Some(cause), work).await
    }

    /// Runs `work` as one write that nobody audits and nothing serialises: heartbeats, traces.
    pub async fn touch<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        self.inner.hub.submit(None, work).await
    }

    /// The key that signs the audit log now.
    pub fn sealing_key(&self) -> Arc<SealingKey> {
        self.inner.hub.sealing.current()
    }

    /// Signs with another key from the next write on.
    pub fn seal_with(&self, key: SealingKey) {
        self.inner.hub.sealing.replace(key);
    }

    /// A consistent view; drop it soon, it holds a connection.
    pub async fn read(&self) -> Result<Snapshot, StoreError> {
        let hub = &self.inner.hub;
        hub.engine.snapshot(&hub.trips).await
    }

    /// As [`Store::read`], but several looks may see different states: for what is told in one, or looked at again by
    /// the write that follows.
    pub async fn look(&self) -> Result<Snapshot, StoreError> {
        let hub = &self.inner.hub;
        match &hub.engine {
            Engine::Sqlite { readers, .. } => {
                Ok(Snapshot(Rows::new(Session::Sqlite(readers.take().await?), hub.trips.clone())))
            }
            // Beginning is what tells that the connection stands.
            Engine::Postgres { .. } => self.read().await,
        }
    }

    /// Runs `work` over a consistent view on a thread where it holds nobody up: for what reads much.
    pub async fn scan<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'v> FnOnce(&'v mut Snapshot) -> Scan<'v, T> + Send + 'static,
    {
        let hub = &self.inner.hub;
        let mut view = hub.engine.snapshot(&hub.trips).await?;
        if view.is_postgres() {
            return work(&mut view).await;
        }
        let runtime = tokio::runtime::Handle::current();
        let scanned = hub.tasks.spawn_blocking(move || runtime.block_on(work(&mut view)));
        scanned.await.unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// Writes that wait behind a running one.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        match &self.inner.hub.engine {
            Engine::Sqlite { queue, .. } => QUEUE - queue.capacity(),
            Engine::Postgres { writers, .. } => writers.lanes.waiting(),
        }
    }

    /// How often this store has asked its database for something and waited: what operations cost before anything else.
    pub fn trips(&self) -> u64 {
        self.inner.hub.trips.so_far()
    }

    /// Counters that move whenever keys, configuration or components change, in whichever process. Other
    /// processes' changes show within a quarter of a second.
    pub fn changes(&self) -> watch::Receiver<Generation> {
        let hub = &self.inner.hub;
        let follow = || {
            let (publish, receive) = watch::channel(Generation::default());
            hub.tasks.spawn(changes::follow(
                hub.engine.clone(),
                hub.nudge.clone(),
                hub.closing.clone(),
                publish,
            ));
            receive
        };
        self.inner.changes.get_or_init(follow).clone()
    }

    /// Hears of commits of this process that touch one of `topics`: a scope's text, a mailbox. Listen first, then
    /// look, then wait: nothing that is committed in between is missed.
    pub fn listen(&self, topics: Vec<String>) -> Listener {
        self.inner.hub.notices.listen(topics)
    }

    /// Where finished requests put their traces.
    pub fn traces(&self) -> TraceSink {
        self.inner.sink.get_or_init(|| TraceSink::start(self.inner.hub.clone(), self.inner.traces)).clone()
    }

    /// Where requests put what they used.
    pub fn ledger(&self) -> Ledger {
        self.inner.ledger.get_or_init(|| Ledger::start(self.inner.hub.clone())).clone()
    }

    /// Where it is noted that a key was presented.
    pub fn key_uses(&self) -> KeyUses {
        self.inner.uses.get_or_init(|| KeyUses::start(self.inner.hub.clone())).clone()
    }

    /// Deletes traces beyond `retention` now; the sink does so by itself once a minute while it is used.
    pub async fn prune_traces(&self, retention: Retention) -> Result<(), Fault> {
        sink::prune(&self.inner.hub, retention).await
    }

    /// Ends everything: waiting traces, ledger rows and writes are committed, then the connections close.
    pub async fn close(&self) {
        if let Some(sink) = self.inner.sink.get() {
            sink.close().await;
        }
        if let Some(ledger) = self.inner.ledger.get() {
            ledger.close().await;
        }
        if let Some(uses) = self.inner.uses.get() {
            uses.close().await;
        }
        let hub = &self.inner.hub;
        hub.closing.cancel();
        hub.tasks.close();
        hub.tasks.wait().await;
        match &hub.engine {
            Engine::Sqlite { readers, .. } => readers.close().await,
            Engine::Postgres { readers, writers, .. } => {
                readers.close().await;
                writers.server.close().await;
            }
        }
    }
}

impl Hub {
    pub(crate) async fn submit<T, F>(&self, cause: Option<Cause>, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
    {
        if self.closing.is_cancelled() {
            return Err(StoreError::Closed.into());
        }
        let lane = cause.as_ref().and_then(|cause| cause.scopes.lane());
        let (job, answer) = Call::start(cause, work);
        match &self.engine {
            Engine::Sqlite { queue, .. } => {
                match tokio::time::timeout(self.patience, queue.send(job)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(StoreError::Closed.into()),
                    Err(_) => return Err(StoreError::Overloaded.into()),
                }
            }
            Engine::Postgres { writers, places, .. } => {
                let place = tokio::time::timeout(self.patience, places.clone().acquire_owned()).await;
                let Ok(Ok(place)) = place else { return Err(StoreError::Overloaded.into()) };
                self.tasks.spawn(writers.clone().write(lane, (job, place)));
            }
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl Engine {
    pub(crate) async fn snapshot(&self, trips: &Trips) -> Result<Snapshot, StoreError> {
        let session = match self {
            Self::Sqlite { readers, .. } => {
                trips.count();
                let mut reader = readers.take().await?;
                reader.begin()?;
                Session::Sqlite(reader)
            }
            Self::Postgres { readers, .. } => Session::Postgres(readers.begin(VIEW, trips).await?),
        };
        Ok(Snapshot(Rows::new(session, trips.clone())))
    }
}
