//! The whole suite, step by step, with a time for each; every step runs even when an earlier one failed.

use std::path::PathBuf;
use std::process::{Child, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::clients::{self, Clients};
use crate::postgres::{Cluster, Durability};
use crate::shell::{Call, Repository, Watch};
use crate::tally::{self, Tally};
use crate::{dependencies, guests, scripted, tools};

const SOAK_LIMIT_SECONDS: f64 = 25.0 * 60.0;
/// Tests of the wires against what is recorded, and there and back.
const WIRES: [&str; 6] = ["golden", "meaning", "messages_client", "pairs", "responses", "wires"];
/// Integration tests that run by themselves: broken input, and real clients on every wire.
const APART: [&str; 2] = ["fuzz::", "clients::"];
/// Steps that need what the tests need.
const BEDDED: [&str; 2] = ["unit", "it"];
const STEPS: [&str; 7] = ["fmt", "machete", "deny", "clippy", "unit", "plugins", "it"];

/// What the steps need from the environment. The cluster stops when this goes.
#[derive(Debug)]
struct Bed<'a> {
    repository: &'a Repository,
    /// The program as users run it: full counts take too long otherwise.
    release: bool,
    cluster: Cluster,
    clients: Clients,
}

impl Bed<'_> {
    fn lay(repository: &Repository, release: bool, clients: Clients) -> Result<Bed<'_>> {
        Ok(Bed { repository, release, clients, cluster: Cluster::start(Durability::None)? })
    }

    /// Gives a test run what it needs to know.
    fn equip(&self, call: Call) -> Call {
        let call = call
            .env("BRAINS_BIN", self.repository.program(self.release))
            .env("BRAINS_GUESTS", guests::bundle_for_tests(self.repository))
            .env("BRAINS_TEST_POSTGRES", self.cluster.url());
        self.clients.name_to(call)
    }

    /// The integration tests; always of the whole workspace, so that nothing is built twice with other features.
    fn integration(&self) -> Call {
        self.equip(self.repository.cargo("test").args(["--workspace", "--test", "it"]))
    }
}

/// What happened so far.
#[derive(Debug, Default)]
struct Report {
    lines: Vec<(String, bool, f64)>,
    tally: Tally,
}

impl Report {
    /// Runs one step, keeps how it went, and says whether it went well.
    fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Tally>) -> bool {
        eprintln!("\n== {name}");
        let watch = Watch::start();
        let outcome = work();
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        let succeeded = outcome.is_ok();
        self.lines.push((name.to_owned(), succeeded, watch.seconds()));
        self.tally.add(outcome.unwrap_or_default());
        succeeded
    }

    /// As [`Self::step`] for test runs, whose failures count one by one.
    fn tests(&mut self, name: &str, call: impl FnOnce() -> Call) {
        let mut failed = false;
        self.step(name, || {
            let (tally, succeeded) = tally::run(call())?;
            failed = !succeeded;
            Ok(tally)
        });
        if let Some(line) = self.lines.last_mut() {
            line.1 &= !failed;
        }
    }

    /// Prints the times and the final line.
    fn close(self) -> ExitCode {
        println!();
        for (name, succeeded, seconds) in &self.lines {
            println!("{:<24} {:>8.1} s  {}", name, seconds, if *succeeded { "ok" } else { "FAILED" });
        }
        let Tally { passed, mut failed, ignored } = self.tally;
        let all_ok = self.lines.iter().all(|(_, succeeded, _)| *succeeded);
        if !all_ok && failed == 0 {
            // A step that is no test, or did not come to run its tests.
            failed = self.lines.iter().map(|(_, succeeded, _)| u64::from(!succeeded)).sum();
        }
        if ignored > 0 {
            println!("{ignored} ignored");
        }
        println!("{passed} passed, {failed} failed");
        if all_ok && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// `cargo xtask test [AREA…]`
pub(crate) fn test(repository: &Repository, areas: &[String]) -> Result<ExitCode> {
    std::thread::scope(|scope| {
        // Fetching them takes minutes and hardly a processor: it goes on beside the first steps, and is waited for where they
        // are needed.
        let need = areas.is_empty()
            || areas.iter().any(|area| !STEPS.contains(&area.as_str()) || BEDDED.contains(&area.as_str()));
        let clients = need.then(|| scope.spawn(|| clients::pinned(repository)));
        let fetched = || match clients.map(std::thread::ScopedJoinHandle::join) {
            Some(Ok(clients)) => clients,
            Some(Err(_)) => bail!("fetching the clients failed"),
            None => clients::pinned(repository),
        };
        steps(repository, areas, fetched)
    })
}

fn steps(
    repository: &Repository,
    areas: &[String],
    clients: impl FnOnce() -> Result<Clients>,
) -> Result<ExitCode> {
    let filters: Vec<&String> = areas.iter().filter(|area| !STEPS.contains(&area.as_str())).collect();
    let wants = |step: &str| {
        areas.is_empty() || areas.iter().any(|area| area == step) || step == "it" && !filters.is_empty()
    };
    let mut report = Report::default();
    if wants("fmt") || wants("clippy") {
        tools::rust_components(repository)?;
    }
    if wants("fmt") {
        report.step("fmt", || {
            repository.cargo("fmt").args(["--all", "--check"]).run()?;
            repository.cargo_plugins("fmt").args(["--all", "--check"]).run()?;
            Ok(Tally::default())
        });
    }
    if wants("machete") {
        report.step("machete", || dependencies::machete(repository).map(|()| Tally::default()));
    }
    if wants("deny") {
        report.step("deny", || dependencies::deny(repository).map(|()| Tally::default()));
    }
    if wants("clippy") || wants("unit") || wants("it") {
        report.step("components", || guests::build(repository).map(|()| Tally::default()));
    }
    if wants("plugins") {
        report.tests("plugins: tests", || {
            let target = repository.at("target/guests");
            repository
                .cargo_plugins("test")
                .args(["--locked", "--workspace", "--no-fail-fast", "--target-dir"])
                .arg(target)
        });
    }
    if wants("clippy") {
        report.step("plugins: clippy", || {
            let target = repository.at("target/guests");
            let lint = repository.cargo_plugins("clippy").args(["--locked", "--workspace", "--all-targets"]);
            lint.arg("--target-dir").arg(target).args(["--", "-D", "warnings"]).run()?;
            Ok(Tally::default())
        });
        report.step("clippy", || {
            let lint = repository.cargo("clippy").args(["--locked", "--workspace", "--all-targets"]);
            lint.args(["--", "-D", "warnings"]).run()?;
            Ok(Tally::default())
        });
    }
    if wants("it") {
        report.step("scripted components", || scripted::quick(repository).map(|()| Tally::default()));
    }
    if wants("unit") || wants("it") {
        let bed = Bed::lay(repository, false, clients()?)?;
        let built = report.step("build", || {
            repository.cargo("build").args(["--locked", "--package", "brains"]).run()?;
            Ok(Tally::default())
        });
        if wants("unit") {
            report.tests("unit", || {
                let call = repository.cargo("test").args(["--locked", "--workspace", "--lib", "--bins"]);
                bed.equip(call.arg("--no-fail-fast"))
            });
            report.tests("wires", || {
                let call = repository.cargo("test").args(["--locked", "--workspace", "--no-fail-fast"]);
                WIRES.iter().fold(call, |call, test| call.args(["--test", test]))
            });
        }
        // An older program says nothing about this source.
        if built && wants("it") {
            // They take the processors for their whole time; next to tests of streams they would slow those down.
            let apart = if filters.is_empty() { APART.as_slice() } else { &[] };
            let skipped = apart.iter().flat_map(|tests| ["--skip", tests]);
            report.tests("it", || bed.integration().arg("--").args(skipped).args(&filters));
            for tests in apart {
                report.tests(tests.trim_end_matches(':'), || bed.integration().args(["--", tests]));
            }
        }
    }
    Ok(report.close())
}

/// `cargo xtask soak [--newest] [NAME…]`
pub(crate) fn soak(repository: &Repository, names: &[String], newest: bool) -> Result<ExitCode> {
    guests::build(repository)?;
    scripted::all(repository)?;
    repository.cargo("build").args(["--locked", "--release", "--package", "brains"]).run()?;
    let clients = if newest { clients::newest(repository)? } else { clients::pinned(repository)? };
    let bed = Bed::lay(repository, true, clients)?;
    let program = integration_program(&bed)?;
    let run = || Call::new(&program).within(&repository.at("tests"));
    let list = run().args(["--list", "--format", "terse"]).read()?;
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let tests: Vec<&str> = tests
        .filter(|test| names.is_empty() || names.iter().any(|name| test.contains(name.as_str())))
        .collect();
    if tests.is_empty() {
        bail!("no test is called {}", names.join(" or "));
    }
    let mut report = Report::default();
    for test in tests {
        report.step(test, || {
            let run = bed.equip(run()).args(["--exact", test]).env("BRAINS_SOAK", "1");
            let mut child = run.into_command().spawn().with_context(|| format!("could not run {test}"))?;
            let succeeded = wait(&mut child)?;
            if !succeeded {
                bail!("{test} failed");
            }
            Ok(Tally { passed: 1, ..Tally::default() })
        });
    }
    Ok(report.close())
}

/// The integration tests as a program, so that a test over its limit can be ended itself.
fn integration_program(bed: &Bed<'_>) -> Result<PathBuf> {
    let messages = bed.integration().args(["--no-run", "--message-format", "json"]).read()?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message.pointer("/target/name") == Some(&"it".into()));
    let program = programs.find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)));
    program.context("cargo built no integration tests")
}

/// Waits for the test, but no longer than a soak may take.
fn wait(child: &mut Child) -> Result<bool> {
    let watch = Watch::start();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if watch.seconds() > SOAK_LIMIT_SECONDS {
            child.kill()?;
            child.wait()?;
            bail!("took longer than 25 minutes");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
