//! Contents that must be compiled before they can serve. Nothing waits for them but who brought one: they are compiled
//! one after the other, behind everything that answers requests, and those that turn out to take long after those that do
//! not. The next configuration finds them ready.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use brains_core::config::Config;
use brains_core::plane::component::ComponentStanding;
use tokio::sync::Notify;

use super::configured_part::parts;
use super::{ComponentRegistry, chain, lock};
use crate::load::compiler::Pace;
use crate::load::{Bytes, LoadError};

/// A content of a component: id and digest.
type Content = (String, String);

/// What waits to be prepared.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    quick: VecDeque<Content>,
    long: VecDeque<Content>,
}

impl Queue {
    /// Has a content prepared; one that waits already keeps its place.
    pub(super) fn add(&self, content: Content) {
        let mut waiting = lock(&self.waiting);
        if !waiting.quick.contains(&content) && !waiting.long.contains(&content) {
            waiting.quick.push_back(content);
            self.notify.notify_one();
        }
    }

    fn takes_long(&self, content: Content) {
        lock(&self.waiting).long.push_back(content);
        self.notify.notify_one();
    }

    fn next(&self, pace: Pace) -> Option<Content> {
        let mut waiting = lock(&self.waiting);
        match pace {
            Pace::Long => waiting.long.pop_front(),
            Pace::Quick | Pace::Bundled => waiting.quick.pop_front(),
        }
    }
}

impl ComponentRegistry {
    /// Waits until something new is to be prepared.
    pub async fn due(&self) {
        self.preparing.notify.notified().await;
    }

    /// Whether [`ComponentRegistry::prepare`] has something to do.
    pub fn has_due(&self, pace: Pace) -> bool {
        let waiting = lock(&self.preparing.waiting);
        match pace {
            Pace::Long => !waiting.long.is_empty(),
            Pace::Quick | Pace::Bundled => !waiting.quick.is_empty(),
        }
    }

    /// Has prepared what files newly offer, each content once.
    pub(super) fn queue_offers(&self) {
        let current = self.current();
        let named = current.config.components.keys();
        let ids: BTreeSet<String> = self.directory.dropped().into_keys().chain(named.cloned()).collect();
        for id in ids {
            let Ok(Some(offer)) = self.offer(&id, &current.config) else { continue };
            let key = (id, offer.digest.clone());
            let known = lock(&self.loaded).contains_key(&key) || lock(&self.refused).contains_key(&key);
            let before = lock(&self.prepared).insert(key.0.clone(), key.1.clone());
            if offer.file.is_some() && !known && before.as_ref() != Some(&key.1) {
                self.version_events.add(&key.0, &key.1, ComponentStanding::Seen, None);
                self.queue(&key.0, &key.1);
            }
        }
    }

    /// Has a content prepared. Until it is, or is known to be no good, it is being checked.
    pub(super) fn queue(&self, id: &str, digest: &str) {
        lock(&self.checking).insert(id.to_owned(), digest.to_owned());
        self.preparing.add((id.to_owned(), digest.to_owned()));
    }

    /// Reads, compiles and asks the next content that waits, behind everything that answers requests, so that the next
    /// configuration finds it ready. Blocks for as long as that takes.
    pub fn prepare(&self, pace: Pace) {
        let Some((id, digest)) = self.preparing.next(pace) else { return };
        self.version_events.add(&id, &digest, ComponentStanding::Checking, None);
        self.runtime.shared().alarms.notify.notify_one();
        let current = self.current();
        let offer = self.offer(&id, &current.config).ok().flatten();
        match self.load_at(&id, &digest, offer.as_ref(), &current.config, Some(pace)) {
            // Others go first; it comes after those that took long before it.
            Err(LoadError::Checking) if pace != Pace::Long => {
                self.preparing.takes_long((id, digest));
                return;
            }
            Err(error) => {
                tracing::warn!(
                    component.id = id,
                    component.digest = digest,
                    cause = chain(&error),
                    "component refused"
                );
            }
            Ok(_) => {}
        }
        let mut checking = lock(&self.checking);
        if checking.get(&id) == Some(&digest) {
            checking.remove(&id);
        }
    }

    /// Compiles the bundled contents that a configuration uses and that were not compiled yet. Blocks for as long as that
    /// takes, and keeps nobody else from anything.
    pub fn compile_bundled(&self, config: &Config) {
        for part in parts(config) {
            let pinned = config.components.get(part.component).and_then(|entry| entry.digest.as_deref());
            let bundled = self.bundled.iter().find(|known| {
                known.bundled.id == part.component && pinned.is_none_or(|pin| pin == known.digest)
            });
            let Some(known) = bundled else { continue };
            if lock(&self.loaded).contains_key(&(part.component.to_owned(), known.digest.clone())) {
                continue;
            }
            let bytes = Bytes::Bundled(known.bundled.wasm);
            let wanted = AtomicBool::new(true);
            let made = self.runtime.compile(&known.digest, &bytes, part.plays, Pace::Bundled, &wanted);
            if let Err(error) = made {
                tracing::error!(
                    component.id = part.component,
                    cause = chain(&error),
                    "a bundled component has no code"
                );
            }
        }
    }
}
