//! How often a database was asked and waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a database was asked: what an operation costs before anything else does.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoundTripCounter(Arc<AtomicU64>);

impl RoundTripCounter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
