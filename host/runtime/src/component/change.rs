//! Changes of what serves, one at a time. The actor owns what only a change looks at, as plain fields behind the one lock of
//! the registry: whoever makes a change carries it out on the thread that it calls from and gets its result. Nothing is
//! compiled here, so that a change takes moments, and what readers want to know is published when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::config::{Config, Problem, Provenance, Resolved};
use brains_core::plane::component::ComponentStanding;
use brains_core::plane::component::plan::{Offer, Offers, PlanInput, select_for};

use super::active::{ActiveComponents, ActiveSet, ChangeStatus};
use super::build::CandidateSet;
use super::drains::Drains;
use super::loader::{Purpose, VersionCache, VersionKey};
use super::preparation::PreparationQueue;
use super::{ComponentParts, reason_text};
use crate::load::{Component, LoadError};

/// Why what was asked for last is not in force.
#[derive(Debug, Default)]
pub(super) struct ChangeProblems {
    /// Of the newest configuration.
    pub(super) configured: Vec<Problem>,
    /// Of what the plugins directory offers.
    pub(super) offered: Vec<Problem>,
}

/// Makes changes.
#[derive(Debug)]
pub(super) struct ChangeActor {
    pub(super) parts: Arc<ComponentParts>,
    pub(super) active: Arc<ActiveComponents>,
    drains: Arc<Drains>,
    queue: Arc<PreparationQueue>,
    problems: ChangeProblems,
    pub(super) cache: VersionCache,
    /// Versions that are being looked into, by component.
    pub(super) checking: BTreeMap<String, String>,
    /// The version of each component that was offered last.
    offered: BTreeMap<String, String>,
}

impl ChangeActor {
    pub(super) fn new(
        parts: Arc<ComponentParts>,
        active: Arc<ActiveComponents>,
        drains: Arc<Drains>,
        queue: Arc<PreparationQueue>,
    ) -> Self {
        Self {
            parts,
            active,
            drains,
            queue,
            problems: ChangeProblems::default(),
            cache: VersionCache::default(),
            checking: BTreeMap::new(),
            offered: BTreeMap::new(),
        }
    }

    /// The first configuration, and the one in force made anew: what cannot be used is reported, the rest serves.
    pub(super) fn put(&mut self, resolved: Resolved) -> Arc<ActiveSet> {
        let CandidateSet { set, problems } = self.build(resolved, Purpose::Serve);
        for problem in &problems {
            tracing::warn!(path = problem.path, "{}", problem.message);
        }
        self.install(set)
    }

    /// The configuration in force with the versions that should serve now.
    pub(super) fn put_again(&mut self) {
        self.put(self.in_force());
        self.parts.history.save();
    }

    /// A later configuration: all of it, or nothing. A part that was rejected before, for the same reason, stays
    /// rejected and keeps no other change from counting.
    pub(super) fn apply(&mut self, resolved: Resolved) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        let outcome = self.replace(resolved, |old, new| old.path == new.path && old.message == new.message);
        self.problems.configured = outcome.as_ref().err().cloned().unwrap_or_default();
        if outcome.is_ok() {
            self.problems.offered.clear();
        }
        self.publish();
        outcome
    }

    /// The configuration in force, with what the plugins directory offers now. A part that was rejected before may be
    /// rejected for another reason now.
    pub(super) fn refresh(&mut self) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        let outcome = self.replace(self.in_force(), |old, new| old.path == new.path);
        self.problems.offered = outcome.as_ref().err().cloned().unwrap_or_default();
        self.publish();
        outcome
    }

    /// A configuration could not even be read.
    pub(super) fn unreadable(&mut self, problems: Vec<Problem>) {
        self.problems.configured = problems;
        self.publish();
    }

    /// What a configuration would be refused for, without anything of it becoming live.
    pub(super) fn check(&mut self, resolved: Resolved) -> Vec<Problem> {
        let CandidateSet { problems, .. } = self.build(resolved, Purpose::Check);
        self.let_go();
        problems
    }

    fn in_force(&self) -> Resolved {
        let current = self.active.current();
        Resolved {
            config: Arc::clone(&current.config),
            provenance: Provenance::clone(&current.provenance),
            warnings: current.warnings.clone(),
            missing: Vec::new(),
        }
    }

    /// All of it, or nothing; `same` tells of an old and a new problem whether they are the same.
    fn replace(
        &mut self,
        resolved: Resolved,
        same: impl Fn(&Problem, &Problem) -> bool,
    ) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        let CandidateSet { set, problems } = self.build(resolved, Purpose::Serve);
        let current = self.active.current();
        // Of what was still being prepared nobody knew more than that.
        let joined = |new: &Problem| current.joining.paths.contains(&new.path);
        let known = |new: &Problem| current.report.rejected.iter().any(|old| same(old, new)) || joined(new);
        let fresh: Vec<Problem> = problems.into_iter().filter(|new| !known(new)).collect();
        if !fresh.is_empty() {
            return Err(fresh);
        }
        let set = self.install(set);
        self.parts.history.save();
        Ok(set)
    }

    fn install(&mut self, set: ActiveSet) -> Arc<ActiveSet> {
        self.parts.runtime.limit(set.config.budgets);
        let set = Arc::new(set);
        let old = self.active.replace(Arc::clone(&set));
        let now_us = self.parts.runtime.shared().ambient.monotonic_us();
        for instance in old.instances() {
            if !set.instances().any(|running| Arc::ptr_eq(running, instance)) {
                self.drains.begin(instance, now_us);
            }
        }
        self.parts.remember(&old, &set);
        self.let_go();
        self.publish();
        self.parts.notify();
        set
    }

    /// Keeps the code of what serves and of the version that could be brought back at once, and no other.
    pub(super) fn let_go(&mut self) {
        let (current, checking) = (self.active.current(), &self.checking);
        let histories = self.parts.history.all();
        self.cache.keep_only(|id, digest| {
            let before = histories.get(id).and_then(|history| history.past.first());
            current.serves(id, digest)
                || before.is_some_and(|before| before == digest)
                || checking.get(id).is_some_and(|checked| checked == digest)
        });
    }

    /// Tells readers how things stand.
    pub(super) fn publish(&self) {
        let mut problems = self.problems.configured.clone();
        problems.extend(self.problems.offered.iter().cloned());
        self.active.tell(ChangeStatus {
            problems,
            checking: self.checking.clone(),
            loaded: self.cache.len(),
        });
    }

    /// Has a version prepared. Until it is, or is known to be no good, it is being checked.
    pub(super) fn queue(&mut self, id: &str, digest: &str) {
        self.checking.insert(id.to_owned(), digest.to_owned());
        self.queue.add((id.to_owned(), digest.to_owned()));
    }

    /// Files changed: has prepared what they newly offer, each version once.
    pub(super) fn queue_offers(&mut self) {
        self.cache.forget_refusals();
        let parts = Arc::clone(&self.parts);
        let current = self.active.current();
        let named = current.config.components.keys();
        let ids: std::collections::BTreeSet<String> =
            parts.catalog.directory.dropped().into_keys().chain(named.cloned()).collect();
        for id in ids {
            let Offer::Version(offer) = parts.catalog.offer(&id, &current.config) else { continue };
            let key: VersionKey = (id, offer.digest);
            let known = self.cache.is_known(&key);
            let before = self.offered.insert(key.0.clone(), key.1.clone());
            if !offer.bundled && !known && before.as_ref() != Some(&key.1) {
                parts.events.add(&key.0, &key.1, ComponentStanding::Seen, None);
                self.queue(&key.0, &key.1);
            }
        }
        self.publish();
    }

    /// What is known of a version that is to be prepared.
    pub(super) fn known(&self, key: &VersionKey, config: &Config) -> bool {
        self.cache.known(key, &self.parts.manifest(key, config)).is_some()
    }

    /// A version was prepared, or could not be.
    pub(super) fn prepared(&mut self, key: VersionKey, loaded: Option<Result<Arc<Component>, LoadError>>) {
        if self.checking.get(&key.0) == Some(&key.1) {
            self.checking.remove(&key.0);
        }
        if let Some(loaded) = loaded {
            let (id, digest) = key.clone();
            if let Err(error) = self.cache.keep(key, loaded, true) {
                tracing::warn!(
                    component.id = id,
                    component.digest = digest,
                    cause = reason_text(&error),
                    "component refused"
                );
            }
        }
        self.publish();
    }

    /// A version that somebody brings is looked into.
    pub(super) fn staging(&mut self, key: &VersionKey) {
        self.checking.insert(key.0.clone(), key.1.clone());
        self.publish();
    }

    /// It is there, or is no good.
    pub(super) fn staged(&mut self, key: VersionKey, component: Option<Arc<Component>>) {
        self.checking.remove(&key.0);
        if let Some(component) = component {
            self.cache.insert(key, component);
        }
        self.publish();
    }

    /// The version of a component that would be tried first.
    pub(super) fn first_choice(&mut self, id: &str) -> Option<Arc<Component>> {
        let (current, parts) = (self.active.current(), Arc::clone(&self.parts));
        let config = &current.config;
        let places = BTreeMap::from([(id.to_owned(), parts.catalog.offer(id, config))]);
        let (offers, histories) = (Offers { places, ..Offers::default() }, parts.history.all());
        let input = PlanInput { config, offers: &offers, histories: &histories };
        let selection = select_for(id, input, &[], |digest| parts.catalog.holds_for(id, digest)).ok()?;
        let key = (id.to_owned(), selection.tries.into_iter().next()?);
        self.cache.load(&parts, key, config, Purpose::Check).ok()
    }
}
