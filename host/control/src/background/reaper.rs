//! Ends sessions whose lease ran out, and those whose process on this machine is gone; takes away locks that ran out
//! and waiters that went away. Every write meets a lease that ran out by itself; this is for when nobody writes.

use brains_core::Fault;
use brains_core::plane::session::Ending;
use brains_store::{Actor, Scope};

use crate::context::ControlPlane;

/// Reaps what ran out.
pub(super) async fn reap_expired(control: &ControlPlane) -> Result<(), Fault> {
    let freed = run_out(control).await?;
    announce(control, freed);
    Ok(())
}

/// Reaps what processes that are gone left behind.
pub(super) async fn reap_dead(control: &ControlPlane) -> Result<(), Fault> {
    let freed = dead(control).await?;
    announce(control, freed);
    Ok(())
}

fn announce(control: &ControlPlane, freed: u64) {
    if freed > 0 {
        tracing::info!(session.freed = freed, "sessions and locks that were left behind are free");
        control.freed.notify_waiters();
    }
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
