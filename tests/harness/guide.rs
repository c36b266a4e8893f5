//! Guides and what is in them, for tests that run them as they stand: blocks of commands in a shell beside a service. A test has
//! no fixed ports and no home of its own in `~/.brains`, so the addresses and that path are those of its service; `…` stands for
//! what the command before printed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::service::{self, Brains};
use crate::within;

/// Commands that ask a person first, who says yes.
const ASKING: [&str; 2] = ["brains audit rotate-key", "brains plugin remove "];

/// A document of the repository.
pub fn document(name: &str) -> String {
    fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).expect(name)
}

/// The blocks of a language, in their order.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// A shell in the home of a service, which remembers what its commands made.
#[derive(Debug)]
pub struct Shell<'a> {
    service: &'a Brains,
    folder: PathBuf,
    /// What stands for `…` in the next commands.
    printed: Vec<(&'static str, String)>,
    pub key: String,
    session: String,
}

impl<'a> Shell<'a> {
    pub fn of(service: &'a Brains, folder: PathBuf) -> Self {
        Self { service, folder, printed: Vec::new(), key: String::new(), session: String::new() }
    }

    /// Says what a text of the guide that ends in `…` stands for.
    pub fn stands_for(&mut self, shown: &'static str, printed: &str) {
        self.printed.push((shown, printed.to_owned()));
    }

    /// Runs each command of a block; a line that goes on behind a backslash is one.
    pub async fn run(&mut self, block: &str) -> String {
        let mut all = String::new();
        for command in block.replace("\\\n", " ").lines().filter(|line| !line.trim().is_empty()) {
            all.push_str(&self.command(command).await);
        }
        all
    }

    pub async fn command(&mut self, command: &str) -> String {
        let asking = ASKING.iter().any(|asking| command.starts_with(asking));
        let agreed = format!("{} --yes", command.split(" #").next().unwrap_or_default().trim_end());
        let command = if asking { &agreed } else { command };
        let state = self.service.home.state().display().to_string();
        let known = self.printed.iter();
        let command = known.fold(command.to_owned(), |command, (shown, told)| command.replace(shown, told));
        let command = command
            .replace("http://127.0.0.1:8787", &self.service.client.base)
            .replace("~/.brains", &state)
            .replace("ses_…", &self.session)
            .replace("BRAINS_KEY=…", &format!("BRAINS_KEY={}", self.key));
        let program = fs_err::canonicalize(service::program()).expect("the program");
        let run = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(&self.folder)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", program.parent().expect("a folder").display()),
            )
            .env("HOME", self.service.home.path())
            .env("BRAINS_HOME", &state)
            .envs((!self.key.is_empty()).then_some(("BRAINS_KEY", &self.key)))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = within(&command, run).await.expect("bash runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_str(&said).unwrap_or_default();
        for (member, kept) in [("key", &mut self.key), ("session_id", &mut self.session)] {
            if let Some(text) = told[member].as_str() {
                text.clone_into(kept);
            }
        }
        said
    }
}
