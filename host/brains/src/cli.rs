//! The command line. Verbs of the program's own life are written here by hand; every other verb is made from
//! the registry of operations (`operation.rs`), so that it exists exactly when its operation does.

pub(crate) mod account;
pub(crate) mod compat;
pub(crate) mod help;
pub(crate) mod operation;
mod serving;
pub(crate) mod words;

use std::path::PathBuf;

use brains_control::{OperationEntry, Registry};
use clap::builder::styling::{AnsiColor, Styles};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use serving::{Mcp, McpMode, Serve, ServeAll};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A local-first control plane and coordination layer for AI coding agents.
#[derive(Debug, Parser)]
#[command(name = "brains", version, styles = STYLES, propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  brains up                         start, and say where everything is
  brains key create laptop --agent  a key for one agent
  brains watch                      who works where, live
  brains explain \"fix the tests\"    which model would answer, and why
  brains doctor                     what is wrong, and what to do about it

Exit codes: 0 done, 1 failure, 2 usage, 3 not found, 4 conflict, 5 not allowed, 6 unreachable")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Answer in JSON also on a terminal
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Show the log on stderr; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Configuration file [default: config.yaml in the state directory, or `BRAINS_CONFIG`]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Database [default: brains.db in the state directory, or `BRAINS_DB_URL`]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) db: Option<String>,
}

/// The verbs of the program's own life.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Prepare the state directory and serve: `init` and `serve-all` in one
    #[command(after_help = "\
Examples:
  brains up
  brains up ~/src/shop              for agents that work there
  brains up --gateway-port 0        any free port; `brains status` tells which")]
    Up(Up),
    /// Prepare the state directory: database, admin key; register the project that is there
    #[command(
        after_help = "Examples:\n  brains init\n  brains init ~/src/shop --slug shop\n  BRAINS_HOME=/srv/brains brains init"
    )]
    Init(Init),
    /// Serve everything in the foreground
    #[command(
        after_help = "Examples:\n  brains serve-all\n  brains serve-all --gateway-host 0.0.0.0 --gateway-port 80"
    )]
    ServeAll(ServeAll),
    /// Serve the gateway in the foreground
    #[command(after_help = "Examples:\n  brains serve --port 9000")]
    Serve(Serve),
    /// Serve agents' tools over MCP, without the gateway
    #[command(
        after_help = "Examples:\n  brains mcp --mode stdio           for a client that starts its servers\n  brains mcp --port 9877"
    )]
    Mcp(Mcp),
    /// Say what runs where; exit code 6 when nothing does
    #[command(after_help = "Examples:\n  brains status\n  brains status --json | jq -r .urls.gateway")]
    Status,
    /// End the running service; what it is answering is finished first
    #[command(after_help = "Examples:\n  brains stop")]
    Stop,
    /// Print the service's address, and open it when there is a desktop
    #[command(after_help = "Examples:\n  brains open\n  brains open --print")]
    Open(OpenArgs),
    /// Show who works where, over all workspaces, and follow it
    #[command(
        after_help = "Examples:\n  brains watch\n  brains watch --once\n  brains watch --json | jq -c .sessions"
    )]
    Watch(Watch),
    /// Ask a model through the running service, and say which one answered
    #[command(
        after_help = "Examples:\n  brains chat \"Say hello\"\n  brains chat --model ollama/llama3.3 \"Say hello\"   does this provider answer?"
    )]
    Chat(Chat),
    /// Print the service's log: as text on a terminal, else as JSON
    #[command(after_help = "Examples:\n  brains logs -n 20\n  brains logs -f | jq .message")]
    Logs(Logs),
    /// Check everything that a service needs, and say what to do about the rest
    #[command(after_help = "Examples:\n  brains doctor\n  brains doctor --json")]
    Doctor,
    /// Print versions: program, store, components
    #[command(after_help = "Examples:\n  brains version --json")]
    Version,
    /// The admin key
    AdminKey(AdminKeyArgs),
    /// The configuration: what is in force, where it comes from, changes
    Config(ConfigArgs),
    /// Components: what is loaded, what was refused and why; writing one
    Plugin(Plugin),
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  brains completions bash > ~/.local/share/bash-completion/completions/brains"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them into a directory
    #[command(after_help = "Examples:\n  brains man | man -l -\n  brains man ~/.local/share/man/man1")]
    Man {
        /// Directory for the pages of all verbs
        dir: Option<PathBuf>,
    },
}

/// Where agents work. Nothing is read from there: a checkout cannot configure the service.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectPath {
    /// Directory that agents work in
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: std::path::PathBuf,
}

impl ProjectPath {
    /// A mistyped path is told before anything is made.
    pub(crate) fn check(&self) -> Result<(), brains_core::Fault> {
        if self.path.is_dir() {
            return Ok(());
        }
        Err(brains_core::Fault::not_found("directory", self.path.display())
            .hint("give one that exists, or none for the current one"))
    }
}

/// The project to register.
#[derive(Debug, Clone, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) place: ProjectPath,
    /// Unique name of the workspace [default: made from the path]
    #[arg(long)]
    pub(crate) slug: Option<String>,
    /// Name of the workspace for people [default: the slug]
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// `init` and `serve-all` in one.
#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) place: ProjectPath,
    #[command(flatten)]
    pub(crate) serve: ServeAll,
}

/// How to open the service.
#[derive(Debug, Clone, Args)]
pub(crate) struct OpenArgs {
    /// Only print the address
    #[arg(long)]
    pub(crate) print: bool,
}

/// How to follow what goes on.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Watch {
    /// Print it once and end
    #[arg(long)]
    pub(crate) once: bool,
}

/// What to ask, and whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct Chat {
    /// What to say
    pub(crate) prompt: String,
    /// `brains-auto`, a tier such as `brains-strong`, or `<provider>/<model>`
    #[arg(long, default_value = "brains-auto")]
    pub(crate) model: String,
}

/// How much of the log.
#[derive(Debug, Clone, Args)]
pub(crate) struct Logs {
    /// Keep printing what is added
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Lines from the end
    #[arg(short = 'n', long, default_value_t = 100)]
    pub(crate) lines: usize,
}

/// A verb about the admin key.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminKeyArgs {
    #[command(subcommand)]
    pub(crate) verb: AdminKeyVerb,
}

/// The verbs about the admin key that are about this machine's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum AdminKeyVerb {
    /// Print where the admin key is kept
    #[command(
        after_help = "Examples:\n  curl -H \"Authorization: Bearer $(cat \"$(brains admin-key path)\")\" http://127.0.0.1:8787/v1/models"
    )]
    Path,
}

/// A verb about the configuration.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

/// The verbs about the configuration that are about this machine's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Open the configuration file in $VISUAL or $EDITOR; what comes of it is checked before it counts
    #[command(after_help = "Examples:\n  brains config edit\n  EDITOR=nano brains config edit")]
    Edit,
}

/// A verb about components.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) verb: PluginVerb,
}

/// The verbs of a component's author, which work on files.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PluginVerb {
    /// Begin a component: a folder that builds by itself
    #[command(after_help = "\
Examples:
  brains plugin new --kind provider acme
  brains plugin new --kind provider --wire own lumen
  brains plugin new --kind policy --summary \"The cheapest first\" thrifty")]
    New(NewPlugin),
    /// Build a component of Rust: dist/<id>.wasm with its manifest
    #[command(after_help = "Examples:\n  brains plugin build\n  brains plugin build ~/src/acme")]
    Build(PluginPath),
    /// Say in words what a component is and asks for; exit code 2 when a service would refuse it
    #[command(after_help = "Examples:\n  brains plugin check\n  brains plugin check acme.wasm")]
    Check(PluginPath),
    /// Run a component in the host's own runtime: its settings, and the cases of its folder golden
    #[command(
        after_help = "Examples:\n  brains plugin test\n  brains plugin test --update\n  brains plugin test acme.wasm --golden cases"
    )]
    Test(TestPlugin),
}

/// What to begin.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewPlugin {
    /// The part that it plays
    #[arg(long)]
    pub(crate) kind: PluginKind,
    /// What a provider's vendor speaks: chat completions, or a wire that the component reads and writes itself
    /// [default: openai-chat]
    #[arg(long)]
    pub(crate) wire: Option<PluginWire>,
    /// The language that it is written in
    #[arg(long, value_name = "LANG", default_value = "rust")]
    pub(crate) lang: String,
    /// Its id, and the name of its folder
    pub(crate) name: String,
    /// Where the folder is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) into: PathBuf,
    /// One line for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Option<String>,
}

/// The parts that there are scaffolds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PluginKind {
    Provider,
    Classifier,
    Policy,
}

/// The wires that there are scaffolds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PluginWire {
    #[value(name = "openai-chat")]
    OpenAiChat,
    Own,
}

impl PluginKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Classifier => "classifier",
            Self::Policy => "policy",
        }
    }
}

/// A component on disk.
#[derive(Debug, Clone, Args)]
pub(crate) struct PluginPath {
    /// Folder of the project, or file of the component
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
}

/// What to try, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestPlugin {
    /// Folder of the project, or file of the component
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Folder with the cases [default: golden in the project's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) golden: Option<PathBuf>,
    /// Write what comes out now into the cases
    #[arg(long)]
    pub(crate) update: bool,
}

/// The option that shows the admin key.
const REVEAL: &str = "reveal";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Invocation<'a> {
    Life(Box<Cli>),
    Account {
        verb: account::AccountVerb,
        global: Global,
    },
    CompatVerb {
        flat: &'static compat::CompatVerb,
        entry: &'a OperationEntry,
        matches: ArgMatches,
        global: Global,
    },
    Operation {
        entry: &'a OperationEntry,
        matches: ArgMatches,
        global: Global,
        /// The member of the answer that is printed alone.
        bare: Option<&'static str>,
    },
}

impl Invocation<'_> {
    pub(crate) fn global(&self) -> &Global {
        match self {
            Self::Life(cli) => &cli.global,
            Self::Account { global, .. }
            | Self::CompatVerb { global, .. }
            | Self::Operation { global, .. } => global,
        }
    }

    /// Whether what it writes belongs into somebody's project or pages, and is theirs to open to others.
    pub(crate) fn writes_for_others(&self) -> bool {
        let Self::Life(cli) = self else { return false };
        match &cli.verb {
            Verb::Man { .. } | Verb::Completions { .. } => true,
            Verb::Plugin(plugin) => matches!(plugin.verb, PluginVerb::New(_) | PluginVerb::Build(_)),
            _ => false,
        }
    }
}

/// The whole command line: verbs by hand, then those of the registry.
pub(crate) fn command(registry: &Registry) -> clap::Command {
    let command = compat::add_all(operation::add_all(Cli::command(), registry), registry);
    let command = command.mut_subcommand("admin-key", |group| {
        let reveal =
            Arg::new(REVEAL).long(REVEAL).action(ArgAction::SetTrue).help("Show the key itself and its file");
        group.mut_subcommand("show", |show| show.arg(reveal))
    });
    help::grouped(account::add_all(command), &account::names())
}

/// Whether the admin key itself is asked for: a matter of this machine's file, not of the operation.
pub(crate) fn reveals(matches: &ArgMatches) -> bool {
    matches.try_get_one::<bool>(REVEAL).ok().flatten().copied().unwrap_or(false)
}

/// Reads a command line. What is unknown is told by what there is to see: nobody is sent to a spelling that is hidden.
pub(crate) fn asked(
    words: impl Iterator<Item = std::ffi::OsString>,
    registry: &Registry,
) -> Result<Invocation<'_>, clap::Error> {
    let words: Vec<_> = words.collect();
    let parsed = command(registry).try_get_matches_from(&words).map_err(|error| match error.kind() {
        ErrorKind::InvalidSubcommand => {
            help::visible(&command(registry)).try_get_matches_from(&words).err().unwrap_or(error)
        }
        _ => error,
    });
    understand(&parsed?, registry)
}

/// Understands a parsed command line.
pub(crate) fn understand<'a>(
    matches: &ArgMatches,
    registry: &'a Registry,
) -> Result<Invocation<'a>, clap::Error> {
    let global = Global::from_arg_matches(matches)?;
    let mut path = Vec::new();
    let mut innermost = matches;
    while let Some((name, inner)) = innermost.subcommand() {
        path.push(name);
        innermost = inner;
    }
    if let Some(verb) = account::find(&path, innermost) {
        return Ok(Invocation::Account { verb, global });
    }
    if let Some((flat, entry)) = compat::find(registry, &path) {
        return Ok(Invocation::CompatVerb { flat, entry, matches: innermost.clone(), global });
    }
    match operation::find(registry, &path) {
        Some(entry) => {
            let bare = operation::bare(&path);
            Ok(Invocation::Operation { entry, matches: innermost.clone(), global, bare })
        }
        None => Ok(Invocation::Life(Box::new(Cli::from_arg_matches(matches)?))),
    }
}

#[cfg(test)]
mod tests;
