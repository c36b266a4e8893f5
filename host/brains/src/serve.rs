//! Serving, step by step: claim the state directory, bind the ports, open the services, serve, announce, and close when told
//! to. A start that cannot succeed says so at once and leaves nothing behind.

mod announce;
mod bind;
mod exposure;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brains_core::config::Config;
use brains_core::{Fault, Millis, Origin, Principal, Secret, redact};
use brains_http::{
    App, AppParts, ConnectionThreads, ListenerService, ListenerState, ProcessInfo, TrafficCounters, serve,
};
use brains_mcp::{Connections, ToolProfile};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_key;
use crate::cli::ServeAll;
use crate::descriptors;
use crate::ending::EndSignals;
use crate::home;
use crate::instance::{InstanceLock, Proof, RunningService, ServiceState};
use crate::listeners::ListenerParts;
use crate::log;
use crate::process;
use crate::process_info::{LiveBudgets, ThisProcess};
use crate::project;
use crate::services::{Services, database_url};
use crate::shell::Shell;
use crate::sources::{Sources, unsound};

use bind::{BoundListener, bind};

/// How long the service may take to its end once it was told to stop, whatever hangs;
const END: Duration = Duration::from_secs(10);
/// and how long of that requests in flight may take.
const DRAIN: Duration = Duration::from_secs(8);

/// Serves until a signal ends it. A project at `place` is registered as a workspace.
pub(crate) async fn run(shell: &Shell, wanted: &ServeAll, place: Option<&Path>) -> Result<(), anyhow::Error> {
    let (listeners, profile) = (wanted.listeners()?, wanted.profile()?);
    let started_at = shell.ambient.now();
    let mut claimed = claim(shell)?;
    let sources = shell.sources(wanted.overrides.clone())?;
    let config = sources.resolve_whole().map_err(|problems| unsound(&problems))?.config;
    let bound = bind(&listeners, &config, &shell.names).await?;
    let mut running = describe(shell, &config, started_at);
    claimed.lock.publish(&running).context("could not write `runtime.json`")?;
    let Some(services) = open(shell, sources, started_at, &claimed.signals).await? else { return Ok(()) };
    // Last of what may fail: a key is shown once, so a start that fails must not have made one.
    let fresh_key = fresh_admin_key(shell, &config)?;
    running.serves(&bound);
    let exposure = exposure::warning(&bound, &config);
    services.info.serves(running.urls.clone());
    if let Some(place) = place {
        project::register(&services.control, place, &shell.files).await?;
    }
    let serving = start(shell, &services, bound, &running, profile, claimed.descriptors)?;
    claimed.lock.publish(&running).context("could not write `runtime.json`")?;
    if let Some(key) = &fresh_key {
        admin_key::show_once(key, &shell.home.admin_key());
    }
    announce::serving(shell, &running, &services, exposure)?;
    attend(&services, &claimed.signals, &serving.states).await;
    close(services, serving, claimed).await
}

/// The right to serve from the state directory, and what goes with it.
struct Claimed {
    signals: EndSignals,
    lock: InstanceLock,
    /// File descriptors that the process may have; 0 when nobody knows.
    descriptors: u64,
}

fn claim(shell: &Shell) -> Result<Claimed, anyhow::Error> {
    // Heard from here on: a signal during the start ends it as one later does.
    let signals = EndSignals::listen(shell.ender.clone(), END).context("could not listen for signals")?;
    home::check_owned(&shell.home, &shell.files)?;
    let lock = InstanceLock::claim(&shell.home)?;
    log::start(Some(&shell.home.log()), shell.global.verbose)
        .map_err(|error| Fault::new(home::error_kind(&error), Origin::Brains, error.to_string()))
        .context("could not write the log")?;
    Ok(Claimed { signals, lock, descriptors: descriptors::raise() })
}

/// Everything behind the listeners; none when a signal ended the start.
async fn open(
    shell: &Shell,
    sources: Sources,
    started_at: Millis,
    signals: &EndSignals,
) -> Result<Option<Services>, anyhow::Error> {
    let opening = Services::open(&shell.home, shell, sources, Some(started_at));
    let services = tokio::select! {
        opened = opening => opened?,
        () = signals.ending.cancelled() => return Ok(None),
    };
    if let Err(fault) = services.control.notice_edits().await {
        tracing::warn!(fault = %fault.chain(), "edits of the overlay made while nothing ran are in no revision yet");
    }
    Ok(Some(services))
}

/// The admin key, when this start made it.
fn fresh_admin_key(shell: &Shell, config: &Config) -> Result<Option<Secret>, anyhow::Error> {
    if config.api_key.is_some() {
        return Ok(None);
    }
    let (key, fresh) = admin_key::ensure(&shell.home, &*shell.ambient, &shell.files)?;
    Ok(fresh.then_some(key))
}

/// What `runtime.json` says while the service starts.
fn describe(shell: &Shell, config: &Config, started_at: Millis) -> RunningService {
    let pid = std::process::id();
    RunningService {
        v: 1,
        state: ServiceState::Starting,
        pid,
        pid_started: process::started_ticks(pid),
        started_at,
        version: crate::VERSION.to_owned(),
        urls: BTreeMap::new(),
        ports: BTreeMap::new(),
        db: redact::redact(&database_url(&shell.home, config)).into_owned(),
        log: shell.home.log().display().to_string(),
        proof: Some(Proof::mint(&*shell.ambient)),
    }
}

impl RunningService {
    /// From here on requests are answered.
    fn serves(&mut self, bound: &[BoundListener]) {
        let name = |bound: &BoundListener| bound.listener.name.to_owned();
        self.state = ServiceState::Serving;
        self.urls = bound.iter().map(|bound| (name(bound), bound.url())).collect();
        self.ports = bound.iter().map(|bound| (name(bound), bound.address.port())).collect();
    }
}

/// What runs while a service serves.
struct Serving {
    listeners: Vec<JoinHandle<io::Result<()>>>,
    states: BTreeMap<&'static str, ListenerState>,
    /// Everything that is waited for at the end, the listeners too.
    tasks: TaskTracker,
    stop: CancellationToken,
    /// They outlive the services, whose connections to a database may live there.
    threads: Arc<ConnectionThreads>,
}

/// Serves every listener, and does beside it what a service does by itself.
fn start(
    shell: &Shell,
    services: &Services,
    bound: Vec<BoundListener>,
    running: &RunningService,
    profile: ToolProfile,
    descriptors: u64,
) -> Result<Serving, anyhow::Error> {
    let states: BTreeMap<_, _> =
        bound.iter().map(|bound| (bound.listener.name, ListenerState::default())).collect();
    let connections = Connections::new(Arc::new(LiveBudgets(Arc::clone(&services.live))));
    let process: Arc<dyn ProcessInfo> =
        Arc::new(ThisProcess::new(services, states.clone(), connections.clone()));
    let counters = TrafficCounters::new(Arc::clone(&process), Arc::clone(&shell.ambient), descriptors);
    let parts = AppParts {
        models: services.gateway.clone(),
        operations: services.control.clone(),
        process,
        keys: Arc::new(services.key_ring()),
        ambient: Arc::clone(&shell.ambient),
        counters: counters.clone(),
        proof: running.proof.as_ref().map(Proof::secret),
        version: crate::VERSION,
    };
    let threads = ConnectionThreads::start().context("the threads that serve could not start")?;
    let mut serving = Serving {
        listeners: Vec::new(),
        states,
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        threads: Arc::new(threads),
    };
    for BoundListener { listener, socket, .. } in bound {
        let built = (listener.build)(ListenerParts {
            // Each listener counts its own requests.
            app: App::new(parts.clone()),
            control: &services.control,
            connections: &connections,
            profile,
            stop: &serving.stop,
        });
        let service = ListenerService {
            router: built.router,
            threads: Arc::clone(&serving.threads),
            counters: counters.clone(),
            state: serving.states.get(listener.name).cloned().unwrap_or_default(),
            drain: DRAIN,
        };
        let accepting = serve(socket, service, serving.stop.clone());
        serving.listeners.push(serving.tasks.spawn(async move {
            let ended = accepting.await;
            built.finished.await;
            ended
        }));
    }
    // A place to drop components into; where it cannot be made, it is watched for.
    if let Err(error) = home::ensure_dir(&shell.home.plugins()) {
        tracing::warn!(%error, "there is no plugins directory");
    }
    services.control.start_background();
    Ok(serving)
}

/// Does what signals say until one says to end, or until no listener is left to serve.
async fn attend(services: &Services, signals: &EndSignals, states: &BTreeMap<&'static str, ListenerState>) {
    let all_failed = async {
        for state in states.values() {
            state.failed().await;
        }
    };
    tokio::pin!(all_failed);
    loop {
        tokio::select! {
            () = signals.ending.cancelled() => return,
            () = signals.reload.notified() => tokio::select! {
                () = reload(services) => {}
                () = signals.ending.cancelled() => return,
            },
            () = &mut all_failed => {
                tracing::error!("no listener is left");
                return;
            }
        }
    }
}

async fn reload(services: &Services) {
    match services.control.call("reload_config", json!({}), &Principal::local()).await {
        Ok(reloaded) => tracing::info!(config.reloaded = %reloaded, "configuration reloaded"),
        Err(fault) => {
            for problem in services.live.problems() {
                tracing::error!(config.problem = %problem, "the new configuration is not in force, the last good one is");
            }
            tracing::error!(fault = %fault.chain(), "the configuration was not reloaded");
        }
    }
}

/// Lets requests in flight finish, then lets go of everything.
async fn close(services: Services, serving: Serving, claimed: Claimed) -> Result<(), anyhow::Error> {
    tracing::info!("stopping: requests in flight are finished");
    serving.stop.cancel();
    services.file_events.stop();
    serving.tasks.close();
    let finished = async {
        serving.tasks.wait().await;
        services.file_events.finished().await;
    };
    tokio::select! {
        () = finished => {}
        // A second signal: end without draining.
        () = claimed.signals.at_once.cancelled() => {}
    }
    let mut outcome = Ok(());
    if serving.tasks.is_empty() {
        for listener in serving.listeners {
            let ended = listener.await.context("a listener ended unexpectedly");
            outcome = outcome.and(ended.and_then(|ended| ended.context("a listener failed")));
        }
    }
    services.close().await;
    drop(serving.threads);
    tracing::info!("stopped");
    drop(claimed.lock);
    outcome
}
