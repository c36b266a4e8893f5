//! Ends sessions whose lease ran out, and those whose process on this machine is gone; takes away locks that ran out
//! and waiters that went away. Every write meets a lease that ran out by itself; this is for when nobody writes.

use std::sync::Arc;
use std::time::Duration;

use brains_core::Fault;
use brains_core::plane::session::Ending;
use brains_store::{Actor, Scope};

use super::leased_job::LeasedJob;
use crate::context::ControlPlane;

/// How often is looked; with the lease of the duty it keeps a dead process's session below ten seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LEASE: Duration = Duration::from_secs(6);

pub(super) async fn run(control: Arc<ControlPlane>) {
    let mut leases = LeasedJob::new(&control, "reaper", LEASE);
    // Only a process of the same machine can tell whether another one lives.
    let machine = control.ports.processes.machine();
    let mut processes = LeasedJob::new(&control, format!("reaper {machine}"), LEASE);
    loop {
        if let Err(fault) = look(&control, &mut leases, &mut processes).await {
            tracing::warn!(%fault, "the reaper could not do its round; it tries again");
        }
        tokio::select! {
            () = control.closing.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    leases.drop(&control).await;
    processes.drop(&control).await;
}

async fn look(
    control: &ControlPlane,
    leases: &mut LeasedJob,
    processes: &mut LeasedJob,
) -> Result<(), Fault> {
    let mut freed = 0;
    if leases.is_ours(control).await? {
        freed += run_out(control).await?;
    }
    if processes.is_ours(control).await? {
        freed += dead(control).await?;
    }
    if freed > 0 {
        tracing::info!(session.freed = freed, "sessions and locks that were left behind are free");
        control.freed.notify_waiters();
    }
    Ok(())
}

/// Reaps leases and locks that ran out; tells how many.
pub(super) async fn run_out(control: &ControlPlane) -> Result<u64, Fault> {
    let workspaces = control.store.read().await?.run_out(control.ambient.now()).await?;
    let mut freed = 0;
    for workspace in workspaces {
        freed += control
            .store
            .write(Scope::workspace(workspace.as_str()), Actor::system(), move |tx| {
                Box::pin(async move { Ok(tx.reap(&workspace).await?) })
            })
            .await?;
    }
    Ok(freed + control.store.touch(|tx| Box::pin(async move { Ok(tx.prune_locks().await?) })).await?)
}

/// Ends the sessions of processes of this machine that are gone; tells how many.
pub(super) async fn dead(control: &ControlPlane) -> Result<u64, Fault> {
    let machine = control.ports.processes.machine();
    let sessions = control.store.read().await?.sessions_on(&machine).await?;
    let mut ended = 0;
    for session in sessions {
        let gone = session.process.as_ref().is_some_and(|process| !control.ports.processes.is_alive(process));
        if !gone {
            continue;
        }
        let scope = Scope::workspace(session.workspace.as_str());
        let reaped = control
            .store
            .write(scope, Actor::system(), move |tx| {
                Box::pin(async move {
                    // Taken up again meanwhile, it belongs to another process.
                    match tx.session(&session.id).await? {
                        Some(now) if now.process == session.process => {
                            Ok(tx.reap_one(&session, Ending::Died).await?)
                        }
                        _ => Ok(false),
                    }
                })
            })
            .await?;
        ended += u64::from(reaped);
    }
    Ok(ended)
}
