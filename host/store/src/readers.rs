//! Connections that read a SQLite file. The driver's own pool asks each on its way back whether it still stands, which
//! costs as much as a look does; a file's connection always stands, so here it goes back as it is.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex as Slot, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Duration;

use crate::error::StoreError;

const BEGIN: &str = "BEGIN DEFERRED";
const END: &str = "ROLLBACK";

/// Clones are the same connections.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    options: Arc<SqliteConnectOptions>,
    patience: Duration,
    most: u32,
    /// As many as may read at once.
    places: Arc<Semaphore>,
    /// Opened when first needed; one that is locked is in use.
    slots: Arc<Mutex<Vec<Arc<Slot<SqliteConnection>>>>>,
}

impl Readers {
    pub(crate) fn new(options: SqliteConnectOptions, patience: Duration, most: u32) -> Self {
        let places = usize::try_from(most).unwrap_or(1);
        Self {
            options: Arc::new(options),
            patience,
            most,
            places: Arc::new(Semaphore::new(places)),
            slots: Arc::default(),
        }
    }

    pub(crate) async fn take(&self) -> Result<Reader, StoreError> {
        let place = tokio::time::timeout(self.patience, self.places.clone().acquire_owned()).await;
        let place = place
            .map_err(|_| StoreError::Unreachable { detail: "no connection became free in time".into() })?
            .map_err(|_| StoreError::Closed)?;
        let free = self.slots().iter().find_map(|slot| Arc::clone(slot).try_lock_owned().ok());
        let conn = if let Some(conn) = free {
            conn
        } else {
            let slot = Arc::new(Slot::new(self.options.connect().await?));
            let conn = Arc::clone(&slot).lock_owned().await;
            self.slots().push(slot);
            conn
        };
        Ok(Reader { conn, begun: false, _place: place })
    }

    /// Waits for those that read and closes all connections.
    pub(crate) async fn close(&self) {
        let all = self.places.acquire_many(self.most).await;
        self.places.close();
        drop(all);
        let slots = std::mem::take(&mut *self.slots());
        for slot in slots.into_iter().filter_map(Arc::into_inner) {
            if let Err(error) = slot.into_inner().close().await {
                tracing::debug!(db.error = %error, "a connection did not close cleanly");
            }
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Slot<SqliteConnection>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that somebody reads through. Dropped it is free, and its view is over.
#[derive(Debug)]
pub(crate) struct Reader {
    conn: OwnedMutexGuard<SqliteConnection>,
    begun: bool,
    /// Given back behind the connection.
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// One view for everything that is read from here on.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        // Before, because whoever stops waiting for it does not stop it.
        self.begun = true;
        sqlx::query(BEGIN).execute(&mut *self.conn).await?;
        Ok(())
    }

    pub(crate) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.begun {
            // The first poll hands it to the connection's thread, which does things in order; nobody waits for it.
            drop(sqlx::query(END).execute(&mut *self.conn).now_or_never());
        }
    }
}
