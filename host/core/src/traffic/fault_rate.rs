//! When a version of a component fails too often to stay. A rule over the faults of one version: so many within a
//! minute, or a share of the newest calls. What then happens is the runtime's to do.

use std::collections::VecDeque;

/// Faults within [`SPAN_MS`] that are too many.
pub const FAULTS: usize = 5;
/// How long a fault counts by itself.
pub const SPAN_MS: u64 = 60_000;
/// The newest calls among which a share is too much.
pub const CALLS: u64 = 50;
/// That share, as a number of calls: a fifth.
pub const FAULTS_AMONG_CALLS: usize = 10;

/// Why a version must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Risen {
    #[error("{faults} of its calls failed within {} s", SPAN_MS / 1_000)]
    Often { faults: usize },
    #[error("{faults} of its last {CALLS} calls failed")]
    Share { faults: usize },
}

/// The newest faults of one version.
#[derive(Debug, Default)]
pub struct FaultRate {
    /// Number of the call, and when.
    faults: VecDeque<(u64, u64)>,
}

impl FaultRate {
    pub fn new() -> Self {
        Self::default()
    }

    /// Call number `call`, counted from 1 over the version's life, failed at `now_ms`.
    pub fn fault(&mut self, call: u64, now_ms: u64) -> Option<Risen> {
        if self.faults.len() == FAULTS_AMONG_CALLS {
            self.faults.pop_front();
        }
        self.faults.push_back((call, now_ms));
        let recent = self.faults.iter().filter(|(_, at)| at.saturating_add(SPAN_MS) > now_ms).count();
        if recent >= FAULTS {
            return Some(Risen::Often { faults: recent });
        }
        let among = self.faults.iter().filter(|(number, _)| number.saturating_add(CALLS) > call).count();
        (call >= CALLS && among >= FAULTS_AMONG_CALLS).then_some(Risen::Share { faults: among })
    }
}

#[cfg(test)]
mod tests;
