//! Which model answers: tiers, and the models that stand in for one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One tier: a model and what answers when it does not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Milliseconds after which a second candidate is asked beside one that has not begun to answer; who begins first answers,
    /// and the other is given up. Unset: never. A policy that sets a delay of its own goes before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub hedge_after_ms: Option<u32>,
    /// Of a hundred requests, so many may be asked of a second candidate; 5 unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub hedge_max_percent: Option<u32>,
    /// A streamed text that breaks off is gone on with by a candidate whose model goes on exactly where it ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continue_cut: bool,
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
