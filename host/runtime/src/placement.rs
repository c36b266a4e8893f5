//! Decides on which thread the calls of one instance run: on their caller's while they are quick, else on a worker.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::workers::WorkerShare;

/// A call longer than this holds up the task that made it.
const SLOW_US: u64 = 1_000;
/// Slow calls, weighed against quick ones, after which an instance runs on the worker threads.
const SLOW_SCORE: u32 = 40;
/// Calls over the budget after which it stays there.
const OVERRUNS: u32 = 2;

#[derive(Debug)]
pub(crate) struct Placement {
    slow: AtomicU32,
    overruns: AtomicU32,
    /// What it has of the worker threads, once it runs there.
    pub(crate) share: WorkerShare,
}

impl Placement {
    pub(crate) const fn new(share: WorkerShare) -> Self {
        Self { slow: AtomicU32::new(0), overruns: AtomicU32::new(0), share }
    }

    /// Whether the next call may run where it is made.
    pub(crate) fn is_quick(&self) -> bool {
        self.overruns.load(Ordering::Relaxed) < OVERRUNS && self.slow.load(Ordering::Relaxed) < SLOW_SCORE
    }

    /// A call took so long. Twice over the budget moves the instance off the callers' threads for good; one call in twenty
    /// slow does so until it is quick again.
    pub(crate) fn took(&self, time_us: u64, is_over_budget: bool) {
        if is_over_budget {
            self.overruns.fetch_add(1, Ordering::Relaxed);
        }
        let score = self.slow.load(Ordering::Relaxed);
        let next = if time_us > SLOW_US {
            score.saturating_add(SLOW_SCORE / 2).min(SLOW_SCORE * 4)
        } else {
            score.saturating_sub(1)
        };
        if next != score {
            self.slow.store(next, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::Workers;

    #[test]
    fn slow_calls_move_an_instance_until_it_is_quick_and_overruns_for_good() {
        let placement = Placement::new(Workers::start().share());
        placement.took(SLOW_US, false);
        assert!(placement.is_quick());
        placement.took(SLOW_US + 1, false);
        placement.took(SLOW_US + 1, false);
        assert!(!placement.is_quick());
        placement.took(SLOW_US, false);
        assert!(placement.is_quick(), "one in twenty may be slow");
        placement.took(0, true);
        assert!(placement.is_quick(), "once may happen");
        placement.took(0, true);
        (0..SLOW_SCORE * 4).for_each(|_| placement.took(0, false));
        assert!(!placement.is_quick());
    }
}
