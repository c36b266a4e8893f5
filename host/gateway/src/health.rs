//! What the last calls to each provider and model say about it: the policy's tie-breakers. Per process. A bad name
//! fades with time, for whoever is passed over makes no calls that could clear it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// After this long without a call a share of failures counts half.
const HALF_LIFE_MS: u64 = 15_000;
/// Models that are remembered at most: clients choose their names.
const STANDINGS_MAX: usize = 4_096;
/// Weight of the newest call in the moving averages.
const NEWEST: f32 = 0.2;

/// What is known of one provider and model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ModelHealth {
    pub(crate) in_flight: u32,
    /// Moving share of failed calls, 0 to 1, as of `at_ms`.
    pub(crate) error_rate: f32,
    /// When a call last said something.
    pub(crate) at_ms: u64,
    /// Moving time to the first byte; none before the first good call.
    pub(crate) first_byte_ms: Option<u32>,
}

/// The standings of all providers and models that were called.
#[derive(Debug, Default)]
pub(crate) struct Health {
    standings: Mutex<HashMap<String, ModelHealth>>,
}

impl Health {
    pub(crate) fn standing(&self, provider: &str, model: &str, now_ms: u64) -> ModelHealth {
        let mut standing = self.lock().get(&key(provider, model)).copied().unwrap_or_default();
        standing.fade(now_ms);
        standing
    }

    /// The provider has shown that it is well again.
    pub(crate) fn recovered(&self, provider: &str, model: &str) {
        if let Some(standing) = self.lock().get_mut(&key(provider, model)) {
            standing.error_rate = 0.0;
        }
    }

    pub(crate) fn began(&self, provider: &str, model: &str) {
        let mut standings = self.lock();
        if standings.len() >= STANDINGS_MAX {
            standings.retain(|_, standing| standing.in_flight > 0);
        }
        let standing = standings.entry(key(provider, model)).or_default();
        standing.in_flight = standing.in_flight.saturating_add(1);
    }

    /// `good` is none when the call says nothing about the provider: the client left, or its request was bad.
    pub(crate) fn ended(
        &self,
        provider: &str,
        model: &str,
        good: Option<bool>,
        first_byte_ms: Option<u32>,
        now_ms: u64,
    ) {
        let mut standings = self.lock();
        let standing = standings.entry(key(provider, model)).or_default();
        standing.in_flight = standing.in_flight.saturating_sub(1);
        if let Some(good) = good {
            standing.fade(now_ms);
            let newest = if good { 0.0 } else { 1.0 };
            standing.error_rate += NEWEST * (newest - standing.error_rate);
        }
        if let (Some(true), Some(ms)) = (good, first_byte_ms) {
            standing.first_byte_ms = Some(standing.first_byte_ms.map_or(ms, |old| old - old / 5 + ms / 5));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, ModelHealth>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModelHealth {
    #[expect(clippy::cast_precision_loss, reason = "a span of time; a millisecond more or less is nothing")]
    fn fade(&mut self, now_ms: u64) {
        let idle = now_ms.saturating_sub(self.at_ms) as f32 / HALF_LIFE_MS as f32;
        self.error_rate *= (-idle).exp2();
        self.at_ms = now_ms;
    }
}

fn key(provider: &str, model: &str) -> String {
    format!("{provider}/{model}")
}

#[cfg(test)]
mod tests;
