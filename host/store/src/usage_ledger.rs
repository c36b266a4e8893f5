//! Where requests put what they used. Nothing is dropped: a request takes its place in the queue before it calls
//! anybody, so whatever ends it has room to leave its row, and a full queue holds new requests back instead.

use std::sync::Arc;

use brains_core::Fault;
use brains_core::id::{Id, Trace};
use brains_core::plane::usage::UsageRecord;
use tokio::sync::mpsc;
use tokio::time::Duration;

use crate::batch_writer::{self, BatchTarget, QueueCounts, QueueProgress};
use crate::engine::StoreShared;
use crate::write::{Tx, Work};

/// Rows that may wait, taken places included: minutes of an outage of the database.
const QUEUE: usize = 65_536;
/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the rows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct UsageLedgerCounts {
    /// Waiting to be written.
    pub queued: u64,
    pub written: u64,
    /// The database refused them, or was away until the end.
    pub lost: u64,
}

/// The way in. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct UsageLedger {
    queue: mpsc::Sender<LedgerEntry>,
    progress: Arc<QueueProgress>,
}

/// What a request leaves.
#[derive(Debug, Clone)]
pub(crate) enum LedgerEntry {
    /// What it used; `reserved` when there is something to settle.
    Used { row: Box<UsageRecord>, reserved: bool },
    /// Nobody was called: what it reserved is given back.
    Unused(Id<Trace>),
}

/// Room for one row. Dropped unused it is free again, and what the request reserved of budgets as well.
#[derive(Debug)]
pub struct UsageSlot {
    room: Option<mpsc::OwnedPermit<LedgerEntry>>,
    progress: Arc<QueueProgress>,
    reserved: Option<Id<Trace>>,
}

impl UsageLedger {
    pub(crate) fn start(shared: StoreShared) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let progress = Arc::new(QueueProgress::default());
        batch_writer::start(shared, Usages, Arc::clone(&progress), waiting);
        Self { queue, progress }
    }

    /// Takes a place, and waits for one for a while when the database does not keep up.
    pub async fn place(&self) -> Result<UsageSlot, Fault> {
        let full = || {
            Fault::unavailable("usage cannot be recorded just now")
                .retry_after_ms(1_000)
                .hint("the database does not take rows; `/health/ready` shows what waits")
        };
        let room = self.queue.clone().reserve_owned();
        let room = tokio::time::timeout(PATIENCE, room).await.map_err(|_| full())?.map_err(|_| full())?;
        Ok(UsageSlot { room: Some(room), progress: Arc::clone(&self.progress), reserved: None })
    }

    /// Takes a place if there is one now: for what need not be done.
    pub fn spare_place(&self) -> Option<UsageSlot> {
        let room = self.queue.clone().try_reserve_owned().ok()?;
        Some(UsageSlot { room: Some(room), progress: Arc::clone(&self.progress), reserved: None })
    }

    pub fn counts(&self) -> UsageLedgerCounts {
        let QueueCounts { queued, written, lost } = self.progress.counts();
        UsageLedgerCounts { queued, written, lost }
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.progress.close().await;
    }
}

impl UsageSlot {
    /// Leaves the row; never waits.
    pub fn put(mut self, row: UsageRecord) {
        let reserved = self.reserved.take().is_some();
        self.send(LedgerEntry::Used { row: Box::new(row), reserved });
    }

    /// The request of this trace holds a reservation.
    pub(crate) fn reserved(&mut self, trace: &Id<Trace>) {
        self.reserved = Some(trace.clone());
    }

    fn send(&mut self, entry: LedgerEntry) {
        if let Some(room) = self.room.take() {
            self.progress.take();
            drop(room.send(entry));
        }
    }
}

impl Drop for UsageSlot {
    fn drop(&mut self) {
        if let Some(trace) = self.reserved.take() {
            self.send(LedgerEntry::Unused(trace));
        }
    }
}

struct Usages;

impl BatchTarget for Usages {
    type Row = LedgerEntry;
    const WHAT: &'static str = "rows of the ledger";

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [LedgerEntry]) -> Work<'tx, ()> {
        let (mut rows, mut reserved) = (Vec::with_capacity(batch.len()), Vec::new());
        for entry in batch {
            match entry {
                LedgerEntry::Used { row, reserved: holds } => {
                    reserved.extend(holds.then_some(row.trace.as_str()));
                    rows.push(&**row);
                }
                LedgerEntry::Unused(trace) => reserved.push(trace.as_str()),
            }
        }
        Box::pin(async move { Ok(tx.insert_usages(&rows, &reserved).await?) })
    }

    fn lost(rows: &[LedgerEntry], fault: &Fault) {
        for entry in rows {
            match entry {
                LedgerEntry::Used { row, .. } => {
                    tracing::error!(error = %fault, trace.id = %row.trace, "a row of the ledger is lost");
                }
                LedgerEntry::Unused(trace) => {
                    tracing::warn!(error = %fault, trace.id = %trace, "what a request reserved was not given back");
                }
            }
        }
    }
}
