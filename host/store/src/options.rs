//! How a store is opened.

use std::sync::Arc;

use brains_core::Ambient;
use brains_core::plane::audit::SealingKey;
use tokio::time::Duration;

use crate::clock::DatabaseClock;
use crate::plane::trace::Retention;
use crate::responses::stored::ResponseRetention;

#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub ambient: Arc<dyn Ambient>,
    /// Kept in step with the database, when that is a server.
    pub clock: Option<Arc<DatabaseClock>>,
    /// Signs where the audit log stands.
    pub sealing: SealingKey,
    /// How long to wait for a lock, a connection or a place in the queue before giving up.
    pub patience: Duration,
    pub traces: TraceOptions,
    pub responses: ResponseOptions,
}

impl StoreOptions {
    pub fn new(ambient: Arc<dyn Ambient>, sealing: SealingKey) -> Self {
        Self {
            ambient,
            clock: None,
            sealing,
            patience: Duration::from_secs(10),
            traces: TraceOptions::default(),
            responses: ResponseOptions::default(),
        }
    }

    /// For a process that shares the database with others: its time is the database's.
    pub fn shared(clock: Arc<DatabaseClock>, sealing: SealingKey) -> Self {
        Self { clock: Some(Arc::clone(&clock)), ..Self::new(clock, sealing) }
    }
}

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

/// How answers that clients go on from are queued and kept.
#[derive(Debug, Clone, Copy)]
pub struct ResponseOptions {
    /// Turns that may wait to be written.
    pub queue: usize,
    pub retention: ResponseRetention,
}

impl Default for ResponseOptions {
    fn default() -> Self {
        Self { queue: 1_024, retention: ResponseRetention { days: Some(30), bytes: Some(1 << 30) } }
    }
}
