//! Forgets what is past its time: answers kept for repeated requests, foci.

use std::sync::Arc;
use std::time::Duration;

use brains_core::Fault;

use super::leased_job::LeasedJob;
use crate::context::ControlPlane;

const LOOK_EVERY: Duration = Duration::from_mins(10);
const LEASE: Duration = Duration::from_mins(20);

pub(super) async fn run(control: Arc<ControlPlane>) {
    let mut duty = LeasedJob::new(&control, "retention", LEASE);
    loop {
        match look(&control, &mut duty).await {
            Ok(0) => {}
            Ok(forgotten) => {
                tracing::debug!(retention.forgotten = forgotten, "what is past its time is forgotten");
            }
            Err(fault) => {
                tracing::warn!(%fault, "what is past its time could not be forgotten; it is tried again");
            }
        }
        tokio::select! {
            () = control.closing.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    duty.drop(&control).await;
}

async fn look(control: &ControlPlane, duty: &mut LeasedJob) -> Result<u64, Fault> {
    if duty.is_ours(control).await? { forget(control).await } else { Ok(0) }
}

pub(super) async fn forget(control: &ControlPlane) -> Result<u64, Fault> {
    control
        .store
        .touch(|tx| Box::pin(async move { Ok(tx.prune_answers().await? + tx.prune_foci().await?) }))
        .await
}
