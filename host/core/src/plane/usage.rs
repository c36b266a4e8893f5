//! The ledger of tokens: what each request used, whatever became of it. A row is kept for good; a trace is not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{Id, Key, Session, Task, Trace, Workspace};
use crate::plane::trace::TraceUsage;
use crate::price::{NanoDollars, PriceInForce, Settlement};

/// What one request used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageRecord {
    /// The request's trace, which may be gone by now. Of a part, an id of its own.
    pub trace: Id<Trace>,
    /// The trace of the request that this was a part of: a second candidate that was given up, or the beginning of an answer
    /// that another candidate went on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<Id<Trace>>,
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
    /// The classifier's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The client program, as far as it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What the client says that the request is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_class: Option<String>,
    /// The wire that the client spoke.
    pub api: String,
    /// The client's id of its own session, when it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_session: Option<String>,
    /// The session that the request was made by, the workspace that it works in, and the one task that it had then. Found
    /// when the row is written.
    #[serde(default, skip_serializing_if = "UsageWork::is_none")]
    pub work: UsageWork,
    pub outcome: UsageOutcome,
    pub usage: TraceUsage,
    /// The rates in force, when the model's price was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceInForce>,
}

impl UsageRecord {
    /// What the request came to; none when the rates that it needs were not known.
    pub fn settlement(&self) -> Option<Settlement> {
        self.price.as_ref()?.settle(&self.usage)
    }
}

/// What a request was made for, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UsageWork {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Id<Session>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Id<Workspace>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Id<Task>>,
}

impl UsageWork {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
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
    /// The session, else the client's own id of one.
    Session,
    /// The task that the session had.
    Task,
    Workspace,
    /// The client program.
    Client,
    /// What the client says that the request is for.
    #[serde(rename = "request_class")]
    RequestClass,
    /// The day in UTC.
    Day,
}

/// The usage of many requests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UsageSum {
    /// What they have in common, e.g. `openai/gpt-x` or `2026-01-31`; empty when there is nothing, as for the admin key.
    pub group: String,
    pub requests: u64,
    /// Of them, those that ended in an error.
    pub failed: u64,
    /// Of them, those whose client left.
    pub cancelled: u64,
    /// Calls beside those that answered: second candidates that were given up, and beginnings of answers that another candidate
    /// went on with.
    pub parts: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cached_tokens: u64,
    /// Tokens that went into the cache for five minutes, and for an hour.
    pub cache_write_5m_tokens: u64,
    pub cache_write_1h_tokens: u64,
    pub reasoning_tokens: u64,
    /// Requests, and parts of some, whose tokens we guessed.
    pub estimated: u64,
    /// What those cost whose prices were known, in US dollars.
    pub cost_usd: NanoDollars,
    /// What tokens from the cache would have cost more as plain input.
    pub saved_usd: NanoDollars,
    /// Of the cost, what went into caches.
    pub cache_write_usd: NanoDollars,
    /// Requests, and parts of some, whose prices were not known.
    pub unpriced: u64,
}
