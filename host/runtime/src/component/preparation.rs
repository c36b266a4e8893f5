//! Versions that must be compiled before they can serve. Nothing waits for them but who brought one: they are compiled one
//! after the other, behind everything that answers requests, and those that turn out to take long after those that do not.
//! The next change finds them ready.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use brains_core::config::Config;
use brains_core::plane::component::ComponentStanding;
use brains_core::sync::Unpoisoned as _;
use tokio::sync::Notify;

use super::catalog::BundledVersion;
use super::configured_part::{ConfiguredPart, parts};
use super::loader::{Purpose, VersionKey};
use super::{ComponentParts, ComponentRegistry, reason_text};
use crate::load::compiler::Pace;
use crate::load::{Bytes, Component, LoadError};

/// What waits to be prepared.
#[derive(Debug, Default)]
pub(super) struct PreparationQueue {
    waiting: Mutex<Waiting>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    quick: VecDeque<VersionKey>,
    long: VecDeque<VersionKey>,
}

impl PreparationQueue {
    /// Has a version prepared; one that waits already keeps its place.
    pub(super) fn add(&self, version: VersionKey) {
        let mut waiting = self.waiting();
        if !waiting.quick.contains(&version) && !waiting.long.contains(&version) {
            waiting.quick.push_back(version);
            self.notify.notify_one();
        }
    }

    fn takes_long(&self, version: VersionKey) {
        self.waiting().long.push_back(version);
        self.notify.notify_one();
    }

    fn next(&self, pace: Pace) -> Option<VersionKey> {
        let mut waiting = self.waiting();
        match pace {
            Pace::Long => waiting.long.pop_front(),
            Pace::Quick | Pace::Bundled => waiting.quick.pop_front(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock_unpoisoned()
    }
}

impl ComponentRegistry {
    /// Waits until something new is to be prepared.
    pub async fn due(&self) {
        self.queue.notify.notified().await;
    }

    /// Whether [`ComponentRegistry::prepare`] has something to do.
    pub fn has_due(&self, pace: Pace) -> bool {
        let waiting = self.queue.waiting();
        match pace {
            Pace::Long => !waiting.long.is_empty(),
            Pace::Quick | Pace::Bundled => !waiting.quick.is_empty(),
        }
    }

    /// Reads, compiles and asks the next version that waits, behind everything that answers requests, so that the next
    /// change finds it ready. Blocks for as long as that takes; changes go on meanwhile.
    pub fn prepare(&self, pace: Pace) {
        let Some(key) = self.queue.next(pace) else { return };
        self.parts.events.add(&key.0, &key.1, ComponentStanding::Checking, None);
        self.parts.notify();
        let current = self.current();
        let known = self.actor().known(&key, &current.config);
        let loaded = (!known).then(|| self.parts.prepare(&key, &current.config, pace));
        if pace != Pace::Long && matches!(loaded, Some(Err(LoadError::Checking))) {
            // Others go first; it comes after those that took long before it.
            self.queue.takes_long(key);
            return;
        }
        self.actor().prepared(key, loaded);
    }

    /// Compiles the bundled versions that a configuration uses and that were not compiled yet, and says how many before
    /// it begins, if any. Blocks for as long as that takes, and keeps nobody else from anything.
    pub fn compile_bundled(&self, config: &Config, begins: impl FnOnce(usize)) {
        let (current, runtime) = (self.current(), &self.parts.runtime);
        let mut missing: Vec<(ConfiguredPart<'_>, &BundledVersion)> = Vec::new();
        for part in parts(config) {
            let pinned = config.components.get(part.component).and_then(|entry| entry.digest.as_deref());
            let bundled = self.parts.catalog.bundled(part.component);
            let Some(known) = bundled.filter(|known| pinned.is_none_or(|pin| pin == known.digest)) else {
                continue;
            };
            // What serves was compiled.
            let serves = current.serves(part.component, &known.digest);
            let again = missing.iter().any(|(_, other)| other.digest == known.digest);
            if !serves && !again && !runtime.is_compiled(known.bundled.wasm) {
                missing.push((part, known));
            }
        }
        if !missing.is_empty() {
            tracing::info!(count = missing.len(), "compiling components");
            begins(missing.len());
        }
        for (part, known) in missing {
            let bytes = Bytes::Bundled(known.bundled.wasm);
            let wanted = AtomicBool::new(true);
            let made = runtime.compile(&known.digest, &bytes, part.plays, Pace::Bundled, &wanted);
            if let Err(error) = made {
                tracing::error!(
                    component.id = part.component,
                    cause = reason_text(&error),
                    "a bundled component has no code"
                );
            }
        }
    }
}

impl ComponentParts {
    fn prepare(&self, key: &VersionKey, config: &Config, pace: Pace) -> Result<Arc<Component>, LoadError> {
        let manifest = self.manifest(key, config);
        let bytes = self.read(key, &manifest, config, Purpose::Serve)?;
        self.runtime.compile(&key.1, &bytes, manifest.plays, pace, &AtomicBool::new(true))?;
        self.runtime.load_ready(&key.0, &key.1, &bytes, manifest).map(Arc::new)
    }
}
