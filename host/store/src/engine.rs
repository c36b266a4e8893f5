//! The engine: one of the two databases with its connections and writers, and what the store's own tasks share of it.
//! Nothing here knows the store that is built on it.

use std::sync::Arc;

use brains_core::Fault;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::StoreError;
use crate::readers::SqliteReaders;
use crate::round_trips::RoundTripCounter;
use crate::rows::{DatabaseSession, ReadSnapshot, Rows};
use crate::server::PostgresServer;
use crate::write::postgres::PostgresWriters;
use crate::write::{Cause, QueuedWrite, Tx, Work, WriteContext, WriteRequest};

/// Writes that may wait: for the SQLite writer, or for a connection to Postgres.
pub(crate) const WRITE_QUEUE: usize = 1_024;

/// What a snapshot begins with on Postgres.
const VIEW: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What the store's own tasks need of it; it keeps no task alive by itself.
#[derive(Debug, Clone)]
pub(crate) struct StoreShared {
    pub(crate) engine: StoreEngine,
    pub(crate) context: WriteContext,
    /// How long to wait for a lock, a connection or a place in the queue before giving up.
    pub(crate) patience: Duration,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

/// One of the two databases, as far as it may be shared between tasks.
#[derive(Debug, Clone)]
pub(crate) enum StoreEngine {
    Sqlite { readers: SqliteReaders, queue: mpsc::Sender<Box<dyn QueuedWrite>> },
    Postgres { readers: PostgresServer, writers: PostgresWriters, places: Arc<Semaphore> },
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
        let scope = cause.as_ref().and_then(|cause| cause.scopes.queue_scope());
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
                self.tasks.spawn(writers.clone().write(scope, (job, place)));
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
                DatabaseSession::Sqlite(reader)
            }
            Self::Postgres { readers, .. } => {
                DatabaseSession::Postgres(readers.begin(VIEW, round_trips).await?)
            }
        };
        Ok(ReadSnapshot(Rows::new(session, round_trips.clone())))
    }
}
