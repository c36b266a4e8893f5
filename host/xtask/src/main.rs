//! Automation: build, run, test, soak, bench. What CI does is `cargo xtask test` and nothing else. It depends on
//! no crate of the product, so it builds at once and can build the product from nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for people at a terminal")]

mod bench;
mod clients;
mod dependencies;
mod guests;
mod postgres;
mod scripted;
mod shell;
mod stamp;
mod suite;
mod tally;
mod tools;

use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::shell::Repository;

/// Builds, runs and tests Brains.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Builds the components and the program with them bundled: target/{debug,release}/brains.
    Build {
        /// Optimised.
        #[arg(long)]
        release: bool,
    },
    /// Builds, then starts `brains up`.
    Run {
        /// Optimised.
        #[arg(long)]
        release: bool,
        /// Passed on to `brains up`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Installs what the tests need and runs them all: fmt, machete, deny, clippy, unit, plugins, it.
    Test {
        /// Only these steps; any other word is a filter on the integration tests.
        areas: Vec<String>,
    },
    /// Runs the integration tests with full counts, one after the other, each at most 25 minutes.
    Soak {
        /// Only the tests whose name contains one of these.
        names: Vec<String>,
        /// With the newest versions of the clients, installed below target/newest, instead of those that are pinned.
        #[arg(long)]
        newest: bool,
    },
    /// Runs the benchmarks.
    Bench {
        /// Only these.
        names: Vec<String>,
    },
}

fn main() -> ExitCode {
    match carry_out(Line::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("cause: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn carry_out(verb: Verb) -> Result<ExitCode> {
    let repository = Repository::locate()?;
    match verb {
        Verb::Build { release } => {
            let program = build(&repository, release)?;
            println!("{}", program.display());
        }
        Verb::Run { release, arguments } => {
            let program = build(&repository, release)?;
            // Replaces this process: signals and the exit code are the program's own.
            let error = std::process::Command::new(&program).arg("up").args(arguments).exec();
            return Err(error).with_context(|| format!("could not start `{}`", program.display()));
        }
        Verb::Test { areas } => return suite::test(&repository, &areas),
        Verb::Soak { names, newest } => return suite::soak(&repository, &names, newest),
        Verb::Bench { names } => bench::run(&repository, &names)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the components when they changed, and the program.
fn build(repository: &Repository, release: bool) -> Result<std::path::PathBuf> {
    guests::build(repository)?;
    repository.cargo("build").args(["--package", "brains"]).args(release.then_some("--release")).run()?;
    Ok(repository.program(release))
}
