//! The components of this process: the one object that the other rooms hold. It hands changes to the actor, one at a time,
//! and answers readers from what the newest change told.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use brains_core::config::manifest::{Manifest, Plays};
use brains_core::config::{Problem, Resolved};
use brains_core::plane::component::plan::{Offer, OfferedVersion};
use brains_core::plane::component::{ComponentLogLine, ComponentStanding, StagedVersion};
use brains_core::sync::Unpoisoned as _;
use brains_files::Gate;
use serde_json::Value;

use super::active::{ActiveComponents, ActiveSet};
use super::bundle::Bundled;
use super::catalog::{Catalog, guessed};
use super::change::ChangeActor;
use super::directory::{Look, Looked};
use super::drains::Drains;
use super::history::VersionHistory;
use super::loader::VersionKey;
use super::preparation::PreparationQueue;
use super::version_event::{VersionEvent, VersionEvents};
use super::{Advice, ComponentParts, reason_text};
use crate::load::inspect::admit;
use crate::load::{Component, LoadError, digest};
use crate::runtime::Runtime;
use crate::watchdog::Alarm;

/// Where components come from and what is kept of them.
#[derive(Debug)]
pub struct ComponentPlaces<'a> {
    pub bundled: &'static [Bundled],
    /// Where component files lie.
    pub plugins: PathBuf,
    /// Where versions and their history are kept.
    pub components: &'a Path,
    /// Files are touched at it.
    pub gate: &'a Gate,
}

/// A version that was taken out of service, and the one that serves again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    pub to: String,
    /// The configuration names the bad one.
    pub pinned: bool,
}

/// What serves, and what it takes to change it.
#[derive(Debug)]
pub struct ComponentRegistry {
    pub(super) parts: Arc<ComponentParts>,
    pub(super) active: Arc<ActiveComponents>,
    pub(super) drains: Arc<Drains>,
    pub(super) queue: Arc<PreparationQueue>,
    /// One change at a time.
    actor: Mutex<ChangeActor>,
}

impl ComponentRegistry {
    /// `advice` says how a step is called where people read it.
    pub fn new(runtime: Arc<Runtime>, places: ComponentPlaces<'_>, advice: Advice) -> Self {
        let ComponentPlaces { bundled, plugins, components, gate } = places;
        let parts = Arc::new(ComponentParts {
            runtime,
            catalog: Catalog::new(bundled, plugins, components, gate),
            history: VersionHistory::open(components, gate.clone()),
            events: VersionEvents::default(),
            advice,
        });
        let (active, drains, queue) = (
            Arc::<ActiveComponents>::default(),
            Arc::<Drains>::default(),
            Arc::<PreparationQueue>::default(),
        );
        let actor = ChangeActor::new(
            Arc::clone(&parts),
            Arc::clone(&active),
            Arc::clone(&drains),
            Arc::clone(&queue),
        );
        Self { parts, active, drains, queue, actor: Mutex::new(actor) }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.parts.runtime
    }

    /// The set in force.
    pub fn current(&self) -> Arc<ActiveSet> {
        self.active.current()
    }

    /// Why the newest configuration, or what the plugins directory offers, is not in force; empty when both are.
    pub fn problems(&self) -> Vec<Problem> {
        self.active.status().problems.clone()
    }

    /// Components whose code is in memory, whatever runs on it.
    pub fn components_loaded(&self) -> usize {
        self.active.status().loaded
    }

    /// Notes a configuration that could not even be read.
    pub fn unreadable(&self, problems: Vec<Problem>) {
        self.actor().unreadable(problems);
    }

    /// The first configuration: a component that cannot be used is reported, the rest serves. Of what is not compiled yet
    /// the bundled versions are compiled here, so call it where blocking is fine, and `compiling` is told how many; others
    /// join when they are ready.
    pub fn start(&self, resolved: Resolved, compiling: impl FnOnce(usize)) -> Arc<ActiveSet> {
        self.parts.runtime.limit(resolved.config.budgets);
        self.compile_bundled(&resolved.config, compiling);
        self.parts.catalog.directory.look(Look::Once);
        self.actor().put(resolved)
    }

    /// A later configuration: all of it, or nothing. A part that was rejected before, for the same reason, stays
    /// rejected and keeps no other change from counting.
    pub fn apply(&self, resolved: Resolved) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        self.actor().apply(resolved)
    }

    /// The configuration in force, with what the plugins directory offers now. Why a newer configuration is not in
    /// force stays as it is.
    pub fn refresh(&self) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        self.actor().refresh()
    }

    /// What a configuration would be refused for: components that there are not, and settings that theirs do not take.
    /// Nothing becomes live, nothing is kept and nothing is compiled: of a version without code only its manifest and its
    /// exports are looked at, so that the answer takes moments.
    pub fn check(&self, resolved: Resolved) -> Vec<Problem> {
        self.actor().check(resolved)
    }

    /// Looks at the plugins directory. What it finds counts from the next change.
    pub fn look(&self, how: Look) -> Looked {
        let looked = self.parts.catalog.directory.look(how);
        if looked.changed {
            self.actor().queue_offers();
        }
        looked
    }

    /// The settings schema of a component; one that does not run is loaded for that, when it is compiled. It may wait for
    /// a change.
    pub fn schema(&self, id: &str) -> Option<Value> {
        let current = self.current();
        let running = current.instances().find(|instance| instance.component_id() == id);
        match running {
            Some(instance) => Some(instance.component().schema().clone()),
            None => self.actor().first_choice(id).map(|component| component.schema().clone()),
        }
    }

    /// The newest lines that a component or an instance wrote, oldest first.
    pub fn lines(&self, name: &str, limit: usize) -> Vec<ComponentLogLine> {
        self.parts.runtime.shared().memory.guest_logs.lines(name, limit)
    }

    /// Waits for what runs beside the requests.
    pub async fn close(&self) {
        self.parts.runtime.close().await;
    }

    /// Checks, compiles and keeps a version that somebody brings, without using it. Blocks for as long as that takes, and
    /// while it is `wanted`.
    pub fn stage(
        &self,
        id: &str,
        bytes: &[u8],
        manifest: Option<Manifest>,
        wanted: &AtomicBool,
    ) -> Result<StagedVersion, LoadError> {
        let exports = admit(bytes)?.exports;
        let by_exports = exports.part().unwrap_or(Plays::Provider);
        let manifest = manifest.unwrap_or_else(|| guessed(id, &self.current().config, by_exports));
        let key: VersionKey = (id.to_owned(), digest(bytes));
        let events = &self.parts.events;
        events.add(id, &key.1, ComponentStanding::Checking, None);
        // Until it is kept it counts as being checked, so that it is not tidied away.
        self.actor().staging(&key);
        let kept = self.keep_staged(&key, bytes, &manifest, wanted);
        self.actor().staged(key.clone(), kept.as_ref().ok().cloned());
        let component = kept.inspect_err(|error| {
            events.add(id, &key.1, ComponentStanding::Rejected, Some(&reason_text(error)));
        })?;
        let version = Some(component.version().to_owned());
        Ok(StagedVersion { version, ..self.staged_version(id, &key.1, &manifest) })
    }

    /// Compiles a version, stores it and remembers that it waits.
    fn keep_staged(
        &self,
        (id, digest): &VersionKey,
        bytes: &[u8],
        manifest: &Manifest,
        wanted: &AtomicBool,
    ) -> Result<Arc<Component>, LoadError> {
        let component = self.parts.runtime.load_wanted(id, bytes, manifest, wanted)?;
        let stored = self.parts.catalog.blobs.put(digest, bytes);
        stored.map_err(|source| LoadError::Keep { digest: digest.clone(), source })?;
        self.parts.history.waits(id, digest, manifest);
        Ok(Arc::new(component))
    }

    /// The version of a component that waits for somebody: a file that may not serve by itself, one that was taken
    /// out of service, one that was brought and not used yet.
    pub fn waiting(&self, id: &str) -> Option<StagedVersion> {
        let current = self.current();
        let live = current.live(id);
        let catalog = &self.parts.catalog;
        if let Offer::Version(OfferedVersion { digest: offered, manifest, .. }) =
            catalog.offered_file(id, &current.config)
            && live != Some(offered.as_str())
        {
            // Kept, so that it can be named by its digest alone.
            if let Ok(Some(file)) = catalog.file(id, &current.config)
                && let Ok(bytes) = catalog.read(&file.path)
                && digest(&bytes) == offered
            {
                self.parts.history.waits(id, &offered, &manifest);
                catalog.store(&offered, &bytes);
            }
            return Some(self.staged_version(id, &offered, &manifest));
        }
        let history = self.parts.history.of(id)?;
        let waiting = history.waiting.as_deref().filter(|waiting| live != Some(*waiting))?;
        let manifest = history.manifests.get(waiting).filter(|_| catalog.holds(waiting))?;
        Some(self.staged_version(id, waiting, manifest))
    }

    fn staged_version(&self, id: &str, digest: &str, manifest: &Manifest) -> StagedVersion {
        let history = self.parts.history.of(id).unwrap_or_default();
        let current = self.current();
        let operator = current.config.components.get(id).map(|entry| entry.limits).unwrap_or_default();
        StagedVersion {
            digest: digest.to_owned(),
            plays: manifest.plays,
            version: None,
            asks: manifest.asks.clone(),
            more: manifest.beyond(history.live_manifest(), operator),
            quarantined: history.quarantined.get(digest).cloned(),
        }
    }

    /// The versions that a component can be brought back to, newest first.
    pub fn earlier(&self, id: &str) -> Vec<String> {
        let (current, history) = (self.current(), self.parts.history.of(id).unwrap_or_default());
        let live = current.live(id);
        let mut known: Vec<String> = history.live.into_iter().chain(history.past).collect();
        known.retain(|digest| live != Some(digest.as_str()) && self.parts.catalog.holds_for(id, digest));
        known
    }

    /// Whether the program itself brings this version.
    pub fn is_bundled_version(&self, id: &str, digest: &str) -> bool {
        self.parts.catalog.is_bundled_version(id, digest)
    }

    /// A version may be used again although it was taken out of service.
    pub fn unquarantine(&self, id: &str, digest: &str) {
        self.parts.history.unquarantine(id, digest);
    }

    /// Nothing of a component is remembered any more; its file in the plugins directory goes too.
    pub fn forget(&self, id: &str) -> std::io::Result<()> {
        let directory = &self.parts.catalog.directory;
        if let Some(file) = directory.dropped().remove(id) {
            directory.remove(&file.path)?;
            directory.look(Look::Settled);
        }
        self.parts.history.forget(id);
        Ok(())
    }

    /// Components whose faults have risen since somebody asked last.
    pub fn alarms(&self) -> Vec<Alarm> {
        self.parts.runtime.shared().alarms.take()
    }

    /// Waits until there is something to do: an alarm, a version event, a version that is gone.
    pub async fn notified(&self) {
        self.parts.runtime.shared().alarms.notify.notified().await;
    }

    /// Takes a version out of service in favour of the best earlier one. None when it does not serve any more, or
    /// when there is nothing to go back to: a bad version is better than none.
    pub fn quarantine(&self, alarm: &Alarm) -> Option<Rollback> {
        let mut actor = self.actor();
        let current = self.current();
        let history =
            self.parts.history.of(&alarm.id).filter(|_| current.serves(&alarm.id, &alarm.digest))?;
        let held = |known: &&String| self.parts.catalog.holds_for(&alarm.id, known);
        let to = history.good(&alarm.digest).find(held).cloned()?;
        self.parts.history.update(&alarm.id, |history| {
            history.quarantine(&alarm.digest, &alarm.risen.to_string());
        });
        actor.put_again();
        let pin = current.config.components.get(&alarm.id).and_then(|entry| entry.digest.as_deref());
        Some(Rollback { to, pinned: pin == Some(alarm.digest.as_str()) })
    }

    /// Version events since somebody asked last.
    pub fn version_events(&self) -> Vec<VersionEvent> {
        self.parts.events.take()
    }

    /// Versions that exchanges still run on although a later one serves.
    pub fn draining(&self) -> usize {
        self.drains.count()
    }

    /// Lets go of versions that are over and cuts what outlasted the limit. It may wait for a change.
    pub fn sweep(&self) {
        let now_us = self.parts.runtime.shared().ambient.monotonic_us();
        let limit_us = std::time::Duration::try_from_secs_f64(self.current().config.component_drain_seconds)
            .map_or(u64::MAX, |limit| u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        let gone = self.drains.sweep(now_us, limit_us);
        if gone.is_empty() {
            return;
        }
        let mut actor = self.actor();
        actor.let_go();
        actor.publish();
        drop(actor);
        self.parts.tell_gone(&self.current(), &gone);
    }

    /// Writes the history down and removes versions that nothing needs.
    pub fn tidy(&self) {
        let actor = self.actor();
        self.parts.history.save();
        let mut needed = self.parts.history.needed();
        needed.extend(self.current().config.components.values().filter_map(|entry| entry.digest.clone()));
        needed.extend(actor.checking.values().cloned());
        self.parts.catalog.blobs.keep_only(&needed);
    }

    pub(super) fn actor(&self) -> MutexGuard<'_, ChangeActor> {
        self.actor.lock_unpoisoned()
    }
}
