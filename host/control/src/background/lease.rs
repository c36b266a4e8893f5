//! The lease of one job, as one process sees it.

use brains_core::id::{Connection, Id};
use brains_core::{Fault, Millis};

use super::job::{Holder, Lease};
use crate::context::ControlPlane;

/// A lease and whether this process holds it.
#[derive(Debug)]
pub(super) struct JobLease {
    name: String,
    holder: String,
    lease_ms: i64,
    held_until: Option<Millis>,
}

impl JobLease {
    pub(super) fn new(control: &ControlPlane, job: &str, lease: Lease) -> Self {
        let name = match lease.holder {
            Holder::OnePerDatabase => job.to_owned(),
            Holder::OnePerMachine => format!("{job} {}", control.ports.processes.machine()),
        };
        Self {
            name,
            holder: Id::<Connection>::mint(&*control.ambient).to_string(),
            lease_ms: i64::try_from(lease.length.as_millis()).unwrap_or(i64::MAX),
            held_until: None,
        }
    }

    /// Whether the job is ours for now; takes the lease when it is free, renews it in time.
    pub(super) async fn take(&mut self, control: &ControlPlane) -> Result<bool, Fault> {
        let now = control.ambient.now();
        if self.held_until.is_some_and(|until| until.since(now) > self.lease_ms / 2) {
            return Ok(true);
        }
        let (name, holder, until) = (self.name.clone(), self.holder.clone(), now.plus_ms(self.lease_ms));
        let ours = control
            .store
            .touch(move |tx| Box::pin(async move { Ok(tx.take_duty(&name, &holder, until).await?) }))
            .await?;
        self.held_until = ours.then_some(until);
        Ok(ours)
    }

    /// Gives the lease back at the end, so that the next process need not wait until it runs out.
    pub(super) async fn release(self, control: &ControlPlane) {
        if self.held_until.is_none() {
            return;
        }
        let (name, holder) = (self.name, self.holder);
        let dropped = control
            .store
            .touch(move |tx| Box::pin(async move { Ok(tx.drop_duty(&name, &holder).await?) }))
            .await;
        if let Err(fault) = dropped {
            tracing::debug!(%fault, "the lease of a job was not given back; it runs out");
        }
    }
}
