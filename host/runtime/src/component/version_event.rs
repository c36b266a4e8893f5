//! What became of versions of components, in order, until somebody has written it down.

use std::collections::VecDeque;
use std::sync::Mutex;

use brains_core::plane::component::ComponentStanding;
use brains_core::redact::redact;
use brains_core::sync::Unpoisoned as _;

/// Events that may wait to be written down; older ones make room.
const WAITING: usize = 4_096;

/// One version came to stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEvent {
    pub id: String,
    pub digest: String,
    pub state: ComponentStanding,
    pub reason: Option<String>,
}

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct VersionEvents {
    waiting: Mutex<VecDeque<VersionEvent>>,
}

impl VersionEvents {
    pub(super) fn add(&self, id: &str, digest: &str, state: ComponentStanding, reason: Option<&str>) {
        // It is kept in rows, events and logs.
        let reason = reason.map(redact);
        let event = VersionEvent {
            id: id.to_owned(),
            digest: digest.to_owned(),
            state,
            reason: reason.as_deref().map(str::to_owned),
        };
        tracing::info!(
            component.id = id,
            component.digest = digest,
            component.state = state.name(),
            reason = reason.as_deref().unwrap_or_default(),
            "component version"
        );
        let mut waiting = self.waiting.lock_unpoisoned();
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back(event);
    }

    pub(super) fn take(&self) -> Vec<VersionEvent> {
        self.waiting.lock_unpoisoned().drain(..).collect()
    }
}
