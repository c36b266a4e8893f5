//! What to serve, and where: the options of every listener, made from the table of listeners.

use std::collections::{BTreeMap, BTreeSet};

use brains_core::Fault;
use brains_mcp::ToolProfile;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use serde_json::Value;

use crate::listeners::{GATEWAY, LISTENERS, Listener, MCP};

const INTERVAL: &str = "scheduler-interval";

/// What the options of a serving verb say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServeAll {
    /// What they set, by the configuration's key: the topmost layer.
    pub(crate) overrides: BTreeMap<String, Value>,
    /// Names of the listeners that are left out.
    without: BTreeSet<&'static str>,
    profile: Option<String>,
}

impl ServeAll {
    /// One listener alone.
    fn only(listener: &Listener, host: Option<&str>, port: Option<u16>) -> Self {
        let others = LISTENERS.into_iter().filter(|other| other.name != listener.name);
        let mut wanted = Self { without: others.map(|other| other.name).collect(), ..Self::default() };
        wanted.set(listener, host, port);
        wanted
    }

    fn set(&mut self, listener: &Listener, host: Option<&str>, port: Option<u16>) {
        let host = host.map(|host| (listener.host_key.to_owned(), Value::from(host)));
        let port = port.map(|port| (listener.port_key.to_owned(), Value::from(port)));
        self.overrides.extend(host.into_iter().chain(port));
    }

    /// The listeners that are wanted; an error when none is left.
    pub(crate) fn listeners(&self) -> Result<Vec<&'static Listener>, Fault> {
        let wanted: Vec<_> =
            LISTENERS.into_iter().filter(|listener| !self.without.contains(listener.name)).collect();
        if wanted.is_empty() {
            let flags: Vec<_> =
                LISTENERS.iter().map(|listener| format!("`--{}`", listener.flags.without.name)).collect();
            return Err(
                Fault::invalid("nothing is left to serve").hint(format!("leave out {}", flags.join(" or ")))
            );
        }
        Ok(wanted)
    }

    /// The tools that clients are shown that do not say.
    pub(crate) fn profile(&self) -> Result<ToolProfile, Fault> {
        self.profile.as_deref().map_or(Ok(ToolProfile::default()), ToolProfile::parse)
    }
}

impl Args for ServeAll {
    fn augment_args(command: Command) -> Command {
        let interval = Arg::new(INTERVAL)
            .long(INTERVAL)
            .value_name("SECONDS")
            .value_parser(value_parser!(f64))
            .help("Upper bound of the scheduler's sleep [default: 60]");
        LISTENERS
            .into_iter()
            .fold(command, |command, listener| command.args(arguments(listener)))
            .arg(interval)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeAll {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut wanted = Self::default();
        wanted.update_from_arg_matches(matches)?;
        Ok(wanted)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for listener in LISTENERS {
            let flags = &listener.flags;
            let host = flags.host.as_ref().and_then(|flag| matches.get_one::<String>(flag.name));
            let port = matches.get_one::<u16>(flags.port.name).copied();
            self.set(listener, host.map(String::as_str), port);
            if matches.get_flag(flags.without.name) {
                self.without.insert(listener.name);
            }
        }
        let interval = matches.get_one::<f64>(INTERVAL).map(|seconds| Value::from(*seconds));
        self.overrides.extend(interval.map(|seconds| ("scheduler_interval".to_owned(), seconds)));
        Ok(())
    }
}

fn arguments(listener: &Listener) -> impl Iterator<Item = Arg> {
    let flags = &listener.flags;
    let host = flags.host.as_ref().map(|flag| {
        let help = format!("{} [default: 127.0.0.1]", flag.help);
        Arg::new(flag.name).long(flag.name).value_name("HOST").help(help)
    });
    let help = format!("{} [default: {}]", flags.port.help, listener.default_port);
    let port = Arg::new(flags.port.name)
        .long(flags.port.name)
        .value_name("PORT")
        .value_parser(value_parser!(u16))
        .help(help);
    let without = Arg::new(flags.without.name)
        .long(flags.without.name)
        .action(ArgAction::SetTrue)
        .help(flags.without.help);
    host.into_iter().chain([port, without])
}

/// Where to serve the gateway.
#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Port to listen on; 0 takes any free one [default: 8787]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

impl From<&Serve> for ServeAll {
    fn from(serve: &Serve) -> Self {
        Self::only(&GATEWAY, serve.host.as_deref(), serve.port)
    }
}

/// How agents reach the tools.
#[derive(Debug, Clone, Args)]
pub(crate) struct Mcp {
    /// Transport: `stdio` serves the program that started this one, the others listen
    #[arg(long, value_name = "MODE", value_enum, default_value_t = McpMode::Http)]
    pub(crate) mode: McpMode,
    /// Port to listen on; 0 takes any free one [default: 9877]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Tools that are shown: `full`, or the small set `core` [default: full]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
}

/// A transport of the tools. `sse` is the same listener as `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum McpMode {
    Http,
    Sse,
    Stdio,
}

impl From<&Mcp> for ServeAll {
    fn from(mcp: &Mcp) -> Self {
        Self { profile: mcp.profile.clone(), ..Self::only(&MCP, None, mcp.port) }
    }
}
