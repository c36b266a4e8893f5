//! How long an exchange is waited for: until its upstream has been silent for too long, or until everything must be over.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Phase;

#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitLimits {
    /// The longest wait for the head, and between two reads of the body.
    pub(crate) silence: Duration,
    pub(crate) deadline: Instant,
}

impl WaitLimits {
    /// Until when to wait from now on, and what it is called when that passes.
    pub(crate) fn next(self, phase: Phase) -> (Instant, Phase) {
        let quiet = Instant::now().checked_add(self.silence).unwrap_or(self.deadline);
        if quiet < self.deadline { (quiet, phase) } else { (self.deadline, Phase::Total) }
    }
}
