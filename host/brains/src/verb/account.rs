//! Accounts that components sign in with, from the command line: with the service running or not, for what is kept lies in
//! the state directory, which both read.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use brains_core::{Fault, FaultKind, Millis, Origin};
use brains_dialect::canon::auth::SignInPrompt;
use brains_gateway::{AccountStanding, Credentials, SignedOut};
use brains_runtime::Instance;
use serde_json::{Map, Value, json};

use crate::cli::account::{AccountDeed, AccountVerb};
use crate::log;
use crate::output::{self, harmless, wrapped};
use crate::services::Services;
use crate::shell::Shell;
use crate::sources::unsound;

pub(crate) async fn run(shell: &Shell, verb: &AccountVerb) -> Result<(), anyhow::Error> {
    if verb.deed != AccountDeed::Login && !shell.home.exists() {
        // Looking leaves no trace.
        let nothing = match verb.deed {
            AccountDeed::Logout => signed_out(&verb.usual, SignedOut { login: false, session: false }),
            AccountDeed::Login | AccountDeed::Status => nobody(&verb.usual),
        };
        return Ok(output::answer(&nothing, shell.form, None)?);
    }
    log::start(None, shell.global.verbose)?;
    let (services, instance) = opened(shell, verb).await?;
    let done = tokio::select! {
        done = deed(verb, &services, &instance) => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("could not listen for signals")?;
            Err(Fault::new(FaultKind::Cancelled, Origin::Client, "nothing was changed"))
        }
    };
    services.close().await;
    Ok(output::answer(&done?, shell.form, None)?)
}

async fn deed(verb: &AccountVerb, services: &Services, instance: &Arc<Instance>) -> Result<Value, Fault> {
    let credentials = services.gateway.credentials();
    match verb.deed {
        AccountDeed::Login => {
            credentials.sign_in(instance, &ask).await?;
            credentials.standing(instance).await.map(|standing| described(instance, &standing))
        }
        AccountDeed::Status => status(credentials, instance).await,
        AccountDeed::Logout => {
            credentials.sign_out(instance).await.map(|out| signed_out(instance.name(), out))
        }
    }
}

/// What is known here, and what the vendor says of the account.
async fn status(credentials: &Credentials, instance: &Arc<Instance>) -> Result<Value, Fault> {
    let configured = !instance.secrets().is_empty();
    let nothing = !configured && instance.commands().is_empty();
    if nothing && credentials.signed_in_at(instance).await?.is_none() {
        return Ok(nobody(instance.name()));
    }
    let standing = credentials.standing(instance).await?;
    let mut answer = described(instance, &standing);
    let account = credentials.inspect(instance).await?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("account".into(), Value::Object(account));
    }
    Ok(answer)
}

fn described(instance: &Instance, standing: &AccountStanding) -> Value {
    let AccountStanding { signed_in_at, exchanged_at, expires_at, attributes } = standing;
    let configured = !instance.secrets().is_empty();
    let moment = |at: &Option<Millis>| at.map(|at| at.to_string());
    let source = match signed_in_at {
        _ if configured => "configuration",
        Some(_) => "login",
        None => "command",
    };
    let mut answer = json!({
        "provider": instance.name(),
        "active_source": source,
        "configured": configured,
        "signed_in_at": moment(signed_in_at),
        "exchanged_at": moment(exchanged_at),
        "expires_at": moment(expires_at),
    });
    if let Some(members) = answer.as_object_mut() {
        members.extend(attributes.clone());
    }
    answer
}

/// Of an account that nobody signed in to.
fn nobody(provider: &str) -> Value {
    json!({ "provider": provider, "active_source": null, "configured": false, "signed_in_at": null })
}

fn signed_out(provider: &str, out: SignedOut) -> Value {
    json!({ "provider": provider, "oauth": out.login, "session": out.session })
}

/// Tells a person what to do, on stderr: the answer comes on stdout.
fn ask(prompt: &SignInPrompt) {
    let SignInPrompt { url, code, message } = prompt;
    let code = code.as_deref().map(|code| format!("Enter  {}\n", harmless(code))).unwrap_or_default();
    let message = wrapped("", &format!("{}. Ctrl-C ends the wait.", harmless(message)), 80);
    drop(write!(anstream::stderr().lock(), "Open   {}\n{code}\n{message}\n", harmless(url)));
}

/// The program's parts, and the provider that is meant: a configured one, else one as its component is by itself.
async fn opened(shell: &Shell, verb: &AccountVerb) -> Result<(Services, Arc<Instance>), anyhow::Error> {
    let resolved = shell.sources(BTreeMap::new())?.resolve().map_err(|problems| unsound(&problems))?;
    let configured = resolved.config.providers.values().any(|spec| spec.component == verb.component);
    let mut flags = BTreeMap::new();
    if !configured {
        let spec = Map::from_iter([("component".to_owned(), Value::from(verb.component.as_str()))]);
        flags.insert(format!("providers.{}", verb.usual), Value::Object(spec));
    }
    let services = Services::open(&shell.home, shell, shell.sources(flags)?, None).await?;
    let set = services.live.current();
    let is_meant = |it: &&Arc<Instance>| {
        it.component_id() == verb.component && verb.provider.as_deref().is_none_or(|name| it.name() == name)
    };
    let Some(instance) = set.providers().find(is_meant).cloned() else {
        services.close().await;
        let name = verb.provider.as_deref().unwrap_or(&verb.usual);
        let fault = Fault::not_found("provider with such an account", name);
        return Err(fault.hint("`brains plugin list` shows every component and why one is not live").into());
    };
    Ok((services, instance))
}
