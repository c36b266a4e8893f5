//! The runtime: loads components and makes instances of them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use brains_core::config::Budgets;
use brains_core::config::manifest::{Manifest, Plays};
use brains_core::sync::Unpoisoned as _;
use brains_core::{Ambient, OriginPattern, Secret};
use serde::Serialize;
use serde_json::Value;

use crate::allowances::{Allowances, Standings};
use crate::bounds;
use crate::code_cache::CodeCache;
use crate::context::{ConfiguredInstance, InstanceContext, InstanceIdentity};
use crate::engine::{ComponentEngine, PoolProfile};
use crate::factor::{HostServices, RetainedState};
use crate::fault::StartError;
use crate::grant::GrantedOrigin;
use crate::guest_log::GuestLogs;
use crate::instance::{Instance, InstanceSpec};
use crate::limits::CallLimits;
use crate::load::compilation::{Compilation, CompileOrder};
use crate::load::compiler::{Pace, Program, Reach};
use crate::load::inspect::admit;
use crate::load::{self, Bytes, Component, LoadError, digest};
use crate::watchdog::Alarms;
use crate::workers::Workers;

/// How the runtime is set up.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Where compiled code is kept; none compiles at every start.
    pub cache: Option<PathBuf>,
    pub profile: PoolProfile,
    /// What compiles.
    pub compiler: Program,
    pub ambient: Arc<dyn Ambient>,
}

/// What the runtime did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Components compiled since the start; none when their code was there.
    pub compiled: u64,
    pub cache_hits: u64,
    pub calls: u64,
    /// Exchanges under way.
    pub exchanges: u64,
    /// Versions of instances in memory: those that serve, and those that exchanges still run on.
    pub instances: u64,
}

#[derive(Debug, Default)]
pub(crate) struct RuntimeCounters {
    compiled: AtomicU64,
    loaded: AtomicU64,
    calls: AtomicU64,
    exchanges: AtomicU64,
    instances: AtomicU64,
}

impl RuntimeCounters {
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
pub(crate) struct RuntimeShared {
    pub(crate) engine: ComponentEngine,
    pub(crate) compilation: Compilation,
    pub(crate) allowances: Arc<Allowances>,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) counters: RuntimeCounters,
    pub(crate) workers: Workers,
    pub(crate) alarms: Alarms,
    pub(crate) memory: InstanceMemory,
}

/// What stays with an instance from version to version.
#[derive(Debug, Default)]
pub(crate) struct InstanceMemory {
    pub(crate) guest_logs: GuestLogs,
    retained: Mutex<HashMap<Keeper, Weak<RetainedState>>>,
}

/// Who keeps something: an instance of one component in one part, whatever its version and settings.
type Keeper = (Plays, String, String);

/// Loads and runs components.
pub struct Runtime {
    shared: Arc<RuntimeShared>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Runtime {
    pub fn start(options: RuntimeOptions) -> Result<Self, StartError> {
        let code_cache = CodeCache::open(options.cache.as_deref())?;
        let shared = RuntimeShared {
            engine: ComponentEngine::start(options.profile, code_cache.cache())?,
            compilation: Compilation::new(code_cache, options.compiler),
            allowances: Arc::default(),
            ambient: options.ambient,
            counters: RuntimeCounters::default(),
            workers: Workers::start(),
            alarms: Alarms::default(),
            memory: InstanceMemory::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Checks, compiles and asks a component who it is. Blocks for as long as that takes.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever loads a component has made its manifest for that"
    )]
    pub fn load(&self, id: &str, bytes: &[u8], manifest: Manifest) -> Result<Component, LoadError> {
        self.load_wanted(id, bytes, &manifest, &AtomicBool::new(true))
    }

    /// As [`Runtime::load`], for as long as it is `wanted`.
    pub(crate) fn load_wanted(
        &self,
        id: &str,
        bytes: &[u8],
        manifest: &Manifest,
        wanted: &AtomicBool,
    ) -> Result<Component, LoadError> {
        let (digest, bytes) = (digest(bytes), Bytes::Read(bytes.into()));
        let ready = || self.load_ready(id, &digest, &bytes, manifest.clone());
        let loaded = ready();
        if !matches!(loaded, Err(LoadError::Checking)) {
            return loaded;
        }
        let _place = self.shared.compilation.place()?;
        for pace in [Pace::Quick, Pace::Long] {
            match self.compile(&digest, &bytes, manifest.plays, pace, wanted) {
                Err(LoadError::Checking) => {}
                compiled => {
                    compiled?;
                    break;
                }
            }
        }
        ready()
    }

    /// As [`Runtime::load`], of what is compiled already; else it is [`LoadError::Checking`], or refused as it was before.
    pub(crate) fn load_ready(
        &self,
        id: &str,
        digest: &str,
        bytes: &Bytes,
        manifest: Manifest,
    ) -> Result<Component, LoadError> {
        let part = manifest.plays;
        match self.shared.load(id, digest, bytes.clone(), manifest) {
            Err(LoadError::Checking) => {
                load::plays(admit(bytes)?.exports, part)?;
                let reach = self.shared.allowances.reach();
                Err(self.shared.compilation.failure(digest, reach).unwrap_or(LoadError::Checking))
            }
            loaded => loaded,
        }
    }

    /// Whether the code of a component is there, for this program on this machine.
    pub(crate) fn is_compiled(&self, bytes: &[u8]) -> bool {
        CodeCache::find(&self.shared.engine.pool, bytes).is_some()
    }

    /// Compiles a version's code, when that was not done yet. What takes longer than its pace allows is [`LoadError::Checking`].
    pub(crate) fn compile(
        &self,
        digest: &str,
        bytes: &[u8],
        part: Plays,
        pace: Pace,
        wanted: &AtomicBool,
    ) -> Result<(), LoadError> {
        let shared = &self.shared;
        // What came with the program is not measured by what others may take.
        let reach = if pace == Pace::Bundled { Reach::default() } else { shared.allowances.reach() };
        let order = CompileOrder { digest, bytes, part, pace, reach, ambient: &*shared.ambient, wanted };
        if shared.compilation.compile(&shared.engine, order)? {
            shared.counters.compiled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How far components may go together, and compiling one of them.
    pub(crate) fn limit(&self, budgets: Budgets) {
        self.shared.allowances.limit(budgets);
    }

    /// How the budgets of components stand.
    pub fn standings(&self) -> Standings {
        self.shared.allowances.standings()
    }

    /// Ends what is being compiled; nothing is compiled from here on.
    pub fn stop(&self) {
        self.shared.compilation.stop();
    }

    /// Makes a component an instance, once its settings are what it wants. What another version of the instance keeps
    /// stays with it.
    pub fn instantiate(&self, component: Arc<Component>, spec: InstanceSpec) -> Result<Instance, LoadError> {
        self.shared.instantiate(component, spec)
    }

    pub(crate) fn shared(&self) -> &RuntimeShared {
        &self.shared
    }

    /// Waits for calls that run on worker threads.
    pub async fn close(&self) {
        self.shared.workers.close().await;
    }

    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        let (loaded, compiled) =
            (counters.loaded.load(Ordering::Relaxed), counters.compiled.load(Ordering::Relaxed));
        Stats {
            compiled,
            // Each that was compiled was loaded once from where it was put.
            cache_hits: loaded.saturating_sub(compiled),
            calls: counters.calls.load(Ordering::Relaxed),
            exchanges: counters.exchanges.load(Ordering::Relaxed),
            instances: counters.instances.load(Ordering::Relaxed),
        }
    }
}

impl RuntimeShared {
    fn load(&self, id: &str, digest: &str, bytes: Bytes, manifest: Manifest) -> Result<Component, LoadError> {
        let mut component = load::link(&self.engine.pool, id, digest, bytes, manifest)?;
        self.counters.loaded.fetch_add(1, Ordering::Relaxed);
        let ticker = &self.engine.ticker;
        let retained = Arc::default();
        let context = self.context(&component, id, "{}", &BTreeMap::new(), CallLimits::PROBE, &retained);
        let mut guest = self.guest_for_loading(&component, &context)?;
        let said =
            guest.call("meta.describe", ticker, 0, |store, exports, _| match exports.meta(store)? {
                Some(meta) => meta.call_describe(store).map(Some),
                None => Ok(None),
            })?;
        let schema = guest.call(SCHEMA, ticker, 0, |store, exports, _| match exports.meta(store)? {
            Some(meta) => meta.call_config_schema(store).map(Some),
            None => Ok(None),
        })?;
        if let (Some(info), Some(schema)) = (said, schema) {
            bounds::introduction(&info.version, &schema).map_err(|what| context.unusable(SCHEMA, &what))?;
            component.introduction.version = info.version;
            component.introduction.schema = serde_json::from_str(&schema)
                .map_err(|error| LoadError::Schema { reason: error.to_string() })?;
        }
        if component.introduction.schema.is_null() {
            component.introduction.schema = Value::Bool(true);
        }
        sound(&component.introduction.schema)?;
        Ok(component)
    }

    fn instantiate(
        self: &Arc<Self>,
        component: Arc<Component>,
        spec: InstanceSpec,
    ) -> Result<Instance, LoadError> {
        check(&component.introduction.schema, &spec.config)?;
        check_grants(&spec)?;
        let read = masked(&component.introduction.schema, &spec)?.to_string();
        let retained = self.retained(&component, &spec.name);
        let context = self.context(&component, &spec.name, &read, &spec.secrets, spec.limits, &retained);
        let mut guest = self.guest_for_loading(&component, &context)?;
        let ticker = &self.engine.ticker;
        let said =
            guest.call("meta.validate-config", ticker, read.len(), |store, exports, _| {
                match exports.meta(store)? {
                    Some(meta) => meta.call_validate_config(store, &read),
                    None => Ok(Ok(())),
                }
            })?;
        drop(guest);
        if let Err(mut problems) = said {
            context.redaction.cover_all(&mut problems);
            return Err(LoadError::Settings { path: String::new(), message: bounds::problems(problems) });
        }
        Ok(Instance::new(component, spec, context, Arc::clone(self))?)
    }

    /// What guests of an instance of this name share.
    fn context(
        &self,
        component: &Component,
        name: &str,
        config: &str,
        secrets: &BTreeMap<String, Secret>,
        limits: CallLimits,
        retained: &Arc<RetainedState>,
    ) -> Arc<InstanceContext> {
        let identity = InstanceIdentity { component: component.id.clone(), instance: name.to_owned() };
        let asks = &component.manifest.asks;
        let services = HostServices {
            ambient: Arc::clone(&self.ambient),
            allowances: Arc::clone(&self.allowances),
            guest_log: self.memory.guest_logs.of(name),
        };
        let configured = ConfiguredInstance { identity, config, secrets, asks, limits };
        Arc::new(InstanceContext::new(configured, retained, &services))
    }

    /// What another version of the instance keeps, while that lives; else a fresh start.
    fn retained(&self, component: &Component, name: &str) -> Arc<RetainedState> {
        let keeper = (component.manifest.plays, name.to_owned(), component.id.clone());
        let mut known = self.memory.retained.lock_unpoisoned();
        if let Some(retained) = known.get(&keeper).and_then(Weak::upgrade) {
            return retained;
        }
        known.retain(|_, retained| retained.strong_count() > 0);
        let retained = Arc::default();
        known.insert(keeper, Arc::downgrade(&retained));
        retained
    }
}

const SCHEMA: &str = "meta.config-schema";

/// Whether it is a schema that the host can hold settings to.
pub(crate) fn sound(schema: &Value) -> Result<(), LoadError> {
    secrets_on_top(schema)?;
    match jsonschema::validator_for(schema) {
        Ok(_) => Ok(()),
        Err(error) => Err(LoadError::Schema { reason: error.to_string() }),
    }
}

/// Secrets stand at the top of the settings: only there are they known by name and kept from the component.
fn secrets_on_top(schema: &Value) -> Result<(), LoadError> {
    fn holds(schema: &Value, top: bool) -> bool {
        match schema {
            Value::Object(members) => members.iter().any(|(name, member)| match member {
                Value::String(format) => name == "format" && format == "secret",
                Value::Object(fields) if top && name == "properties" => fields.values().any(|field| {
                    let Some(field) = field.as_object() else { return false };
                    field.iter().any(|(name, member)| name != "format" && holds(member, false))
                }),
                _ => holds(member, false),
            }),
            Value::Array(items) => items.iter().any(|item| holds(item, false)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    if !holds(schema, true) {
        return Ok(());
    }
    Err(LoadError::Schema {
        reason: "a field of format `secret` stands below another one; secrets stand at the top".into(),
    })
}

/// What the operator wrote must be an origin: one that is none would grant nothing, in silence.
fn check_grants(spec: &InstanceSpec) -> Result<(), LoadError> {
    let written = spec.grants.iter().filter(|grant| grant.operator && !grant.url.is_empty());
    written
        .map(|grant| OriginPattern::parse(&grant.url))
        .find_map(Result::err)
        .map_or(Ok(()), |error| Err(LoadError::Settings { path: String::new(), message: error.to_string() }))
}

pub(crate) fn check(schema: &Value, config: &Value) -> Result<(), LoadError> {
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
/// stands in the schema as a default leads to the public internet only. A default may name other settings in braces, which are
/// one label of a host's name each.
pub(crate) fn named_origins(schema: &Value, config: &Value) -> Vec<GrantedOrigin> {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let said = |name: &str| {
        let default = || fields.get(name)?.get("default")?.as_str();
        config.get(name).and_then(Value::as_str).or_else(default)
    };
    fields
        .iter()
        .filter(|(_, field)| field.get("format").and_then(Value::as_str) == Some("uri"))
        .filter_map(|(name, field)| {
            let written = config.get(name).and_then(Value::as_str);
            let url = match written {
                Some(url) => Some(url.to_owned()),
                None => filled(field.get("default")?.as_str()?, said),
            };
            Some(GrantedOrigin { url: url?, operator: written.is_some() })
        })
        .collect()
}

/// The address with the settings that it names; none when one of them would be more than a label.
fn filled<'a>(address: &str, said: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut out = String::with_capacity(address.len());
    let mut rest = address;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}')?;
        let label = said(name)?;
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if label.is_empty() || !label.bytes().all(is_label) {
            return None;
        }
        out.push_str(before);
        out.push_str(label);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}
