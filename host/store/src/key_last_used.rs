//! When keys were last presented: noted by every request, written at most once a minute per key, several at once,
//! and never waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use brains_core::id::{Id, Key};
use brains_core::sync::Unpoisoned as _;
use brains_core::{Ambient, Fault, Millis};
use tokio::sync::mpsc;

use crate::batch_writer::{self, BatchTarget, QueueProgress};
use crate::engine::StoreShared;
use crate::write::{Tx, Work};

/// A key is written again after this long.
const EVERY_MS: i64 = 60_000;
/// Keys that may wait. One that finds no room is noted by its next request.
const QUEUE: usize = 1_024;

/// The way in. Clones are the same notes.
#[derive(Debug, Clone)]
pub struct KeyLastUsed {
    queue: mpsc::Sender<Id<Key>>,
    progress: Arc<QueueProgress>,
    written: Arc<Mutex<HashMap<Id<Key>, Millis>>>,
    ambient: Arc<dyn Ambient>,
}

impl KeyLastUsed {
    pub(crate) fn start(shared: StoreShared) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let progress = Arc::new(QueueProgress::default());
        let ambient = Arc::clone(&shared.context.ambient);
        batch_writer::start(shared, KeyUses, Arc::clone(&progress), waiting);
        Self { queue, progress, written: Arc::default(), ambient }
    }

    /// The key was presented just now.
    pub fn note(&self, key: &Id<Key>) {
        let now = self.ambient.now();
        let mut written = self.written.lock_unpoisoned();
        let fresh = written.get(key).is_some_and(|at| (0..EVERY_MS).contains(&now.since(*at)));
        if fresh {
            return;
        }
        self.progress.take();
        if self.queue.try_send(key.clone()).is_err() {
            return self.progress.lose(1);
        }
        // Keys come from the store, so there are as many as somebody made; those of old are forgotten.
        if written.len() >= QUEUE {
            written.retain(|_, at| (0..EVERY_MS).contains(&now.since(*at)));
        }
        written.insert(key.clone(), now);
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.progress.close().await;
    }
}

struct KeyUses;

impl BatchTarget for KeyUses {
    type Row = Id<Key>;
    const WHAT: &'static str = "last uses of keys";

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [Id<Key>]) -> Work<'tx, ()> {
        Box::pin(async move {
            for key in batch {
                tx.use_key(key).await?;
            }
            Ok(())
        })
    }

    fn lost(rows: &[Id<Key>], fault: &Fault) {
        for key in rows {
            tracing::debug!(error = %fault, key.id = %key, "the last use of a key was not noted");
        }
    }
}
