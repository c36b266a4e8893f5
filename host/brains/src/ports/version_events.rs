//! Alarms and events of component versions, as the runtime tells them.

use std::sync::Arc;
use std::time::Duration;

use brains_control::BoxedFuture;
use brains_control::ports::{BroughtBack, Quarantine, VersionEventsPort, VersionNews};
use brains_core::plane::component::ComponentRecord;
use brains_runtime::{ComponentRegistry, Rollback};
use tokio::time::sleep;

use super::blocking;

/// How often versions that are under way out are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// The versions of the components in memory.
#[derive(Debug)]
pub(crate) struct LiveVersions(pub(crate) Arc<ComponentRegistry>);

impl VersionEventsPort for LiveVersions {
    fn changed(&self) -> BoxedFuture<'_, ()> {
        let draining = self.0.draining() > 0;
        Box::pin(async move {
            tokio::select! {
                () = self.0.notified() => {}
                () = sleep(SWEEP), if draining => {}
            }
        })
    }

    fn quarantine_risen(&self) -> BoxedFuture<'_, Vec<Quarantine>> {
        Box::pin(async move {
            let mut quarantined = Vec::new();
            for alarm in self.0.alarms() {
                let (live, risen) = (Arc::clone(&self.0), alarm.clone());
                let outcome = blocking(move || live.quarantine(&risen)).await;
                let back = |back: Rollback| BroughtBack { digest: back.to, pinned: back.pinned };
                quarantined.push(Quarantine {
                    id: alarm.id,
                    digest: alarm.digest,
                    cause: alarm.risen.to_string(),
                    outcome: outcome.map(|found| found.map(back)),
                });
            }
            quarantined
        })
    }

    fn cut_drains(&self) -> BoxedFuture<'_, ()> {
        let live = Arc::clone(&self.0);
        Box::pin(async move { drop(blocking(move || live.sweep()).await) })
    }

    fn take_events(&self) -> Vec<VersionNews> {
        let happened = self.0.version_events().into_iter();
        happened
            .map(|one| VersionNews { id: one.id, digest: one.digest, state: one.state, reason: one.reason })
            .collect()
    }

    fn components(&self) -> Vec<ComponentRecord> {
        self.0.components()
    }

    fn remove_unneeded(&self) -> BoxedFuture<'_, ()> {
        let live = Arc::clone(&self.0);
        Box::pin(async move { drop(blocking(move || live.tidy()).await) })
    }
}
