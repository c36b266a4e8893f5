//! Connections that read a SQLite file. Whoever reads has one to itself as long as it looks.

use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Duration;

use brains_core::sync::Unpoisoned as _;

use crate::error::StoreError;
use crate::identity::FileIdentity;
use crate::rows::sqlite;
use crate::sqlite_file::SqliteFile;

const BEGIN: &str = "BEGIN DEFERRED";
const END: &str = "ROLLBACK";

/// Clones are the same connections.
#[derive(Debug, Clone)]
pub(crate) struct SqliteReaders {
    file: Arc<SqliteFile>,
    pub(crate) identity: FileIdentity,
    patience: Duration,
    most: u32,
    /// As many as may read at once.
    places: Arc<Semaphore>,
    /// Opened when first needed.
    free: Arc<Mutex<Vec<Connection>>>,
}

impl SqliteReaders {
    pub(crate) fn new(file: SqliteFile, identity: FileIdentity, patience: Duration, most: u32) -> Self {
        let places = usize::try_from(most).unwrap_or(1);
        Self {
            file: Arc::new(file),
            identity,
            patience,
            most,
            places: Arc::new(Semaphore::new(places)),
            free: Arc::default(),
        }
    }

    pub(crate) async fn take(&self) -> Result<SqliteReader, StoreError> {
        let place = tokio::time::timeout(self.patience, self.places.clone().acquire_owned()).await;
        let place = place
            .map_err(|_| StoreError::Unreachable { detail: "no connection became free in time".into() })?
            .map_err(|_| StoreError::Closed)?;
        let free = self.free.lock_unpoisoned().pop();
        let conn = if let Some(conn) = free {
            conn
        } else {
            // A name may lead to another file than it did; that one is not opened.
            self.identity.check()?;
            self.file.open()?
        };
        self.identity.look_now_and_then()?;
        Ok(SqliteReader { conn: Some(conn), free: Arc::clone(&self.free), begun: false, _place: place })
    }

    /// Waits for those that read and closes all connections.
    pub(crate) async fn close(&self) {
        let all = self.places.acquire_many(self.most).await;
        self.places.close();
        drop(all);
        self.free.lock_unpoisoned().clear();
        self.identity.close();
    }
}

/// A connection that somebody reads through. Dropped it is free, and its view is over.
#[derive(Debug)]
pub(crate) struct SqliteReader {
    /// There until it is given back.
    conn: Option<Connection>,
    free: Arc<Mutex<Vec<Connection>>>,
    begun: bool,
    /// Given back behind the connection.
    _place: OwnedSemaphorePermit,
}

impl SqliteReader {
    /// One view for everything that is read from here on.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        sqlite::run(self.conn()?, BEGIN)?;
        self.begun = true;
        Ok(())
    }

    pub(crate) fn conn(&mut self) -> Result<&mut Connection, StoreError> {
        self.conn.as_mut().ok_or(StoreError::Closed)
    }
}

impl Drop for SqliteReader {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        // One whose view does not end is closed, which ends it.
        if !self.begun || sqlite::run(&conn, END).is_ok() {
            self.free.lock_unpoisoned().push(conn);
        }
    }
}
