//! The tools over stdio, for a client that starts its servers. Calls go to the running service, so that everybody
//! shares one; with none running they are done here, on the same database. Which it is, is asked anew for every call:
//! a service may come and go while an agent works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use brains_control::{Registry, ports};
use brains_core::caller::CallSurface;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Caller, Fault, Id, Principal, id};
use brains_egress::local::LocalAnswer;
use brains_mcp::{Agent, McpOptions, ToolAnswer, ToolInvocation, ToolProfile, Tools, serve_stdio};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::cli::Mcp;
use crate::instance;
use crate::log;
use crate::ports::LocalProcesses;
use crate::process;
use crate::services::Services;
use crate::shell::Shell;
use crate::verb::call;

/// How often is looked whether the process that started this one is there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long ending the agent's sessions may take at the end.
const FREEING: Duration = Duration::from_secs(5);

/// Serves the client that started this process until it closes its end.
pub(crate) async fn stdio(shell: Shell, wanted: &Mcp) -> Result<(), anyhow::Error> {
    log::start(None, shell.global.verbose)?;
    let profile = wanted.profile.as_deref().map_or(Ok(ToolProfile::default()), ToolProfile::parse)?;
    // Only this process knows it: it stands for the agent for as long as the process lives.
    let connection = Id::<id::Request>::mint(&*shell.ambient).as_str().to_owned();
    let directory = std::env::current_dir().ok();
    let process = ports::ProcessesPort::find(&LocalProcesses::new(), std::process::id());
    let tools = Arc::new(Nearest {
        shell,
        registry: Registry::new(),
        services: OnceCell::new(),
        begun: Mutex::default(),
    });
    let options = McpOptions { tools: tools.clone(), profile, version: crate::VERSION };
    let stop = CancellationToken::new();
    let agent = Agent {
        principal: Principal::local(),
        connection: connection.clone(),
        directory,
        process: process.clone(),
    };
    let signalled = termination_signal().context("could not listen for signals")?;
    let serving = serve_stdio(options, agent, stop.clone());
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = signalled => ended(&stop, serving).await,
        () = orphaned() => ended(&stop, serving).await,
    };
    let caller = Caller {
        surface: CallSurface::Mcp,
        agent: true,
        connection: Some(connection),
        process,
        ..Caller::default()
    };
    // What it does not free in this time is freed when the process is found gone.
    if tokio::time::timeout(FREEING, tools.end_all(&caller)).await.is_err() {
        tracing::warn!("the sessions of this agent could not be ended in time");
    }
    if let Some(services) = Arc::into_inner(tools).and_then(|tools| tools.services.into_inner()) {
        services.close().await;
    }
    Ok(served?)
}

/// Stops what is served and waits for its end.
async fn ended(
    stop: &CancellationToken,
    serving: impl Future<Output = std::io::Result<()>>,
) -> std::io::Result<()> {
    stop.cancel();
    serving.await
}

/// Returns when a signal says that this is the end.
fn termination_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Returns when the process that started this one is gone: its end of the input may be held open by others.
async fn orphaned() {
    let parent = process::parent();
    while process::parent() == parent {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The operations of the running service, else of this process.
#[derive(Debug)]
struct Nearest {
    shell: Shell,
    registry: Registry,
    /// Opened by the first call that finds no service.
    services: OnceCell<Services>,
    /// Sessions that were started or taken up here.
    begun: Mutex<BTreeSet<String>>,
}

impl Nearest {
    async fn run(&self, invocation: ToolInvocation<'_>) -> Result<ToolAnswer, Fault> {
        let shell = &self.shell;
        let elsewhere = shell.global.db.is_some() || shell.global.config.is_some();
        let running = instance::running(&shell.home)?.filter(|_| !elsewhere);
        if let Some(running) = &running
            && let Some(url) = running.gateway()
        {
            let service = call::client(shell, running, url);
            let LocalAnswer { value, mail, replayed, .. } =
                service.operation(invocation.entry.name, &invocation.input, invocation.caller).await?;
            return Ok(ToolAnswer { value, notice: mail, replayed });
        }
        let services = self.services.get_or_try_init(|| self.open()).await?;
        Tools::call(&*services.control, invocation).await
    }

    async fn open(&self) -> Result<Services, Fault> {
        let sources = self.shell.sources(BTreeMap::new())?;
        let opened = Services::open(&self.shell.home, &self.shell, sources, None).await;
        let services = opened.map_err(|error| match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(error) => Fault::unavailable(format!("{error:#}")),
        })?;
        // With no service there is nobody else who notices that an agent died.
        services.control.start_reaping();
        Ok(services)
    }

    /// Ends the sessions that were begun here, so that what they hold is free. One that went on elsewhere is another
    /// connection's by now, and stays.
    async fn end_all(&self, caller: &Caller) {
        let begun = std::mem::take(&mut *self.begun.lock_unpoisoned());
        let Some(entry) = self.registry.find("end_session") else { return };
        for session in begun {
            let input = json!({ "session": session });
            let call = ToolInvocation { entry, input, principal: &Principal::local(), caller };
            if let Err(fault) = self.run(call).await {
                tracing::debug!(fault = %fault.chain(), "a session of this agent was not ended");
            }
        }
    }
}

impl Tools for Nearest {
    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn call<'a>(
        &'a self,
        call: ToolInvocation<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<ToolAnswer, Fault>> + Send + 'a>> {
        Box::pin(async move {
            let begins = call.entry.makes_session();
            let answer = self.run(call).await?;
            let session = answer.value.get("session_id").and_then(Value::as_str).filter(|_| begins);
            if let Some(session) = session {
                self.begun.lock_unpoisoned().insert(session.to_owned());
            }
            Ok(answer)
        })
    }

    fn counts<'a>(&'a self, _: &'a Principal) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        // Whoever may start this process may read the admin key.
        Box::pin(async { true })
    }
}
