//! What serves right now: one set of configuration and instances, replaced in one step. A request keeps the set that it
//! began with. Beside it stands what changes tell readers, so that no reader waits for a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use brains_core::config::{Config, Problem, Provenance};
use brains_core::plane::component::ComponentRecord;
use brains_core::plane::component::plan::VersionNote;

use crate::instance::Instance;

/// Configuration and instances that belong together.
#[derive(Debug, Default)]
pub struct ActiveSet {
    pub config: Arc<Config>,
    pub provenance: Arc<Provenance>,
    pub warnings: Vec<Problem>,
    pub classifier: Option<Arc<Instance>>,
    pub policy: Option<Arc<Instance>>,
    /// In configured order.
    pub(super) providers: Vec<Arc<Instance>>,
    pub(super) report: SetReport,
    pub(super) joining: Joining,
}

/// What was found out while a set was made.
#[derive(Debug, Default)]
pub(super) struct SetReport {
    /// Every component that is bundled, named or lies in the plugins directory, as it stood then; what changes without
    /// another set is in [`super::ComponentRegistry::components`].
    pub(super) records: Vec<ComponentRecord>,
    /// Versions that do not serve, by component.
    pub(super) notes: BTreeMap<String, Vec<VersionNote>>,
    /// Parts that are not live although the configuration names them.
    pub(super) rejected: Vec<Problem>,
}

/// Parts whose version is still being prepared.
#[derive(Debug, Default)]
pub(super) struct Joining {
    /// By their path in the configuration.
    pub(super) paths: Vec<String>,
    /// Providers by name and aliases.
    pub(super) providers: Vec<String>,
}

impl ActiveSet {
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.providers.iter()
    }

    /// By name, else by alias.
    pub fn provider(&self, name: &str) -> Option<&Arc<Instance>> {
        let own = self.providers.iter().find(|instance| instance.name() == name);
        own.or_else(|| {
            self.providers.iter().find(|instance| instance.aliases().iter().any(|alias| alias == name))
        })
    }

    /// Whether a provider of this name or alias is being prepared and joins by itself.
    pub fn awaits(&self, name: &str) -> bool {
        self.joining.providers.iter().any(|awaited| awaited == name)
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.providers.iter().chain(&self.classifier).chain(&self.policy)
    }

    /// Whether a version of a component serves in it.
    pub(super) fn serves(&self, id: &str, digest: &str) -> bool {
        self.instances().any(|one| one.component_id() == id && one.component().digest() == digest)
    }

    /// The version of a component that serves in it.
    pub(super) fn live(&self, id: &str) -> Option<&str> {
        let running = self.instances().find(|one| one.component_id() == id);
        running.map(|instance| instance.component().digest())
    }
}

/// What the newest change told.
#[derive(Debug, Clone, Default)]
pub(super) struct ChangeStatus {
    /// Why the newest configuration, or what the plugins directory offers, is not in force.
    pub(super) problems: Vec<Problem>,
    /// Versions that are being looked into, by component.
    pub(super) checking: BTreeMap<String, String>,
    /// Versions whose code is in memory.
    pub(super) loaded: usize,
}

/// The set in force and the newest status. Reading either takes no lock that a change holds.
#[derive(Debug, Default)]
pub(super) struct ActiveComponents {
    set: ArcSwap<ActiveSet>,
    status: ArcSwap<ChangeStatus>,
}

impl ActiveComponents {
    pub(super) fn current(&self) -> Arc<ActiveSet> {
        self.set.load_full()
    }

    /// Puts a set in force; the one that it replaces is returned.
    pub(super) fn replace(&self, set: Arc<ActiveSet>) -> Arc<ActiveSet> {
        self.set.swap(set)
    }

    pub(super) fn status(&self) -> Arc<ChangeStatus> {
        self.status.load_full()
    }

    pub(super) fn tell(&self, status: ChangeStatus) {
        self.status.store(Arc::new(status));
    }
}
