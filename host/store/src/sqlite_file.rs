//! A SQLite file, and how connections to it are opened.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::time::Duration;

use crate::error::StoreError;

/// Statements that a connection keeps prepared: more than there are that are used again and again.
pub(crate) const PREPARED: usize = 512;

const WRITES: &str = "
    PRAGMA foreign_keys = ON;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    -- What a savepoint may have to put back: a file of its own for each would cost more than the write.
    PRAGMA temp_store = MEMORY;
    -- The log is taken over by `FileIdentity`, which writes down that it is at it.
    PRAGMA wal_autocheckpoint = 0;
    -- After a burst the log file is cut back to this.
    PRAGMA journal_size_limit = 67108864;";
const READS: &str = "PRAGMA query_only = ON;";

/// A SQLite file, and what a connection to it is told.
#[derive(Debug, Clone)]
pub(crate) struct SqliteFile {
    path: PathBuf,
    /// How long SQLite itself waits for a lock. The calling thread blocks for up to this long.
    busy: Duration,
    pragmas: &'static str,
}

impl SqliteFile {
    /// For the writer, which has a thread of its own and asks again by itself; a short wait keeps it able to stop.
    pub(crate) fn for_writing(path: &Path, patience: Duration) -> Self {
        Self { path: path.to_owned(), busy: patience.min(Duration::from_millis(500)), pragmas: WRITES }
    }

    /// For readers, who run on threads of others. Only a program that has the whole file to itself keeps one waiting.
    pub(crate) fn for_reading(path: &Path, patience: Duration) -> Self {
        Self { path: path.to_owned(), busy: patience.min(Duration::from_millis(50)), pragmas: READS }
    }

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
