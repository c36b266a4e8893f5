//! Passes a test run's output through and adds up its results.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::shell::Call;

/// How many tests did what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    /// Takes in one line of libtest's output.
    fn read(&mut self, line: &str) {
        let Some(results) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = results.split_whitespace().collect();
        for pair in words.windows(2) {
            let [count, what] = pair else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match what.trim_end_matches(';') {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// Runs tests; true when the run succeeded.
pub(crate) fn run(call: Call) -> Result<(Tally, bool)> {
    let mut child = call.into_command().stdout(Stdio::piped()).spawn().context("could not run cargo")?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            tally.read(&line);
            println!("{line}");
        }
    }
    Ok((tally, child.wait()?.success()))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn results_are_added_up() {
        let mut tally = Tally::default();
        tally.read(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.07s",
        );
        tally.read(
            "test result: FAILED. 9 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
        );
        tally.read("12 passed");
        assert_eq!(tally, Tally { passed: 21, failed: 2, ignored: 1 });
    }
}
