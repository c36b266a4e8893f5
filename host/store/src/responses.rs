//! Answers that clients go on from by their id. A request hands its turn over and waits for nothing; until the turn is
//! written it is found among those that wait, so that a client which goes on at once finds it. Turns of one conversation
//! share a thread, which is kept as long as something is added to it.

mod rows;
pub(crate) mod stored;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::Fault;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::batch_writer::{self, BatchTarget, QueueCounts, QueueProgress};
use crate::engine::{StoreEngine, StoreShared};
use crate::options::ResponseOptions;
use crate::write::{Tx, Work};

pub use stored::{ResponseOwner, ResponseRetention, StoredConversation, StoredResponse};
use waiting::{QueuedResponse, WaitingAnswer, WaitingResponses};

/// How often the retention is applied.
const PRUNE_EVERY: Duration = Duration::from_mins(1);
/// How often and how many times it is looked for what another process may be about to write.
const LOOK_AGAIN: Duration = Duration::from_millis(150);
const LOOKS: u32 = 4;
/// How long it may take until what waits is written, for who would delete it.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What became of the turns so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ResponseCounts {
    /// Waiting to be written.
    pub queued: u64,
    pub written: u64,
    /// Not kept: the queue was full, the turn too large, or the database refused it.
    pub dropped: u64,
}

/// The way in and out. Clones are the same.
#[derive(Debug, Clone)]
pub struct Responses {
    shared: StoreShared,
    queue: mpsc::Sender<QueuedResponse>,
    waiting: Arc<WaitingResponses>,
    progress: Arc<QueueProgress>,
    bounds: Arc<ResponseBounds>,
}

/// The retention in force; 0 means no bound.
#[derive(Debug, Default)]
struct ResponseBounds {
    days: AtomicU64,
    bytes: AtomicU64,
}

impl Responses {
    pub(crate) fn start(shared: StoreShared, options: ResponseOptions) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue.max(1));
        let (progress, bounds) = (Arc::new(QueueProgress::default()), Arc::new(ResponseBounds::default()));
        bounds.set(options.retention);
        let turns = ResponseBatches { bounds: Arc::clone(&bounds), prune_at: Instant::now() };
        batch_writer::start(shared.clone(), turns, Arc::clone(&progress), waiting);
        Self { shared, queue, waiting: Arc::default(), progress, bounds }
    }

    /// Hands a turn over: from now on it is found. False when it is not kept, which is counted; never waits.
    pub fn keep(&self, response: StoredResponse) -> bool {
        self.progress.take();
        let id = response.id.clone();
        let kept = !self.progress.is_closing()
            && response.fits()
            && self.queue.try_reserve().is_ok_and(|room| {
                let queued = self.waiting.enter(response);
                queued.is_some_and(|queued| {
                    room.send(queued);
                    true
                })
            });
        if !kept {
            self.progress.lose(1);
            tracing::warn!(response.id = %id, "a response was not kept: there is no room for it");
        }
        kept
    }

    /// One turn of this owner's.
    pub async fn find(&self, owner: &ResponseOwner, id: &str) -> Result<Option<Arc<StoredResponse>>, Fault> {
        let mut found = self.look(owner, id).await?;
        for _ in 1..self.looks() {
            if found.is_some() {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            found = self.look(owner, id).await?;
        }
        Ok(found)
    }

    /// The conversation up to a turn of this owner's, of at most `most_bytes`.
    pub async fn conversation(
        &self,
        owner: &ResponseOwner,
        id: &str,
        most_bytes: u64,
    ) -> Result<StoredConversation, Fault> {
        let mut found = self.walk(owner, id, most_bytes).await?;
        for _ in 1..self.looks() {
            let StoredConversation::Missing(missing) = &found else { break };
            // What was deleted from the middle does not come back.
            if missing != id {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            found = self.walk(owner, id, most_bytes).await?;
        }
        Ok(found)
    }

    /// The newest turn of this owner's whose answer has an item of this id.
    pub async fn with_item(
        &self,
        owner: &ResponseOwner,
        item: &str,
    ) -> Result<Option<Arc<StoredResponse>>, Fault> {
        if let Some(found) = self.waiting.with_item(owner, item) {
            return Ok(Some(found));
        }
        let mut view = self.shared.engine.snapshot(&self.shared.context.round_trips).await?;
        let found = view.responses_with_item(&owner.operator, item).await?;
        Ok(found.into_iter().find(|response| owner.owns(response)).map(Arc::new))
    }

    /// Deletes one turn of this owner's; false when there is none.
    pub async fn delete(&self, owner: &ResponseOwner, id: &str) -> Result<bool, Fault> {
        if self.look(owner, id).await?.is_none() {
            return Ok(false);
        }
        // What is still to be written would come back.
        let written = async {
            while !matches!(self.waiting.find(&owner.operator, id), WaitingAnswer::Nothing) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(WRITTEN_WITHIN, written).await.map_err(|_| {
            Fault::unavailable("the response cannot be deleted just now").retry_after_ms(1_000)
        })?;
        let (operator, id) = (owner.operator.clone(), id.to_owned());
        let delete = self
            .shared
            .submit(None, move |tx| Box::pin(async move { Ok(tx.delete_response(&operator, &id).await?) }));
        delete.await
    }

    pub fn counts(&self) -> ResponseCounts {
        let QueueCounts { queued, written, lost } = self.progress.counts();
        ResponseCounts { queued, written, dropped: lost }
    }

    /// Changes how long turns are kept, from now on.
    pub fn retain(&self, retention: ResponseRetention) {
        self.bounds.set(retention);
    }

    /// Deletes what is beyond the retention now; while turns are written that happens by itself, once a minute.
    pub async fn forget_expired(&self) -> Result<(), Fault> {
        prune(&self.shared, self.bounds.retention()).await
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.progress.close().await;
    }

    async fn look(&self, owner: &ResponseOwner, id: &str) -> Result<Option<Arc<StoredResponse>>, Fault> {
        match self.waiting.find(&owner.operator, id) {
            WaitingAnswer::Turn(found) => return Ok(Some(found).filter(|response| owner.owns(response))),
            WaitingAnswer::Repeated => return Ok(None),
            WaitingAnswer::Nothing => {}
        }
        let mut view = self.shared.engine.snapshot(&self.shared.context.round_trips).await?;
        let found = view.response(&owner.operator, id).await?;
        Ok(found.filter(|response| owner.owns(response)).map(Arc::new))
    }

    async fn walk(
        &self,
        owner: &ResponseOwner,
        id: &str,
        most_bytes: u64,
    ) -> Result<StoredConversation, Fault> {
        let (mut turns, mut next, mut bytes) = (Vec::new(), Some(id.to_owned()), 0_u64);
        // ResponseBatches are written in their order: what waits is the newest.
        while let Some(id) = &next {
            let found = match self.waiting.find(&owner.operator, id) {
                WaitingAnswer::Turn(found) => found,
                WaitingAnswer::Repeated => return Ok(StoredConversation::Missing(id.clone())),
                WaitingAnswer::Nothing => break,
            };
            next.clone_from(&found.previous);
            bytes = bytes.saturating_add(found.bytes() as u64);
            turns.push(found);
            if bytes > most_bytes {
                return Ok(StoredConversation::TooLong);
            }
        }
        if let Some(id) = &next {
            let left = most_bytes.saturating_sub(bytes);
            let mut view = self.shared.engine.snapshot(&self.shared.context.round_trips).await?;
            let earlier = view.response_chain(&owner.operator, id, left).await?;
            for turn in earlier {
                next.clone_from(&turn.previous);
                bytes = bytes.saturating_add(turn.bytes() as u64);
                turns.push(Arc::new(turn));
            }
            if bytes > most_bytes {
                return Ok(StoredConversation::TooLong);
            }
        }
        if let Some(foreign) = turns.iter().find(|turn| !owner.owns(turn)) {
            return Ok(StoredConversation::Missing(foreign.id.clone()));
        }
        turns.reverse();
        Ok(next.map_or(StoredConversation::Whole(turns), StoredConversation::Missing))
    }

    /// How many times it is looked for a turn: another process may have answered what is not found here.
    const fn looks(&self) -> u32 {
        match self.shared.engine {
            StoreEngine::Sqlite { .. } => 1,
            StoreEngine::Postgres { .. } => LOOKS,
        }
    }
}

impl ResponseBounds {
    fn set(&self, retention: ResponseRetention) {
        self.days.store(retention.days.unwrap_or(0), Ordering::Relaxed);
        self.bytes.store(retention.bytes.unwrap_or(0), Ordering::Relaxed);
    }

    fn retention(&self) -> ResponseRetention {
        let bound = |value: &AtomicU64| Some(value.load(Ordering::Relaxed)).filter(|bound| *bound > 0);
        ResponseRetention { days: bound(&self.days), bytes: bound(&self.bytes) }
    }
}

struct ResponseBatches {
    bounds: Arc<ResponseBounds>,
    prune_at: Instant,
}

impl BatchTarget for ResponseBatches {
    type Row = QueuedResponse;
    const WHAT: &'static str = "responses";

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [QueuedResponse]) -> Work<'tx, ()> {
        Box::pin(async move { Ok(tx.insert_responses(batch.iter().map(QueuedResponse::response)).await?) })
    }

    fn lost(rows: &[QueuedResponse], fault: &Fault) {
        for row in rows {
            tracing::warn!(error = %fault, response.id = %row.response().id, "a response was not kept");
        }
    }

    async fn after_batch(&mut self, shared: &StoreShared) {
        if Instant::now() < self.prune_at {
            return;
        }
        self.prune_at = Instant::now() + PRUNE_EVERY;
        if let Err(fault) = prune(shared, self.bounds.retention()).await {
            tracing::warn!(error = %fault, "old responses could not be deleted");
        }
    }
}

/// Deletes what is beyond the retention, in short writes.
async fn prune(shared: &StoreShared, retention: ResponseRetention) -> Result<(), Fault> {
    loop {
        let more = shared
            .submit(None, move |tx| Box::pin(async move { Ok(tx.prune_responses(retention).await?) }))
            .await?;
        if !more {
            return Ok(());
        }
    }
}
