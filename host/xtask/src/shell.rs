//! Where things are, and how other programs are run.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// The checkout.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// From where this tool was built.
    pub(crate) fn locate() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).context("the repository is gone")?;
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path within.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Where the host is built: `CARGO_TARGET_DIR`, else `target`.
    pub(crate) fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.at("target"), |set| self.root.join(set))
    }

    /// The program that the host's build leaves.
    pub(crate) fn program(&self, release: bool) -> PathBuf {
        self.target().join(if release { "release" } else { "debug" }).join("brains")
    }

    /// `cargo <verb>` in the host's workspace.
    pub(crate) fn cargo(&self, verb: &str) -> Call {
        Call::new(cargo()).arg(verb).within(&self.root)
    }

    /// `cargo <verb>` in the components' workspace.
    pub(crate) fn cargo_plugins(&self, verb: &str) -> Call {
        let manifest = self.at("plugins/Cargo.toml");
        Call::new(cargo())
            .arg(verb)
            .args([OsStr::new("--manifest-path"), manifest.as_os_str()])
            .within(&self.root)
    }
}

/// The cargo that runs this tool.
fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Another program, about to be run.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
}

impl Call {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        // What `cargo run` sets for this tool must not count as a change for the builds below it.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                command.env_remove(name);
            }
        }
        command.env_remove("CARGO_MANIFEST_PATH").stdin(Stdio::null());
        Self { command }
    }

    /// From words, the program first.
    pub(crate) fn from_parts(words: &[String]) -> Self {
        let mut words = words.iter();
        Self::new(words.next().map_or("true", String::as_str)).args(words)
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The command, for those who want more of it.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Runs it, its output on ours.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status().with_context(|| format!("could not run {}", self.shown()))?;
        if !status.success() {
            bail!("{} ended with {status}", self.shown());
        }
        Ok(())
    }

    /// Runs it and takes its output; an error unless it succeeds.
    pub(crate) fn read(mut self) -> Result<String> {
        let Output { status, stdout, stderr } =
            self.command.output().with_context(|| format!("could not run {}", self.shown()))?;
        if !status.success() {
            let stderr = String::from_utf8_lossy(&stderr);
            bail!("{} ended with {status}: {}", self.shown(), stderr.trim());
        }
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    }

    fn shown(&self) -> String {
        let program = Path::new(self.command.get_program()).file_name().unwrap_or_default();
        let words = std::iter::once(program).chain(self.command.get_args());
        format!("`{}`", words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" "))
    }
}

/// The first program of this name on the path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A stopwatch for people; nothing is decided by it.
#[derive(Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "an automation tool has no ambient to be given")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
