//! The lease of one duty, as one process sees it.

use std::time::Duration;

use brains_core::id::{Connection, Id};
use brains_core::{Fault, Millis};

use crate::context::ControlPlane;

/// A duty and whether this process has it.
#[derive(Debug)]
pub(super) struct LeasedJob {
    name: String,
    holder: String,
    lease_ms: i64,
    held_until: Option<Millis>,
}

impl LeasedJob {
    pub(super) fn new(control: &ControlPlane, name: impl Into<String>, lease: Duration) -> Self {
        Self {
            name: name.into(),
            holder: Id::<Connection>::mint(&*control.ambient).to_string(),
            lease_ms: i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
            held_until: None,
        }
    }

    /// Whether the duty is ours for now; takes it when it is free, renews it in time.
    pub(super) async fn is_ours(&mut self, control: &ControlPlane) -> Result<bool, Fault> {
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

    /// Lets go at the end, so that the next process need not wait for the lease.
    pub(super) async fn drop(self, control: &ControlPlane) {
        if self.held_until.is_none() {
            return;
        }
        let (name, holder) = (self.name, self.holder);
        let dropped = control
            .store
            .touch(move |tx| Box::pin(async move { Ok(tx.drop_duty(&name, &holder).await?) }))
            .await;
        if let Err(fault) = dropped {
            tracing::debug!(%fault, "a duty was not let go of; its lease runs out");
        }
    }
}
