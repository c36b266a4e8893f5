//! Opening a database of either kind: making the file, the connections, bringing the schema up.

use std::io;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use rusqlite::Connection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::sealing::Sealing;
use crate::births::Births;
use crate::database_url::DatabaseUrl;
use crate::engine::{StoreEngine, StoreShared, WRITE_QUEUE};
use crate::error::StoreError;
use crate::identity::{self, FileIdentity};
use crate::migrate;
use crate::options::StoreOptions;
use crate::readers::SqliteReaders;
use crate::round_trips::RoundTripCounter;
use crate::rows::{DatabaseSession, Rows};
use crate::server::PostgresServer;
use crate::sqlite_file::{PREPARED, SqliteFile};
use crate::write::WriteContext;
use crate::write::postgres::{BEGIN, PostgresWriters, ScopeQueues};
use crate::write::sqlite::{AGAIN, SqliteWriter};

/// Connections of a pool.
const POOL: u32 = 8;

/// Opens the database that `url` names; tells where it is, for people.
pub(crate) async fn open(url: &str, options: StoreOptions) -> Result<(StoreShared, String), StoreError> {
    let sealing = Sealing::new(options.sealing.clone());
    let context = WriteContext::new(Arc::clone(&options.ambient), sealing);
    let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
    let patience = options.patience;
    let (engine, place) = match DatabaseUrl::parse(url)? {
        DatabaseUrl::File(path) => {
            let place = format!("`{}`", path.display());
            let (readers, conn, file, identity) =
                open_file(path, &options, &context.births).await.map_err(|error| error.at(&place))?;
            tasks.spawn(identity.clone().watch(closing.clone()));
            let writer = SqliteWriter {
                file,
                identity,
                context: context.clone(),
                closing: closing.clone(),
                patience,
                conn: Some(conn),
            };
            let (queue, waiting) = mpsc::channel(WRITE_QUEUE);
            // A thread of its own: it waits for the disk.
            let runtime = tokio::runtime::Handle::current();
            tasks.spawn_blocking(move || runtime.block_on(writer.run(waiting)));
            (StoreEngine::Sqlite { readers, queue }, place)
        }
        DatabaseUrl::Server(url) => {
            let server = server(url, &options)?;
            let place = place_of(&server);
            let (readers, server) =
                open_server(server, &options, &context.births).await.map_err(|error| error.at(&place))?;
            if let Some(clock) = &options.clock {
                tasks.spawn(Arc::clone(clock).follow(readers.clone(), closing.clone()));
            }
            let writers =
                PostgresWriters { server, context: context.clone(), queues: ScopeQueues::default() };
            let places = Arc::new(Semaphore::new(WRITE_QUEUE));
            (StoreEngine::Postgres { readers, writers, places }, place)
        }
    };
    Ok((StoreShared { engine, context, patience, tasks, closing }, place))
}

/// Makes the file if need be, opens the writer's connection, brings the schema up, prepares the readers.
async fn open_file(
    path: &Path,
    options: &StoreOptions,
    births: &Births,
) -> Result<(SqliteReaders, Connection, SqliteFile, FileIdentity), StoreError> {
    identity::set_aside(path).map_err(|error| {
        not_writable(&error).unwrap_or_else(|| StoreError::Unreachable {
            detail: format!("the log beside it: {}", error.kind()),
        })
    })?;
    create(path)?;
    let writer = SqliteFile::for_writing(path, options.patience);
    let reader = SqliteFile::for_reading(path, options.patience);
    let give_up = Instant::now() + options.patience;
    let rows = loop {
        match open_writer(&writer, options, births).await {
            Err(StoreError::Locked) if Instant::now() < give_up => tokio::time::sleep(AGAIN).await,
            // The file could be opened, so what cannot is the log beside it.
            Err(StoreError::Unreachable { .. }) => return Err(StoreError::ReadOnly),
            opened => break opened?,
        }
    };
    let DatabaseSession::Writer(conn) = rows.into_session() else { return Err(StoreError::Closed) };
    let identity = FileIdentity::take(reader.clone())?;
    Ok((SqliteReaders::new(reader, identity.clone(), options.patience, POOL), conn, writer, identity))
}

async fn open_writer(file: &SqliteFile, options: &StoreOptions, births: &Births) -> Result<Rows, StoreError> {
    let mut rows = Rows::new(DatabaseSession::Writer(file.open()?), RoundTripCounter::default());
    migrate::bring_up(&mut rows, &*options.ambient, &options.sealing).await?;
    births.begin(&mut rows).await?;
    Ok(rows)
}

/// An empty file that only its owner may read; SQLite gives its log files the same permissions. One that is
/// there must be writable: SQLite itself would open it for reading without a word.
fn create(path: &Path) -> Result<(), StoreError> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    match fs_err::OpenOptions::new().append(true).create(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(not_writable(&error).unwrap_or_else(|| StoreError::Unreachable {
            detail: match error.kind() {
                io::ErrorKind::NotFound => "its directory does not exist".into(),
                kind => kind.to_string(),
            },
        })),
    }
}

fn not_writable(error: &io::Error) -> Option<StoreError> {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Some(StoreError::ReadOnly),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(StoreError::Full),
        _ => None,
    }
}

/// The server's address, and the limits that keep a frozen process from holding everybody up.
fn server(url: &str, options: &StoreOptions) -> Result<PgConnectOptions, StoreError> {
    let Ok(server) = PgConnectOptions::from_str(url) else {
        return Err(StoreError::Url { reason: "`db_url` is not a valid Postgres URL" });
    };
    let patience_ms = options.patience.as_millis().to_string();
    Ok(server
        .application_name("brains")
        .options([
            ("lock_timeout", patience_ms.as_str()),
            ("idle_in_transaction_session_timeout", "60000"),
            // No plan here is worth compiling.
            ("jit", "off"),
        ])
        .statement_cache_capacity(PREPARED)
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
async fn open_server(
    server: PgConnectOptions,
    options: &StoreOptions,
    births: &Births,
) -> Result<(PostgresServer, PostgresServer), StoreError> {
    let first = tokio::time::timeout(options.patience, server.connect()).await;
    let Ok(first) = first else { return Err(StoreError::Unreachable { detail: "no answer in time".into() }) };
    first?.close().await?;
    // What a write asks for it finds by keys: nothing is gained by a plan for these very values. Lists gain much.
    let planned = server.clone().options([("plan_cache_mode", "force_generic_plan")]);
    let writers = PostgresServer::new(planned, options.patience, POOL);
    if let Some(clock) = &options.clock {
        clock.measure(&writers).await?;
    }
    let round_trips = RoundTripCounter::default();
    let mut rows =
        Rows::new(DatabaseSession::Postgres(writers.begin(BEGIN, &round_trips).await?), round_trips);
    migrate::bring_up(&mut rows, &*options.ambient, &options.sealing).await?;
    births.begin(&mut rows).await?;
    if let DatabaseSession::Postgres(begun) = rows.into_session() {
        begun.commit().await?;
    }
    Ok((PostgresServer::new(server, options.patience, POOL), writers))
}
