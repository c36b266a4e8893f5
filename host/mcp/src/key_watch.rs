//! What is open over HTTP stands on a key: connections of both transports, and streams of events. When the key is revoked,
//! expires, or its operator is, they end, and their places are free. One round looks at every key once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use brains_core::Principal;
use brains_core::sync::Unpoisoned as _;
use tokio_util::sync::CancellationToken;

use crate::port::Tools;

/// How often the keys are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Everything that is open. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyWatch(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    numbers: u64,
    /// Connections, by their id, and whose key opened each.
    connections: HashMap<String, Principal>,
    streams: HashMap<u64, (Principal, CancellationToken)>,
}

/// A stream that is open. Dropped, it is forgotten.
#[derive(Debug)]
pub(crate) struct OpenStream {
    key_watch: KeyWatch,
    number: u64,
    ended: CancellationToken,
}

impl OpenStream {
    /// Cancelled when the stream must end.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.key_watch.held().streams.remove(&self.number);
    }
}

impl KeyWatch {
    pub(crate) fn connect(&self, id: &str, principal: &Principal) {
        self.held().connections.insert(id.to_owned(), principal.clone());
    }

    pub(crate) fn disconnect(&self, id: &str) {
        self.held().connections.remove(id);
    }

    /// Holds a stream that is read by the key of `principal`.
    pub(crate) fn open(&self, principal: &Principal) -> OpenStream {
        let ended = CancellationToken::new();
        let mut held = self.held();
        held.numbers += 1;
        let number = held.numbers;
        held.streams.insert(number, (principal.clone(), ended.clone()));
        drop(held);
        OpenStream { key_watch: self.clone(), number, ended }
    }

    /// Looks at every key once. Streams of those that count no more end; tells the connections that must be closed.
    pub(crate) async fn round(&self, tools: &dyn Tools) -> Vec<String> {
        let mut keys: HashMap<String, Principal> = HashMap::new();
        {
            let held = self.held();
            let streams = held.streams.values().map(|(principal, _)| principal);
            for principal in held.connections.values().chain(streams) {
                keys.entry(principal.fingerprint.clone()).or_insert_with(|| principal.clone());
            }
        }
        let mut gone = Vec::new();
        for (fingerprint, principal) in keys {
            if !tools.counts(&principal).await {
                gone.push(fingerprint);
            }
        }
        if gone.is_empty() {
            return Vec::new();
        }
        let mut held = self.held();
        let is_gone = |principal: &Principal| gone.contains(&principal.fingerprint);
        for (_, ended) in held.streams.values().filter(|(principal, _)| is_gone(principal)) {
            ended.cancel();
        }
        let closed = held.connections.iter().filter(|(_, principal)| is_gone(principal));
        let closed: Vec<String> = closed.map(|(id, _)| id.clone()).collect();
        held.connections.retain(|_, principal| !is_gone(principal));
        closed
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock_unpoisoned()
    }
}
