//! Which candidates conversations are at, as all processes share it. A request hands its place over and waits for nothing;
//! what finds no room is told with the conversation's next turn. When a conversation goes elsewhere the generation moves, so
//! that whoever remembers it knows that it has to look again.

use std::sync::Arc;

use brains_core::traffic::affinity::{ConversationKey, KnownPlaces, WarmPlace};
use brains_core::{Fault, Millis};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant};

use crate::batch_writer::{self, BatchTarget, QueueCounts, QueueProgress};
use crate::engine::StoreShared;
use crate::error::StoreError;
use crate::generation::{Generation, Topic};
use crate::rows::{Rows, execute, fetch_all, from_row};
use crate::text::unsigned;
use crate::write::{Tx, Work};

/// Places that may wait.
const QUEUE: usize = 4_096;
/// How often cold places are deleted, while there are new ones.
const PRUNE_EVERY: Duration = Duration::from_mins(1);
/// Of all callers together; the first to be cold go first.
const MOST_ROWS: i64 = 100_000;

const GET: &str = "SELECT * FROM warm_place WHERE conversation = $1 AND cold_at > $2 ORDER BY tier LIMIT 8";
/// The later knowledge stands, as `WarmPlace::supersedes` has it.
const PUT: &str = "
    INSERT INTO warm_place (conversation, tier, provider, model, moves, warm_tokens, used_at, cold_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (conversation, tier) DO UPDATE SET
        provider = excluded.provider, model = excluded.model, moves = excluded.moves,
        warm_tokens = excluded.warm_tokens, used_at = excluded.used_at, cold_at = excluded.cold_at
    WHERE excluded.cold_at > warm_place.used_at AND (
        warm_place.cold_at <= excluded.used_at
        OR excluded.moves > warm_place.moves
        OR (excluded.moves = warm_place.moves AND (
            (excluded.provider = warm_place.provider AND excluded.model = warm_place.model
                AND excluded.used_at >= warm_place.used_at)
            OR (excluded.provider, excluded.model) < (warm_place.provider, warm_place.model))))";
const DELETE_COLD: &str = "
    DELETE FROM warm_place WHERE cold_at <= $1
    OR cold_at < (SELECT cold_at FROM warm_place ORDER BY cold_at DESC LIMIT 1 OFFSET $2)";

/// What became of the places so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct SharedPlacesCounts {
    /// Waiting to be written.
    pub queued: u64,
    pub written: u64,
    /// The queue was full, or the database refused them.
    pub dropped: u64,
}

/// The way in and out. Clones are the same.
#[derive(Debug, Clone)]
pub struct SharedPlaces {
    shared: StoreShared,
    generations: watch::Receiver<Generation>,
    queue: mpsc::Sender<(ConversationKey, WarmPlace)>,
    progress: Arc<QueueProgress>,
}

impl SharedPlaces {
    pub(crate) fn start(shared: StoreShared, generations: watch::Receiver<Generation>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let progress = Arc::new(QueueProgress::default());
        let batches = PlaceBatches { prune_at: Instant::now() };
        batch_writer::start(shared.clone(), batches, Arc::clone(&progress), waiting);
        Self { shared, generations, queue, progress }
    }

    /// Moves when a conversation went elsewhere; other processes' moves show within a quarter of a second.
    pub fn generation(&self) -> i64 {
        self.generations.borrow().places
    }

    /// Hands a place over; never waits.
    pub fn put(&self, key: ConversationKey, place: WarmPlace) {
        self.progress.take();
        if self.progress.is_closing() || self.queue.try_send((key, place)).is_err() {
            self.progress.lose(1);
        }
    }

    /// What is written of a conversation, as of the generation that counted before it was asked.
    pub async fn find(&self, key: ConversationKey, now: Millis) -> Result<KnownPlaces, Fault> {
        let generation = self.generation();
        let mut view = self.shared.engine.snapshot(&self.shared.context.round_trips).await?;
        Ok(KnownPlaces { places: view.warm_places(&key.to_text(), now).await?, generation })
    }

    pub fn counts(&self) -> SharedPlacesCounts {
        let QueueCounts { queued, written, lost } = self.progress.counts();
        SharedPlacesCounts { queued, written, dropped: lost }
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.progress.close().await;
    }
}

from_row! {
    row => WarmPlace {
        let narrow = |value: i64| u32::try_from(unsigned(value)).unwrap_or(u32::MAX);
        Ok(Self {
            tier: row.try_get("tier")?,
            provider: row.try_get("provider")?,
            model: row.try_get("model")?,
            moves: narrow(row.try_get("moves")?),
            warm_tokens: narrow(row.try_get("warm_tokens")?),
            used_at: Millis(row.try_get("used_at")?),
            cold_at: Millis(row.try_get("cold_at")?),
        })
    }
}

impl Rows {
    async fn warm_places(&mut self, conversation: &str, now: Millis) -> Result<Vec<WarmPlace>, StoreError> {
        fetch_all!(self, WarmPlace, GET, conversation, now.0)
    }
}

impl Tx {
    async fn put_places(&mut self, batch: &[(ConversationKey, WarmPlace)]) -> Result<(), StoreError> {
        // In one order everywhere, so that no two processes wait for each other's rows.
        let mut batch: Vec<&(ConversationKey, WarmPlace)> = batch.iter().collect();
        batch.sort_by_key(|(key, place)| (*key, place.tier.as_str()));
        let mut went = false;
        for (key, place) in batch {
            let conversation = key.to_text();
            let rows = execute!(
                &mut self.rows,
                PUT,
                conversation.as_str(),
                place.tier.as_str(),
                place.provider.as_str(),
                place.model.as_str(),
                i64::from(place.moves),
                i64::from(place.warm_tokens),
                place.used_at.0,
                place.cold_at.0,
            )?;
            // One that does not stand is of somebody who knows less.
            went |= place.moves > 0 || rows == 0;
        }
        if went {
            self.bump(Topic::Places).await?;
        }
        Ok(())
    }
}

struct PlaceBatches {
    prune_at: Instant,
}

impl BatchTarget for PlaceBatches {
    type Row = (ConversationKey, WarmPlace);
    const WHAT: &'static str = "places of conversations";

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [Self::Row]) -> Work<'tx, ()> {
        Box::pin(async move { Ok(tx.put_places(batch).await?) })
    }

    fn lost(rows: &[Self::Row], fault: &Fault) {
        tracing::debug!(error = %fault, places = rows.len(), "where conversations are was not shared");
    }

    async fn after_batch(&mut self, shared: &StoreShared) {
        if Instant::now() < self.prune_at {
            return;
        }
        self.prune_at = Instant::now() + PRUNE_EVERY;
        let pruned = shared.submit(None, |tx| {
            Box::pin(async move {
                let now = tx.at.0;
                Ok(execute!(&mut tx.rows, DELETE_COLD, now, MOST_ROWS)?)
            })
        });
        if let Err(fault) = pruned.await {
            tracing::warn!(error = %fault, "cold places of conversations could not be deleted");
        }
    }
}
