//! Serving: bind first, then announce, then serve until told to stop. A start that cannot succeed says so at
//! once and leaves nothing behind.

mod announce;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brains_control::ControlPlane;
use brains_core::config::Config;
use brains_core::{Fault, FaultKind, Millis, Origin, Principal, redact};
use brains_files::Names;
use brains_http::{
    App, AppParts, ConnectionThreads, ListenerService, ListenerState, ProcessInfo, TrafficCounters, gateway,
    serve, tools,
};
use brains_mcp::{Connections, McpServer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_key;
use crate::cli::ServeAll;
use crate::descriptors;
use crate::ending::EndSignals;
use crate::home;
use crate::instance::{InstanceLock, Proof, RunningService};
use crate::lifecycle::Lifecycle;
use crate::log;
use crate::ports::blocking;
use crate::process;
use crate::process_info::{LiveBudgets, ThisProcess};
use crate::project;
use crate::services::{Services, database_url};
use crate::shell::Shell;
use crate::sources::unsound;
use crate::watch::Watch;

/// How long the service may take to its end once it was told to stop, whatever hangs;
const END: Duration = Duration::from_secs(10);
/// and how long of that requests in flight may take.
const DRAIN: Duration = Duration::from_secs(8);

/// How often it is written down where the audit log stands.
const ANCHOR: Duration = Duration::from_mins(1);

/// Serves until a signal ends it. A project at `place` is registered as a workspace.
pub(crate) async fn run(shell: &Shell, wanted: &ServeAll, place: Option<&Path>) -> Result<(), anyhow::Error> {
    if wanted.no_gateway && wanted.no_mcp {
        return Err(Fault::invalid("nothing is left to serve")
            .hint("leave out `--no-gateway` or `--no-mcp`")
            .into());
    }
    let profile = wanted.profile()?;
    let started_at = shell.ambient.now();
    // Heard from here on: a signal during the start ends it as one later does.
    let told = EndSignals::listen(shell.ender.clone(), END).context("could not listen for signals")?;
    home::check_owned(&shell.home, &shell.files)?;
    let mut instance = InstanceLock::claim(&shell.home)?;
    log::start(Some(&shell.home.log()), shell.global.verbose)
        .map_err(|error| Fault::new(home::error_kind(&error), Origin::Brains, error.to_string()))
        .context("could not write the log")?;
    let descriptors = descriptors::raise();

    let sources = shell.sources(flags(wanted))?;
    let config = sources.resolve().map_err(|problems| unsound(&problems))?.config;
    let mut doors = Vec::new();
    for door in wanted.doors() {
        doors.push(Bound::at(door, &config, &shell.names).await?);
    }

    let opening = Services::open(&shell.home, shell, sources, Some(started_at));
    let services = tokio::select! {
        opened = opening => opened?,
        () = told.ending.cancelled() => return Ok(()),
    };

    if let Err(fault) = services.control.notice_edits().await {
        tracing::warn!(%fault, "edits of the overlay made while nothing ran are in no revision yet");
    }

    // Last: a key is shown once, so a start that fails must not have made one.
    let fresh_key = if config.api_key.is_none() {
        let (key, fresh) = admin_key::ensure(&shell.home, &*shell.ambient, &shell.files)?;
        fresh.then_some(key)
    } else {
        None
    };
    let running = running(shell, &config, &doors, started_at);
    services.facts.serves(running.urls.clone());
    if let Some(place) = place {
        project::register(&services.control, place, &shell.files).await?;
    }
    services.control.start_background();
    let listening: BTreeMap<&'static str, ListenerState> =
        doors.iter().map(|bound| (bound.door.name(), ListenerState::default())).collect();
    let connections = Connections::new(Arc::new(LiveBudgets(Arc::clone(&services.live))));
    let site: Arc<dyn ProcessInfo> =
        Arc::new(ThisProcess::new(&services, listening.clone(), connections.clone()));
    let counters = TrafficCounters::new(Arc::clone(&site), Arc::clone(&shell.ambient), descriptors);
    let parts = AppParts {
        models: services.gateway.clone(),
        operations: services.control.clone(),
        site,
        keys: Arc::new(services.key_ring()),
        ambient: Arc::clone(&shell.ambient),
        counters: counters.clone(),
        proof: running.proof.as_ref().map(Proof::secret),
        version: crate::VERSION,
    };
    // They outlive the house: its connections to a database may live there.
    let lanes = Arc::new(ConnectionThreads::start().context("the threads that serve could not start")?);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let mut served = Vec::new();
    for Bound { door, listener, .. } in doors {
        // Each door counts its own requests.
        let app = App::new(parts.clone());
        let listening = listening.get(door.name()).cloned().unwrap_or_default();
        let service = |router| ListenerService {
            router,
            lanes: Arc::clone(&lanes),
            counters: counters.clone(),
            listening,
            drain: DRAIN,
        };
        served.push(match door {
            Door::Gateway => tasks.spawn(serve(listener, service(gateway(app)), stop.clone())),
            Door::Mcp => {
                let options = brains_mcp::McpOptions {
                    tools: services.control.clone(),
                    profile,
                    version: crate::VERSION,
                };
                let server = McpServer::new(options, connections.clone(), stop.child_token());
                let serving = serve(listener, service(tools(app, server.router())), stop.clone());
                tasks.spawn(async move {
                    let ended = serving.await;
                    server.finished().await;
                    ended
                })
            }
        });
    }
    // A place to drop components into; where it cannot be made, it is watched for.
    if let Err(error) = home::ensure_dir(&shell.home.plugins()) {
        tracing::warn!(%error, "there is no plugins directory");
    }
    let watch = Watch::new(&services, shell.home.plugins(), tasks.clone());
    tasks.spawn(watch.run(stop.clone()));
    tasks.spawn(Lifecycle::new(&services).run(stop.clone()));
    tasks.spawn(anchor(services.control.clone(), stop.clone()));
    instance.publish(&running).context("could not write `runtime.json`")?;
    if let Some(key) = &fresh_key {
        admin_key::show_once(key, &shell.home.admin_key());
    }
    announce::serving(shell, &running, &services)?;
    let runtime = services.live.runtime().stats();
    tracing::info!(
        service.gateway = running.gateway(),
        service.mcp = running.mcp(),
        service.pid = running.pid,
        runtime.compiled,
        runtime.cache_hits,
        "serving"
    );

    attend(&services, &told, &listening).await;
    tracing::info!("stopping: requests in flight are finished");
    stop.cancel();
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        // Asked twice: now.
        () = told.at_once.cancelled() => {}
    }
    let mut outcome = Ok(());
    if tasks.is_empty() {
        for served in served {
            let ended = served.await.context("a listener ended unexpectedly");
            outcome = outcome.and(ended.and_then(|ended| ended.context("a listener failed")));
        }
    }
    anchor_now(&services.control).await;
    services.close().await;
    drop(lanes);
    tracing::info!("stopped");
    drop(instance);
    outcome
}

/// Does what signals say until one says to end, or until no listener is left to serve.
async fn attend(services: &Services, told: &EndSignals, listening: &BTreeMap<&'static str, ListenerState>) {
    let all_failed = async {
        for one in listening.values() {
            one.failed().await;
        }
    };
    tokio::pin!(all_failed);
    loop {
        tokio::select! {
            () = told.ending.cancelled() => return,
            () = told.reload.notified() => tokio::select! {
                () = reload(services) => {}
                () = told.ending.cancelled() => return,
            },
            () = &mut all_failed => {
                tracing::error!("no listener is left");
                return;
            }
        }
    }
}

/// What the options say, as the topmost layer.
fn flags(wanted: &ServeAll) -> BTreeMap<String, Value> {
    let host = wanted.gateway_host.as_deref().map(|host| ("gateway_host".to_owned(), Value::from(host)));
    let port = wanted.gateway_port.map(|port| ("gateway_port".to_owned(), Value::from(port)));
    let mcp_port = wanted.mcp_port.map(|port| ("mcp_port".to_owned(), Value::from(port)));
    host.into_iter().chain(port).chain(mcp_port).collect()
}

/// Writes down every now and then where the audit log stands.
async fn anchor(control: Arc<ControlPlane>, stop: CancellationToken) {
    loop {
        anchor_now(&control).await;
        tokio::select! {
            () = tokio::time::sleep(ANCHOR) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn anchor_now(control: &ControlPlane) {
    if let Err(fault) = control.anchor_audit().await {
        tracing::error!(%fault, "it was not written down where the audit log stands");
    }
}

async fn reload(services: &Services) {
    match services.control.call("reload_config", json!({}), &Principal::local()).await {
        Ok(reloaded) => tracing::info!(config.reloaded = %reloaded, "configuration reloaded"),
        Err(fault) => {
            for problem in services.live.problems() {
                tracing::error!(config.problem = %problem, "the new configuration is not in force, the last good one is");
            }
            tracing::error!(%fault, "the configuration was not reloaded");
        }
    }
}

/// A listener of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Gateway,
    Mcp,
}

impl Door {
    /// Its name in `runtime.json` and in options.
    const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Mcp => "mcp",
        }
    }
}

/// A door with its port taken.
#[derive(Debug)]
struct Bound {
    door: Door,
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    async fn at(door: Door, config: &Config, names: &Names) -> Result<Self, anyhow::Error> {
        let (host, port) = match door {
            Door::Gateway => (&config.gateway_host, config.gateway_port),
            Door::Mcp => (&config.mcp_host, config.mcp_port),
        };
        let listener = bind(door, host, port, names).await?;
        let address = listener.local_addr().context("could not read the listener's address")?;
        Ok(Self { door, listener, address })
    }
}

async fn bind(door: Door, host: &str, port: u16, names: &Names) -> Result<TcpListener, Fault> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = match names.look_up(host).await {
        Ok(found) => found,
        Err(error) => return Err(unbound(door, host, port, None, &error).await),
    };
    let addresses: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    match TcpListener::bind(addresses.as_slice()).await {
        Ok(listener) => Ok(listener),
        Err(error) => Err(unbound(door, host, port, addresses.first().copied(), &error).await),
    }
}

async fn unbound(door: Door, host: &str, port: u16, address: Option<SocketAddr>, error: &io::Error) -> Fault {
    let name = door.name();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = match address {
                Some(address) => blocking(move || process::port_owner(address)).await.ok().flatten(),
                None => None,
            };
            let by =
                owner.map_or_else(String::new, |owner| format!(" by `{}`, pid {}", owner.name, owner.pid));
            Fault::unavailable(format!("port {port} is in use{by}"))
                .code("port_in_use")
                .hint(format!("end that program, or choose another port: --{name}-port 0 takes any free one"))
        }
        io::ErrorKind::PermissionDenied => Fault::new(
            FaultKind::Forbidden,
            Origin::Brains,
            format!("port {port} needs more rights: {error}"),
        )
        .hint(format!("ports below 1024 belong to root: choose another with --{name}-port")),
        _ => Fault::unavailable(format!("could not listen on {host}:{port}: {error}"))
            .hint(format!("`{name}_host` takes an address of this machine, e.g. 127.0.0.1")),
    }
}

fn running(shell: &Shell, config: &Config, doors: &[Bound], started_at: Millis) -> RunningService {
    let pid = std::process::id();
    let url = |bound: &Bound| (bound.door.name().to_owned(), format!("http://{}", reachable(bound.address)));
    RunningService {
        v: 1,
        pid,
        pid_started: process::started_ticks(pid),
        started_at,
        version: crate::VERSION.to_owned(),
        urls: doors.iter().map(url).collect(),
        ports: doors.iter().map(|bound| (bound.door.name().to_owned(), bound.address.port())).collect(),
        db: redact::redact(&database_url(&shell.home, config)).into_owned(),
        log: shell.home.log().display().to_string(),
        proof: Some(Proof::mint(&*shell.ambient)),
    }
}

/// Where this machine reaches a listener: one on every address is found on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
