//! Where requests put what they used. Nothing is dropped: a request takes its place in the queue before it calls
//! anybody, so whatever ends it has room to leave its row, and a full queue holds new requests back instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::plane::usage::UsageRecord;
use brains_core::{Fault, FaultKind};
use tokio::sync::mpsc;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::store::Hub;

/// Rows that may wait, taken places included: minutes of an outage of the database.
const QUEUE: usize = 65_536;
/// Rows written by one transaction at most.
const BATCH: usize = 1_024;
/// The pause behind a batch, in which the next one gathers, so that many rows share a commit and its sync of the disk.
const GATHER: Duration = Duration::from_millis(50);
/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);
/// Waits between attempts while the database is away.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);
/// How long closing may take to write what is still queued.
const FLUSH: Duration = Duration::from_secs(5);

/// What became of the rows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct LedgerCounts {
    /// Waiting to be written.
    pub queued: u64,
    pub written: u64,
    /// The database refused them, or was away until the end.
    pub lost: u64,
}

/// The way in. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct Ledger {
    queue: mpsc::Sender<UsageRecord>,
    state: Arc<State>,
}

/// Room for one row. Dropped unused it is free again.
#[derive(Debug)]
pub struct Place {
    room: mpsc::OwnedPermit<UsageRecord>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    put: AtomicU64,
    written: AtomicU64,
    lost: AtomicU64,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl Ledger {
    pub(crate) fn start(hub: Hub) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let state = Arc::new(State::default());
        let tasks = hub.tasks.clone();
        tasks.spawn(Writer { hub, state: Arc::clone(&state) }.run(waiting));
        Self { queue, state }
    }

    /// Takes a place, and waits for one for a while when the database does not keep up.
    pub async fn place(&self) -> Result<Place, Fault> {
        let full = || {
            Fault::unavailable("usage cannot be recorded just now")
                .retry_after_ms(1_000)
                .hint("the database does not take rows; `/health/ready` shows what waits")
        };
        let room = self.queue.clone().reserve_owned();
        let room = tokio::time::timeout(PATIENCE, room).await.map_err(|_| full())?.map_err(|_| full())?;
        Ok(Place { room, state: Arc::clone(&self.state) })
    }

    pub fn counts(&self) -> LedgerCounts {
        self.state.counts()
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.state.closing.cancel();
        self.state.closed.cancelled().await;
    }
}

impl Place {
    /// Leaves the row; never waits.
    pub fn put(self, row: UsageRecord) {
        self.state.put.fetch_add(1, Ordering::Relaxed);
        drop(self.room.send(row));
    }
}

impl State {
    fn counts(&self) -> LedgerCounts {
        let written = self.written.load(Ordering::Relaxed);
        let lost = self.lost.load(Ordering::Relaxed);
        let put = self.put.load(Ordering::Relaxed);
        LedgerCounts { queued: put.saturating_sub(written).saturating_sub(lost), written, lost }
    }
}

struct Writer {
    hub: Hub,
    state: Arc<State>,
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<UsageRecord>) {
        let closing = self.state.closing.clone();
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            let taken = tokio::select! {
                taken = waiting.recv_many(&mut batch, BATCH) => taken,
                () = closing.cancelled() => break,
            };
            if taken == 0 {
                break;
            }
            self.write(batch).await;
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = closing.cancelled() => break,
            }
        }
        waiting.close();
        let flush = async {
            let mut batch = Vec::with_capacity(BATCH);
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                self.write(std::mem::take(&mut batch)).await;
            }
        };
        if tokio::time::timeout(FLUSH, flush).await.is_err() {
            tracing::warn!("the database did not take the last rows of the ledger in time");
        }
        self.state.lost.fetch_add(self.state.counts().queued, Ordering::Relaxed);
        self.state.closed.cancel();
    }

    /// Writes a batch, waiting for the database as long as it is away.
    async fn write(&self, batch: Vec<UsageRecord>) {
        let batch: Arc<[UsageRecord]> = batch.into();
        let mut wait = RETRY_FIRST;
        loop {
            match self.insert(Arc::clone(&batch)).await {
                Ok(()) => {
                    self.state.written.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    return;
                }
                Err(fault) if fault.kind == FaultKind::Unavailable => {
                    if self.state.closing.is_cancelled() {
                        tracing::error!(error = %fault, rows = batch.len(), "rows of the ledger are lost");
                        self.state.lost.fetch_add(batch.len() as u64, Ordering::Relaxed);
                        return;
                    }
                    tracing::warn!(error = %fault, wait_ms = wait.as_millis(), "the ledger waits for the database");
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.state.closing.cancelled() => {}
                    }
                    wait = (wait * 2).min(RETRY_LAST);
                }
                Err(_) => return self.write_each(&batch).await,
            }
        }
    }

    /// The batch as a whole was refused: keeps what can be kept.
    async fn write_each(&self, batch: &[UsageRecord]) {
        for row in batch {
            match self.insert(Arc::from([row.clone()])).await {
                Ok(()) => self.state.written.fetch_add(1, Ordering::Relaxed),
                Err(fault) => {
                    tracing::error!(error = %fault, trace.id = %row.trace, "a row of the ledger was refused");
                    self.state.lost.fetch_add(1, Ordering::Relaxed)
                }
            };
        }
    }

    async fn insert(&self, batch: Arc<[UsageRecord]>) -> Result<(), Fault> {
        self.hub.submit(None, move |tx| Box::pin(async move { Ok(tx.insert_usages(&batch).await?) })).await
    }
}
