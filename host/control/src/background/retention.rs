//! Forgets what is past its time: answers kept for repeated requests, conversations, foci.

use brains_core::Fault;

use crate::context::ControlPlane;

/// Forgets what is past its time.
pub(super) async fn forget_expired(control: &ControlPlane) -> Result<(), Fault> {
    let forgotten = forget(control).await?;
    if forgotten > 0 {
        tracing::debug!(retention.forgotten = forgotten, "what is past its time is forgotten");
    }
    control.store.responses().forget_expired().await
}

pub(super) async fn forget(control: &ControlPlane) -> Result<u64, Fault> {
    control
        .store
        .touch(|tx| Box::pin(async move { Ok(tx.prune_answers().await? + tx.prune_foci().await?) }))
        .await
}
