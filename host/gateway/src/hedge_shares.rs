//! How many second candidates each tier may ask, in this process: the rule of `core::traffic::hedge` with a lock.

use std::collections::HashMap;
use std::sync::Mutex;

use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::hedge::HedgeShare;

/// By tier. Those that do not hedge are not in it.
#[derive(Debug, Default)]
pub(crate) struct HedgeShares(Mutex<HashMap<String, HedgeShare>>);

impl HedgeShares {
    /// A request came that may be asked twice.
    pub(crate) fn earn(&self, tier: &str, max_percent: u32) {
        let mut shares = self.0.lock_unpoisoned();
        match shares.get_mut(tier) {
            Some(share) => share.earn(max_percent),
            None => shares.entry(tier.to_owned()).or_default().earn(max_percent),
        }
    }

    /// Whether it may be asked twice, now that it would be.
    pub(crate) fn spend(&self, tier: &str) -> bool {
        self.0.lock_unpoisoned().get_mut(tier).is_some_and(HedgeShare::spend)
    }
}
