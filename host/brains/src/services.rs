//! The program put together: configuration, store, runtime, gateway and operations, for a service as for a
//! command that works on the store directly.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use brains_control::{ControlPlane, Ports, component_advice};
use brains_core::config::{Config, KeptResponses, Problem, Resolved};
use brains_core::{Ambient, Fault, Millis, redact};
use brains_egress::Egress;
use brains_files::Gate;
use brains_gateway::{Gateway, GatewayParts};
use brains_http::KeyRing;
use brains_runtime::{
    ComponentPlaces, ComponentRegistry, Look, PoolProfile, Program, Runtime, RuntimeOptions, bundle,
};
use brains_store::{
    DatabaseClock, ResponseOptions, ResponseRetention, Retention, Store, StoreError, StoreOptions,
    TraceOptions,
};

use crate::admin_key::AdminKeyFile;
use crate::audit_key;
use crate::home::{self, Home};
use crate::keys;
use crate::ports::{
    InForce, KeyFiles, KeyRingCallers, LiveVersions, LocalProcesses, Prices, Routes, ServiceInfo, Trees,
    Versions, blocking,
};
use crate::shell::Shell;
use crate::sources::{Sources, unsound};
use crate::watch::FileEvents;

/// Everything, open.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) live: Arc<ComponentRegistry>,
    pub(crate) store: Store,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) settings: InForce,
    pub(crate) info: Arc<ServiceInfo>,
    pub(crate) admin_key: Arc<AdminKeyFile>,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) file_events: Arc<FileEvents>,
}

impl Services {
    /// Resolves the configuration, opens the database, loads the components. `since` is set by a service.
    pub(crate) async fn open(
        home: &Home,
        shell: &Shell,
        sources: Sources,
        since: Option<Millis>,
    ) -> Result<Self, anyhow::Error> {
        let gate = &shell.files;
        let resolved = sources.resolve().map_err(|problems| unsound(&problems))?;
        let config = Arc::clone(&resolved.config);
        redact::also_sensitive(&config.redaction_sensitive_key_parts);
        let clock = Arc::new(DatabaseClock::new(Arc::clone(&shell.ambient)));
        let store = open_store(home, &config, Arc::clone(&clock), gate).await?;
        // Leases are promises to whoever shares the database, so the time of everything here is its.
        let ambient: Arc<dyn Ambient> = clock;

        let runtime = start_runtime(compiled(home), Arc::clone(&ambient))?;
        let live = Arc::new(registry(runtime, home, gate));
        let read = Arc::new(Mutex::new(Some(sources.fingerprint())));
        let starting = Arc::clone(&live);
        // Whoever ends the start does not wait for what it compiles.
        let ended = Ended(Some(Arc::clone(&live)));
        drop(blocking(move || starting.start(resolved, compiling)).await?);
        ended.not();

        let egress =
            Egress::new(brains_egress::EgressOptions { names: shell.names.clone(), ..Default::default() })
                .map_err(|error| {
                    Fault::internal(format!("the client for providers could not be set up: {error}"))
                })?;
        let gateway = Arc::new(Gateway::new(GatewayParts {
            live: Arc::clone(&live),
            egress: Arc::new(egress),
            traces: store.traces(),
            ledger: store.ledger(),
            spending: store.spending_book(),
            responses: store.responses(),
            places: store.shared_places(),
            vault: home.vault(),
            files: gate.clone(),
            ambient: Arc::clone(&ambient),
        }));
        let settings = InForce {
            live: Arc::clone(&live),
            sources: Arc::new(sources),
            traces: store.traces(),
            responses: store.responses(),
            read,
            gate: gate.clone(),
            names: shell.names.clone(),
            ambient: Arc::clone(&shell.ambient),
            since: Arc::new(Mutex::new(shell.ambient.now())),
        };
        settings.keep_to(&config.budgets);
        let admin_key = Arc::new(AdminKeyFile::new(home.admin_key(), gate.clone()));
        let info = Arc::new(ServiceInfo::new(since));
        let file_events = Arc::new(FileEvents::new(
            settings.clone(),
            Arc::clone(&live),
            Arc::clone(&admin_key),
            home.plugins(),
        ));
        let ports = Ports {
            routing: Arc::new(Routes { gateway: Arc::clone(&gateway) }),
            prices: Arc::new(Prices { gateway: Arc::clone(&gateway) }),
            settings: Arc::new(settings.clone()),
            files: Arc::new(KeyFiles {
                home: home.clone(),
                live: Arc::clone(&live),
                admin: Arc::clone(&admin_key),
                gate: gate.clone(),
            }),
            directories: Arc::new(Trees::beside(gate.clone(), home.dir())),
            processes: Arc::new(LocalProcesses::new()),
            service: info.clone(),
            components: Arc::new(Versions { live: Arc::clone(&live) }),
            file_events: file_events.clone(),
            version_events: Arc::new(LiveVersions(Arc::clone(&live))),
            callers: Arc::new(KeyRingCallers {
                ring: keys::ring(
                    Arc::clone(&live),
                    Arc::clone(&admin_key),
                    store.clone(),
                    Arc::clone(&ambient),
                ),
            }),
        };
        let control = Arc::new(ControlPlane::new(store.clone(), ports, Arc::clone(&ambient)));
        Ok(Self { live, store, gateway, control, settings, info, admin_key, ambient, file_events })
    }

    /// The keys that a listener accepts.
    pub(crate) fn key_ring(&self) -> KeyRing {
        keys::ring(
            Arc::clone(&self.live),
            Arc::clone(&self.admin_key),
            self.store.clone(),
            Arc::clone(&self.ambient),
        )
    }

    /// Writes what waits, then lets go of the database.
    pub(crate) async fn close(self) {
        self.control.close().await;
        self.live.close().await;
        self.store.close().await;
    }
}

/// Says on stderr what a person waits for.
fn compiling(count: usize) {
    let what = if count == 1 { "component" } else { "components" };
    let line = format!("compiling {count} {what}, once for this version of Brains: a minute or two");
    drop(writeln!(anstream::stderr().lock(), "{line}"));
}

/// Stops the compiler when it is dropped.
struct Ended(Option<Arc<ComponentRegistry>>);

impl Ended {
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(live) = &self.0 {
            live.runtime().stop();
        }
    }
}

/// The URL of the configuration, else the file in the state directory.
pub(crate) fn database_url(home: &Home, config: &Config) -> String {
    config.db_url.clone().unwrap_or_else(|| format!("sqlite://{}", home.database().display()))
}

/// Opens the database that the configuration names, or says what is in the way.
pub(crate) async fn open_store(
    home: &Home,
    config: &Config,
    clock: Arc<DatabaseClock>,
    gate: &Gate,
) -> Result<Store, anyhow::Error> {
    if config.db_url.is_none() {
        home.ensure()?;
    }
    let traces = TraceOptions {
        queue: usize::try_from(config.traces.queue).unwrap_or(usize::MAX),
        retention: retention(config),
    };
    let sealing = audit_key::ensure(home, &*clock, gate)?;
    let responses =
        ResponseOptions { queue: config.responses.queue as usize, retention: response_retention(config) };
    let options = StoreOptions { traces, responses, ..StoreOptions::shared(clock, sealing) };
    Store::open(&database_url(home, config), options).await.map_err(unopened)
}

/// How many traces are kept.
pub(crate) fn retention(config: &Config) -> Retention {
    let bound = |limit: u64| (limit > 0).then_some(limit);
    Retention { rows: bound(config.traces.retention_rows), days: bound(config.traces.retention_days.into()) }
}

/// How long answers are kept that clients go on from.
pub(crate) fn response_retention(config: &Config) -> ResponseRetention {
    let KeptResponses { retention_days, retention_bytes, .. } = config.responses;
    let bound = |limit: u64| (limit > 0).then_some(limit);
    ResponseRetention { days: bound(retention_days.into()), bytes: bound(retention_bytes) }
}

/// The place stands above the cause, the exit code comes from the cause.
fn unopened(error: StoreError) -> anyhow::Error {
    let text = error.to_string();
    match error {
        StoreError::Open { source, .. } => {
            let cause = source.to_string();
            let fault = Fault::from(*source);
            anyhow::Error::new(Fault { message: cause, ..fault }).context(text)
        }
        other => Fault::from(other).into(),
    }
}

fn registry(runtime: Runtime, home: &Home, gate: &Gate) -> ComponentRegistry {
    let places = ComponentPlaces {
        bundled: bundle::components(),
        plugins: home.plugins(),
        components: &home.components(),
        gate,
    };
    ComponentRegistry::new(Arc::new(runtime), places, component_advice)
}

/// What a start would refuse of the components that a configuration names, and of their settings. Nothing becomes live and
/// nothing is compiled: `cache` holds the code that is there already.
pub(crate) fn component_problems(
    home: &Home,
    gate: &Gate,
    ambient: Arc<dyn Ambient>,
    cache: Option<PathBuf>,
    resolved: Resolved,
) -> Result<Vec<Problem>, Fault> {
    let registry = registry(start_runtime(cache, ambient)?, home, gate);
    registry.look(Look::Once);
    Ok(registry.check(resolved))
}

/// Where compiled code is kept. Without a place for it every start compiles: slower, but it serves.
fn compiled(home: &Home) -> Option<PathBuf> {
    let compiled = home.compiled();
    let made = home::ensure_dir(&compiled);
    made.inspect_err(|error| tracing::warn!(%error, "compiled components cannot be kept"))
        .ok()
        .map(|()| compiled)
}

fn start_runtime(cache: Option<PathBuf>, ambient: Arc<dyn Ambient>) -> Result<Runtime, Fault> {
    let compiler = Program::this();
    Runtime::start(RuntimeOptions { cache, profile: PoolProfile::default(), compiler, ambient }).map_err(
        |error| {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Fault::internal(format!("the component runtime could not start: {error}{cause}"))
                .hint("`brains doctor` checks the state directory; removing its folder `components` is safe")
        },
    )
}
