//! Serving: bind first, then announce, then serve until told to stop. A start that cannot succeed says so at
//! once and leaves nothing behind.

mod announce;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brains_core::config::Config;
use brains_core::{Fault, FaultKind, Millis, Origin, redact};
use brains_http::{App, Parts, gateway, serve};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_key;
use crate::cli::ServeAll;
use crate::home;
use crate::house::{House, database_url};
use crate::instance::{Instance, Running};
use crate::lifecycle::Lifecycle;
use crate::log;
use crate::ports::blocking;
use crate::process;
use crate::shell::Shell;
use crate::site::Here;
use crate::sources::unsound;
use crate::watch::Watch;

/// How long requests in flight may take once the service was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until a signal ends it.
pub(crate) async fn run(shell: &Shell, wanted: &ServeAll) -> Result<(), anyhow::Error> {
    if wanted.no_gateway {
        return Err(Fault::invalid("nothing is left to serve").hint("leave out `--no-gateway`").into());
    }
    let started_at = shell.ambient.now();
    let mut instance = Instance::claim(&shell.home)?;
    log::start(Some(&shell.home.log()), shell.global.verbose)
        .map_err(|error| Fault::new(home::error_kind(&error), Origin::Brains, error.to_string()))
        .context("could not write the log")?;
    // Heard from here on: a signal during the start ends it as one later does.
    let mut signals = Signals::new().context("could not listen for signals")?;

    let sources = shell.sources(flags(wanted))?;
    let config = sources.resolve().map_err(|problems| unsound(&problems))?.config;
    let listener = bind(&config.gateway_host, config.gateway_port).await?;
    let address = listener.local_addr().context("could not read the listener's address")?;

    let opening = House::open(&shell.home, sources, Arc::clone(&shell.ambient), Some(started_at));
    let house = tokio::select! {
        opened = opening => opened?,
        () = signals.end() => return Ok(()),
    };

    // Last: a key is shown once, so a start that fails must not have made one.
    let fresh_key = if config.api_key.is_none() {
        let (key, fresh) = admin_key::ensure(&shell.home, &*shell.ambient)?;
        fresh.then_some(key)
    } else {
        None
    };
    let running = running(shell, &config, address, started_at);
    house.facts.serves(running.urls.clone());
    let app = App::new(Parts {
        models: house.gateway.clone(),
        operations: house.control.clone(),
        site: Arc::new(Here::new(&house)),
        keys: Arc::new(house.key_ring()),
        ambient: Arc::clone(&shell.ambient),
        version: crate::VERSION,
    });
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let served = tasks.spawn(serve(listener, gateway(app), stop.clone(), DRAIN));
    // A place to drop components into; where it cannot be made, it is watched for.
    if let Err(error) = home::ensure_dir(&shell.home.plugins()) {
        tracing::warn!(%error, "there is no plugins directory");
    }
    let watch = Watch::new(&house, shell.home.plugins(), tasks.clone());
    tasks.spawn(watch.run(stop.clone()));
    tasks.spawn(Lifecycle::new(&house).run(stop.clone()));
    instance.publish(&running).context("could not write `runtime.json`")?;
    if let Some(key) = &fresh_key {
        admin_key::show_once(key, &shell.home.admin_key());
    }
    announce::serving(shell, &running, &house)?;
    let runtime = house.live.runtime().stats();
    tracing::info!(
        service.url = running.gateway(),
        service.pid = running.pid,
        runtime.compiled,
        runtime.cache_hits,
        "serving"
    );

    while let Told::Reload = signals.next().await {
        reload(&house).await;
    }
    tracing::info!("stopping: requests in flight are finished");
    stop.cancel();
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        // Asked twice: now.
        () = signals.end() => tracing::warn!("stopping at once"),
    }
    if tasks.is_empty() {
        served.await.context("the listener ended unexpectedly")?.context("the listener failed")?;
    }
    house.close().await;
    tracing::info!("stopped");
    drop(instance);
    Ok(())
}

/// What the options say, as the topmost layer.
fn flags(wanted: &ServeAll) -> BTreeMap<String, Value> {
    let host = wanted.gateway_host.as_deref().map(|host| ("gateway_host".to_owned(), Value::from(host)));
    let port = wanted.gateway_port.map(|port| ("gateway_port".to_owned(), Value::from(port)));
    host.into_iter().chain(port).collect()
}

async fn reload(house: &House) {
    let settings = house.settings.clone();
    match blocking(move || settings.reload_now()).await {
        Ok(Ok(reloaded)) => tracing::info!(config.changed = reloaded.changed, "configuration reloaded"),
        Ok(Err(problems)) => {
            for problem in &problems {
                tracing::error!(config.problem = %problem, "the new configuration is not in force, the last good one is");
            }
        }
        Err(fault) => tracing::error!(%fault, "the configuration was not reloaded"),
    }
}

/// The signals that a service knows.
#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::End,
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    /// Waits for the end; there is nothing to reload meanwhile.
    async fn end(&mut self) {
        while let Told::Reload = self.next().await {}
    }
}

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    End,
    Reload,
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, Fault> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match TcpListener::bind((host, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) => Err(unbound(host, port, &error).await),
    }
}

async fn unbound(host: &str, port: u16, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner =
                match tokio::net::lookup_host((host, port)).await.ok().and_then(|mut found| found.next()) {
                    Some(address) => blocking(move || process::port_owner(address)).await.ok().flatten(),
                    None => None,
                };
            let by =
                owner.map_or_else(String::new, |owner| format!(" by `{}`, pid {}", owner.name, owner.pid));
            Fault::unavailable(format!("port {port} is in use{by}"))
                .code("port_in_use")
                .hint("end that program, or choose another port: --gateway-port 0 takes any free one")
        }
        io::ErrorKind::PermissionDenied => Fault::new(
            FaultKind::Forbidden,
            Origin::Brains,
            format!("port {port} needs more rights: {error}"),
        )
        .hint("ports below 1024 belong to root: choose another with --gateway-port"),
        _ => Fault::unavailable(format!("could not listen on {host}:{port}: {error}"))
            .hint("--gateway-host takes an address of this machine, e.g. 127.0.0.1"),
    }
}

fn running(shell: &Shell, config: &Config, address: SocketAddr, started_at: Millis) -> Running {
    let pid = std::process::id();
    Running {
        v: 1,
        pid,
        pid_started: process::started_ticks(pid),
        started_at,
        version: crate::VERSION.to_owned(),
        urls: [("gateway".to_owned(), format!("http://{}", reachable(address)))].into(),
        ports: [("gateway".to_owned(), address.port())].into(),
        db: redact::redact(&database_url(&shell.home, config)).into_owned(),
        log: shell.home.log().display().to_string(),
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
