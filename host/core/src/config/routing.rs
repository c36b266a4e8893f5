//! Which model answers: tiers, and the models that stand in for one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One tier: a model and what answers when it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Name or alias of a provider instance.
    pub provider: String,
    /// Model id as that provider knows it.
    pub model: String,
    /// Tried in this order after the first.
    #[serde(default)]
    pub fallbacks: Vec<Target>,
    /// Its candidates are as good as each other: conversations are shared out among them, whatever their order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spread: bool,
}

/// One model of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name or alias of a provider instance.
    pub provider: String,
    /// Model id as that provider knows it.
    pub model: String,
}
