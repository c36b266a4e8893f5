//! What follows from an edit of the files: it is put in force, or it is written down why it is not.

use std::sync::Arc;

use brains_core::{Caller, Fault, Principal};
use brains_store::{Actor, Scope};
use serde_json::json;

use super::change;
use crate::context::{ControlPlane, Cx};
use crate::ports::FileReading;

/// Puts in force what the files of the configuration and the plugins directory say now.
pub(crate) async fn follow_files(control: &ControlPlane) -> Result<(), Fault> {
    let config = reload_if_stale(control).await;
    let components = control.ports.file_events.refresh_components().await;
    if let Err(fault) = &components {
        record_refusal(control, "component.refused", fault).await;
    }
    config.and(components)
}

async fn reload_if_stale(control: &ControlPlane) -> Result<(), Fault> {
    if !control.ports.file_events.config_is_stale().await {
        return Ok(());
    }
    let (principal, caller, found) = (Principal::system(), Caller::http(), Arc::default());
    match change::reload(&Cx::new(control, &principal, &caller, &found), FileReading::Settled).await {
        Ok(_) => {
            tracing::info!("an edit of the configuration is in force");
            Ok(())
        }
        Err(fault) => {
            record_refusal(control, "config.refused", &fault).await;
            Err(fault)
        }
    }
}

/// Writes down that the files say something that is not in force.
async fn record_refusal(control: &ControlPlane, event: &'static str, fault: &Fault) {
    tracing::error!(
        cause = %fault.chain(),
        "what the files say now is not in force, the last good state is"
    );
    let detail = json!({ "cause": fault.message, "code": fault.code });
    let recorded = control.store.write(Scope::global(), Actor::system(), move |tx| {
        Box::pin(async move { Ok(tx.record(event, detail).await?) })
    });
    if let Err(fault) = recorded.await {
        tracing::warn!(fault = %fault.chain(), "the event could not be written");
    }
}
