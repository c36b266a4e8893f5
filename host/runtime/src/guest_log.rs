//! The newest log lines of each instance, in memory and bounded, for the operations that show them. Lines come in redacted
//! and cut.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use brains_core::Millis;
use brains_core::plane::component::ComponentLogLine;
use brains_core::sync::Unpoisoned as _;

use crate::context::InstanceIdentity;

/// Lines kept of one instance.
const LINES: usize = 256;
/// Instances whose lines are kept.
const INSTANCES: usize = 256;

/// The lines of one instance.
#[derive(Debug, Default)]
pub(crate) struct GuestLog(Mutex<VecDeque<ComponentLogLine>>);

impl GuestLog {
    pub(crate) fn keep(
        &self,
        by: &InstanceIdentity,
        at: Millis,
        level: tracing::Level,
        message: &str,
        fields: &str,
    ) {
        let line = ComponentLogLine {
            at,
            level: level.as_str().to_ascii_lowercase(),
            component: by.component.clone(),
            instance: by.instance.clone(),
            message: message.to_owned(),
            fields: fields.to_owned(),
        };
        let mut lines = self.0.lock_unpoisoned();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// The logs of all instances, by their names.
#[derive(Debug, Default)]
pub(crate) struct GuestLogs(Mutex<BTreeMap<String, Arc<GuestLog>>>);

impl GuestLogs {
    /// The log of the instance of this name; it outlives the instance.
    pub(crate) fn of(&self, instance: &str) -> Arc<GuestLog> {
        let mut guest_logs = self.0.lock_unpoisoned();
        if guest_logs.len() >= INSTANCES && !guest_logs.contains_key(instance) {
            // One that only this table still holds belongs to no instance.
            guest_logs.retain(|_, guest_log| Arc::strong_count(guest_log) > 1);
        }
        Arc::clone(guest_logs.entry(instance.to_owned()).or_default())
    }

    /// Lines of a component or of one instance, oldest first, the newest `limit` of them.
    pub(crate) fn lines(&self, name: &str, limit: usize) -> Vec<ComponentLogLine> {
        let guest_logs = self.0.lock_unpoisoned();
        let mut found: Vec<ComponentLogLine> = guest_logs
            .values()
            .flat_map(|guest_log| guest_log.0.lock_unpoisoned().clone())
            .filter(|line| line.component == name || line.instance == name)
            .collect();
        found.sort_by_key(|line| line.at);
        found.split_off(found.len().saturating_sub(limit))
    }
}
