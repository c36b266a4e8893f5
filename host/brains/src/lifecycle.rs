//! Sees to versions of components while the service runs: brings the last good one back when the faults of the one
//! that serves have risen, cuts what outlasts the drain limit, and writes down what became of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brains_control::ControlPlane;
use brains_core::plane::component::{ComponentRecord, ComponentStanding};
use brains_core::{Fault, Principal};
use brains_runtime::Alarm;
use brains_runtime::{ComponentRegistry, VersionEvent};
use brains_store::{Actor, Scope, Store, Tx};
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::ports::blocking;
use crate::services::Services;

/// How often versions that are under way out are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// What it takes.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    live: Arc<ComponentRegistry>,
    control: Arc<ControlPlane>,
    store: Store,
}

impl Lifecycle {
    pub(crate) fn new(services: &Services) -> Self {
        Self {
            live: Arc::clone(&services.live),
            control: Arc::clone(&services.control),
            store: services.store.clone(),
        }
    }

    /// Sees to versions until `stop`, and writes down what happened until then.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            self.see_to().await;
            let draining = self.live.draining() > 0;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.live.notified() => {}
                () = sleep(SWEEP), if draining => {}
            }
        }
        self.write().await;
    }

    async fn see_to(&self) {
        for alarm in self.live.alarms() {
            self.bring_back(alarm).await;
        }
        self.live.sweep();
        if self.write().await {
            let live = Arc::clone(&self.live);
            drop(blocking(move || live.tidy()).await);
        }
    }

    /// The last good version serves again; a configuration that names the bad one is corrected.
    async fn bring_back(&self, alarm: Alarm) {
        let (live, told) = (Arc::clone(&self.live), alarm.clone());
        let back = match blocking(move || live.quarantine(&told)).await {
            Ok(Some(back)) => back,
            Ok(None) => {
                tracing::warn!(
                    component.id = alarm.id, component.digest = alarm.digest, cause = %alarm.risen,
                    "the faults of a component have risen, and there is no earlier version to go back to"
                );
                return;
            }
            Err(fault) => {
                tracing::error!(%fault, "a component whose faults have risen goes on serving");
                return;
            }
        };
        tracing::error!(
            component.id = alarm.id, component.digest = alarm.digest, component.back_to = back.to,
            cause = %alarm.risen, "the faults of a component have risen, an earlier version serves again"
        );
        self.note(&alarm, &back.to).await;
        if back.pinned {
            let input = json!({ "id": alarm.id, "digest": back.to });
            if let Err(fault) = self.control.call("rollback_component", input, &Principal::system()).await {
                tracing::warn!(%fault, "the configuration goes on naming a version that does not serve");
            }
        }
    }

    async fn note(&self, alarm: &Alarm, back_to: &str) {
        let detail = json!({
            "id": alarm.id, "from": alarm.digest, "to": back_to, "reason": alarm.risen.to_string(),
        });
        let noted = self.store.write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move { Ok(tx.record("component.brought_back", detail).await?) })
        });
        if let Err(fault) = noted.await {
            tracing::warn!(%fault, "that a version was brought back could not be written down");
        }
    }

    /// Writes down what happened; true when anything did.
    async fn write(&self) -> bool {
        write(&self.live, &self.store).await
    }
}

/// Writes what became of components: rows, history and events. True when anything happened.
pub(crate) async fn write(live: &ComponentRegistry, store: &Store) -> bool {
    let happened = live.version_events();
    if happened.is_empty() {
        return false;
    }
    let records: BTreeMap<String, ComponentRecord> =
        live.components().into_iter().map(|record| (record.component.id.clone(), record)).collect();
    let written = store.write(Scope::global(), Actor::system(), move |tx| {
        Box::pin(async move {
            for event in happened {
                keep(tx, &event, &records).await?;
            }
            Ok(())
        })
    });
    if let Err(fault) = written.await {
        tracing::warn!(%fault, "what became of components could not be written down");
    }
    true
}

async fn keep(
    tx: &mut Tx,
    event: &VersionEvent,
    records: &BTreeMap<String, ComponentRecord>,
) -> Result<(), Fault> {
    let VersionEvent { id, digest, state, reason } = event;
    let record = match records.get(id) {
        Some(record) => record.clone(),
        None => match tx.component(id).await? {
            Some(record) => record,
            None => return Ok(()),
        },
    };
    let serves = record.component.state == ComponentStanding::Live;
    let beside = serves && (*state != ComponentStanding::Live || record.component.digest != *digest);
    let news = if beside {
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
    if news {
        let detail = json!({ "id": id, "digest": digest, "reason": reason });
        tx.record(&format!("component.{}", state.name()), detail).await?;
    }
    Ok(())
}
