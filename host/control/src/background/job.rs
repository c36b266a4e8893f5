//! A row of the table of background work.

use std::time::Duration;

use brains_core::Fault;

use crate::context::ControlPlane;
use crate::ports::BoxedFuture;

/// One job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) cadence: Cadence,
    /// Which of the processes that could do it does; every process when there is none.
    pub(crate) lease: Option<Lease>,
    /// Whether it runs once more when the service ends.
    pub(crate) at_end: bool,
    pub(crate) run: for<'a> fn(&'a ControlPlane) -> BoxedFuture<'a, Result<(), Fault>>,
}

/// When a job runs, after its first run at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cadence {
    /// Again and again, a little later each time, so that processes do not run in step.
    Every(Duration),
    /// Whenever this returns.
    On(for<'a> fn(&'a ControlPlane) -> BoxedFuture<'a, ()>),
}

/// The lease of a job: whoever holds it does the job, and takes it anew in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) length: Duration,
    pub(crate) holder: Holder,
}

/// Among which processes one does the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Those on one database.
    OnePerDatabase,
    /// Those of one machine on one database: only they can tell whether another of its processes lives.
    OnePerMachine,
}
