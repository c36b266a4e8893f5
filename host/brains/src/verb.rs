//! The verbs of the program's own life, one file each where there is something to them.

pub(crate) mod account;
pub(crate) mod call;
pub(crate) mod chat;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod logs;
pub(crate) mod mcp;
pub(crate) mod plugin;
mod stop;
mod token;
pub(crate) mod watch;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use brains_control::Registry;
use brains_core::Fault;
use brains_runtime::bundle;
use brains_store::DatabaseClock;
use fs_err as fs;
use serde_json::json;

use crate::admin_key;
use crate::cli;
use crate::instance::{self, RunningService};
use crate::output;
use crate::project;
use crate::services::open_store;
use crate::shell::Shell;
use crate::sources::unsound;

pub(crate) use stop::stop;

/// Prepares the state directory: database, admin key; registers the project that is there.
pub(crate) async fn init(shell: &Shell, wanted: &cli::Init) -> Result<(), anyhow::Error> {
    let config = shell
        .sources(std::collections::BTreeMap::new())?
        .resolve()
        .map_err(|problems| unsound(&problems))?
        .config;
    shell.home.ensure()?;
    let file = starter(&shell.home.config())?;
    let clock = Arc::new(DatabaseClock::new(shell.ambient.clone()));
    let store = open_store(&shell.home, &config, clock, &shell.files).await?;
    let place = store.place().to_owned();
    store.close().await;
    let (source, path) = if config.api_key.is_some() {
        ("configuration", None)
    } else {
        let (key, fresh) = admin_key::ensure(&shell.home, &*shell.ambient, &shell.files)?;
        if fresh {
            admin_key::show_once(&key, &shell.home.admin_key());
        }
        (if fresh { "generated" } else { "existing" }, Some(shell.home.admin_key()))
    };
    let place_path = &wanted.place.path;
    let workspace = if wanted.slug.is_some()
        || wanted.name.is_some()
        || project::is_project(place_path, &shell.files).await?
    {
        let input = project::input(place_path, wanted.slug.as_deref(), wanted.name.as_deref());
        call::by_name(shell, "register_workspace", input).await?
    } else {
        serde_json::Value::Null
    };
    let answer = json!({
        "ok": true,
        "workspace": workspace.get("workspace"),
        "home": shell.home.dir(),
        "config": file,
        "database": place.trim_matches('`'),
        "admin_key": { "source": source, "path": path },
    });
    output::answer(&answer, shell.form, None)?;
    Ok(())
}

/// Every key of the configuration, commented out with its default.
const STARTER: &str = include_str!("../../../templates/config.yaml");

/// Puts the starter file where the configuration is looked for, unless one is there.
fn starter(path: &Path) -> Result<serde_json::Value, anyhow::Error> {
    use fs::os::unix::fs::OpenOptionsExt as _;
    use std::io::Write as _;
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let source = match made {
        Ok(mut file) => {
            file.write_all(STARTER.as_bytes()).context("the starter file of the configuration")?;
            "generated"
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => "existing",
        Err(error) => return Err(error.into()),
    };
    Ok(json!({ "source": source, "path": path }))
}

/// What runs where.
pub(crate) async fn status(shell: &Shell) -> Result<(), anyhow::Error> {
    let running = must_run(shell)?;
    let ready = match running.any_url() {
        Some(url) => {
            let service = call::client(shell, &running, url);
            service.get_json("/health/ready").await.map(|(_, body)| body).unwrap_or_default()
        }
        None => serde_json::Value::Null,
    };
    let up_ms = shell.ambient.now().since(running.started_at);
    let mut answer = serde_json::to_value(&running)?;
    if let Some(members) = answer.as_object_mut() {
        members.remove("v");
        members.remove("pid_started");
        members.remove("proof");
        members.insert("uptime_seconds".into(), (up_ms / 1000).into());
        members.insert("ready".into(), ready);
    }
    output::answer(&answer, shell.form, None)?;
    Ok(())
}

/// The running service, or the error that there is none.
pub(crate) fn must_run(shell: &Shell) -> Result<RunningService, Fault> {
    instance::running(&shell.home)?.ok_or_else(|| {
        Fault::unavailable(format!("no service is running in `{}`", shell.home.dir().display()))
            .code("not_running")
            .hint("`brains up` starts one")
    })
}

/// Prints the address, and opens it when there is a desktop.
pub(crate) fn open(shell: &Shell, only_print: bool) -> Result<(), anyhow::Error> {
    let running = must_run(shell)?;
    let url = running.any_url().ok_or_else(|| {
        Fault::unavailable("the service is starting").hint("`brains status` tells when it serves")
    })?;
    let url = format!("{url}/health");
    output::line(&url)?;
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| shell.environment.get(name).is_some());
    if !only_print && desktop && std::io::stdout().is_terminal() {
        let opened = Command::new("xdg-open")
            .arg(&url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        opened.context("could not start `xdg-open`")?;
    }
    Ok(())
}

/// Versions, without touching database or runtime.
pub(crate) fn version(shell: &Shell) -> Result<(), anyhow::Error> {
    let components: Vec<_> = bundle::components().iter().map(|bundled| bundled.id).collect();
    let answer = json!({
        "version": crate::VERSION,
        "runtime_overlay_schema_version": 1,
        "components": components,
        "databases": ["sqlite", "postgres"],
        "platform": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    });
    output::answer(&answer, shell.form, None)?;
    Ok(())
}

/// Prints a completion script.
pub(crate) fn completions(registry: &Registry, shell: clap_complete::Shell) -> std::io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::help::visible(&cli::command(registry)), "brains", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())
}

/// Prints the manual page, or writes those of all verbs into `dir`.
pub(crate) fn man(registry: &Registry, dir: Option<&Path>) -> Result<(), anyhow::Error> {
    let command = cli::help::visible(&cli::command(registry));
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        output::line(String::from_utf8_lossy(&page).trim_end())?;
        return Ok(());
    };
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)
        .with_context(|| format!("could not write the pages into `{}`", dir.display()))
}
