//! Where finished requests put their traces: a bounded queue that never waits and one task that writes in
//! batches. When the database is away the queue fills and what does not fit is counted; no request notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::plane::trace::TraceRecord;
use brains_core::{Fault, FaultKind};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::plane::trace::Retention;
use crate::store::Hub;

/// Traces written by one transaction at most.
const BATCH: usize = 1_024;
/// The pause behind a batch, in which the next one gathers: under load a commit, its sync of the disk and the wake-ups
/// are then shared by many. The first trace after a quiet moment does not wait.
const GATHER: Duration = Duration::from_millis(50);
/// How often the retention is applied.
const PRUNE_EVERY: Duration = Duration::from_mins(1);
/// Waits between attempts while the database is away.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);
/// How long closing may take to write what is still queued.
const FLUSH: Duration = Duration::from_secs(5);

/// How traces are queued and kept.
#[derive(Debug, Clone, Copy)]
pub struct TraceOptions {
    /// Traces that may wait to be written.
    pub queue: usize,
    pub retention: Retention,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self { queue: 4_096, retention: Retention { rows: Some(50_000), days: Some(30) } }
    }
}

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
pub struct TraceSink {
    queue: mpsc::Sender<TraceRecord>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    offered: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    /// 0 means no bound.
    keep_rows: AtomicU64,
    keep_days: AtomicU64,
    /// Set when no more are taken and the rest is to be written.
    closing: CancellationToken,
    closed: CancellationToken,
}

impl TraceSink {
    pub(crate) fn start(hub: Hub, options: TraceOptions) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue.max(1));
        let state = Arc::new(State {
            offered: AtomicU64::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            keep_rows: AtomicU64::new(0),
            keep_days: AtomicU64::new(0),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        });
        state.retain(options.retention);
        let tasks = hub.tasks.clone();
        tasks.spawn(Writer { hub, state: state.clone(), prune_at: Instant::now() }.run(waiting));
        Self { queue, state }
    }

    /// Hands over a trace. False when it had to be dropped, which is counted; never waits.
    pub fn offer(&self, trace: TraceRecord) -> bool {
        self.state.offered.fetch_add(1, Ordering::Relaxed);
        let taken = !self.state.closing.is_cancelled() && self.queue.try_send(trace).is_ok();
        if !taken {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    pub fn counts(&self) -> TraceCounts {
        self.state.counts()
    }

    /// Changes how many traces are kept, from now on.
    pub fn retain(&self, retention: Retention) {
        self.state.retain(retention);
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.state.closing.cancel();
        self.state.closed.cancelled().await;
    }
}

impl State {
    fn counts(&self) -> TraceCounts {
        let written = self.written.load(Ordering::Relaxed);
        let dropped = self.dropped.load(Ordering::Relaxed);
        let offered = self.offered.load(Ordering::Relaxed);
        TraceCounts { queued: offered.saturating_sub(written).saturating_sub(dropped), written, dropped }
    }

    fn add_written(&self, count: usize) {
        self.written.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn add_dropped(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn retain(&self, retention: Retention) {
        self.keep_rows.store(retention.rows.unwrap_or(0), Ordering::Relaxed);
        self.keep_days.store(retention.days.unwrap_or(0), Ordering::Relaxed);
    }

    fn retention(&self) -> Retention {
        let bound = |value: &AtomicU64| Some(value.load(Ordering::Relaxed)).filter(|bound| *bound > 0);
        Retention { rows: bound(&self.keep_rows), days: bound(&self.keep_days) }
    }
}

struct Writer {
    hub: Hub,
    state: Arc<State>,
    prune_at: Instant,
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<TraceRecord>) {
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
            self.prune_when_due().await;
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
            tracing::warn!("the database did not take the last traces in time");
        }
        self.state.dropped.fetch_add(self.state.counts().queued, Ordering::Relaxed);
        self.state.closed.cancel();
    }

    /// Writes a batch, waiting for the database as long as it is away and nobody closes the store.
    async fn write(&self, batch: Vec<TraceRecord>) {
        let batch: Arc<[TraceRecord]> = batch.into();
        let mut wait = RETRY_FIRST;
        loop {
            match self.insert(batch.clone()).await {
                Ok(()) => return self.state.add_written(batch.len()),
                Err(fault) if fault.kind == FaultKind::Unavailable => {
                    if self.state.closing.is_cancelled() {
                        return self.state.add_dropped(batch.len());
                    }
                    tracing::warn!(error = %fault, wait_ms = wait.as_millis(), "traces wait for the database");
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
    async fn write_each(&self, batch: &[TraceRecord]) {
        for trace in batch {
            match self.insert(Arc::from([trace.clone()])).await {
                Ok(()) => self.state.add_written(1),
                Err(fault) => {
                    tracing::warn!(error = %fault, trace.id = %trace.id, "a trace was refused");
                    self.state.add_dropped(1);
                }
            }
        }
    }

    async fn insert(&self, batch: Arc<[TraceRecord]>) -> Result<(), Fault> {
        self.hub.submit(None, move |tx| Box::pin(async move { Ok(tx.insert_traces(&batch).await?) })).await
    }

    async fn prune_when_due(&mut self) {
        if Instant::now() < self.prune_at {
            return;
        }
        self.prune_at = Instant::now() + PRUNE_EVERY;
        if let Err(fault) = prune(&self.hub, self.state.retention()).await {
            tracing::warn!(error = %fault, "old traces could not be deleted");
        }
    }
}

/// Deletes what is beyond the retention, in short writes.
pub(crate) async fn prune(hub: &Hub, retention: Retention) -> Result<(), Fault> {
    loop {
        let more = hub
            .submit(None, move |tx| Box::pin(async move { Ok(tx.prune_traces(retention).await?) }))
            .await?;
        if !more {
            return Ok(());
        }
    }
}
