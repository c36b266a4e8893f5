//! What the last calls to each provider and model say about it: the policy's tie-breakers. Per process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Models that are remembered at most: clients choose their names.
const STANDINGS_MAX: usize = 4_096;
/// Weight of the newest call in the moving averages.
const NEWEST: f32 = 0.2;

/// What is known of one provider and model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Standing {
    pub(crate) in_flight: u32,
    /// Moving share of failed calls, 0 to 1.
    pub(crate) error_rate: f32,
    /// Moving time to the first byte; none before the first good call.
    pub(crate) first_byte_ms: Option<u32>,
}

/// The standings of all providers and models that were called.
#[derive(Debug, Default)]
pub(crate) struct Health {
    standings: Mutex<HashMap<String, Standing>>,
}

impl Health {
    pub(crate) fn standing(&self, provider: &str, model: &str) -> Standing {
        self.lock().get(&key(provider, model)).copied().unwrap_or_default()
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
    pub(crate) fn ended(&self, provider: &str, model: &str, good: Option<bool>, first_byte_ms: Option<u32>) {
        let mut standings = self.lock();
        let standing = standings.entry(key(provider, model)).or_default();
        standing.in_flight = standing.in_flight.saturating_sub(1);
        if let Some(good) = good {
            let newest = if good { 0.0 } else { 1.0 };
            standing.error_rate += NEWEST * (newest - standing.error_rate);
        }
        if let (Some(true), Some(ms)) = (good, first_byte_ms) {
            standing.first_byte_ms = Some(standing.first_byte_ms.map_or(ms, |old| old - old / 5 + ms / 5));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Standing>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(provider: &str, model: &str) -> String {
    format!("{provider}/{model}")
}

#[cfg(test)]
mod tests;
