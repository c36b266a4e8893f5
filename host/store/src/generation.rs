//! Counters that every change of keys, configuration, components or places of conversations moves in its own transaction, so that caches of any
//! process can follow them.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_all};
use crate::write::Tx;

const READ: &str = "SELECT topic, value FROM generation";
const BUMP: &str = "UPDATE generation SET value = value + 1 WHERE topic = $1";

/// Counters that only grow; equal values mean that nothing of the kind changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Generation {
    /// Keys and operators.
    pub credentials: i64,
    pub config: i64,
    pub components: i64,
    /// Conversations that went elsewhere.
    pub places: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    Credentials,
    Config,
    Components,
    Places,
}

impl Topic {
    const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Config => "config",
            Self::Components => "components",
            Self::Places => "places",
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

    /// Returns once something was committed since the last time.
    pub(crate) async fn next(&self) {
        self.0.notified().await;
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
                "places" => generation.places = value,
                _ => {}
            }
        }
        Ok(generation)
    }
}
