//! Connections that read from a Postgres server. The driver's own pool asks each on its way back whether it still stands,
//! and a view costs a round trip to begin; here one that was in use a moment ago goes back and out again as it is, and a
//! look that needs no view has none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::error::StoreError;
use crate::rows::Trips;

/// What a view begins and ends with.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const END: &str = "ROLLBACK";

/// How long a connection is taken for one that stands without being asked.
const FRESH: Duration = Duration::from_secs(1);

/// Clones are the same connections.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    server: Arc<PgConnectOptions>,
    patience: Duration,
    most: u32,
    /// As many as may read at once.
    places: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Free>>>,
    /// Views that are being ended.
    tasks: TaskTracker,
    trips: Trips,
}

/// A connection that nobody uses. The thread that used it wakes up for it, so it goes back to that one.
#[derive(Debug)]
struct Free {
    conn: PgConnection,
    since: Instant,
    thread: ThreadId,
}

impl Readers {
    pub(crate) fn new(
        server: PgConnectOptions,
        patience: Duration,
        most: u32,
        tasks: TaskTracker,
        trips: Trips,
    ) -> Self {
        let places = usize::try_from(most).unwrap_or(1);
        Self {
            server: Arc::new(server),
            patience,
            most,
            places: Arc::new(Semaphore::new(places)),
            free: Arc::default(),
            tasks,
            trips,
        }
    }

    /// A connection that most likely stands, for single looks.
    pub(crate) async fn take(&self) -> Result<Reader, StoreError> {
        let place = timeout(self.patience, self.places.clone().acquire_owned()).await;
        let place = place
            .map_err(|_| StoreError::Unreachable { detail: "no connection became free in time".into() })?
            .map_err(|_| StoreError::Closed)?;
        let conn = loop {
            let Some(Free { mut conn, since, .. }) = self.pop() else { break self.connect().await? };
            if since.elapsed() < FRESH {
                break conn;
            }
            self.trips.count();
            match timeout(self.patience, conn.ping()).await {
                Ok(Ok(())) => break conn,
                // It fell, and the others most likely with it.
                Ok(Err(_)) | Err(_) => self.free().clear(),
            }
        };
        Ok(Reader {
            conn: Some(conn),
            broken: false,
            begun: false,
            readers: self.clone(),
            place: Some(place),
        })
    }

    /// A connection with one view for everything that is read through it. Beginning tells whether it stands: as nothing
    /// was done yet, another one is taken for one that does not.
    pub(crate) async fn view(&self) -> Result<Reader, StoreError> {
        let mut others = self.most;
        loop {
            let mut reader = self.take().await?;
            self.trips.count();
            // Before, because whoever stops waiting for it does not stop it.
            reader.begun = true;
            match sqlx::query(BEGIN).execute(reader.conn()?).await.map_err(StoreError::from) {
                Ok(_) => return Ok(reader),
                Err(error) => {
                    reader.failed(&error);
                    if others == 0 || !matches!(error, StoreError::Unreachable { .. }) {
                        return Err(error);
                    }
                    others -= 1;
                }
            }
        }
    }

    /// Waits for those that read and closes all connections.
    pub(crate) async fn close(&self) {
        let all = self.places.acquire_many(self.most).await;
        self.places.close();
        drop(all);
        let free = std::mem::take(&mut *self.free());
        for Free { conn, .. } in free {
            if let Err(error) = conn.close().await {
                tracing::debug!(db.error = %error, "a connection did not close cleanly");
            }
        }
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let connected = timeout(self.patience, self.server.connect()).await;
        Ok(connected.map_err(|_| StoreError::Unreachable { detail: "no answer in time".into() })??)
    }

    /// One of this thread's own. When there is none and no room for another, one of the others' goes.
    fn pop(&self) -> Option<Free> {
        let mut free = self.free();
        let mine = std::thread::current().id();
        let own = free.iter().rposition(|free| free.thread == mine).map(|at| free.swap_remove(at));
        // Whoever asks has a place already, and no connection yet.
        if own.is_none() && free.len() > self.places.available_permits() {
            free.swap_remove(0);
        }
        own
    }

    fn push(&self, conn: PgConnection) {
        let thread = std::thread::current().id();
        self.free().push(Free { conn, since: Instant::now(), thread });
    }

    fn free(&self) -> MutexGuard<'_, Vec<Free>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that somebody reads through. Dropped it is free, and its view is over.
#[derive(Debug)]
pub(crate) struct Reader {
    /// There until it is given back.
    conn: Option<PgConnection>,
    /// Something went wrong on it: it is not used again.
    broken: bool,
    begun: bool,
    readers: Readers,
    place: Option<OwnedSemaphorePermit>,
}

impl Reader {
    pub(crate) fn conn(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.conn.as_mut().ok_or(StoreError::Closed)
    }

    /// Takes note that a statement came to nothing: the connection is not used again, and when it fell, neither are those
    /// that were free meanwhile.
    pub(crate) fn failed(&mut self, error: &StoreError) {
        self.broken = true;
        if matches!(error, StoreError::Unreachable { .. }) {
            self.readers.free().clear();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        if self.broken {
            return;
        }
        if !self.begun {
            return self.readers.push(conn);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (readers, place) = (self.readers.clone(), self.place.take());
        let ending = async move {
            if sqlx::query(END).execute(&mut conn).await.is_ok() {
                readers.push(conn);
            }
            drop(place);
        };
        self.readers.tasks.spawn_on(ending, &runtime);
    }
}
