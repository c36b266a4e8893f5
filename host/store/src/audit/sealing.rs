//! The key that signs heads, for as long as the store is open. It may be replaced while writes go on.

use std::sync::{Arc, PoisonError, RwLock};

use brains_core::plane::audit::SealingKey;

/// Clones hold the same key.
#[derive(Debug, Clone)]
pub(crate) struct Sealing(Arc<RwLock<Arc<SealingKey>>>);

impl Sealing {
    pub(crate) fn new(key: SealingKey) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(key))))
    }

    pub(crate) fn current(&self) -> Arc<SealingKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, key: SealingKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}
