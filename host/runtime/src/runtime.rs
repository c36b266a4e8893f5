//! The runtime: loads components and makes instances of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::config::manifest::Manifest;
use brains_core::{Ambient, Secret};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::builder::Builder;
use crate::cell::Cell;
use crate::engine::{Engine, Profile};
use crate::fault::StartError;
use crate::grant::{Grants, Origin};
use crate::guest::Settings;
use crate::imports::{Kv, LogGate};
use crate::instance::{Instance, InstanceSpec};
use crate::journal::Journals;
use crate::limits::Limits;
use crate::load::{self, Component, LoadError};
use crate::watchdog::Alarms;

/// How the runtime is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where compiled code is kept; none compiles at every start.
    pub cache: Option<PathBuf>,
    pub profile: Profile,
    pub ambient: Arc<dyn Ambient>,
}

/// What the runtime did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Components compiled since the start; none when the cache had them all.
    pub compiled: u64,
    pub cache_hits: u64,
    pub calls: u64,
    /// Exchanges under way.
    pub exchanges: u64,
    /// Versions of instances in memory: those that serve, and those that exchanges still run on.
    pub instances: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    loads: AtomicU64,
    calls: AtomicU64,
    exchanges: AtomicU64,
    instances: AtomicU64,
}

impl Counters {
    pub(crate) fn made(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unmade(&self) {
        self.instances.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.exchanges.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What every instance needs of the runtime.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) counters: Counters,
    /// Calls that may run on worker threads at once.
    pub(crate) workers: Arc<Semaphore>,
    /// Calls that wait for one of them or run on it.
    queued: AtomicU64,
    /// Those that run there; waited for at the end.
    pub(crate) tasks: TaskTracker,
    pub(crate) alarms: Alarms,
    pub(crate) journals: Journals,
}

/// Calls that may wait for a worker thread; more are refused.
const QUEUE: u64 = 256;

/// A place among the calls for the worker threads.
pub(crate) struct Place<'a>(&'a AtomicU64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn queue(&self) -> Option<Place<'_>> {
        let place = Place(&self.queued);
        (self.queued.fetch_add(1, Ordering::Relaxed) < QUEUE).then_some(place)
    }
}

/// Loads and runs components.
pub struct Runtime {
    shared: Arc<Shared>,
    builder: Builder,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Runtime {
    pub fn start(options: Options) -> Result<Self, StartError> {
        let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let shared = Shared {
            engine: Engine::start(options.profile, options.cache.as_deref())?,
            ambient: options.ambient,
            counters: Counters::default(),
            workers: Arc::new(Semaphore::new(workers)),
            queued: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            alarms: Alarms::default(),
            journals: Journals::default(),
        };
        Ok(Self { shared: Arc::new(shared), builder: Builder::start()? })
    }

    /// Checks, compiles and asks a component who it is. Blocks for as long as that takes.
    pub fn load(&self, id: &str, bytes: &[u8], manifest: Manifest) -> Result<Component, LoadError> {
        self.shared.load(id, bytes, manifest)
    }

    /// As [`Runtime::load`], on the thread that stays behind everything that answers requests.
    pub(crate) fn load_aside(
        &self,
        id: &str,
        bytes: Vec<u8>,
        manifest: Manifest,
    ) -> Result<Component, LoadError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.builder.run(move || shared.load(&id, &bytes, manifest))
    }

    /// Makes a component an instance, once its settings are what it wants.
    pub fn instantiate(&self, component: Arc<Component>, spec: InstanceSpec) -> Result<Instance, LoadError> {
        self.shared.instantiate(component, spec, None)
    }

    /// As [`Runtime::instantiate`]; what `before` kept under the same name for the same component stays.
    pub(crate) fn succeed(
        &self,
        component: Arc<Component>,
        spec: InstanceSpec,
        before: Option<&Instance>,
    ) -> Result<Instance, LoadError> {
        let before = before.filter(|before| before.component_id() == component.id);
        self.shared.instantiate(component, spec, before.map(|before| Arc::clone(&before.settings().kv)))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits for calls that run on worker threads.
    pub async fn close(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        let loads = counters.loads.load(Ordering::Relaxed);
        let (compiled, cache_hits) = self.shared.engine.compilations().unwrap_or((loads, 0));
        Stats {
            compiled,
            cache_hits,
            calls: counters.calls.load(Ordering::Relaxed),
            exchanges: counters.exchanges.load(Ordering::Relaxed),
            instances: counters.instances.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn load(&self, id: &str, bytes: &[u8], manifest: Manifest) -> Result<Component, LoadError> {
        self.counters.loads.fetch_add(1, Ordering::Relaxed);
        let mut component = load::compile(&self.engine.pool, id, bytes, manifest)?;
        let settings = self.settings(&component, id, "{}".into(), BTreeMap::new(), Limits::PROBE, None);
        let mut cell = Cell::new(&component, &settings, &self.engine.ticker)?;
        let asked = cell.call(&self.engine.ticker, 0, |store, guests, _| match &guests.meta {
            Some(meta) => Ok(Some((meta.call_describe(&mut *store)?, meta.call_config_schema(&mut *store)?))),
            None => Ok(None),
        })?;
        if let Some((info, schema)) = asked {
            component.version = info.version;
            component.schema = serde_json::from_str(&schema)
                .map_err(|error| LoadError::Schema { reason: error.to_string() })?;
        }
        if component.schema.is_null() {
            component.schema = Value::Bool(true);
        }
        jsonschema::validator_for(&component.schema)
            .map_err(|error| LoadError::Schema { reason: error.to_string() })?;
        Ok(component)
    }

    fn instantiate(
        self: &Arc<Self>,
        component: Arc<Component>,
        spec: InstanceSpec,
        kv: Option<Arc<Kv>>,
    ) -> Result<Instance, LoadError> {
        check(&component.schema, &spec.config)?;
        let read = masked(&component.schema, &spec)?.to_string();
        let settings = self.settings(&component, &spec.name, read, spec.secrets.clone(), spec.limits, kv);
        let mut cell = Cell::new(&component, &settings, &self.engine.ticker)?;
        let read = &settings.config;
        let said = cell.call(&self.engine.ticker, read.len(), |store, guests, _| match &guests.meta {
            Some(meta) => meta.call_validate_config(store, read),
            None => Ok(Ok(())),
        })?;
        drop(cell);
        if let Err(problems) = said {
            return Err(LoadError::Settings { path: String::new(), message: problems.join("; ") });
        }
        Ok(Instance::new(component, spec, settings, Arc::clone(self))?)
    }

    fn settings(
        &self,
        component: &Component,
        name: &str,
        config: String,
        secrets: BTreeMap<String, Secret>,
        limits: Limits,
        kv: Option<Arc<Kv>>,
    ) -> Arc<Settings> {
        Arc::new(Settings {
            name: name.to_owned(),
            component: component.id.clone(),
            config,
            secrets,
            grants: Grants::of(&component.manifest.asks),
            limits,
            kv: kv.unwrap_or_default(),
            log: LogGate::default(),
            journal: self.journals.of(name),
            ambient: Arc::clone(&self.ambient),
        })
    }
}

fn check(schema: &Value, config: &Value) -> Result<(), LoadError> {
    let validator =
        jsonschema::validator_for(schema).map_err(|error| LoadError::Schema { reason: error.to_string() })?;
    match validator.iter_errors(config).next() {
        None => Ok(()),
        Some(error) => {
            let path = error.instance_path().to_string().replace('/', ".");
            Err(LoadError::Settings { path, message: error.masked().to_string() })
        }
    }
}

/// The settings as the component sees them: fields of format `secret` say only whether they are set.
fn masked(schema: &Value, spec: &InstanceSpec) -> Result<Value, LoadError> {
    let mut settings = spec.config.clone();
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return Ok(settings) };
    let Some(members) = settings.as_object_mut() else { return Ok(settings) };
    for (name, field) in fields {
        if field.get("format").and_then(Value::as_str) != Some("secret") {
            continue;
        }
        if members.contains_key(name) {
            let message = "it is a secret; write it under `secrets`, beside `config`".into();
            return Err(LoadError::Settings { path: format!(".{name}"), message });
        }
        let set = spec.secrets.get(name).is_some_and(|secret| !secret.is_empty());
        members.insert(name.clone(), Value::Bool(set));
    }
    Ok(settings)
}

/// Origins that the settings name: a base URL that the operator wrote grants exactly that origin; one that
/// stands in the schema as a default leads to the public internet only.
pub(crate) fn named_origins(schema: &Value, config: &Value) -> Vec<Origin> {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    fields
        .iter()
        .filter(|(_, field)| field.get("format").and_then(Value::as_str) == Some("uri"))
        .filter_map(|(name, field)| {
            let written = config.get(name).and_then(Value::as_str);
            let url = written.or_else(|| field.get("default").and_then(Value::as_str))?;
            Some(Origin { url: url.to_owned(), operator: written.is_some() })
        })
        .collect()
}
