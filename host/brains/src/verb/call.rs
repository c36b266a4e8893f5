//! Verbs made from operations: asked of the running service when there is one, else run here on the same code,
//! as the operator `local`.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use brains_control::{OperationAnswer, OperationEntry, OperationKind, Registry};
use brains_core::caller::wire;
use brains_core::config::Config;
use brains_core::{Caller, Fault, FaultKind, Origin, Principal, Secret};
use brains_egress::local::{LocalAnswer, LocalClient, LocalError};
use clap::ArgMatches;
use serde_json::{Value, json};

use crate::admin_key;
use crate::cli::compat::CompatVerb;
use crate::cli::{self, operation};
use crate::home::Home;
use crate::instance::{self, Proof, RunningService};
use crate::log;
use crate::output::{self, Form};
use crate::services::Services;
use crate::shell::Shell;
use crate::sources::unsound;
use crate::verb::token;

/// The longest that an operation of a running service may take: a model list may ask slow providers.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs one operation and tells its answer.
pub(crate) async fn operation(
    shell: &Shell,
    entry: &OperationEntry,
    matches: &ArgMatches,
    bare: Option<&'static str>,
) -> Result<(), anyhow::Error> {
    let input = operation::input(entry, matches, shell.sources(BTreeMap::new())?.yaml())?;
    entry.check(input.clone())?;
    if let Some(question) = entry.cli.confirm
        && !operation::confirmed(matches)
    {
        ask(question)?;
    }
    if let Some(member) = entry.cli.lines {
        return lines(shell, entry, input, member).await;
    }
    let asked = input.clone();
    let mut answer = answered(shell, entry, input).await?;
    if cli::reveals(matches)
        && let Some(members) = answer.as_object_mut()
    {
        let key =
            key(shell).ok_or_else(|| Fault::not_found("file", "admin-key").hint("`brains init` makes it"))?;
        members.insert("key".into(), key.expose().into());
        members.insert("path".into(), shell.home.admin_key().display().to_string().into());
    }
    match bare.and_then(|member| answer.get(member)) {
        Some(member) if shell.form == Form::Json => output::answer(member, shell.form, None)?,
        _ => output::answer(&answer, shell.form, entry.cli.table)?,
    }
    if entry.cli.confirms_receipt {
        confirm_receipt(shell, &asked, &answer).await?;
    }
    // A check that found something ends like one, for the scripts that run it.
    if answer.get("ok") == Some(&Value::Bool(false)) {
        let found = format!("`{}` found something wrong", entry.cli.path.join(" "));
        // An unsound configuration ends every verb alike.
        let unsound = answer.get("problems").is_some_and(|problems| *problems != Value::Array(Vec::new()));
        let fault = if unsound { Fault::invalid(found) } else { Fault::internal(found) };
        return Err(fault.code("check_failed").into());
    }
    Ok(())
}

/// Says that mail was received, now that it was printed.
async fn confirm_receipt(shell: &Shell, asked: &Value, answer: &Value) -> Result<(), anyhow::Error> {
    let Some(cursor) = answer.get("next_cursor").filter(|cursor| cursor.is_string()) else { return Ok(()) };
    let mut input = json!({ "cursor": cursor, "mark_read": false, "limit": 1 });
    for name in ["session", "session_token"] {
        if let (Some(value), Some(input)) = (asked.get(name), input.as_object_mut()) {
            input.insert(name.into(), value.clone());
        }
    }
    by_name(shell, "read_messages", input).await.map(drop)
}

/// Prints the items of every page as they come, one a line.
async fn lines(
    shell: &Shell,
    entry: &OperationEntry,
    mut input: Value,
    member: &str,
) -> Result<(), anyhow::Error> {
    loop {
        let answer = answered(shell, entry, input.clone()).await?;
        output::lines(answer.get(member))?;
        match (answer.get("next_cursor").filter(|cursor| cursor.is_string()), input.as_object_mut()) {
            (Some(cursor), Some(members)) => members.insert("cursor".into(), cursor.clone()),
            _ => return Ok(()),
        };
    }
}

/// Runs the operation behind a flat verb and tells its answer in that verb's shape, always as JSON.
pub(crate) async fn flat(
    shell: &Shell,
    flat: &CompatVerb,
    entry: &OperationEntry,
    matches: &ArgMatches,
) -> Result<(), anyhow::Error> {
    let input = flat.input(matches);
    entry.check(input.clone())?;
    let answer = answered(shell, entry, input.clone()).await?;
    output::answer(&flat.answer(&answer, &input), Form::Json, None)?;
    Ok(())
}

/// Runs an operation for another verb.
pub(crate) async fn by_name(shell: &Shell, name: &str, input: Value) -> Result<Value, anyhow::Error> {
    let registry = Registry::new();
    let entry = registry.find(name).ok_or_else(|| Fault::not_found("operation", name))?;
    answered(shell, entry, input).await
}

async fn answered(shell: &Shell, entry: &OperationEntry, input: Value) -> Result<Value, anyhow::Error> {
    let standing = shell.environment.get(token::STANDING);
    let token = token::of(&shell.home, &input, standing);
    if let (Some(named), None, None) = (standing, &token, input.get("session")) {
        tell(Some(format!(
            "{} names `{named}`, which was not started from here or has ended",
            token::STANDING
        )));
    }
    let caller = Caller { directory: std::env::current_dir().ok(), token, ..Caller::cli() };
    // Another database than the service's was asked for: the service is not who can answer.
    let elsewhere = shell.global.db.is_some() || shell.global.config.is_some();
    let answer = match instance::running(&shell.home)?.filter(|_| !elsewhere) {
        Some(running) if running.gateway().is_some() => {
            of_service(shell, &running, entry.name, &input, &caller).await?
        }
        // No service, or one that serves agents only: several processes may share a database.
        Some(_) | None => here(shell, entry, input, &caller).await?,
    };
    token::note(&shell.home, entry.name, &answer)?;
    Ok(answer)
}

fn ask(question: &str) -> Result<(), Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::invalid("this needs a yes")
            .code("confirmation_required")
            .hint("add `--yes` to go on without being asked"));
    }
    let mut answer = String::new();
    let asked = write!(anstream::stderr().lock(), "{question} [y/N] ")
        .and_then(|()| std::io::stderr().flush())
        .and_then(|()| std::io::stdin().read_line(&mut answer));
    match asked {
        Ok(_) if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) => Ok(()),
        _ => Err(Fault::new(FaultKind::Cancelled, Origin::Client, "nothing was changed")),
    }
}

/// A client of our own service, at one of its URLs.
pub(crate) fn client(shell: &Shell, running: &RunningService, url: &str) -> ServiceClient {
    ServiceClient {
        client: LocalClient::new(url, key(shell), PATIENCE),
        url: url.to_owned(),
        proof: running.proof.as_ref().map(Proof::secret),
    }
}

/// The running service as a client sees it.
#[derive(Debug)]
pub(crate) struct ServiceClient {
    client: Result<LocalClient, LocalError>,
    url: String,
    /// Shows the service that the caller's surface is what it says.
    proof: Option<Secret>,
}

impl ServiceClient {
    pub(crate) async fn get_json(&self, path: &str) -> Result<(u16, Value), Fault> {
        self.client()?.get_json(path).await.map_err(|error| self.unanswered(&error))
    }

    /// Runs an operation there; an answer of success. Dropping the future ends its wait
    /// there too.
    pub(crate) async fn operation(
        &self,
        name: &str,
        input: &Value,
        caller: &Caller,
    ) -> Result<LocalAnswer, Fault> {
        let answer = self.post_json(&format!("/api/ops/{name}"), input, caller).await?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(Fault::from_wire(answer.status, &answer.value))
        }
    }

    pub(crate) async fn post_json(
        &self,
        path: &str,
        value: &Value,
        caller: &Caller,
    ) -> Result<LocalAnswer, Fault> {
        let mut headers = wire::written(caller);
        headers.extend(self.proof.clone().map(|proof| (wire::PROOF, proof)));
        self.client()?.post_json_with(path, &headers, value).await.map_err(|error| self.unanswered(&error))
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
    configured.or_else(|| admin_key::read(&shell.files, &shell.home.admin_key()).ok().flatten())
}

async fn of_service(
    shell: &Shell,
    running: &RunningService,
    name: &str,
    input: &Value,
    caller: &Caller,
) -> Result<Value, Fault> {
    let url =
        running.gateway().ok_or_else(|| Fault::unavailable("the running service has no gateway to ask"))?;
    let LocalAnswer { value, mail, replayed, .. } =
        client(shell, running, url).operation(name, input, caller).await?;
    tell(replayed.then(|| REPLAYED.to_owned()));
    tell(mail);
    Ok(value)
}

/// What a repeated request is told beside its answer.
const REPLAYED: &str = "done before under this idempotency key; this is the answer to it";

/// Tells a session on stderr what stands beside an answer, e.g. that mail waits for it; stdout holds the answer alone.
fn tell(mail: Option<String>) {
    if let Some(line) = mail {
        drop(writeln!(anstream::stderr().lock(), "{line}"));
    }
}

/// Without a service: the store is opened here. A reading verb leaves no trace of itself: where there is no
/// state yet it reads an empty one.
async fn here(
    shell: &Shell,
    entry: &OperationEntry,
    input: Value,
    caller: &Caller,
) -> Result<Value, anyhow::Error> {
    log::start(None, shell.global.verbose)?;
    let mut flags = BTreeMap::new();
    // Whether a document is sound is told whatever is in use.
    let aside = entry.name == CHECK && configured(shell).is_err();
    let empty = entry.kind == OperationKind::Read && !shell.home.exists();
    let scratch = if empty || aside { Some(tempfile::tempdir()?) } else { None };
    let home = match &scratch {
        Some(scratch) => {
            if aside || shell.global.db.is_none() && configured(shell)?.db_url.is_none() {
                flags.insert(
                    "db_url".to_owned(),
                    Value::from(format!("sqlite://{}", scratch.path().join("brains.db").display())),
                );
            }
            Home::at(scratch.path()).with_components_of(&shell.home)
        }
        None => shell.home.clone(),
    };
    let sources = shell.sources(flags)?;
    let sources = if aside { sources.in_place_of(&home) } else { sources };
    let services = Services::open(&home, shell, sources, None).await?;
    let principal = Principal::local();
    // Whoever looks sees nothing held by who is gone, too.
    services.control.free_what_the_dead_hold().await;
    let OperationAnswer { outcome, replayed, notice } =
        services.control.answer(entry, input, &principal, caller).await;
    if entry.kind != OperationKind::Read {
        services.control.write_version_events().await;
    }
    tell(notice);
    services.close().await;
    let value = outcome?;
    tell(replayed.then(|| REPLAYED.to_owned()));
    Ok(value)
}

/// The operation that looks at a document without using it.
const CHECK: &str = "check_config";

fn configured(shell: &Shell) -> Result<std::sync::Arc<Config>, Fault> {
    Ok(shell.sources(BTreeMap::new())?.resolve().map_err(|problems| unsound(&problems))?.config)
}
