//! What instances sign in with. Their components describe how ([`flow`]); this performs it, keeps what comes of it in the
//! [`vault`], and gives it to requests, which name it. It is renewed before its end and once after an upstream refused it;
//! by one at a time, in this process and among all that share the state directory.

mod command;
mod flow;
mod vault;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_core::secret::sha256_hex;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Ambient, Fault, Millis, Secret};
use brains_dialect::canon::auth::SignInPrompt;
use brains_egress::Egress;
use brains_files::Gate;
use brains_runtime::Instance;
use serde_json::{Map, Value, json};

use flow::FlowRun;
use vault::{SignInGrant, Vault, VaultEntry};

/// How long what was read of the vault is taken to be what is there: another process may sign in or out.
const LOOK_MS: i64 = 2_000;
/// How long a flow that failed is not tried again for the same.
const RETRY_MS: i64 = 10_000;
/// What was exchanged so lately is not exchanged again because an upstream refused it.
const JUST_MS: i64 = 2_000;
/// Nobody waits for a person while it is renewed.
const RENEWAL: Duration = Duration::from_secs(30);
/// A person may take this long.
const SIGN_IN: Duration = Duration::from_mins(20);

/// The credentials of all instances. A clone is the same.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<CredentialState>);

#[derive(Debug)]
struct CredentialState {
    egress: Arc<Egress>,
    vault: Vault,
    ambient: Arc<dyn Ambient>,
    accounts: Mutex<HashMap<String, Arc<AccountCell>>>,
}

/// What this process knows of one instance's account.
#[derive(Debug, Default)]
struct AccountCell {
    seen: Mutex<SeenAccount>,
    /// Whoever looks into the vault or exchanges has it.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct SeenAccount {
    looked_at: Option<Millis>,
    entry: VaultEntry,
    failed: Option<FailedExchange>,
}

#[derive(Debug)]
struct FailedExchange {
    at: Millis,
    source: String,
    fault: Fault,
}

/// What one request is sent with.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    login: BTreeMap<String, Secret>,
    session: BTreeMap<String, Secret>,
    attributes: Map<String, Value>,
    exchanged_at: Millis,
}

/// What is known of an account without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountStanding {
    /// When a person signed in.
    pub signed_in_at: Option<Millis>,
    /// When it was last exchanged.
    pub exchanged_at: Option<Millis>,
    pub expires_at: Option<Millis>,
    pub attributes: Map<String, Value>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedOut {
    pub login: bool,
    pub session: bool,
}

impl Account {
    pub(crate) fn credential(&self, name: &str) -> Option<&Secret> {
        self.session.get(name).or_else(|| self.login.get(name))
    }

    /// The names of what requests may be sent with.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.login.keys().chain(self.session.keys()).map(String::as_str).collect()
    }

    pub(crate) const fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }

    fn of(entry: &VaultEntry, session: &SignInGrant) -> Self {
        let login = entry.login.as_ref();
        Self {
            login: login.map(|login| login.credentials.clone()).unwrap_or_default(),
            session: session.credentials.clone(),
            attributes: session.attributes.clone(),
            exchanged_at: session.at,
        }
    }
}

impl Credentials {
    /// Kept in `dir`.
    pub(crate) fn new(egress: Arc<Egress>, dir: PathBuf, files: Gate, ambient: Arc<dyn Ambient>) -> Self {
        let vault = Vault::new(dir, files);
        Self(Arc::new(CredentialState { egress, vault, ambient, accounts: Mutex::default() }))
    }

    /// What a request to the instance is sent with, renewed when it is time; none when its component does not sign in.
    pub(crate) async fn account(&self, instance: &Arc<Instance>) -> Result<Option<Account>, Fault> {
        if !instance.exports().beside.auth {
            return Ok(None);
        }
        let cell = self.cell(instance);
        if let Some(account) = cell.fresh(instance, self.now()) {
            return Ok(Some(account));
        }
        let _turn = cell.turn.lock().await;
        let now = self.now();
        if let Some(account) = cell.fresh(instance, now) {
            return Ok(Some(account));
        }
        let entry = self.0.vault.read(instance.name()).await?;
        let source = source(instance, &entry);
        self.see(&cell, instance, &entry);
        let valid = entry.session.as_ref().filter(|session| session.is_valid(&source, now));
        if let Some(session) = valid.filter(|session| session.is_current(&source, now)) {
            return Ok(Some(Account::of(&entry, session)));
        }
        let renewed = match cell.failed(&source, now) {
            Some(fault) => Err(fault),
            None => self.exchange(&cell, instance, None).await,
        };
        match (renewed, valid) {
            (Ok(account), _) => Ok(Some(account)),
            (Err(fault), Some(session)) => {
                tracing::warn!(provider = instance.name(), cause = %fault, "not renewed, what there is still counts");
                Ok(Some(Account::of(&entry, session)))
            }
            (Err(fault), None) => Err(fault),
        }
    }

    /// Another account than the one that the upstream refused; none when there is no other.
    pub(crate) async fn renewed(
        &self,
        instance: &Arc<Instance>,
        refused: &Account,
    ) -> Result<Option<Account>, Fault> {
        let cell = self.cell(instance);
        let _turn = cell.turn.lock().await;
        let now = self.now();
        if let Some(account) = cell.fresh(instance, now).filter(|account| account.session != refused.session)
        {
            return Ok(Some(account));
        }
        if now.since(refused.exchanged_at) < JUST_MS {
            return Ok(None);
        }
        let entry = self.0.vault.read(instance.name()).await?;
        if let Some(fault) = cell.failed(&source(instance, &entry), now) {
            return Err(fault);
        }
        let account = self.exchange(&cell, instance, Some(refused)).await?;
        Ok((account.session != refused.session || account.login != refused.login).then_some(account))
    }

    /// Lets a person sign in, and keeps what comes of it. What was exchanged before is forgotten.
    pub async fn sign_in(
        &self,
        instance: &Arc<Instance>,
        ask: &(dyn Fn(&SignInPrompt) + Sync),
    ) -> Result<(), Fault> {
        let secrets = |name: &str| instance.secret(name).cloned();
        let run = FlowRun { egress: &self.0.egress, instance, secrets: &secrets, ask, within: SIGN_IN };
        let done = run.run(&json!({ "do": "sign_in" })).await?;
        let login = Some(flow::grant(done, String::new(), self.now()));
        let cell = self.cell(instance);
        let _turn = cell.turn.lock().await;
        let _lock = self.0.vault.lock(instance.name()).await?;
        let entry = VaultEntry { login, session: None };
        self.0.vault.write(instance.name(), &entry).await?;
        self.see(&cell, instance, &entry);
        Ok(())
    }

    /// Forgets what a person signed in with and what it was exchanged for.
    pub async fn sign_out(&self, instance: &Arc<Instance>) -> Result<SignedOut, Fault> {
        let cell = self.cell(instance);
        let _turn = cell.turn.lock().await;
        let _lock = self.0.vault.lock(instance.name()).await?;
        let kept = self.0.vault.read(instance.name()).await;
        // What cannot be read is forgotten all the same.
        let kept =
            kept.map(|entry| SignedOut { login: entry.login.is_some(), session: entry.session.is_some() });
        self.0.vault.remove(instance.name()).await?;
        self.see(&cell, instance, &VaultEntry::default());
        Ok(kept.unwrap_or(SignedOut { login: true, session: true }))
    }

    /// What is known of an account; whatever it takes to renew it is done first.
    pub async fn standing(&self, instance: &Arc<Instance>) -> Result<AccountStanding, Fault> {
        let renewed = self.account(instance).await;
        let entry = self.0.vault.read(instance.name()).await?;
        renewed?;
        let session = entry.session.as_ref();
        Ok(AccountStanding {
            signed_in_at: entry.login.as_ref().map(|login| login.at),
            exchanged_at: session.map(|session| session.at),
            expires_at: session.and_then(|session| session.expires_at),
            attributes: session.map(|session| session.attributes.clone()).unwrap_or_default(),
        })
    }

    /// When a person signed in, if one did.
    pub async fn signed_in_at(&self, instance: &Arc<Instance>) -> Result<Option<Millis>, Fault> {
        Ok(self.0.vault.read(instance.name()).await?.login.map(|login| login.at))
    }

    /// What the vendor says of the account, as its component reads it.
    pub async fn inspect(&self, instance: &Arc<Instance>) -> Result<Map<String, Value>, Fault> {
        let entry = self.0.vault.read(instance.name()).await?;
        self.see(&self.cell(instance), instance, &entry);
        let of_commands = of_commands(instance, &entry).await;
        let done = self.run(instance, &entry, &of_commands, "inspect").await?;
        Ok(serde_json::from_str(&done.attributes).unwrap_or_default())
    }

    /// Exchanges what there is for another session, unless another process just did. The caller has the turn.
    async fn exchange(
        &self,
        cell: &AccountCell,
        instance: &Arc<Instance>,
        refused: Option<&Account>,
    ) -> Result<Account, Fault> {
        let _lock = self.0.vault.lock(instance.name()).await?;
        let mut entry = self.0.vault.read(instance.name()).await?;
        let source = source(instance, &entry);
        let now = self.now();
        let by_others = entry.session.as_ref().filter(|session| {
            session.is_current(&source, now) && refused.is_none_or(|it| it.session != session.credentials)
        });
        if let Some(session) = by_others {
            let account = Account::of(&entry, session);
            self.see(cell, instance, &entry);
            return Ok(account);
        }
        let of_commands = of_commands(instance, &entry).await;
        match self.run(instance, &entry, &of_commands, "renew").await {
            Ok(done) => {
                let mut session = flow::grant(done, source, now);
                session.credentials.extend(of_commands);
                let account = Account::of(&entry, &session);
                entry.session = Some(session);
                self.0.vault.write(instance.name(), &entry).await?;
                self.see(cell, instance, &entry);
                tracing::info!(provider = instance.name(), "signed in anew");
                Ok(account)
            }
            Err(fault) => {
                let at = self.now();
                cell.seen.lock_unpoisoned().failed =
                    Some(FailedExchange { at, source, fault: fault.clone() });
                Err(fault)
            }
        }
    }

    /// Runs the flow that needs no person.
    async fn run(
        &self,
        instance: &Arc<Instance>,
        entry: &VaultEntry,
        of_commands: &BTreeMap<String, Secret>,
        what: &str,
    ) -> Result<brains_dialect::canon::auth::SignedIn, Fault> {
        instance.learn(of_commands.values());
        let login = entry.login.as_ref().map(|login| &login.credentials);
        let all = || login.into_iter().chain([of_commands]);
        let kept: Vec<&String> = all().flat_map(BTreeMap::keys).collect();
        let secrets = |name: &str| {
            let kept = all().find_map(|credentials| credentials.get(name));
            kept.or_else(|| instance.secret(name)).cloned()
        };
        let ask = |_: &SignInPrompt| {};
        let run = FlowRun { egress: &self.0.egress, instance, secrets: &secrets, ask: &ask, within: RENEWAL };
        run.run(&json!({ "do": what, "kept": kept })).await
    }

    /// Takes over what the vault has; none of it is shown from now on.
    fn see(&self, cell: &AccountCell, instance: &Instance, entry: &VaultEntry) {
        let grants = [&entry.login, &entry.session];
        instance.learn(grants.into_iter().flatten().flat_map(|grant| grant.credentials.values()));
        let mut seen = cell.seen.lock_unpoisoned();
        seen.looked_at = Some(self.now());
        entry.clone_into(&mut seen.entry);
    }

    fn cell(&self, instance: &Instance) -> Arc<AccountCell> {
        Arc::clone(self.0.accounts.lock_unpoisoned().entry(instance.name().to_owned()).or_default())
    }

    fn now(&self) -> Millis {
        self.0.ambient.now()
    }
}

impl AccountCell {
    /// The account as it was seen a moment ago.
    fn fresh(&self, instance: &Instance, now: Millis) -> Option<Account> {
        let seen = self.seen.lock_unpoisoned();
        let looked_at = seen.looked_at.filter(|at| now >= *at && now.since(*at) < LOOK_MS);
        let session = looked_at.and(seen.entry.session.as_ref())?;
        session.is_current(&source(instance, &seen.entry), now).then(|| Account::of(&seen.entry, session))
    }

    /// Why the same exchange just failed.
    fn failed(&self, source: &str, now: Millis) -> Option<Fault> {
        let seen = self.seen.lock_unpoisoned();
        let failed = seen.failed.as_ref()?;
        (failed.source == source && now.since(failed.at) < RETRY_MS).then(|| failed.fault.clone())
    }
}

/// What the operator's commands give, where there is nothing else to be exchanged.
async fn of_commands(instance: &Instance, entry: &VaultEntry) -> BTreeMap<String, Secret> {
    let mut given = BTreeMap::new();
    if entry.login.is_some() || !instance.secrets().is_empty() {
        return given;
    }
    for (name, command) in instance.commands() {
        match command::token(command).await {
            Ok(token) => drop(given.insert(name.clone(), token)),
            Err(cause) => {
                tracing::warn!(
                    provider = instance.name(),
                    command = command.join(" "),
                    cause,
                    "no token of a command"
                );
            }
        }
    }
    given
}

/// The fingerprint of everything that may be exchanged: another token is exchanged anew.
fn source(instance: &Instance, entry: &VaultEntry) -> String {
    let login = entry.login.iter().flat_map(|login| &login.credentials);
    let mut all = format!("{}\n", instance.component_id());
    for (kind, (name, secret)) in
        instance.secrets().iter().map(|it| ('s', it)).chain(login.map(|it| ('c', it)))
    {
        let _written = writeln!(all, "{kind} {name} {}", secret.sha256_hex());
    }
    sha256_hex(all.as_bytes())
}
