//! The `brains` program: command line, supervision, wiring. What it does lives in the other crates; here it is
//! put together, and the only place that reads the clock, the environment and the files of the state directory.
//!
//! Architecture invariant: no rule lives here; what decides is a pure function of `core` or an operation of `control`.
//! Architecture invariant: what there is of listeners stands in one table, `listeners`; nothing else names one by itself.
//! Architecture invariant: the table of listeners knows neither the command line nor the start, which walk it.

mod admin_key;
mod ambient;
mod audit_key;
mod cli;
mod descriptors;
mod ending;
mod environment;
mod failure;
mod home;
mod instance;
mod keys;
mod listeners;
mod log;
mod manifest_file;
mod output;
mod overlay;
mod ports;
mod process;
mod process_info;
mod project;
mod serve;
mod services;
mod shell;
mod sources;
mod verb;
mod watch;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use brains_control::Registry;
use brains_core::Fault;
use brains_runtime::compile;
use rustix::fs::Mode;

use crate::cli::{AdminKeyVerb, Cli, ConfigVerb, Global, Invocation, McpMode, Verb};
use crate::ending::Ender;
use crate::environment::Environment;
use crate::shell::Shell;

/// Many small, short-lived allocations on many threads; SQLite's are its too, which gives their memory back sooner.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;
/// Exit code of a program that broke off, as the standard library has it.
const PANICKED: u8 = 101;
/// As much as the system gives a first thread.
const STACK: usize = 8 << 20;
/// How long work that is left behind on other threads may take to its end.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // Before anything else is done or read: this process may be one that has little to live on.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|verb| verb == compile::VERB) {
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        return compile::child(&words);
    }
    let (ender, end) = Ender::new();
    let ended = ender.clone();
    // The process ends when this thread does, whatever hangs in others.
    let work = std::thread::Builder::new().name("main".into()).stack_size(STACK).spawn(move || {
        let code = std::panic::catch_unwind(AssertUnwindSafe(|| program(ender)));
        ended.end(code.unwrap_or(ExitCode::from(PANICKED)));
    });
    match work {
        Ok(_detached) => end.recv().unwrap_or(ExitCode::from(PANICKED)),
        Err(error) => {
            let fault = Fault::internal(format!("the threads of the program could not start: {error}"));
            failure::report(&fault.into(), false)
        }
    }
}

fn program(ender: Ender) -> ExitCode {
    let environment = Environment::of_process();
    let registry = Registry::new();
    let asked = cli::asked(std::env::args_os(), &registry);
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => {
            // Help and version go to stdout and are no failure. A closed stream leaves nobody to tell.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let global = asked.global().clone();
    let as_json = global.json;
    match run(&asked, &registry, environment, global, ender) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&failure::in_commands(error, &registry), as_json),
    }
}

fn run(
    asked: &Invocation<'_>,
    registry: &Registry,
    environment: Environment,
    global: Global,
    ender: Ender,
) -> Result<(), anyhow::Error> {
    if !asked.writes_for_others() {
        // Whatever is written from here on is closed to others, compiled code too.
        rustix::process::umask(Mode::from_raw_mode(0o077));
    }
    let cli = match asked {
        Invocation::Life(cli) => cli,
        Invocation::Account { verb, .. } => {
            let shell = Shell::new(environment, global, ender)?;
            return wait(verb::account::run(&shell, verb));
        }
        Invocation::CompatVerb { flat, entry, matches, .. } => {
            let shell = Shell::new(environment, global, ender)?;
            return wait(verb::call::flat(&shell, flat, entry, matches));
        }
        Invocation::Operation { entry, matches, bare, .. } => {
            let shell = Shell::new(environment, global, ender)?;
            return wait(verb::call::operation(&shell, entry, matches, *bare));
        }
    };
    match &cli.verb {
        // These need no state directory.
        Verb::Completions { shell } => return Ok(verb::completions(registry, *shell)?),
        Verb::Man { dir } => return verb::man(registry, dir.as_deref()),
        _ => {}
    }
    let shell = Shell::new(environment, global, ender)?;
    match &cli.verb {
        Verb::Mcp(mcp) if mcp.mode == McpMode::Stdio => wait(verb::mcp::stdio(shell, mcp)),
        _ => life(cli, &shell),
    }
}

fn life(cli: &Cli, shell: &Shell) -> Result<(), anyhow::Error> {
    match &cli.verb {
        Verb::Up(up) => {
            up.place.check()?;
            wait(serve::run(shell, &up.serve, Some(&up.place.path)))
        }
        Verb::ServeAll(wanted) => wait(serve::run(shell, wanted, None)),
        Verb::Serve(wanted) => wait(serve::run(shell, &wanted.into(), None)),
        Verb::Mcp(mcp) => wait(serve::run(shell, &mcp.into(), None)),
        Verb::Init(init) => {
            init.place.check()?;
            wait(verb::init(shell, init))
        }
        Verb::Status => wait(verb::status(shell)),
        Verb::Watch(wanted) => wait(verb::watch::watch(shell, *wanted)),
        Verb::Stop => wait(verb::stop(shell)),
        Verb::Open(wanted) => verb::open(shell, wanted.print),
        Verb::Chat(wanted) => wait(verb::chat::chat(shell, wanted)),
        Verb::Logs(wanted) => wait(verb::logs::logs(shell, wanted)),
        Verb::Doctor => wait(verb::doctor::doctor(shell)),
        Verb::Version => verb::version(shell),
        Verb::AdminKey(admin_key) => match admin_key.verb {
            AdminKeyVerb::Path => Ok(output::line(shell.home.admin_key().display())?),
        },
        Verb::Config(config) => match config.verb {
            ConfigVerb::Edit => wait(verb::edit::edit(shell)),
        },
        Verb::Plugin(plugin) => wait(verb::plugin::run(shell, &plugin.verb)),
        Verb::Completions { .. } | Verb::Man { .. } => Ok(()),
    }
}

fn wait(work: impl Future<Output = Result<(), anyhow::Error>>) -> Result<(), anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::internal(format!("the threads of the program could not start: {error}")))?;
    let outcome = runtime.block_on(work);
    // Dropping it would wait for work on its threads that may never end, as a read of the standard input does not.
    runtime.shutdown_timeout(LEFT_BEHIND);
    outcome
}
