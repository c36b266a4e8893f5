//! The real program, started in a folder of its own on free ports, and ended by its process id.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use tokio::process::{Child, Command};

use crate::client::Client;
use crate::{until_started, within};

/// What a service is started with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Text of `config.yaml` in the state directory.
    pub config: Option<String>,
    pub environment: Vec<(String, String)>,
    pub arguments: Vec<String>,
    /// Whether what is still being compiled is not waited for.
    pub hasty: bool,
    /// What a shell does before it becomes the service, e.g. `ulimit -n 256`.
    pub limits: Option<String>,
}

impl Setup {
    pub fn config(text: impl Into<String>) -> Self {
        Self { config: Some(text.into()), ..Self::default() }
    }

    /// A configuration whose provider `openai_compatible` is the upstream at `base`.
    pub fn upstream(base: &str) -> Self {
        Self::config(format!(
            "openai_compatible_base_url: \"{base}\"\nopenai_compatible_api_key: \"sk-upstream-0123456789abcdef\"\n"
        ))
    }

    #[must_use]
    pub fn and(mut self, lines: &str) -> Self {
        let mut config = self.config.unwrap_or_default();
        config.push_str(lines);
        config.push('\n');
        self.config = Some(config);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Counts as started as soon as it serves, whatever is still being compiled.
    #[must_use]
    pub fn hasty(mut self) -> Self {
        self.hasty = true;
        self
    }

    /// Starts the service under limits, as a shell sets them.
    #[must_use]
    pub fn limits(mut self, commands: &str) -> Self {
        self.limits = Some(commands.into());
        self
    }

    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

/// A configuration with one map of providers: helpers give a line each for theirs.
fn one_map_of_providers(config: &str) -> String {
    let entries = |line: &'_ str| Some(line.strip_prefix("providers: {")?.strip_suffix('}')?.to_owned());
    let maps: Vec<String> = config.lines().filter_map(entries).collect();
    if maps.len() < 2 {
        return config.to_owned();
    }
    let rest = config.lines().filter(|line| entries(line).is_none());
    let rest: String = rest.flat_map(|line| [line, "\n"]).collect();
    format!("{rest}providers: {{{}}}\n", maps.join(", "))
}

/// The program under test.
pub fn program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the runner names the program by environment")]
    let named = std::env::var("BRAINS_BIN");
    let path = named
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/brains"), PathBuf::from);
    assert!(path.exists(), "{} is missing: build it with `cargo xtask build`", path.display());
    path
}

/// A state directory that outlives several starts of the program.
#[derive(Debug)]
pub struct Home {
    pub directory: tempfile::TempDir,
    program: PathBuf,
}

impl Default for Home {
    fn default() -> Self {
        Self::of(program())
    }
}

impl Home {
    /// One in which another build of the program runs.
    pub fn of(program: PathBuf) -> Self {
        Self { directory: tempfile::tempdir().expect("a folder"), program }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The program with nothing of this machine's environment but the path.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_under(None, arguments)
    }

    /// The same, once a shell has set its limits.
    fn command_under(&self, limits: Option<&str>, arguments: &[&str]) -> Command {
        let mut command = match limits {
            None => Command::new(&self.program),
            Some(limits) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{limits}; exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .env("BRAINS_HOME", self.path().join("state"))
            .current_dir(self.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Runs one verb to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        within(&format!("brains {}", arguments.join(" ")), self.command(arguments).output())
            .await
            .expect("the program starts")
    }

    pub fn write_config(&self, text: &str) {
        fs_err::create_dir_all(self.state()).expect("a state directory");
        fs_err::write(self.state().join("config.yaml"), text).expect("a configuration");
    }
}

/// A running service.
#[derive(Debug)]
pub struct Brains {
    pub home: Home,
    pub address: SocketAddr,
    pub client: Client,
    /// The same key at the MCP listener.
    pub mcp: Client,
    child: Child,
}

impl Brains {
    /// Starts with the embedded defaults.
    pub async fn plain() -> Self {
        Self::start(Setup::default()).await
    }

    pub async fn start(setup: Setup) -> Self {
        Self::start_in(Home::default(), setup).await
    }

    /// Starts in a state directory that may hold something already, and waits until it serves.
    pub async fn start_in(home: Home, setup: Setup) -> Self {
        if let Some(config) = &setup.config {
            home.write_config(&one_map_of_providers(config));
        }
        let mut arguments = vec!["serve-all", "--gateway-port", "0", "--mcp-port", "0"];
        arguments.extend(setup.arguments.iter().map(String::as_str));
        let log = fs_err::File::create(home.path().join("stderr.txt")).expect("a file for stderr");
        let child = home
            .command_under(setup.limits.as_deref(), &arguments)
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(log.into_parts().0)
            .spawn()
            .expect("the program starts");
        let mut service = Self {
            home,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            client: Client::new(SocketAddr::from(([127, 0, 0, 1], 0)), ""),
            mcp: Client::new(SocketAddr::from(([127, 0, 0, 1], 0)), ""),
            child,
        };
        service.find(&setup).await;
        service
    }

    async fn find(&mut self, setup: &Setup) {
        let runtime = self.home.state().join("runtime.json");
        let pid = self.pid();
        let (mut found, mut mcp) = (None, None);
        until_started("the service to announce itself", async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the service ended ({status}): {}", self.stderr());
            }
            let Ok(text) = fs_err::read_to_string(&runtime) else { return false };
            let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { return false };
            if value["pid"].as_u64() != Some(u64::from(pid)) {
                return false;
            }
            let port = |name: &str| value["ports"][name].as_u64().and_then(|port| u16::try_from(port).ok());
            (found, mcp) = (port("gateway"), port("mcp"));
            found.is_some()
        })
        .await;
        self.address = SocketAddr::from(([127, 0, 0, 1], found.expect("a port")));
        let given =
            setup.environment.iter().find(|(name, _)| name == "BRAINS_API_KEY").map(|(_, key)| key.clone());
        let key = given.unwrap_or_else(|| {
            fs_err::read_to_string(self.home.state().join("admin-key"))
                .expect("an admin key")
                .trim()
                .to_owned()
        });
        self.client = Client::new(self.address, &key);
        if let Some(port) = mcp {
            self.mcp = Client::new(SocketAddr::from(([127, 0, 0, 1], port)), &key);
        }
        if !setup.hasty {
            until_started("all components to be compiled", async || {
                let body = self.client.get("/health/ready").await.body;
                let Ok(ready) = serde_json::from_slice::<serde_json::Value>(&body) else { return true };
                let components = ready["components"].as_array().cloned().unwrap_or_default();
                components.iter().all(|component| component["state"] != "checking")
            })
            .await;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("running")
    }

    /// Begins to watch how much memory the service takes at most, from now on.
    pub fn watch_memory(&self) -> Memory {
        let pid = self.pid();
        // Linux: the high-water mark is what is resident now.
        fs_err::write(format!("/proc/{pid}/clear_refs"), "5").expect("the mark is reset");
        Memory { pid, before_kib: memory_kib(pid, "VmRSS:") }
    }

    pub fn stderr(&self) -> String {
        fs_err::read_to_string(self.home.path().join("stderr.txt")).unwrap_or_default()
    }

    /// Everything that the service logged.
    pub fn log(&self) -> String {
        let logs = self.home.state().join("logs");
        let mut text = self.stderr();
        if let Ok(entries) = fs_err::read_dir(logs) {
            for entry in entries.flatten() {
                text.push_str(&fs_err::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        text
    }

    pub fn signal(&self, name: &str) {
        let sent =
            std::process::Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Asks the service to end and waits for it; gives the folder back.
    pub async fn stop(mut self) -> (Home, ExitStatus) {
        self.signal("TERM");
        let status = within("the service to end", self.child.wait()).await.expect("waited");
        (self.home, status)
    }

    /// Ends the service as power loss would.
    pub async fn kill(mut self) -> Home {
        self.signal("KILL");
        within("the service to end", self.child.wait()).await.expect("waited");
        self.home
    }
}

/// The memory of a service since a moment.
#[derive(Debug)]
pub struct Memory {
    pid: u32,
    before_kib: u64,
}

impl Memory {
    /// By how much the most that it ever had since then was more than what it had, in MiB.
    pub fn grown_mib(&self) -> u64 {
        memory_kib(self.pid, "VmHWM:").saturating_sub(self.before_kib) >> 10
    }

    /// The most that it ever had since then, in MiB.
    pub fn most_mib(&self) -> u64 {
        memory_kib(self.pid, "VmHWM:") >> 10
    }
}

fn memory_kib(pid: u32, field: &str) -> u64 {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).expect("the service runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
