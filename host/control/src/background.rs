//! What the service does by itself: one table with a row per job. `background/driver.rs` runs every row alike; a job to
//! come is a row here and a file with what it does. Started once, ended and waited for by [`ControlPlane::close`].

mod driver;
mod job;
mod lease;
mod reaper;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use crate::context::ControlPlane;
use crate::job_status::JobStatus;
use crate::plane::{component, config};

use job::{Cadence, Holder, Job, Lease};

const REAPER_EVERY: Duration = Duration::from_secs(2);
/// With [`REAPER_EVERY`] it keeps a dead process's session below ten seconds.
const REAPER_LEASE: Duration = Duration::from_secs(6);

/// Jobs of every process that stays, with a service or without.
const REAPERS: &[Job] = &[
    Job {
        name: "reaper",
        description: "ends sessions and frees locks whose lease ran out",
        cadence: Cadence::Every(REAPER_EVERY),
        lease: Some(Lease { length: REAPER_LEASE, holder: Holder::OnePerDatabase }),
        at_end: false,
        run: |control| Box::pin(reaper::reap_expired(control)),
    },
    Job {
        name: "process_reaper",
        description: "ends sessions whose process on this machine is gone",
        cadence: Cadence::Every(REAPER_EVERY),
        lease: Some(Lease { length: REAPER_LEASE, holder: Holder::OnePerMachine }),
        at_end: false,
        run: |control| Box::pin(reaper::reap_dead(control)),
    },
];

/// Jobs of the service.
const JOBS: &[Job] = &[
    Job {
        name: "retention",
        description: "forgets answers kept for repeated requests, conversations and foci that are past their time",
        cadence: Cadence::Every(Duration::from_mins(10)),
        lease: Some(Lease { length: Duration::from_mins(20), holder: Holder::OnePerDatabase }),
        at_end: false,
        run: |control| Box::pin(retention::forget_expired(control)),
    },
    Job {
        name: "audit_anchor",
        description: "writes down outside of the database where the audit log stands",
        cadence: Cadence::Every(Duration::from_mins(1)),
        lease: None,
        at_end: true,
        run: |control| Box::pin(control.anchor_audit()),
    },
    Job {
        name: "file_watch",
        description: "puts edits of the configuration and of the plugins directory in force",
        cadence: Cadence::On(|control| control.ports.file_events.changed()),
        lease: None,
        at_end: false,
        run: |control| Box::pin(config::follow_files(control)),
    },
    Job {
        name: "component_lifecycle",
        description: "brings an earlier version back when faults have risen, and writes down what became of versions",
        cadence: Cadence::On(|control| control.ports.version_events.changed()),
        lease: None,
        at_end: true,
        run: |control| Box::pin(component::follow_versions(control)),
    },
];

impl ControlPlane {
    /// Starts noticing that agents died, for a process that works on the store directly and stays.
    pub fn start_reaping(self: &Arc<Self>) {
        self.start(REAPERS);
    }

    /// Starts the jobs of a service. Commands that open the store themselves do without.
    pub fn start_background(self: &Arc<Self>) {
        self.start(REAPERS);
        self.start(JOBS);
    }

    /// Starts the rows of a table.
    pub(crate) fn start(self: &Arc<Self>, jobs: &[Job]) {
        for job in jobs {
            let every_ms = match job.cadence {
                Cadence::Every(every) => Some(u64::try_from(every.as_millis()).unwrap_or(u64::MAX)),
                Cadence::On(_) => None,
            };
            self.jobs.add(job.name, job.description, every_ms);
            self.tasks.spawn(driver::drive(Arc::clone(self), *job));
        }
    }

    /// The jobs that this process does by itself, and how the last run of each went.
    pub fn job_statuses(&self) -> Vec<JobStatus> {
        self.jobs.list()
    }

    /// Frees what agents of this machine left behind that are gone, where no process is there that does.
    pub async fn free_what_the_dead_hold(&self) {
        if let Err(fault) = reaper::dead(self).await {
            tracing::debug!(%fault, "it could not be seen which agents are gone");
        }
    }

    /// Writes down what became of component versions, where no process is there that does.
    pub async fn write_version_events(&self) {
        if let Err(fault) = component::write_events(self).await {
            tracing::warn!(%fault, "what became of components could not be written down");
        }
    }
}

#[cfg(test)]
mod tests;
