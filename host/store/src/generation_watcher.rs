//! Noticing changes, also those of other processes: caches of keys and configuration follow a counter that
//! every change of theirs moves in its own transaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::rows::{RoundTripCounter, Rows, execute, fetch_all};
use crate::store::StoreEngine;
use crate::write::Tx;

/// How often another process's changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const READ: &str = "SELECT topic, value FROM generation";
const BUMP: &str = "UPDATE generation SET value = value + 1 WHERE topic = $1";

/// Counters that only grow; equal values mean that nothing of the kind changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Generation {
    /// Keys and operators.
    pub credentials: i64,
    pub config: i64,
    pub components: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    Credentials,
    Config,
    Components,
}

impl Topic {
    const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Config => "config",
            Self::Components => "components",
        }
    }
}

/// Tells the watcher that this process has committed something.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommitSignal(Arc<Notify>);

impl CommitSignal {
    pub(crate) fn committed(&self) {
        self.0.notify_one();
    }
}

impl Tx {
    pub(crate) async fn bump(&mut self, topic: Topic) -> Result<(), StoreError> {
        self.bumped = true;
        execute!(&mut self.rows, BUMP, topic.name()).map(drop)
    }
}

impl Rows {
    pub async fn generation(&mut self) -> Result<Generation, StoreError> {
        let mut generation = Generation::default();
        for (topic, value) in fetch_all!(self, (String, i64), READ)? {
            match topic.as_str() {
                "credentials" => generation.credentials = value,
                "config" => generation.config = value,
                "components" => generation.components = value,
                _ => {}
            }
        }
        Ok(generation)
    }
}

/// Publishes the generation until the store closes. An outage is waited out: the last value stays.
pub(crate) async fn follow(
    engine: StoreEngine,
    commit_signal: CommitSignal,
    closing: CancellationToken,
    publish: watch::Sender<Generation>,
) {
    loop {
        match read(&engine).await {
            Ok(generation) => {
                publish.send_if_modified(|last| std::mem::replace(last, generation) != generation);
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::debug!(%error, "could not look for changes"),
        }
        tokio::select! {
            () = closing.cancelled() => return,
            () = publish.closed() => return,
            () = commit_signal.0.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn read(engine: &StoreEngine) -> Result<Generation, StoreError> {
    // Nobody asked for it: it is in no operation's cost.
    engine.snapshot(&RoundTripCounter::default()).await?.generation().await
}
