//! Verbs made from operations: asked of the running service when there is one, else run here on the same code,
//! as the operator `local`.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use brains_control::{Entry, Kind};
use brains_core::config::Config;
use brains_core::{Fault, FaultKind, Origin, Principal, Secret};
use brains_egress::local::{LocalClient, LocalError};
use clap::ArgMatches;
use serde_json::Value;

use crate::admin_key;
use crate::cli::{self, operation};
use crate::home::Home;
use crate::house::House;
use crate::instance::{self, Running};
use crate::lifecycle;
use crate::log;
use crate::output;
use crate::shell::Shell;
use crate::sources::unsound;

/// The longest that an operation of a running service may take: a model list may ask slow providers.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs one operation and tells its answer.
pub(crate) async fn operation(
    shell: &Shell,
    entry: &Entry,
    matches: &ArgMatches,
) -> Result<(), anyhow::Error> {
    let input = operation::input(entry, matches, shell.sources(BTreeMap::new())?.yaml())?;
    entry.check(input.clone())?;
    if let Some(question) = entry.cli.confirm
        && !operation::confirmed(matches)
    {
        ask(question)?;
    }
    // Another database than the service's was asked for: the service is not who can answer.
    let elsewhere = shell.global.db.is_some() || shell.global.config.is_some();
    let mut answer = match instance::running(&shell.home)?.filter(|_| !elsewhere) {
        Some(running) => of_service(shell, &running, entry.name, &input).await?,
        None => here(shell, entry, input).await?,
    };
    if cli::reveals(matches)
        && let Some(members) = answer.as_object_mut()
    {
        let key =
            key(shell).ok_or_else(|| Fault::not_found("file", "admin-key").hint("`brains init` makes it"))?;
        members.insert("key".into(), key.expose().into());
        members.insert("path".into(), shell.home.admin_key().display().to_string().into());
    }
    output::answer(&answer, shell.form, entry.cli.table)?;
    // A check that found something ends like one, for the scripts that run it.
    if answer.get("ok") == Some(&Value::Bool(false)) {
        return Err(Fault::internal(format!("`{}` found something wrong", entry.cli.path.join(" ")))
            .code("check_failed")
            .into());
    }
    Ok(())
}

fn ask(question: &str) -> Result<(), Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::invalid("this needs a yes")
            .code("confirmation_required")
            .hint("add `--yes` to go on without being asked"));
    }
    let mut answer = String::new();
    let told = write!(anstream::stderr().lock(), "{question} [y/N] ")
        .and_then(|()| std::io::stderr().flush())
        .and_then(|()| std::io::stdin().read_line(&mut answer));
    match told {
        Ok(_) if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) => Ok(()),
        _ => Err(Fault::new(FaultKind::Cancelled, Origin::Client, "nothing was changed")),
    }
}

/// A client of our own service.
pub(crate) fn client(shell: &Shell, url: &str) -> Service {
    Service { client: LocalClient::new(url, key(shell), PATIENCE), url: url.to_owned() }
}

/// The running service as a client sees it.
#[derive(Debug)]
pub(crate) struct Service {
    client: Result<LocalClient, LocalError>,
    url: String,
}

impl Service {
    pub(crate) async fn get_json(&self, path: &str) -> Result<(u16, Value), Fault> {
        self.client()?.get_json(path).await.map_err(|error| self.unanswered(&error))
    }

    async fn post_json(&self, path: &str, value: &Value) -> Result<(u16, Value), Fault> {
        self.client()?.post_json(path, value).await.map_err(|error| self.unanswered(&error))
    }

    fn client(&self) -> Result<&LocalClient, Fault> {
        self.client.as_ref().map_err(|error| self.unanswered(error))
    }

    fn unanswered(&self, error: &LocalError) -> Fault {
        Fault::unavailable(error.to_string())
            .code("service_unreachable")
            .hint(format!("the service should answer at {}: `brains status`, `brains logs`", self.url))
    }
}

/// The admin key as this user knows it: from the configuration, else from the file.
fn key(shell: &Shell) -> Option<Secret> {
    let configured = shell.environment.get("BRAINS_API_KEY").map(Secret::new).or_else(|| {
        let sources = shell.sources(BTreeMap::new()).ok()?;
        sources.resolve().ok()?.config.api_key.clone()
    });
    configured.or_else(|| admin_key::read(&shell.home.admin_key()).ok().flatten())
}

async fn of_service(shell: &Shell, running: &Running, name: &str, input: &Value) -> Result<Value, Fault> {
    let url =
        running.gateway().ok_or_else(|| Fault::unavailable("the running service has no gateway to ask"))?;
    let service = client(shell, url);
    let (status, answer) = service.post_json(&format!("/api/ops/{name}"), input).await?;
    if (200..300).contains(&status) { Ok(answer) } else { Err(fault_of(status, &answer)) }
}

/// The error that the service told, with the kind that its status stands for.
fn fault_of(status: u16, answer: &Value) -> Fault {
    let kind = match status {
        400 => FaultKind::Invalid,
        401 => FaultKind::Unauthorized,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        405 => FaultKind::MethodNotAllowed,
        409 => FaultKind::Conflict,
        413 => FaultKind::TooLarge,
        421 => FaultKind::Misdirected,
        429 => FaultKind::RateLimited,
        502 => FaultKind::Upstream,
        503 => FaultKind::Unavailable,
        504 => FaultKind::Timeout,
        _ => FaultKind::Internal,
    };
    let error = answer.get("error").unwrap_or(&Value::Null);
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = text("message").unwrap_or_else(|| format!("the service answered {status}"));
    let mut fault = Fault::new(kind, Origin::Brains, message);
    fault.param = text("param");
    fault.hint = text("hint");
    match text("code") {
        Some(code) => fault.code(code),
        None => fault,
    }
}

/// Without a service: the store is opened here. A reading verb leaves no trace of itself: where there is no
/// state yet it reads an empty one.
async fn here(shell: &Shell, entry: &Entry, input: Value) -> Result<Value, anyhow::Error> {
    log::start(None, shell.global.verbose)?;
    let mut flags = BTreeMap::new();
    let scratch =
        if entry.kind == Kind::Read && !shell.home.exists() { Some(tempfile::tempdir()?) } else { None };
    let home = match &scratch {
        Some(scratch) => {
            if shell.global.db.is_none() && configured(shell)?.db_url.is_none() {
                flags.insert(
                    "db_url".to_owned(),
                    Value::from(format!("sqlite://{}", scratch.path().join("brains.db").display())),
                );
            }
            Home::at(scratch.path())
        }
        None => shell.home.clone(),
    };
    let sources = shell.sources(flags)?;
    let house = House::open(&home, sources, shell.ambient.clone(), None).await?;
    let answer = house.control.call(entry.name, input, &Principal::local()).await;
    if entry.kind != Kind::Read {
        lifecycle::write(&house.live, &house.store).await;
    }
    house.close().await;
    Ok(answer?)
}

fn configured(shell: &Shell) -> Result<std::sync::Arc<Config>, Fault> {
    Ok(shell.sources(BTreeMap::new())?.resolve().map_err(|problems| unsound(&problems))?.config)
}

#[cfg(test)]
mod tests;
