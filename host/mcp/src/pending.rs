//! Requests that are not answered yet. A client finds an answer by its request's id, and so does the SDK: a second request
//! of the same id would take the first one's answer and leave it waiting, so it is refused.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use rmcp::model::{ErrorData, RequestId};

use brains_core::sync::Unpoisoned as _;

/// The requests under way, each by a name that holds its id.
#[derive(Debug, Clone)]
pub(crate) struct PendingRequests<K>(Arc<Mutex<HashSet<K>>>);

impl<K> Default for PendingRequests<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Holds a name until the answer is on its way, or nobody waits for it.
#[derive(Debug)]
pub(crate) struct PendingGuard<K: Eq + Hash> {
    pending: PendingRequests<K>,
    request: K,
}

impl<K: Eq + Hash + Clone> PendingRequests<K> {
    /// None when a request of this name is under way.
    pub(crate) fn hold(&self, request: K) -> Option<PendingGuard<K>> {
        let fresh = self.requests().insert(request.clone());
        fresh.then(|| PendingGuard { pending: self.clone(), request })
    }
}

impl<K> PendingRequests<K> {
    fn requests(&self) -> MutexGuard<'_, HashSet<K>> {
        self.0.lock_unpoisoned()
    }
}

impl<K: Eq + Hash> Drop for PendingGuard<K> {
    fn drop(&mut self) {
        self.pending.requests().remove(&self.request);
    }
}

/// The refusal of a request whose id is taken.
pub(crate) fn taken(id: &RequestId) -> ErrorData {
    ErrorData::invalid_request(
        format!("request {id} of this connection is not answered yet; give each request an id of its own"),
        None,
    )
}
