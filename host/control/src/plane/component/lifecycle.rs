//! What follows when a version of a component goes bad or goes away: the last good one is named by the configuration
//! again, and rows, history and events say what became of each.

use std::collections::BTreeMap;

use std::sync::Arc;

use brains_core::plane::component::{ComponentRecord, ComponentStanding};
use brains_core::{Caller, Fault, Principal};
use brains_store::{Actor, Scope, Tx};
use serde_json::json;

use super::version::roll_back;
use crate::context::{ControlPlane, Cx};
use crate::ports::{BroughtBack, Quarantine, VersionNews};

/// Sees to versions whose faults have risen and to drains, and writes down what became of versions.
pub(crate) async fn follow_versions(control: &ControlPlane) -> Result<(), Fault> {
    let versions = &control.ports.version_events;
    let mut outcome = Ok(());
    for quarantine in versions.quarantine_risen().await {
        outcome = outcome.and(bring_back(control, quarantine).await);
    }
    versions.cut_drains().await;
    if write_events(control).await? {
        versions.remove_unneeded().await;
    }
    outcome
}

/// Notes that an earlier version serves again; a configuration that names the bad one is corrected.
async fn bring_back(control: &ControlPlane, quarantine: Quarantine) -> Result<(), Fault> {
    let Quarantine { id, digest, cause, outcome } = quarantine;
    let BroughtBack { digest: back_to, pinned } = match outcome {
        Ok(Some(back)) => back,
        Ok(None) => {
            tracing::warn!(
                component.id = id,
                component.digest = digest,
                cause,
                "the faults of a component have risen, and there is no earlier version to go back to"
            );
            return Ok(());
        }
        Err(fault) => {
            tracing::error!(fault = %fault.chain(), "a component whose faults have risen goes on serving");
            return Err(fault);
        }
    };
    tracing::error!(
        component.id = id,
        component.digest = digest,
        component.back_to = back_to,
        cause,
        "the faults of a component have risen, an earlier version serves again"
    );
    let detail = json!({ "id": id, "from": digest, "to": back_to, "reason": cause });
    let recorded = control.store.write(Scope::global(), Actor::system(), move |tx| {
        Box::pin(async move { Ok(tx.record("component.brought_back", detail).await?) })
    });
    if let Err(fault) = recorded.await {
        tracing::warn!(fault = %fault.chain(), "that a version was brought back could not be written down");
    }
    if pinned {
        let (principal, caller, found) = (Principal::system(), Caller::http(), Arc::default());
        let cx = Cx::new(control, &principal, &caller, &found);
        if let Err(fault) = roll_back(&cx, &id, Some(back_to)).await {
            tracing::warn!(fault = %fault.chain(), "the configuration goes on naming a version that does not serve");
        }
    }
    Ok(())
}

/// Writes what became of components: rows, history and events. True when anything happened.
pub(crate) async fn write_events(control: &ControlPlane) -> Result<bool, Fault> {
    let versions = &control.ports.version_events;
    let news = versions.take_events();
    if news.is_empty() {
        return Ok(false);
    }
    let records: BTreeMap<String, ComponentRecord> =
        versions.components().into_iter().map(|record| (record.component.id.clone(), record)).collect();
    control
        .store
        .write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move {
                for one in news {
                    keep(tx, &one, &records).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(true)
}

async fn keep(
    tx: &mut Tx,
    news: &VersionNews,
    records: &BTreeMap<String, ComponentRecord>,
) -> Result<(), Fault> {
    let VersionNews { id, digest, state, reason } = news;
    let record = match records.get(id) {
        Some(record) => record.clone(),
        None => match tx.component(id).await? {
            Some(record) => record,
            None => return Ok(()),
        },
    };
    let serves = record.component.state == ComponentStanding::Live;
    let beside = serves && (*state != ComponentStanding::Live || record.component.digest != *digest);
    let is_news = if beside {
        if tx.component(id).await?.is_none() {
            tx.see_component(&record).await?;
        }
        tx.remember_component_version(id, digest, *state, reason.as_deref()).await?
    } else {
        let mut seen = record;
        seen.component.digest.clone_from(digest);
        seen.component.state = *state;
        seen.component.reason.clone_from(reason);
        tx.see_component(&seen).await?
    };
    if is_news {
        let detail = json!({ "id": id, "digest": digest, "reason": reason });
        tx.record(&format!("component.{}", state.name()), detail).await?;
    }
    Ok(())
}
