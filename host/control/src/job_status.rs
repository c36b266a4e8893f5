//! What is known of the jobs that this process does by itself: when each ran last, how long it took, and why it failed.

use std::sync::Mutex;

use brains_core::Millis;
use brains_core::sync::Unpoisoned as _;
use schemars::JsonSchema;
use serde::Serialize;

/// One job of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JobStatus {
    pub name: String,
    /// What it does.
    pub description: String,
    /// How often it runs; none when it waits for events.
    pub every_ms: Option<u64>,
    /// Whether this process does it; another process on the same database may hold its lease.
    pub held: bool,
    /// Runs since the start of this process.
    pub runs: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Whether the last run failed.
    pub failing: bool,
    pub last_run_at: Option<Millis>,
    pub last_took_ms: Option<u64>,
    pub last_failed_at: Option<Millis>,
    /// Why it failed last; shown to administrators, who are people.
    pub last_error: Option<String>,
}

impl JobStatus {
    /// The same for others than administrators: reasons may name files and components.
    #[must_use]
    pub fn without_reason(mut self) -> Self {
        self.last_error = None;
        self
    }
}

/// How one run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobRun {
    pub(crate) started_at: Millis,
    pub(crate) took_ms: u64,
    pub(crate) error: Option<String>,
}

/// The jobs that were started, in their order.
#[derive(Debug, Default)]
pub(crate) struct JobBoard(Mutex<Vec<JobStatus>>);

impl JobBoard {
    /// Adds a job that has not run yet.
    pub(crate) fn add(&self, name: &str, description: &str, every_ms: Option<u64>) {
        self.0.lock_unpoisoned().push(JobStatus {
            name: name.to_owned(),
            description: description.to_owned(),
            every_ms,
            held: false,
            runs: 0,
            failures: 0,
            failing: false,
            last_run_at: None,
            last_took_ms: None,
            last_failed_at: None,
            last_error: None,
        });
    }

    /// Notes whether this process does the job.
    pub(crate) fn hold(&self, name: &str, held: bool) {
        self.change(name, |row| row.held = held);
    }

    pub(crate) fn record(&self, name: &str, run: JobRun) {
        self.change(name, |row| {
            row.runs += 1;
            row.last_run_at = Some(run.started_at);
            row.last_took_ms = Some(run.took_ms);
            row.failing = run.error.is_some();
            if run.error.is_some() {
                row.failures += 1;
                row.last_failed_at = Some(run.started_at);
                row.last_error = run.error;
            }
        });
    }

    pub(crate) fn list(&self) -> Vec<JobStatus> {
        self.0.lock_unpoisoned().clone()
    }

    fn change(&self, name: &str, edit: impl FnOnce(&mut JobStatus)) {
        if let Some(row) = self.0.lock_unpoisoned().iter_mut().find(|row| row.name == name) {
            edit(row);
        }
    }
}
