//! One request as it went: what was asked, what was chosen, what was tried, what came of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{Id, Key, Trace};
use crate::price::{NanoDollars, PriceInForce};

/// One request as it went. It holds no text of the conversation unless bodies are kept, and those are redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceRecord {
    pub id: Id<Trace>,
    /// `x-request-id`: the client's, when it sent a sane one.
    pub request_id: String,
    pub at: Millis,
    /// Slug of the operator.
    pub operator: String,
    /// The key that was presented; none for the admin key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id<Key>>,
    /// The client program, as far as it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's id of its own session, when it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_session: Option<String>,
    /// What the client says that the request is for, e.g. `main`, `subagent`, `compaction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_class: Option<String>,
    /// The wire that the client spoke, e.g. `openai-chat`.
    pub api: String,
    /// `model` as the client wrote it.
    #[serde(default)]
    pub requested_model: String,
    /// Model that answered, or was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Provider instance that answered, or was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The classifier's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<String>,
    /// The classifier's confidence, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// How the answer was to be prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Why this candidate was chosen, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In the order in which they ended.
    pub attempts: Vec<Attempt>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Kind of the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
    /// Stable word of the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// From the request's head to the first byte of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// From the request's head to the end of the answer.
    pub latency_ms: u64,
    /// Of the attempt that answered; what others used that are billed beside it stands with them.
    pub usage: TraceUsage,
    /// What that cost in US dollars, when the model's price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<NanoDollars>,
    /// The rates that it cost that at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceInForce>,
    pub stream: bool,
    /// Size of the request's body, decompressed.
    pub request_bytes: u64,
    /// Size of the answer's body.
    pub response_bytes: u64,
    /// SHA-256 of the preamble that was put in front, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preamble_hash: Option<String>,
    /// What the upstream's wire could not carry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loss: Vec<String>,
    /// The request's body, redacted and cut; only when bodies are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// The answer's body, redacted and cut; only when bodies are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
}

/// One attempt at one candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    pub provider: String,
    pub model: String,
    pub outcome: AttemptOutcome,
    /// The upstream's status, when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    pub latency_ms: u64,
    /// Stable word for why it was no success; none in traces that were kept before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was no success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it used, where that is billed beside what the request itself used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed: Option<BilledAttempt>,
}

/// What an attempt used that did not answer to the end: a row of the ledger of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BilledAttempt {
    pub usage: TraceUsage,
    /// In US dollars, when the model's price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<NanoDollars>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// It answered to the end.
    Ok,
    /// It failed.
    Failed,
    /// It was not tried: breaker open, or nothing that could serve it.
    Skipped,
    /// Nobody waited for it any more: the client went away, or another candidate began to answer first (`hedged_out`).
    Cancelled,
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TraceUsage {
    /// Tokens of the prompt, those included that came from the cache and that went into it.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Tokens of the prompt that the upstream had cached.
    pub cached_tokens: u64,
    /// Tokens of the prompt that went into the cache, for five minutes or as long as the upstream keeps it unasked.
    #[serde(default)]
    pub cache_write_5m_tokens: u64,
    /// Tokens of the prompt that went into the cache for an hour.
    #[serde(default)]
    pub cache_write_1h_tokens: u64,
    /// Tokens of the answer that were reasoning.
    pub reasoning_tokens: u64,
    /// The upstream gave no figures; these are ours.
    pub estimated: bool,
}
