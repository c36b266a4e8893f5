//! What happens to versions once they are there: remembered, drained, let go of, brought back, and brought in by
//! hand.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::plane::component::ComponentStanding;

use super::version_selection::{guessed, operators};
use super::{ActiveSet, ComponentRegistry, VersionEvent, lock};
use crate::component::history::VersionHistory;
use crate::component::selection_rule::approval;
use crate::load::inspect::admit;
use crate::load::{Component, LoadError, digest};
use crate::watchdog::Alarm;

/// A content that could serve, and what it would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    pub digest: String,
    pub plays: Plays,
    /// As it says itself; none when it was not asked.
    pub version: Option<String>,
    pub asks: Asks,
    /// What it asks for and the version that serves was not given; of a new component, all it asks for.
    pub more: Vec<String>,
    /// The command that approves it.
    pub approval: String,
    /// Why it was taken out of service before.
    pub quarantined: Option<String>,
}

/// A version that was taken out of service, and the one that serves again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    pub to: String,
    /// The configuration names the bad one.
    pub pinned: bool,
}

impl ComponentRegistry {
    /// Checks, compiles and keeps a content that somebody brings, without using it. Blocks for as long as that takes, and
    /// while it is `wanted`.
    pub fn stage(
        &self,
        id: &str,
        bytes: &[u8],
        manifest: Option<Manifest>,
        wanted: &AtomicBool,
    ) -> Result<Staged, LoadError> {
        let found = admit(bytes)?;
        let current = self.current();
        let by_exports = found.exports.part().unwrap_or(Plays::Provider);
        let manifest = manifest.unwrap_or_else(|| guessed(id, &current.config, by_exports));
        let digest = digest(bytes);
        self.version_events.add(id, &digest, ComponentStanding::Checking, None);
        lock(&self.checking).insert(id.to_owned(), digest.clone());
        let kept = self.keep_staged(id, &digest, bytes, &manifest, wanted);
        lock(&self.checking).remove(id);
        let component = kept.inspect_err(|error| {
            self.version_events.add(id, &digest, ComponentStanding::Rejected, Some(&super::chain(error)));
        })?;
        let version = component.version().to_owned();
        lock(&self.loaded).insert((id.to_owned(), digest.clone()), component);
        lock(&self.refused).remove(&(id.to_owned(), digest.clone()));
        Ok(Staged { version: Some(version), ..self.staged(id, &digest, &manifest) })
    }

    /// Compiles a content, stores it and remembers that it waits. Until then it counts as being checked, so that it is
    /// not tidied away.
    fn keep_staged(
        &self,
        id: &str,
        digest: &str,
        bytes: &[u8],
        manifest: &Manifest,
        wanted: &AtomicBool,
    ) -> Result<Arc<Component>, LoadError> {
        let component = self.runtime.load_wanted(id, bytes, manifest, wanted)?;
        self.blob_store
            .put(digest, bytes)
            .map_err(|source| LoadError::Keep { digest: digest.to_owned(), source })?;
        self.note_waiting(id, digest, manifest);
        Ok(Arc::new(component))
    }

    fn note_waiting(&self, id: &str, digest: &str, manifest: &Manifest) {
        let mut history = self.history();
        history.came_with(id, digest, manifest);
        history.waits(id, Some(digest));
        drop(history);
        VersionHistory::save(&self.history);
    }

    /// The content of a component that waits for somebody: a file that may not serve by itself, one that was taken
    /// out of service, one that was brought and not used yet.
    pub fn waiting(&self, id: &str) -> Option<Staged> {
        let current = self.current();
        let live =
            current.instances().find(|one| one.component_id() == id).map(|one| one.component().digest());
        if let Ok(Some(offer)) = self.offered_file(id, &current.config)
            && live != Some(offer.digest.as_str())
        {
            // Kept, so that it can be named by its digest alone.
            if let Some(file) = &offer.file
                && let Ok(bytes) = self.read(&file.path)
                && digest(&bytes) == offer.digest
            {
                self.note_waiting(id, &offer.digest, &offer.manifest);
                self.store(&offer.digest, &bytes);
            }
            return Some(self.staged(id, &offer.digest, &offer.manifest));
        }
        let entry = self.history().of(id).cloned()?;
        let waiting =
            entry.waiting.filter(|waiting| live != Some(waiting.as_str()) && self.holds(waiting))?;
        let manifest = entry.manifests.get(&waiting)?;
        Some(self.staged(id, &waiting, manifest))
    }

    fn staged(&self, id: &str, digest: &str, manifest: &Manifest) -> Staged {
        let history = self.history();
        let entry = history.of(id);
        let live = entry.and_then(|entry| entry.manifests.get(entry.live.as_ref()?));
        let limits = operators(id, &self.current().config);
        Staged {
            digest: digest.to_owned(),
            plays: manifest.plays,
            version: None,
            asks: manifest.asks.clone(),
            more: manifest.beyond(live, limits),
            approval: approval(id, &manifest.asks),
            quarantined: entry.and_then(|entry| entry.quarantined.get(digest).cloned()),
        }
    }

    /// The contents that a component can be brought back to, newest first.
    pub fn earlier(&self, id: &str) -> Vec<String> {
        let live = self
            .current()
            .instances()
            .find(|one| one.component_id() == id)
            .map(|one| one.component().digest().to_owned());
        let history = self.history();
        let Some(entry) = history.of(id) else { return Vec::new() };
        let known = entry.live.iter().chain(&entry.past);
        known.filter(|digest| Some(*digest) != live.as_ref() && self.holds_for(id, digest)).cloned().collect()
    }

    /// Whether the program itself brings this content.
    pub fn is_bundled_content(&self, id: &str, digest: &str) -> bool {
        self.bundled.iter().any(|known| known.bundled.id == id && known.digest == digest)
    }

    /// A content may be used again although it was taken out of service.
    pub fn unquarantine(&self, id: &str, digest: &str) {
        self.history().unquarantine(id, digest);
        VersionHistory::save(&self.history);
    }

    /// Nothing of a component is remembered any more; its file in the plugins directory goes too.
    pub fn forget(&self, id: &str) -> std::io::Result<()> {
        if let Some(file) = self.directory.dropped().remove(id) {
            self.directory.remove(&file.path)?;
            self.directory.look(crate::Look::Settled);
        }
        self.history().forget(id);
        VersionHistory::save(&self.history);
        Ok(())
    }

    /// Components whose faults have risen since somebody asked last.
    pub fn alarms(&self) -> Vec<Alarm> {
        self.runtime.shared().alarms.take()
    }

    /// Waits until there is something to see to: an alarm, a version event, a version that is gone.
    pub async fn notified(&self) {
        self.runtime.shared().alarms.notify.notified().await;
    }

    /// Takes a version out of service in favour of the best earlier one. None when it does not serve any more, or
    /// when there is nothing to go back to: a bad version is better than none.
    pub fn quarantine(&self, alarm: &Alarm) -> Option<Rollback> {
        let current = self.current();
        let serves = current
            .instances()
            .any(|one| one.component_id() == alarm.id && one.component().digest() == alarm.digest);
        let back = {
            let mut history = self.history();
            let entry = history.of(&alarm.id).filter(|_| serves)?;
            let to = entry.good(&alarm.digest).find(|known| self.holds_for(&alarm.id, known)).cloned()?;
            history.quarantine(&alarm.id, &alarm.digest, &alarm.risen.to_string());
            to
        };
        self.reapply();
        let pin = current.config.components.get(&alarm.id).and_then(|entry| entry.digest.as_deref());
        Some(Rollback { to: back, pinned: pin == Some(alarm.digest.as_str()) })
    }

    /// Version events since somebody asked last.
    pub fn version_events(&self) -> Vec<VersionEvent> {
        self.version_events.take()
    }

    /// Versions that exchanges still run on although a later one serves.
    pub fn draining(&self) -> usize {
        self.drains.count()
    }

    /// Components whose code is in memory, whatever runs on it.
    pub fn components_loaded(&self) -> usize {
        lock(&self.loaded).len()
    }

    /// Lets go of versions that are over and cuts what outlasted the limit.
    pub fn sweep(&self) {
        let now_us = self.runtime.shared().ambient.monotonic_us();
        let limit_us = std::time::Duration::try_from_secs_f64(self.current().config.component_drain_seconds)
            .map_or(u64::MAX, |limit| u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        let gone = self.drains.sweep(now_us, limit_us);
        if gone.is_empty() {
            return;
        }
        let current = self.current();
        self.let_go(&current);
        for version in gone {
            let serves = current
                .instances()
                .any(|one| one.component_id() == version.id && one.component().digest() == version.digest);
            if !serves {
                let kept =
                    self.history().of(&version.id).is_some_and(|entry| entry.past.contains(&version.digest));
                let state = if kept { ComponentStanding::Previous } else { ComponentStanding::Off };
                self.version_events.add(
                    &version.id,
                    &version.digest,
                    state,
                    Some("nothing runs on it any more"),
                );
            }
        }
    }

    /// Writes the memory down and removes contents that nothing needs.
    pub fn tidy(&self) {
        let _one_at_a_time = lock(&self.applying);
        VersionHistory::save(&self.history);
        let mut needed = self.history().needed();
        let current = self.current();
        needed.extend(current.config.components.values().filter_map(|entry| entry.digest.clone()));
        needed.extend(lock(&self.checking).values().cloned());
        self.blob_store.keep_only(&needed);
    }

    /// Notes what serves now and what became of the rest.
    pub(super) fn remember(&self, old: &ActiveSet, new: &ActiveSet) {
        let mut history = self.history();
        for instance in new.instances() {
            let component = instance.component();
            history.serves(component.id(), component.digest(), component.manifest());
        }
        drop(history);
        for record in &new.components {
            let now = &record.component;
            let before = old.components.iter().find(|record| record.component.id == now.id);
            let before = before.map(|record| &record.component);
            let fresh = |notes: &[crate::component::selection_rule::Note]| {
                notes.iter().any(|note| note.digest == now.digest)
            };
            // What waits beside the live one is told below, under its own digest.
            let reason = now.reason.as_deref().filter(|_| now.state != ComponentStanding::Live);
            let same = before.is_some_and(|before| {
                before.digest == now.digest
                    && before.state == now.state
                    && (before.reason == now.reason || now.state == ComponentStanding::Live)
            });
            let unused = before.is_none() && now.state == ComponentStanding::Off;
            if !same && !unused && !new.notes.get(&now.id).is_some_and(|notes| fresh(notes)) {
                self.version_events.add(&now.id, &now.digest, now.state, reason);
            }
        }
        for (id, notes) in &new.notes {
            for note in notes {
                if !old.notes.get(id).is_some_and(|known| known.contains(note)) {
                    self.version_events.add(id, &note.digest, note.state, Some(&note.reason));
                }
            }
        }
        for record in &old.components {
            let was = &record.component;
            if !new.components.iter().any(|record| record.component.id == was.id) {
                self.version_events.add(&was.id, &was.digest, ComponentStanding::Off, Some("it is gone"));
            }
        }
        for instance in old.instances() {
            let (id, digest) = (instance.component_id(), instance.component().digest());
            let goes_on =
                new.instances().any(|one| one.component_id() == id && one.component().digest() == digest);
            if !goes_on && instance.exchanges() > 0 {
                self.version_events.add(id, digest, ComponentStanding::Draining, None);
            }
        }
    }

    /// Keeps the code of what serves and of the version that could be brought back at once, and no other.
    pub(super) fn let_go(&self, snapshot: &ActiveSet) {
        let history = self.history();
        let checking = self.checking();
        lock(&self.loaded).retain(|(id, digest), _| {
            snapshot.instances().any(|one| one.component_id() == id && one.component().digest() == digest)
                || history.of(id).is_some_and(|entry| entry.past.first() == Some(digest))
                || checking.get(id) == Some(digest)
        });
    }
}
