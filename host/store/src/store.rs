//! Opening, reading, writing, closing.

use std::io;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};

use brains_core::{Ambient, Fault};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, SqliteConnection, SqlitePool};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::changes::{self, Generation, Nudge};
use crate::error::StoreError;
use crate::ledger::Ledger;
use crate::migrate;
use crate::plane::trace::Retention;
use crate::rows::{Rows, Session, Snapshot};
use crate::sink::{self, TraceOptions, TraceSink};
use crate::uses::KeyUses;
use crate::write::postgres::commit;
use crate::write::sqlite::{AGAIN, Writer};
use crate::write::{Actor, Call, Cause, Job, Scopes, Tx, Work};

/// Writes that may wait for the SQLite writer.
const QUEUE: usize = 1_024;
/// Connections of a pool.
const POOL: u32 = 8;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub ambient: Arc<dyn Ambient>,
    /// How long to wait for a lock, a connection or a place in the queue before giving up.
    pub patience: Duration,
    pub traces: TraceOptions,
}

impl Options {
    pub fn new(ambient: Arc<dyn Ambient>) -> Self {
        Self { ambient, patience: Duration::from_secs(10), traces: TraceOptions::default() }
    }
}

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
    patience: Duration,
    nudge: Nudge,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

/// One of the two databases, as far as it may be shared between tasks.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    Sqlite { readers: SqlitePool, queue: mpsc::Sender<Box<dyn Job>> },
    Postgres { readers: PgPool, writers: PgPool, places: Arc<Semaphore> },
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
        let nudge = Nudge::default();
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let (engine, place) = match Place::parse(url)? {
            Place::File(path) => {
                let place = format!("`{}`", path.display());
                let (readers, conn, how) =
                    open_file(path, &options).await.map_err(|error| error.at(&place))?;
                let writer = Writer {
                    options: how,
                    ambient: options.ambient.clone(),
                    closing: closing.clone(),
                    nudge: nudge.clone(),
                    patience: options.patience,
                    conn: Some(conn),
                };
                let (queue, jobs) = mpsc::channel(QUEUE);
                tasks.spawn(writer.run(jobs));
                (Engine::Sqlite { readers, queue }, place)
            }
            Place::Server(url) => {
                let server = server(url, &options)?;
                let place = place_of(&server);
                let (readers, writers) =
                    open_server(server, &options).await.map_err(|error| error.at(&place))?;
                (Engine::Postgres { readers, writers, places: Arc::new(Semaphore::new(QUEUE)) }, place)
            }
        };
        let Options { ambient, patience, traces } = options;
        let hub = Hub { engine, ambient, patience, nudge, tasks, closing };
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

    /// A consistent view; drop it soon, it holds a connection.
    pub async fn read(&self) -> Result<Snapshot, StoreError> {
        self.inner.hub.engine.snapshot().await
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
                writers.close().await;
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
                let (pool, ambient, nudge) = (writers.clone(), self.ambient.clone(), self.nudge.clone());
                self.tasks.spawn(async move {
                    commit(pool, ambient, nudge, job).await;
                    drop(place);
                });
            }
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl Engine {
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let session = match self {
            Self::Sqlite { readers, .. } => Session::Sqlite(readers.begin_with("BEGIN DEFERRED").await?),
            Self::Postgres { readers, .. } => Session::Postgres(
                readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        };
        Ok(Snapshot(Rows::new(session)))
    }
}

/// Makes the file if need be, opens the writer's connection, brings the schema up, prepares the readers.
async fn open_file(
    path: &Path,
    options: &Options,
) -> Result<(SqlitePool, SqliteConnection, SqliteConnectOptions), StoreError> {
    create(path)?;
    let shared = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        // The writer asks again by itself; a short wait keeps it able to stop.
        .busy_timeout(options.patience.min(Duration::from_millis(500)))
        .disable_statement_logging();
    let how = shared
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // After a burst the log file is cut back to this.
        .pragma("journal_size_limit", "67108864");
    let give_up = Instant::now() + options.patience;
    let rows = loop {
        match open_writer(&how, &*options.ambient).await {
            Err(StoreError::Locked) if Instant::now() < give_up => tokio::time::sleep(AGAIN).await,
            // The file could be opened, so what cannot is the log beside it.
            Err(StoreError::Unreachable { .. }) => return Err(StoreError::ReadOnly),
            opened => break opened?,
        }
    };
    let Session::Writer(conn) = rows.into_session() else { return Err(StoreError::Closed) };
    let readers = SqlitePoolOptions::new()
        .max_connections(POOL)
        .acquire_timeout(options.patience)
        .test_before_acquire(false)
        .max_lifetime(None)
        .connect_lazy_with(shared.pragma("query_only", "ON"));
    Ok((readers, conn, how))
}

async fn open_writer(how: &SqliteConnectOptions, ambient: &dyn Ambient) -> Result<Rows, StoreError> {
    let mut rows = Rows::new(Session::Writer(how.connect().await?));
    migrate::bring_up(&mut rows, ambient).await?;
    Ok(rows)
}

/// An empty file that only its owner may read; SQLite gives its log files the same permissions. One that is
/// there must be writable: SQLite itself would open it for reading without a word.
fn create(path: &Path) -> Result<(), StoreError> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    match fs_err::OpenOptions::new().append(true).create(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreError::ReadOnly,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            io::ErrorKind::NotFound => {
                StoreError::Unreachable { detail: "its directory does not exist".into() }
            }
            kind => StoreError::Unreachable { detail: kind.to_string() },
        }),
    }
}

/// The server's address, and the limits that keep a frozen process from holding everybody up.
fn server(url: &str, options: &Options) -> Result<PgConnectOptions, StoreError> {
    let Ok(server) = PgConnectOptions::from_str(url) else {
        return Err(StoreError::Url { reason: "`db_url` is not a valid Postgres URL" });
    };
    let patience_ms = options.patience.as_millis().to_string();
    Ok(server
        .application_name("brains")
        .options([("lock_timeout", patience_ms.as_str()), ("idle_in_transaction_session_timeout", "60000")])
        .disable_statement_logging())
}

/// The server's address for people: no user, no password.
fn place_of(server: &PgConnectOptions) -> String {
    let database = server.get_database().unwrap_or(server.get_username());
    match server.get_socket() {
        Some(socket) => format!("`{database}` at `{}`", socket.display()),
        None => format!("`{database}` at `{}:{}`", server.get_host(), server.get_port()),
    }
}

/// Connects once, so that a wrong address fails at once and not after the pool's patience.
async fn open_server(server: PgConnectOptions, options: &Options) -> Result<(PgPool, PgPool), StoreError> {
    let first = tokio::time::timeout(options.patience, server.connect()).await;
    let Ok(first) = first else { return Err(StoreError::Unreachable { detail: "no answer in time".into() }) };
    first?.close().await?;
    let pool = || PgPoolOptions::new().max_connections(POOL).acquire_timeout(options.patience);
    let writers = pool().connect_lazy_with(server.clone());
    let mut rows = Rows::new(Session::Postgres(writers.begin().await?));
    migrate::bring_up(&mut rows, &*options.ambient).await?;
    if let Session::Postgres(tx) = rows.into_session() {
        tx.commit().await?;
    }
    Ok((pool().connect_lazy_with(server), writers))
}
