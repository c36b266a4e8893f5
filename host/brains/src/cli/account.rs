//! Verbs about the accounts that components sign in with: `<account>-login`, `-status` and `-logout`, made from what the
//! manifests of the bundle call them.

use std::fmt;

use brains_core::config::manifest::Manifest;
use brains_runtime::bundle;
use clap::{Arg, ArgMatches, Command};

const PROVIDER: &str = "provider";

/// What is done with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountDeed {
    Login,
    Status,
    Logout,
}

/// One such verb, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountVerb {
    pub(crate) deed: AccountDeed,
    /// What people call the account.
    pub(crate) account: String,
    /// Id of the component that signs in.
    pub(crate) component: String,
    /// Name of the instance where nobody configured one.
    pub(crate) usual: String,
    /// Name of the instance that is meant.
    pub(crate) provider: Option<String>,
}

impl AccountDeed {
    const ALL: [Self; 3] = [Self::Login, Self::Status, Self::Logout];

    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Status => "status",
            Self::Logout => "logout",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Login => "Sign in to an account whose models are used",
            Self::Status => "Say whose account is used, until when, and what is left of it",
            Self::Logout => "Forget what was signed in with",
        }
    }
}

impl fmt::Display for AccountVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.account, self.deed.name())
    }
}

/// All of them.
fn verbs() -> impl Iterator<Item = AccountVerb> {
    let manifests = bundle::components().iter().filter_map(|it| Manifest::parse(it.manifest).ok());
    manifests.flat_map(|manifest| {
        let usual = manifest.flat.as_ref().map_or(&manifest.component, |flat| &flat.instance).clone();
        let component = manifest.component;
        let verb = move |account: &String, deed| AccountVerb {
            deed,
            account: account.clone(),
            component: component.clone(),
            usual: usual.clone(),
            provider: None,
        };
        let account = manifest.account;
        AccountDeed::ALL.into_iter().filter_map(move |deed| Some(verb(account.as_ref()?, deed)))
    })
}

/// The names, as they stand in the help.
pub(super) fn names() -> Vec<String> {
    verbs().map(|verb| verb.to_string()).collect()
}

pub(super) fn add_all(command: Command) -> Command {
    verbs().fold(command, |command, verb| {
        let provider = Arg::new(PROVIDER)
            .long(PROVIDER)
            .value_name("NAME")
            .help("The provider that is meant, where several have such an account");
        let name = verb.to_string();
        let examples = format!("Examples:\n  brains {name}\n  brains {name} --provider {}", verb.usual);
        command.subcommand(Command::new(name).about(verb.deed.about()).after_help(examples).arg(provider))
    })
}

/// The verb at this path.
pub(super) fn find(path: &[&str], matches: &ArgMatches) -> Option<AccountVerb> {
    let [name] = path else { return None };
    let verb = verbs().find(|verb| verb.to_string() == *name)?;
    Some(AccountVerb { provider: matches.get_one::<String>(PROVIDER).cloned(), ..verb })
}
