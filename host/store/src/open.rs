//! Opening a database of either kind: making the file, the connections, bringing the schema up.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Duration, Instant};

use crate::error::StoreError;
use crate::identity::{self, FileIdentity};
use crate::migrate;
use crate::readers::SqliteReaders;
use crate::rows::{RoundTripCounter, Rows, Session};
use crate::server::PostgresServer;
use crate::store::StoreOptions;
use crate::write::postgres::BEGIN;
use crate::write::sqlite::AGAIN;

/// Connections of a pool.
const POOL: u32 = 8;
/// Statements that a connection keeps prepared: more than there are that are used again and again.
const PREPARED: usize = 512;

/// A SQLite file, and what a connection to it is told.
#[derive(Debug, Clone)]
pub(crate) struct SqliteFile {
    path: PathBuf,
    /// How long SQLite itself waits for a lock. Whoever opened the connection stands still meanwhile.
    busy: Duration,
    pragmas: &'static str,
}

const WRITES: &str = "
    PRAGMA foreign_keys = ON;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    -- What a savepoint may have to put back: a file of its own for each would cost more than the write.
    PRAGMA temp_store = MEMORY;
    -- Pages of the log before they go into the database: those that change again and again then go once.
    PRAGMA wal_autocheckpoint = 8000;
    -- After a burst the log file is cut back to this.
    PRAGMA journal_size_limit = 67108864;";
const READS: &str = "PRAGMA query_only = ON;";

impl SqliteFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        conn.busy_timeout(self.busy)?;
        // A plan that looks at bound values is made anew for each of them.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // The last one to close writes the log into the file: that is `FileIdentity`'s, which knows whether it may.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn.set_prepared_statement_cache_capacity(PREPARED);
        conn.execute_batch(self.pragmas)?;
        Ok(conn)
    }
}

/// Makes the file if need be, opens the writer's connection, brings the schema up, prepares the readers.
pub(crate) async fn open_file(
    path: &Path,
    options: &StoreOptions,
) -> Result<(SqliteReaders, Connection, SqliteFile, FileIdentity), StoreError> {
    identity::set_aside(path).map_err(|error| StoreError::Unreachable {
        detail: format!("the log beside it: {}", error.kind()),
    })?;
    create(path)?;
    let file = |busy_ms: u64, pragmas: &'static str| SqliteFile {
        path: path.to_owned(),
        busy: options.patience.min(Duration::from_millis(busy_ms)),
        pragmas,
    };
    // The writer has a thread of its own and asks again by itself; a short wait keeps it able to stop. Only a program
    // that has the whole file to itself keeps a reader waiting, who stands on a thread of others.
    let (writer, reader) = (file(500, WRITES), file(50, READS));
    let give_up = Instant::now() + options.patience;
    let rows = loop {
        match open_writer(&writer, options).await {
            Err(StoreError::Locked) if Instant::now() < give_up => tokio::time::sleep(AGAIN).await,
            // The file could be opened, so what cannot is the log beside it.
            Err(StoreError::Unreachable { .. }) => return Err(StoreError::ReadOnly),
            opened => break opened?,
        }
    };
    let Session::Writer(conn) = rows.into_session() else { return Err(StoreError::Closed) };
    let identity = FileIdentity::take(reader.clone())?;
    Ok((SqliteReaders::new(reader, identity.clone(), options.patience, POOL), conn, writer, identity))
}

async fn open_writer(file: &SqliteFile, options: &StoreOptions) -> Result<Rows, StoreError> {
    let mut rows = Rows::new(Session::Writer(file.open()?), RoundTripCounter::default());
    migrate::bring_up(&mut rows, &*options.ambient, &options.sealing).await?;
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
pub(crate) fn server(url: &str, options: &StoreOptions) -> Result<PgConnectOptions, StoreError> {
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
pub(crate) fn place_of(server: &PgConnectOptions) -> String {
    let database = server.get_database().unwrap_or(server.get_username());
    match server.get_socket() {
        Some(socket) => format!("`{database}` at `{}`", socket.display()),
        None => format!("`{database}` at `{}:{}`", server.get_host(), server.get_port()),
    }
}

/// Connects once, so that a wrong address fails at once and not after the pool's patience.
pub(crate) async fn open_server(
    server: PgConnectOptions,
    options: &StoreOptions,
) -> Result<(PostgresServer, PostgresServer), StoreError> {
    let first = tokio::time::timeout(options.patience, server.connect()).await;
    let Ok(first) = first else { return Err(StoreError::Unreachable { detail: "no answer in time".into() }) };
    first?.close().await?;
    // What a write asks for it finds by keys: nothing is gained by a plan for these very values. Lists gain much.
    let planned = server.clone().options([("plan_cache_mode", "force_generic_plan")]);
    let writers = PostgresServer::new(planned, options.patience, POOL);
    let round_trips = RoundTripCounter::default();
    let mut rows = Rows::new(Session::Postgres(writers.begin(BEGIN, &round_trips).await?), round_trips);
    migrate::bring_up(&mut rows, &*options.ambient, &options.sealing).await?;
    if let Session::Postgres(begun) = rows.into_session() {
        begun.commit().await?;
    }
    Ok((PostgresServer::new(server, options.patience, POOL), writers))
}
