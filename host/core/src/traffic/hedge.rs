//! Asking a second candidate beside one that is slow to begin: for how many requests that may happen. When an upstream is slow
//! because it has too much to do, every request would be asked twice, and it would have twice as much; so each request earns a
//! share of a second candidate, and each second candidate takes a whole one.

/// What one second candidate takes.
const WHOLE: u32 = 100;
/// What quiet times save up: so many requests may be asked twice in a row.
const SAVED_MAX: u32 = 10 * WHOLE;

/// Of a hundred requests, so many are asked twice where a tier does not say.
pub const MAX_PERCENT: u32 = 5;

/// What the requests of a tier have earned. The first slow one may be asked twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HedgeShare {
    /// In hundredths of a second candidate.
    earned: u32,
}

impl Default for HedgeShare {
    fn default() -> Self {
        Self { earned: WHOLE }
    }
}

impl HedgeShare {
    /// A request came that may be asked twice, if `max_percent` of them may.
    pub fn earn(&mut self, max_percent: u32) {
        self.earned = self.earned.saturating_add(max_percent).min(SAVED_MAX);
    }

    /// A second candidate is to be asked: whether it may.
    pub const fn spend(&mut self) -> bool {
        let Some(left) = self.earned.checked_sub(WHOLE) else { return false };
        self.earned = left;
        true
    }
}

#[cfg(test)]
mod tests;
