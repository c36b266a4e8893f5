//! The ledger of tokens: what each request used, whatever became of it. A row is kept for good; a trace is not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{Id, Key, Trace};
use crate::plane::trace::TraceUsage;

/// What one request used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageRecord {
    /// The request's trace, which may be gone by now.
    pub trace: Id<Trace>,
    pub at: Millis,
    /// Slug of the operator.
    pub operator: String,
    /// The key that was presented; none for the admin key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id<Key>>,
    /// Provider instance that answered, or was tried last.
    pub provider: String,
    /// Model that answered, or was tried last.
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    pub outcome: UsageOutcome,
    pub usage: TraceUsage,
    /// Price in US dollars, when the model's prices were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// How the request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageOutcome {
    /// The answer went out whole.
    Ok,
    /// It ended in an error, before or after its first byte.
    Failed,
    /// The client left before its end.
    Cancelled,
}

/// What the rows of a sum have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageGroup {
    #[default]
    Model,
    Provider,
    Tier,
    Operator,
    Key,
    /// The day in UTC.
    Day,
}

/// The usage of many requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UsageSum {
    /// What they have in common, e.g. `openai/gpt-x` or `2026-01-31`; empty when there is nothing, as for the admin key.
    pub group: String,
    pub requests: u64,
    /// Of them, those that ended in an error.
    pub failed: u64,
    /// Of them, those whose client left.
    pub cancelled: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cached_tokens: u64,
    pub reasoning_tokens: u64,
    /// Requests whose tokens we guessed.
    pub estimated: u64,
    /// Price in US dollars of those whose prices were known.
    pub cost_usd: f64,
    /// Requests whose prices were not known.
    pub unpriced: u64,
}
