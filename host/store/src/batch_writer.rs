//! Rows that requests leave behind and nobody waits for: a bounded queue, and one task that writes them in batches.
//! While the database is away a batch is tried again; one that it refuses is written row by row. What is queued and how
//! a lost row is told is said by its [`BatchTarget`]; who waits for room, or does not, is the business of those who put.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::{Fault, FaultKind};
use tokio::sync::mpsc;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::engine::StoreShared;
use crate::write::{Tx, Work};

/// Rows written by one transaction at most.
const BATCH: usize = 1_024;
/// The pause behind a batch, in which the next one gathers: under load a commit, its sync of the disk and the wake-ups
/// are then shared by many. The first row after a quiet moment does not wait.
const GATHER: Duration = Duration::from_millis(50);
/// Waits between attempts while the database is away.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);
/// How long closing may take to write what is still queued.
const FLUSH: Duration = Duration::from_secs(5);

/// What kind of rows a queue takes.
pub(crate) trait BatchTarget: Send + Sync + 'static {
    type Row: Clone + Send + Sync + 'static;
    /// What they are called in the log.
    const WHAT: &'static str;

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [Self::Row]) -> Work<'tx, ()>;
    /// Says in the log that these will never be written.
    fn lost(rows: &[Self::Row], fault: &Fault);
    /// Runs after each batch.
    fn after_batch(&mut self, _: &StoreShared) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// What became of the rows so far.
#[derive(Debug, Default)]
pub(crate) struct QueueProgress {
    taken: AtomicU64,
    written: AtomicU64,
    lost: AtomicU64,
    /// Set when no more are taken and the rest is to be written.
    closing: CancellationToken,
    closed: CancellationToken,
}

/// Waiting, written, lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueCounts {
    pub(crate) queued: u64,
    pub(crate) written: u64,
    pub(crate) lost: u64,
}

impl QueueProgress {
    pub(crate) fn counts(&self) -> QueueCounts {
        let written = self.written.load(Ordering::Relaxed);
        let lost = self.lost.load(Ordering::Relaxed);
        let taken = self.taken.load(Ordering::Relaxed);
        QueueCounts { queued: taken.saturating_sub(written).saturating_sub(lost), written, lost }
    }

    /// A row comes; it is [`QueueProgress::lose`]d or written one day.
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lose(&self, rows: u64) {
        self.lost.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}

/// Starts the task that writes what comes out of `waiting`, until its progress closes.
pub(crate) fn start<K: BatchTarget>(
    shared: StoreShared,
    target: K,
    progress: Arc<QueueProgress>,
    waiting: mpsc::Receiver<K::Row>,
) {
    let tasks = shared.tasks.clone();
    tasks.spawn(BatchWriter { shared, target, progress }.run(waiting));
}

struct BatchWriter<K> {
    shared: StoreShared,
    target: K,
    progress: Arc<QueueProgress>,
}

impl<K: BatchTarget> BatchWriter<K> {
    async fn run(mut self, mut waiting: mpsc::Receiver<K::Row>) {
        let progress = Arc::clone(&self.progress);
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            let taken = tokio::select! {
                taken = waiting.recv_many(&mut batch, BATCH) => taken,
                () = progress.closing.cancelled() => break,
            };
            if taken == 0 {
                break;
            }
            self.write(batch).await;
            self.target.after_batch(&self.shared).await;
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = progress.closing.cancelled() => break,
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
            tracing::warn!("the database did not take the last {} in time", K::WHAT);
        }
        progress.lose(progress.counts().queued);
        progress.closed.cancel();
    }

    /// Writes a batch, waiting for the database as long as it is away and nobody closes the store.
    async fn write(&self, batch: Vec<K::Row>) {
        let batch: Arc<[K::Row]> = batch.into();
        let mut wait = RETRY_FIRST;
        loop {
            match self.insert(Arc::clone(&batch)).await {
                Ok(()) => return self.wrote(batch.len()),
                Err(fault) if fault.kind == FaultKind::Unavailable => {
                    if self.progress.is_closing() {
                        return self.lose(&batch, &fault);
                    }
                    tracing::warn!(error = %fault, wait_ms = wait.as_millis(), "{} wait for the database", K::WHAT);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.progress.closing.cancelled() => {}
                    }
                    wait = (wait * 2).min(RETRY_LAST);
                }
                // As a whole it was refused: what can be kept is kept.
                Err(_) => {
                    for row in batch.iter() {
                        match self.insert(Arc::from([row.clone()])).await {
                            Ok(()) => self.wrote(1),
                            Err(fault) => self.lose(std::slice::from_ref(row), &fault),
                        }
                    }
                    return;
                }
            }
        }
    }

    fn wrote(&self, rows: usize) {
        self.progress.written.fetch_add(rows as u64, Ordering::Relaxed);
    }

    fn lose(&self, rows: &[K::Row], fault: &Fault) {
        K::lost(rows, fault);
        self.progress.lose(rows.len() as u64);
    }

    async fn insert(&self, batch: Arc<[K::Row]>) -> Result<(), Fault> {
        self.shared.submit(None, move |tx| Box::pin(async move { K::insert(tx, &batch).await })).await
    }
}
