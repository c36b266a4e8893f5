//! Provider instances: a component with its settings, secrets and grants, and how often and how many at once it is called.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::components::empty_object;
use crate::Secret;
use crate::traffic::attempt::Retries;
use crate::traffic::backoff::BackoffSettings;
use crate::traffic::breaker::BreakerSettings;

/// One provider instance: a component with its settings, secrets and grants.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSpec {
    /// Vendor that fills in what is not set here: component, address and key. Unset, and without a component: the one that
    /// the instance is named after.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Id of the component.
    pub component: String,
    /// Settings, checked by the component's own schema.
    #[serde(default = "empty_object")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub config: Value,
    /// Secrets by the name that the component asks for.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Commands that its component asks for and that may be run for a token, by name; none is unless it is `true` here.
    #[serde(default)]
    pub commands: BTreeMap<String, bool>,
    /// What the instance may reach beside its own base URL.
    #[serde(default)]
    pub allow: Allow,
    /// Longest silence of the upstream, in seconds.
    #[serde(default = "provider_timeout")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: f64,
    /// Other names that mean this instance.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether it only stands in: no tier leads to it, and nothing falls back to it, once a tier names another provider.
    #[serde(default)]
    pub stand_in: bool,
}

/// What an instance is granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// Origins it may call: scheme, host and port.
    pub http: Vec<String>,
}

/// Retries, circuit breaker and cap of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderPolicy {
    /// Attempts in all; 1 is no retry.
    #[schemars(range(min = 1, max = 10))]
    pub retry_max_attempts: u32,
    /// Wait before the second attempt, in seconds.
    #[schemars(range(min = 0.0))]
    pub retry_initial_backoff_seconds: f64,
    /// Longest wait between attempts, in seconds.
    #[schemars(range(min = 0.0))]
    pub retry_max_backoff_seconds: f64,
    /// Longest wait that an upstream may ask for with `Retry-After`, in seconds; one that asks for more is not asked again.
    #[schemars(range(min = 0.0))]
    pub retry_after_max_seconds: f64,
    /// Growth of the wait from one attempt to the next.
    #[schemars(range(min = 1.0))]
    pub retry_backoff_multiplier: f64,
    /// Failures in a row that open the breaker; 0 switches it off.
    pub circuit_failure_threshold: u32,
    /// How long the breaker stays open, in seconds.
    #[schemars(range(min = 0.0))]
    pub circuit_cooldown_seconds: f64,
    /// Requests that may be under way at this provider at once; more go to the next candidate. 0 is no limit.
    pub max_concurrent_requests: u32,
    /// As `keepalive_seconds` of the whole service, for streamed answers of this provider. Unset: as there.
    #[schemars(range(min = 0.0))]
    pub keepalive_seconds: Option<f64>,
}

impl ProviderPolicy {
    pub fn retries(&self) -> Retries {
        Retries {
            max_attempts: self.retry_max_attempts,
            backoff: BackoffSettings {
                initial_ms: whole_ms(self.retry_initial_backoff_seconds),
                max_ms: whole_ms(self.retry_max_backoff_seconds),
                multiplier: self.retry_backoff_multiplier,
            },
            retry_after_max_ms: whole_ms(self.retry_after_max_seconds),
        }
    }

    pub fn breaker(&self) -> BreakerSettings {
        BreakerSettings {
            threshold: self.circuit_failure_threshold,
            cooldown_ms: whole_ms(self.circuit_cooldown_seconds),
        }
    }
}

fn whole_ms(seconds: f64) -> u64 {
    u64::try_from(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_millis())
        .unwrap_or(u64::MAX)
}

impl Default for ProviderPolicy {
    fn default() -> Self {
        Self {
            retry_max_attempts: 1,
            retry_initial_backoff_seconds: 0.5,
            retry_max_backoff_seconds: 8.0,
            retry_after_max_seconds: 10.0,
            retry_backoff_multiplier: 2.0,
            circuit_failure_threshold: 0,
            circuit_cooldown_seconds: 30.0,
            max_concurrent_requests: 0,
            keepalive_seconds: None,
        }
    }
}

fn provider_timeout() -> f64 {
    60.0
}
