//! What serves right now: one snapshot of configuration and instances, replaced in one step. A request keeps
//! the snapshot that it began with; a change that does not hold together changes nothing.

pub(crate) mod blob_store;
pub mod bundle;
mod configured_part;
pub(crate) mod directory;
pub(crate) mod drains;
pub(crate) mod history;
mod preparation;
mod records;
pub(crate) mod selection_rule;
mod version_event;
mod version_selection;
mod versions;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwap;
use brains_core::config::manifest::{Manifest, Plays};
use brains_core::config::{Config, Layer, Place, Problem, Provenance, Resolved};
use brains_core::plane::component::{ComponentLogLine, ComponentRecord, ComponentStanding};
use brains_core::redact::redact;
use brains_core::sync::Unpoisoned as _;
use brains_files::Gate;
use serde_json::Value;

use crate::component::blob_store::BlobStore;
use crate::component::bundle::Bundled;
use crate::component::directory::{Directory, Look, Looked};
use crate::component::drains::Drains;
use crate::component::history::VersionHistory;
use crate::component::selection_rule::{Note, approval};
use crate::grant::GrantedOrigin;
use crate::instance::{Instance, InstanceSpec};
use crate::load::{Component, LoadError, digest};
use crate::runtime::{Runtime, named_origins};

use configured_part::{ConfiguredPart, parts};
use preparation::Queue;
use version_event::VersionEvents;
use version_selection::operators;

pub use version_event::VersionEvent;
pub use versions::{Rollback, Staged};

/// Configuration and instances that belong together.
#[derive(Debug, Default)]
pub struct ActiveSet {
    pub config: Arc<Config>,
    pub provenance: Arc<Provenance>,
    pub warnings: Vec<Problem>,
    pub classifier: Option<Arc<Instance>>,
    pub policy: Option<Arc<Instance>>,
    /// In configured order.
    providers: Vec<Arc<Instance>>,
    /// Every component that is bundled, named or lies in the plugins directory, as it stood when this was made; what
    /// changes without another snapshot is in [`ComponentRegistry::components`].
    components: Vec<ComponentRecord>,
    /// Contents that do not serve, by component.
    notes: BTreeMap<String, Vec<Note>>,
    /// Parts that are not live although the configuration names them.
    rejected: Vec<Problem>,
    /// Parts of the configuration whose content is still being prepared, by path.
    checked: Vec<String>,
    /// Providers whose content is still being prepared, by name and aliases.
    awaited: Vec<String>,
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
        self.awaited.iter().any(|awaited| awaited == name)
    }

    fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.providers.iter().chain(&self.classifier).chain(&self.policy)
    }
}

/// The snapshot in force, and what it takes to make the next one.
#[derive(Debug)]
pub struct ComponentRegistry {
    runtime: Arc<Runtime>,
    bundled: Vec<Known>,
    directory: Directory,
    blob_store: BlobStore,
    history: Mutex<VersionHistory>,
    current: ArcSwap<ActiveSet>,
    /// One change at a time.
    applying: Mutex<()>,
    /// Why the newest configuration is not in force.
    problems: Mutex<Vec<Problem>>,
    /// Why what the plugins directory offers is not.
    offered_problems: Mutex<Vec<Problem>>,
    /// What serves and what could at once, by id and digest. Anything else is let go of.
    loaded: Mutex<HashMap<(String, String), Arc<Component>>>,
    /// Contents that failed a check that no configuration changes.
    refused: Mutex<HashMap<(String, String), String>>,
    /// Contents that are being looked into, by component.
    checking: Mutex<BTreeMap<String, String>>,
    /// The content of each component that was prepared last.
    prepared: Mutex<BTreeMap<String, String>>,
    preparing: Queue,
    drains: Drains,
    version_events: VersionEvents,
}

/// A bundled component, hashed once.
#[derive(Debug)]
struct Known {
    bundled: Bundled,
    digest: String,
    manifest: Result<Manifest, String>,
}

/// What came of the components while a snapshot was made.
#[derive(Debug, Default)]
struct Standings {
    /// Why a component has no instance.
    failures: HashMap<String, (ComponentStanding, String)>,
    /// Contents that do not serve, beside those that do.
    notes: BTreeMap<String, Vec<Note>>,
}

impl ComponentRegistry {
    /// `plugins` is where component files lie, `components` where contents and the memory of them are kept; files are
    /// touched at `gate`.
    pub fn new(
        runtime: Arc<Runtime>,
        bundled: &'static [Bundled],
        plugins: PathBuf,
        components: &Path,
        gate: &Gate,
    ) -> Self {
        let bundled = bundled.iter().map(|bundled| Known {
            bundled: *bundled,
            digest: digest(bundled.wasm),
            manifest: Manifest::parse(bundled.manifest).map_err(|error| error.to_string()),
        });
        Self {
            runtime,
            bundled: bundled.collect(),
            directory: Directory::new(plugins, gate.clone()),
            blob_store: BlobStore::new(components, gate.clone()),
            history: Mutex::new(VersionHistory::open(components, gate.clone())),
            current: ArcSwap::default(),
            applying: Mutex::default(),
            problems: Mutex::default(),
            offered_problems: Mutex::default(),
            loaded: Mutex::default(),
            refused: Mutex::default(),
            checking: Mutex::default(),
            prepared: Mutex::default(),
            preparing: Queue::default(),
            drains: Drains::default(),
            version_events: VersionEvents::default(),
        }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub fn current(&self) -> Arc<ActiveSet> {
        self.current.load_full()
    }

    /// Why the newest configuration, or what the plugins directory offers, is not in force; empty when both are.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = lock(&self.problems).clone();
        problems.extend(lock(&self.offered_problems).iter().cloned());
        problems
    }

    /// Notes a configuration that could not even be read.
    pub fn refused(&self, problems: Vec<Problem>) {
        *lock(&self.problems) = problems;
    }

    /// The first configuration: a component that cannot be used is reported, the rest serves. Of what is not compiled yet
    /// the bundled contents are compiled here, so call it where blocking is fine; others join when they are ready.
    pub fn start(&self, resolved: Resolved) -> Arc<ActiveSet> {
        self.runtime.limit(resolved.config.budgets);
        self.compile_bundled(&resolved.config);
        self.directory.look(Look::Once);
        let _one_at_a_time = lock(&self.applying);
        let (snapshot, problems) = self.build(resolved);
        for problem in &problems {
            tracing::warn!(path = problem.path, "{}", problem.message);
        }
        self.install(snapshot)
    }

    /// A later configuration: all of it, or nothing. A part that was rejected before, for the same reason, stays
    /// rejected and keeps no other change from counting.
    pub fn apply(&self, resolved: Resolved) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        let _one_at_a_time = lock(&self.applying);
        let outcome = self.replace(resolved, |old, new| old.path == new.path && old.message == new.message);
        *lock(&self.problems) = outcome.as_ref().err().cloned().unwrap_or_default();
        if outcome.is_ok() {
            lock(&self.offered_problems).clear();
        }
        outcome
    }

    /// The configuration in force, with what the plugins directory offers now. Why a newer configuration is not in
    /// force stays as it is. A part that was rejected before may be rejected for another reason now.
    pub fn refresh(&self) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        let _one_at_a_time = lock(&self.applying);
        let outcome = self.replace(self.in_force(), |old, new| old.path == new.path);
        *lock(&self.offered_problems) = outcome.as_ref().err().cloned().unwrap_or_default();
        outcome
    }

    fn in_force(&self) -> Resolved {
        let current = self.current();
        Resolved {
            config: Arc::clone(&current.config),
            provenance: Provenance::clone(&current.provenance),
            warnings: current.warnings.clone(),
        }
    }

    /// All of it, or nothing; `same` tells of an old and a new problem whether they are the same.
    fn replace(
        &self,
        resolved: Resolved,
        same: impl Fn(&Problem, &Problem) -> bool,
    ) -> Result<Arc<ActiveSet>, Vec<Problem>> {
        let (snapshot, problems) = self.build(resolved);
        let current = self.current();
        // Of what was still being prepared nobody knew more than that.
        let checked = |new: &Problem| current.checked.contains(&new.path);
        let known = |new: &Problem| current.rejected.iter().any(|old| same(old, new)) || checked(new);
        let fresh: Vec<Problem> = problems.into_iter().filter(|new| !known(new)).collect();
        if !fresh.is_empty() {
            return Err(fresh);
        }
        let snapshot = self.install(snapshot);
        VersionHistory::save(&self.history);
        Ok(snapshot)
    }

    /// Makes the configuration in force anew, with the versions that should serve now.
    fn reapply(&self) {
        let _one_at_a_time = lock(&self.applying);
        let (snapshot, problems) = self.build(self.in_force());
        for problem in &problems {
            tracing::warn!(path = problem.path, "{}", problem.message);
        }
        self.install(snapshot);
        VersionHistory::save(&self.history);
    }

    /// Looks at the plugins directory. What it finds counts from the next configuration that is applied.
    pub fn look(&self, how: Look) -> Looked {
        let looked = self.directory.look(how);
        if looked.changed {
            lock(&self.refused).clear();
            self.queue_offers();
        }
        looked
    }

    fn install(&self, snapshot: ActiveSet) -> Arc<ActiveSet> {
        self.runtime.limit(snapshot.config.budgets);
        let snapshot = Arc::new(snapshot);
        let old = self.current.swap(Arc::clone(&snapshot));
        let now_us = self.runtime.shared().ambient.monotonic_us();
        for instance in old.instances() {
            if !snapshot.instances().any(|running| Arc::ptr_eq(running, instance)) {
                self.drains.begin(instance, now_us);
            }
        }
        self.remember(&old, &snapshot);
        self.let_go(&snapshot);
        self.runtime.shared().alarms.notify.notify_one();
        snapshot
    }

    fn build(&self, resolved: Resolved) -> (ActiveSet, Vec<Problem>) {
        let Resolved { config, provenance, warnings } = resolved;
        let mut problems = Vec::new();
        let mut standings = Standings::default();
        let old = self.current();
        let dropped = self.directory.dropped();
        let nothing = Value::Object(serde_json::Map::new());
        let mut all = parts(&config);
        let implied = self.implied(&config, &dropped, &mut standings);
        all.extend(implied.iter().map(|id| ConfiguredPart::implied(id, &nothing)));

        let mut made: Vec<Option<Result<Arc<Instance>, LoadError>>> = all.iter().map(|_| None).collect();
        for (at, part) in all.iter().enumerate() {
            if all.iter().take(at).any(|earlier| earlier.component == part.component) {
                continue;
            }
            let own: Vec<(usize, &ConfiguredPart<'_>)> =
                all.iter().enumerate().filter(|(_, other)| other.component == part.component).collect();
            for (at, result) in self.make(part.component, &own, &config, &old, &mut standings) {
                if let Some(place) = made.get_mut(at) {
                    *place = Some(result);
                }
            }
        }

        let mut snapshot = ActiveSet { warnings, ..ActiveSet::default() };
        for (part, made) in all.iter().zip(made) {
            match made {
                // It is switched off.
                None => {}
                Some(Ok(instance)) => match part.plays {
                    Plays::Provider => snapshot.providers.push(instance),
                    Plays::Classifier => snapshot.classifier = Some(instance),
                    Plays::Policy => snapshot.policy = Some(instance),
                    Plays::Bridge | Plays::Hook => {}
                },
                Some(Err(error)) => {
                    let (standing, reason) = fate(part, &error);
                    if matches!(error, LoadError::Checking) {
                        snapshot.checked.push(part.path.clone());
                        // Who orders and labels now goes on until the other one is ready.
                        match part.plays {
                            Plays::Provider => {
                                snapshot.awaited.push(part.name.to_owned());
                                snapshot.awaited.extend(part.aliases.iter().cloned());
                            }
                            Plays::Classifier => snapshot.classifier.clone_from(&old.classifier),
                            Plays::Policy => snapshot.policy.clone_from(&old.policy),
                            Plays::Bridge | Plays::Hook => {}
                        }
                    } else if !part.implied {
                        problems.push(Problem {
                            path: part.path.clone(),
                            place: provenance_of(&provenance, &part.path),
                            message: format!("component `{}`: {reason}", part.component),
                            hint: Some(
                                "`brains plugin list` shows every component and why one is not live".into(),
                            ),
                        });
                    }
                    standings.failures.insert(part.component.to_owned(), (standing, reason));
                }
            }
        }
        snapshot.components = self.records(&config, &snapshot, &dropped, &standings);
        snapshot.notes = standings.notes;
        snapshot.rejected.clone_from(&problems);
        snapshot.config = config;
        snapshot.provenance = Arc::new(provenance);
        (snapshot, problems)
    }

    /// The running instance when nothing about it changed, else another one.
    fn instance(
        &self,
        part: &ConfiguredPart<'_>,
        component: &Arc<Component>,
        config: &Config,
        old: &ActiveSet,
    ) -> Result<Arc<Instance>, LoadError> {
        if component.manifest().plays != part.plays {
            return Err(LoadError::NoPart { plays: part.plays.name() });
        }
        let mut grants = named_origins(component.schema(), part.config);
        grants.extend(part.allow.iter().map(|url| GrantedOrigin { url: url.clone(), operator: true }));
        let missing: Vec<String> = component
            .manifest()
            .asks
            .http
            .iter()
            .filter(|asked| !grants.iter().any(|grant| grant.includes(asked)))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(LoadError::Pending(missing));
        }
        let wanted = operators(part.component, config);
        self.approved(component, config)?;
        let spec = InstanceSpec {
            name: part.name.to_owned(),
            aliases: part.aliases.to_vec(),
            config: part.config.clone(),
            secrets: part.secrets.clone(),
            grants,
            timeout_ms: part.timeout_ms,
            limits: crate::CallLimits::of(part.plays, component.manifest().limits, wanted),
        };
        let before = old.instances().find(|running| running.name() == spec.name);
        match before {
            Some(running) if Arc::ptr_eq(running.component(), component) && running.spec().same(&spec) => {
                Ok(Arc::clone(running))
            }
            _ => self.runtime.instantiate(Arc::clone(component), spec).map(Arc::new),
        }
    }

    /// Whether its limits are the usual ones, or were approved: with the program, by a pin, by the operator's own limits,
    /// or because it served before.
    fn approved(&self, component: &Component, config: &Config) -> Result<(), LoadError> {
        let (id, digest, manifest) = (component.id(), component.digest(), component.manifest());
        let more = manifest.limits_beyond(None, operators(id, config));
        let pinned = config.components.get(id).is_some_and(|entry| entry.digest.as_deref() == Some(digest));
        if more.is_empty() || pinned || self.is_bundled_content(id, digest) {
            return Ok(());
        }
        let served = self.history().of(id).is_some_and(|entry| {
            entry.live.as_deref() == Some(digest) || entry.past.iter().any(|past| past == digest)
        });
        if served { Ok(()) } else { Err(LoadError::Limits { more, approval: approval(id, &manifest.asks) }) }
    }

    /// The settings schema of a component that is loaded.
    pub fn schema(&self, id: &str) -> Option<Value> {
        let current = self.current();
        let running = current.instances().find(|instance| instance.component_id() == id);
        running.map(|instance| instance.component().schema().clone()).or_else(|| {
            let component = self.first_choice(id, &current.config).ok()?;
            Some(component.schema().clone())
        })
    }

    /// The newest lines that a component or an instance wrote, oldest first.
    pub fn lines(&self, name: &str, limit: usize) -> Vec<ComponentLogLine> {
        self.runtime.shared().guest_logs.lines(name, limit)
    }

    /// Waits for what runs beside the requests.
    pub async fn close(&self) {
        self.runtime.close().await;
    }

    fn history(&self) -> MutexGuard<'_, VersionHistory> {
        lock(&self.history)
    }

    fn checking(&self) -> BTreeMap<String, String> {
        lock(&self.checking).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock_unpoisoned()
}

/// Where a part's component stands that could not be made an instance, and what there is to do.
fn fate(part: &ConfiguredPart<'_>, error: &LoadError) -> (ComponentStanding, String) {
    let reason = chain(error);
    match error {
        LoadError::Pending(_) | LoadError::Limits { .. } => (ComponentStanding::Pending, reason),
        LoadError::Checking => (ComponentStanding::Checking, reason),
        LoadError::Settings { .. } if part.implied => {
            let hint = format!(
                "{reason}; `brains plugin enable {} --settings '{{…}}'` gives it some",
                part.component
            );
            (ComponentStanding::Pending, hint)
        }
        _ => (ComponentStanding::Rejected, reason),
    }
}

fn provenance_of(provenance: &Provenance, path: &str) -> Place {
    let nearest = provenance.iter().find(|(known, _)| known.starts_with(path));
    nearest.map_or_else(|| Place { layer: Layer::Default, source: None }, |(_, place)| place.clone())
}

/// An error with its causes, on one line, without what looks like a secret: a component has a word in it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    redact(&text).into_owned()
}
