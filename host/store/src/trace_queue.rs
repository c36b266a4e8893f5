//! Where finished requests put their traces: a bounded queue that never waits. When the database is away the queue
//! fills and what does not fit is counted; no request notifier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::Fault;
use brains_core::plane::trace::TraceRecord;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::batch_writer::{self, BatchTarget, QueueCounts, QueueProgress};
use crate::engine::StoreShared;
use crate::options::TraceOptions;
use crate::plane::trace::Retention;
use crate::write::{Tx, Work};

/// How often the retention is applied.
const PRUNE_EVERY: Duration = Duration::from_mins(1);

/// What became of the traces so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct TraceCounts {
    /// Waiting to be written.
    pub queued: u64,
    pub written: u64,
    /// Lost: the queue was full, or the database refused one.
    pub dropped: u64,
}

/// The way in. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct TraceQueue {
    queue: mpsc::Sender<TraceRecord>,
    progress: Arc<QueueProgress>,
    bounds: Arc<Bounds>,
}

/// The retention in force; 0 means no bound.
#[derive(Debug, Default)]
struct Bounds {
    rows: AtomicU64,
    days: AtomicU64,
}

impl TraceQueue {
    pub(crate) fn start(shared: StoreShared, options: TraceOptions) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue.max(1));
        let (progress, bounds) = (Arc::new(QueueProgress::default()), Arc::new(Bounds::default()));
        bounds.set(options.retention);
        let traces = Traces { bounds: Arc::clone(&bounds), prune_at: Instant::now() };
        batch_writer::start(shared, traces, Arc::clone(&progress), waiting);
        Self { queue, progress, bounds }
    }

    /// Hands over a trace. False when it had to be dropped, which is counted; never waits.
    pub fn offer(&self, trace: TraceRecord) -> bool {
        self.progress.take();
        let taken = !self.progress.is_closing() && self.queue.try_send(trace).is_ok();
        if !taken {
            self.progress.lose(1);
        }
        taken
    }

    pub fn counts(&self) -> TraceCounts {
        let QueueCounts { queued, written, lost } = self.progress.counts();
        TraceCounts { queued, written, dropped: lost }
    }

    /// Changes how many traces are kept, from now on.
    pub fn retain(&self, retention: Retention) {
        self.bounds.set(retention);
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.progress.close().await;
    }
}

impl Bounds {
    fn set(&self, retention: Retention) {
        self.rows.store(retention.rows.unwrap_or(0), Ordering::Relaxed);
        self.days.store(retention.days.unwrap_or(0), Ordering::Relaxed);
    }

    fn retention(&self) -> Retention {
        let bound = |value: &AtomicU64| Some(value.load(Ordering::Relaxed)).filter(|bound| *bound > 0);
        Retention { rows: bound(&self.rows), days: bound(&self.days) }
    }
}

struct Traces {
    bounds: Arc<Bounds>,
    prune_at: Instant,
}

impl BatchTarget for Traces {
    type Row = TraceRecord;
    const WHAT: &'static str = "traces";

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [TraceRecord]) -> Work<'tx, ()> {
        Box::pin(async move { Ok(tx.insert_traces(batch).await?) })
    }

    fn lost(rows: &[TraceRecord], fault: &Fault) {
        for trace in rows {
            tracing::warn!(error = %fault, trace.id = %trace.id, "a trace was not kept");
        }
    }

    async fn after_batch(&mut self, shared: &StoreShared) {
        if Instant::now() < self.prune_at {
            return;
        }
        self.prune_at = Instant::now() + PRUNE_EVERY;
        if let Err(fault) = prune(shared, self.bounds.retention()).await {
            tracing::warn!(error = %fault, "old traces could not be deleted");
        }
    }
}

/// Deletes what is beyond the retention, in short writes.
pub(crate) async fn prune(shared: &StoreShared, retention: Retention) -> Result<(), Fault> {
    loop {
        let more = shared
            .submit(None, move |tx| Box::pin(async move { Ok(tx.prune_traces(retention).await?) }))
            .await?;
        if !more {
            return Ok(());
        }
    }
}
