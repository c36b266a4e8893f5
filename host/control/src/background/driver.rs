//! The driver of background jobs: one loop for all of them. It owns cadence, jitter, lease and end, and notes how each
//! run went. A run that fails is logged and tried again at the next time; it ends neither its job nor another.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use brains_core::Fault;
use futures_util::FutureExt as _;

use super::job::{Cadence, Job};
use super::lease::JobLease;
use crate::context::ControlPlane;
use crate::job_status::JobRun;

/// Runs a job until the control plane closes.
pub(super) async fn drive(control: Arc<ControlPlane>, job: Job) {
    let mut lease = job.lease.map(|lease| JobLease::new(&control, job.name, lease));
    loop {
        round(&control, &job, lease.as_mut()).await;
        tokio::select! {
            () = control.closing.cancelled() => break,
            () = next(&control, job.cadence) => {}
        }
    }
    if job.at_end {
        round(&control, &job, lease.as_mut()).await;
    }
    if let Some(lease) = lease {
        lease.release(&control).await;
    }
}

/// Waits for the time of the next run.
async fn next(control: &ControlPlane, cadence: Cadence) {
    match cadence {
        Cadence::Every(every) => {
            let mut random = [0];
            control.ambient.fill_random(&mut random);
            tokio::time::sleep(jittered(every, random[0])).await;
        }
        Cadence::On(changed) => changed(control).await,
    }
}

/// A tenth longer at most.
fn jittered(every: Duration, random: u8) -> Duration {
    every + every * u32::from(random) / (10 * u32::from(u8::MAX))
}

/// One run, when it is this process's turn.
async fn round(control: &ControlPlane, job: &Job, lease: Option<&mut JobLease>) {
    let (started_at, started_us) = (control.ambient.now(), control.ambient.monotonic_us());
    let outcome = match attempt(control, job, lease).await {
        Ok(true) => Ok(()),
        Ok(false) => return,
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &outcome {
        tracing::warn!(job.name = job.name, fault = %fault.chain(), "a background job failed; it is tried again");
    }
    let took_ms = control.ambient.monotonic_us().saturating_sub(started_us) / 1_000;
    let error = outcome.err().map(|fault| fault.message);
    control.jobs.record(job.name, JobRun { started_at, took_ms, error });
}

/// Runs the job if it is this process's turn; false when it is not.
async fn attempt(control: &ControlPlane, job: &Job, lease: Option<&mut JobLease>) -> Result<bool, Fault> {
    let ours = match lease {
        Some(lease) => lease.take(control).await?,
        None => true,
    };
    control.jobs.hold(job.name, ours);
    if ours {
        // The state behind a job is the store's, which a panic leaves as it was.
        let run = AssertUnwindSafe((job.run)(control)).catch_unwind();
        run.await.unwrap_or_else(|_| Err(Fault::internal("the job panicked; the log says where")))?;
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_tenth_longer_at_most() {
        let every = Duration::from_secs(20);
        assert_eq!((jittered(every, 0), jittered(every, u8::MAX)), (every, Duration::from_secs(22)));
    }
}
