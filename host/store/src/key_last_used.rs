//! When keys were last presented: noted by every request, written at most once a minute per key, several at once,
//! and never waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use brains_core::id::{Id, Key};
use brains_core::{Ambient, Fault, Millis};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::store::StoreShared;

/// A key is written again after this long.
const EVERY_MS: i64 = 60_000;
/// Keys that may wait. One that finds no room is noted by its next request.
const QUEUE: usize = 1_024;
/// Keys written by one transaction at most.
const BATCH: usize = 256;

/// The way in. Clones are the same notes.
#[derive(Debug, Clone)]
pub struct KeyLastUsed {
    queue: mpsc::Sender<Id<Key>>,
    written: Arc<Mutex<HashMap<Id<Key>, Millis>>>,
    ambient: Arc<dyn Ambient>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl KeyLastUsed {
    pub(crate) fn start(shared: StoreShared) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let ambient = Arc::clone(&shared.ambient);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let tasks = shared.tasks.clone();
        tasks.spawn(write(shared, waiting, closing.clone(), closed.clone()));
        Self { queue, written: Arc::default(), ambient, closing, closed }
    }

    /// The key was presented just now.
    pub fn note(&self, key: &Id<Key>) {
        let now = self.ambient.now();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = written.get(key).is_some_and(|at| (0..EVERY_MS).contains(&now.since(*at)));
        if !fresh && self.queue.try_send(key.clone()).is_ok() {
            // Keys come from the store, so there are as many as somebody made; those of old are forgotten.
            if written.len() >= QUEUE {
                written.retain(|_, at| (0..EVERY_MS).contains(&now.since(*at)));
            }
            written.insert(key.clone(), now);
        }
    }

    /// Writes what waits and takes no more.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}

async fn write(
    shared: StoreShared,
    mut waiting: mpsc::Receiver<Id<Key>>,
    closing: CancellationToken,
    closed: CancellationToken,
) {
    loop {
        let mut batch = Vec::new();
        let taken = tokio::select! {
            biased;
            taken = waiting.recv_many(&mut batch, BATCH) => taken,
            () = closing.cancelled() => 0,
        };
        if taken == 0 {
            break;
        }
        if let Err(fault) = update(&shared, batch).await {
            tracing::debug!(error = %fault, "the last use of keys was not noted");
        }
    }
    closed.cancel();
}

async fn update(shared: &StoreShared, batch: Vec<Id<Key>>) -> Result<(), Fault> {
    shared
        .submit(None, move |tx| {
            Box::pin(async move {
                for key in &batch {
                    tx.use_key(key).await?;
                }
                Ok(())
            })
        })
        .await
}
