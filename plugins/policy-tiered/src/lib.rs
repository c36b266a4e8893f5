//! Routes by tier. The tier comes from the request (`brains-<tier>`), from the route of its task, or from what
//! the classifier recommends; the order within comes from the configuration, then from health and price.
//!
//! 1. A tier that the client named is taken.
//! 2. Otherwise the tier that the settings have for what the client says the request is for; they have none by default.
//!    Otherwise the task's route, otherwise the recommended tier; a task below the confidence threshold, or one
//!    of a classifier that failed, gets the fallback tier.
//! 3. A tier whose every candidate is too small for the request, or blind to its pictures, gives way to the
//!    next stronger one.
//! 4. Within the tier the configured order holds. Candidates with an open circuit or many errors come last;
//!    among providers of one and the same model errors, price and latency decide. In a tier that shares out, conversations
//!    are spread over its candidates.
//! 5. A conversation stays with its candidate while that is healthy and in this tier, unless its client named one or the
//!    settings have one for what the request is for: in this tier or a stronger one, and in a weaker one as long as reading
//!    anew what is cached there costs more than a stronger answer is worth.

mod choose;

use std::collections::BTreeMap;

use brains_sdk::canon::Fault;
use brains_sdk::canon::task::{Decision, RouteInput};
use brains_sdk::{Component, Info, Policy};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub confidence_threshold: f32,
    pub fallback_tier: Option<String>,
    pub error_rate_limit: f32,
    pub output_reserve_tokens: u32,
    pub request_classes: BTreeMap<String, String>,
    pub upgrade_tokens: u32,
    pub upgrade_usd: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            confidence_threshold: 0.3,
            fallback_tier: None,
            error_rate_limit: 0.5,
            output_reserve_tokens: 1024,
            request_classes: BTreeMap::new(),
            upgrade_tokens: 32_768,
            upgrade_usd: 0.1,
        }
    }
}

/// The component.
#[derive(Debug)]
pub struct Tiered(Settings);

impl Component for Tiered {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        brains_sdk::info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        Ok(Self(settings))
    }
}

impl Policy for Tiered {
    fn decide(&self, input: &RouteInput) -> Result<Decision, Fault> {
        choose::decide(&self.0, input)
    }
}

brains_sdk::export_policy!(Tiered);

#[cfg(test)]
mod tests;
