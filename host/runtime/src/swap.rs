//! What serves right now: one snapshot of configuration and instances, replaced in one step. A request keeps
//! the snapshot that it began with; a change that does not hold together changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use brains_core::Secret;
use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::config::{Config, Layer, Limits as Wanted, Place, Problem, Provenance, Resolved};
use brains_core::plane::component::{ComponentRecord, ComponentStanding, ComponentState};
use serde_json::Value;

use crate::bundle::Bundled;
use crate::grant::Origin;
use crate::instance::{Instance, InstanceSpec};
use crate::limits::Limits;
use crate::load::{Component, LoadError, digest};
use crate::runtime::{Runtime, named_origins};

/// Configuration and instances that belong together.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub config: Arc<Config>,
    pub provenance: Arc<Provenance>,
    pub warnings: Vec<Problem>,
    pub classifier: Option<Arc<Instance>>,
    pub policy: Option<Arc<Instance>>,
    /// In configured order.
    providers: Vec<Arc<Instance>>,
    /// Every component that is bundled or named, with why it is not live.
    pub components: Vec<ComponentRecord>,
    /// Parts that are not live although the configuration names them.
    rejected: Vec<Problem>,
}

impl Snapshot {
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

    fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.providers.iter().chain(&self.classifier).chain(&self.policy)
    }
}

/// The snapshot in force, and what it takes to make the next one.
#[derive(Debug)]
pub struct Live {
    runtime: Arc<Runtime>,
    bundled: &'static [Bundled],
    /// Where component files named in the configuration lie.
    plugins: PathBuf,
    current: ArcSwap<Snapshot>,
    /// One change at a time; holds why the newest one is not in force.
    applying: Mutex<Vec<Problem>>,
    loaded: Mutex<HashMap<String, Arc<Component>>>,
}

/// How a part is written in the configuration.
struct Part<'a> {
    path: String,
    name: &'a str,
    component: &'a str,
    plays: Plays,
    config: &'a Value,
    secrets: BTreeMap<String, Secret>,
    allow: &'a [String],
    timeout_ms: u64,
    aliases: &'a [String],
}

impl Live {
    pub fn new(runtime: Arc<Runtime>, bundled: &'static [Bundled], plugins: PathBuf) -> Self {
        Self {
            runtime,
            bundled,
            plugins,
            current: ArcSwap::default(),
            applying: Mutex::default(),
            loaded: Mutex::default(),
        }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Why the newest configuration is not in force; empty when it is.
    pub fn problems(&self) -> Vec<Problem> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a configuration that could not even be read.
    pub fn refused(&self, problems: Vec<Problem>) {
        *self.applying.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }

    /// The first configuration: a component that cannot be used is reported, the rest serves. Compiles what
    /// the cache does not have, so call it where blocking is fine.
    pub fn start(&self, resolved: Resolved) -> Arc<Snapshot> {
        let (snapshot, problems) = self.build(resolved);
        for problem in &problems {
            tracing::warn!(path = problem.path, "{}", problem.message);
        }
        self.install(snapshot)
    }

    /// A later configuration: all of it, or nothing. A part that was rejected before, for the same reason, stays
    /// rejected and keeps no other change from counting.
    pub fn apply(&self, resolved: Resolved) -> Result<Arc<Snapshot>, Vec<Problem>> {
        let mut refused = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let (snapshot, problems) = self.build(resolved);
        let known = &self.current().rejected;
        let fresh: Vec<Problem> = problems
            .into_iter()
            .filter(|problem| {
                !known.iter().any(|old| old.path == problem.path && old.message == problem.message)
            })
            .collect();
        if !fresh.is_empty() {
            refused.clone_from(&fresh);
            return Err(fresh);
        }
        refused.clear();
        Ok(self.install(snapshot))
    }

    fn install(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        self.current.store(Arc::clone(&snapshot));
        snapshot
    }

    fn build(&self, resolved: Resolved) -> (Snapshot, Vec<Problem>) {
        let Resolved { config, provenance, warnings } = resolved;
        let mut problems = Vec::new();
        let mut failures: HashMap<String, (ComponentStanding, String)> = HashMap::new();
        let old = self.current();
        let mut snapshot = Snapshot { warnings, ..Snapshot::default() };
        for part in parts(&config) {
            match self.instance(&part, &config, &old) {
                Ok(instance) => match part.plays {
                    Plays::Provider => snapshot.providers.push(instance),
                    Plays::Classifier => snapshot.classifier = Some(instance),
                    Plays::Policy => snapshot.policy = Some(instance),
                    Plays::Bridge | Plays::Hook => {}
                },
                Err(error) => {
                    let standing = if matches!(error, LoadError::Pending(_)) {
                        ComponentStanding::Pending
                    } else {
                        ComponentStanding::Rejected
                    };
                    failures.insert(part.component.to_owned(), (standing, chain(&error)));
                    problems.push(Problem {
                        path: part.path.clone(),
                        place: place(&provenance, &part.path),
                        message: format!("component `{}`: {}", part.component, chain(&error)),
                        hint: Some(
                            "`brains plugin list` shows every component and why one is not live".into(),
                        ),
                    });
                }
            }
        }
        snapshot.components = self.records(&config, &snapshot, &failures);
        snapshot.rejected.clone_from(&problems);
        snapshot.config = config;
        snapshot.provenance = Arc::new(provenance);
        (snapshot, problems)
    }

    /// The running instance when nothing about it changed, else another one.
    fn instance(&self, part: &Part<'_>, config: &Config, old: &Snapshot) -> Result<Arc<Instance>, LoadError> {
        let component = self.component(part.component, config)?;
        if component.manifest().plays != part.plays {
            return Err(LoadError::NoPart { plays: part.plays.name() });
        }
        let mut grants = named_origins(component.schema(), part.config);
        grants.extend(part.allow.iter().map(|url| Origin { url: url.clone(), operator: true }));
        let missing: Vec<String> = component
            .manifest()
            .asks
            .http
            .iter()
            .filter(|asked| !grants.iter().any(|grant| grant.url.starts_with(asked.as_str())))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(LoadError::Pending(missing));
        }
        let wanted: Wanted =
            config.components.get(part.component).map(|source| source.limits).unwrap_or_default();
        let spec = InstanceSpec {
            name: part.name.to_owned(),
            aliases: part.aliases.to_vec(),
            config: part.config.clone(),
            secrets: part.secrets.clone(),
            grants,
            timeout_ms: part.timeout_ms,
            limits: Limits::of(part.plays, component.manifest().limits, wanted),
        };
        let same = old.instances().find(|running| {
            running.name() == spec.name
                && Arc::ptr_eq(running.component(), &component)
                && running.spec().same(&spec)
        });
        match same {
            Some(running) => Ok(Arc::clone(running)),
            None => self.runtime.instantiate(component, spec).map(Arc::new),
        }
    }

    /// A component by id: the file that the configuration names, else the bundled one. Content that was loaded
    /// before is not loaded again.
    fn component(&self, id: &str, config: &Config) -> Result<Arc<Component>, LoadError> {
        let named = config.components.get(id);
        let bundled = self.bundled.iter().find(|bundled| bundled.id == id);
        let file;
        let (bytes, manifest) = match (named.and_then(|source| source.source.as_deref()), bundled) {
            (Some(source), _) => {
                let path = self.plugins.join(source);
                let text = fs_err::read_to_string(path.with_extension("yaml")).ok();
                file = read(&path)?;
                let manifest = text.map_or_else(|| Ok(guessed(id, config)), |text| manifest(&text))?;
                (file.as_slice(), manifest)
            }
            (None, Some(bundled)) => (bundled.wasm, manifest(bundled.manifest)?),
            (None, None) => return Err(LoadError::Unknown { id: id.to_owned() }),
        };
        let found = digest(bytes);
        if let Some(wanted) = named.and_then(|source| source.digest.as_deref())
            && wanted != found
        {
            return Err(LoadError::Digest { wanted: wanted.to_owned(), found });
        }
        let key = format!("{id} {found}");
        let known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(component) = known.filter(|component| *component.manifest() == manifest) {
            return Ok(component);
        }
        let component = Arc::new(self.runtime.load(id, bytes, manifest)?);
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&component));
        Ok(component)
    }

    fn records(
        &self,
        config: &Config,
        snapshot: &Snapshot,
        failures: &HashMap<String, (ComponentStanding, String)>,
    ) -> Vec<ComponentRecord> {
        let mut ids: Vec<&str> = self.bundled.iter().map(|bundled| bundled.id).collect();
        ids.extend(config.components.keys().map(String::as_str));
        ids.extend(failures.keys().map(String::as_str));
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| self.record(id, config, snapshot, failures.get(id))).collect()
    }

    fn record(
        &self,
        id: &str,
        config: &Config,
        snapshot: &Snapshot,
        failure: Option<&(ComponentStanding, String)>,
    ) -> ComponentRecord {
        let running: Vec<&Arc<Instance>> =
            snapshot.instances().filter(|instance| instance.component_id() == id).collect();
        let component = running.first().map(|instance| Arc::clone(instance.component()));
        let bundled = self.bundled.iter().find(|bundled| bundled.id == id);
        let source = config.components.get(id).and_then(|source| source.source.clone());
        let bytes = match &source {
            Some(source) => fs_err::read(self.plugins.join(source)).unwrap_or_default(),
            None => bundled.map(|bundled| bundled.wasm.to_vec()).unwrap_or_default(),
        };
        let manifest = component
            .as_ref()
            .map(|component| component.manifest().clone())
            .or_else(|| bundled.and_then(|bundled| manifest(bundled.manifest).ok()));
        let (state, reason) = match failure {
            Some((standing, reason)) if running.is_empty() => (*standing, Some(reason.clone())),
            _ if running.is_empty() => {
                (ComponentStanding::Off, Some("nothing in the configuration uses it".into()))
            }
            _ => (ComponentStanding::Live, None),
        };
        ComponentRecord {
            component: ComponentState {
                id: id.to_owned(),
                digest: component
                    .as_ref()
                    .map_or_else(|| digest(&bytes), |component| component.digest().to_owned()),
                version: component.as_ref().map(|component| component.version().to_owned()),
                plays: manifest.as_ref().map(|manifest| manifest.plays),
                state,
                reason,
            },
            source: source.unwrap_or_else(|| "bundle".into()),
            size_bytes: bytes.len() as u64,
            exports: component.map(|component| component.exports().names()).unwrap_or_default(),
            instances: running.iter().map(|instance| instance.name().to_owned()).collect(),
            flat_keys: manifest
                .and_then(|manifest| manifest.flat)
                .map(|flat| flat.keys.keys().cloned().collect())
                .unwrap_or_default(),
        }
    }

    /// The settings schema of a component that is loaded.
    pub fn schema(&self, id: &str) -> Option<Value> {
        let current = self.current();
        let running = current.instances().find(|instance| instance.component_id() == id);
        running
            .map(|instance| instance.component().schema().clone())
            .or_else(|| self.component(id, &current.config).ok().map(|component| component.schema().clone()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    fs_err::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

fn manifest(text: &str) -> Result<Manifest, LoadError> {
    Manifest::parse(text).map_err(|error| LoadError::Interface { reason: format!("its manifest: {error}") })
}

/// A file without a manifest asks for nothing and plays the part that the configuration gives it.
fn guessed(id: &str, config: &Config) -> Manifest {
    let of = |part: Option<&brains_core::config::Part>| part.is_some_and(|part| part.component == id);
    let plays = if of(config.classifier.as_ref()) {
        Plays::Classifier
    } else if of(config.policy.as_ref()) {
        Plays::Policy
    } else {
        Plays::Provider
    };
    Manifest {
        component: id.to_owned(),
        plays,
        summary: None,
        asks: Asks::default(),
        flat: None,
        limits: Wanted::default(),
    }
}

fn parts(config: &Config) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = config
        .providers
        .iter()
        .map(|(name, spec)| Part {
            path: format!("providers.{name}"),
            name,
            component: &spec.component,
            plays: Plays::Provider,
            config: &spec.config,
            secrets: spec.secrets.clone(),
            allow: &spec.allow.http,
            timeout_ms: milliseconds(spec.timeout_seconds),
            aliases: &spec.aliases,
        })
        .collect();
    for (path, plays, part) in
        [("classifier", Plays::Classifier, &config.classifier), ("policy", Plays::Policy, &config.policy)]
    {
        if let Some(part) = part {
            parts.push(Part {
                path: path.to_owned(),
                name: path,
                component: &part.component,
                plays,
                config: &part.config,
                secrets: BTreeMap::new(),
                allow: &[],
                timeout_ms: 0,
                aliases: &[],
            });
        }
    }
    parts
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive by schema; the cast saturates"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}

fn place(provenance: &Provenance, path: &str) -> Place {
    let nearest = provenance.iter().find(|(known, _)| known.starts_with(path));
    nearest.map_or_else(|| Place { layer: Layer::Default, source: None }, |(_, place)| place.clone())
}

/// An error with its causes, on one line.
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
    text
}
