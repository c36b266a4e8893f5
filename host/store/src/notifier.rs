//! Waking those who wait: a write announces what it touched, and after its commit whoever listens for that in this
//! process is woken at once. Other processes' commits are not heard here; who waits looks again every so often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use brains_core::sync::Unpoisoned as _;

/// How often a waiter looks by itself, for what another process did.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Who listens for what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notifier(Arc<Mutex<HashMap<String, Vec<Arc<Notify>>>>>);

impl Notifier {
    pub(crate) fn publish(&self, announced: &[String]) {
        if announced.is_empty() {
            return;
        }
        let waiting = self.0.lock_unpoisoned();
        for listener in announced.iter().filter_map(|topic| waiting.get(topic)).flatten() {
            listener.notify_one();
        }
    }

    pub(crate) fn listen(&self, topics: Vec<String>) -> CommitListener {
        let bell = Arc::new(Notify::new());
        let mut waiting = self.0.lock_unpoisoned();
        for topic in &topics {
            waiting.entry(topic.clone()).or_default().push(bell.clone());
        }
        drop(waiting);
        CommitListener { notifier: self.clone(), topics, bell }
    }
}

/// Hears of commits from the moment it is made; dropping it ends that.
#[derive(Debug)]
pub struct CommitListener {
    notifier: Notifier,
    topics: Vec<String>,
    bell: Arc<Notify>,
}

impl CommitListener {
    /// Returns when something was announced since the last time, or when it is time to look again. Dropping the
    /// future loses nothing.
    pub async fn heard(&self) {
        drop(tokio::time::timeout(LOOK_EVERY, self.bell.notified()).await);
    }
}

impl Drop for CommitListener {
    fn drop(&mut self) {
        let mut waiting = self.notifier.0.lock_unpoisoned();
        for topic in &self.topics {
            if let Some(bells) = waiting.get_mut(topic) {
                bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
                if bells.is_empty() {
                    waiting.remove(topic);
                }
            }
        }
    }
}
