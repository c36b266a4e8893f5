//! Budgets: what may be spent on models, by whom, in which window of time. Pure rules: when a window begins and ends, what a
//! request may cost at most, and whether it is admitted, planned in a cheaper tier, told to wait, or stopped. Rows are the
//! store's: what is settled in a window is a sum of the ledger, what is reserved is held by requests under way.

mod judgement;
mod window;
mod worth;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::price::NanoDollars;

pub use judgement::{BudgetStanding, Overrun, SpendingVerdict, SpendingWish, judge, nearest_limit};
pub use window::{SpendingWindow, time_zone, window_at};
pub use worth::{ASSUMED_OUTPUT_TOKENS, RequestSize, calls_at_most, dearest_cost};

/// Of whom what is spent counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpendingScope {
    /// One key. The admin key is none.
    Key,
    /// One operator, with all keys.
    Operator,
    /// One workspace: the sessions in it.
    Workspace,
    /// One session, else the client's own id of one.
    Session,
}

/// How long a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpendingPeriod {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first day of a month to that of the next.
    Month,
}

/// Money and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SpendingAmount {
    /// US dollars.
    pub usd: NanoDollars,
    /// Of prompts and answers.
    pub tokens: u64,
}

impl SpendingAmount {
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            usd: NanoDollars(self.usd.0.saturating_add(other.usd.0)),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }

    /// The same for so many calls.
    #[must_use]
    pub fn times(self, calls: u32) -> Self {
        Self {
            usd: NanoDollars(self.usd.0.saturating_mul(calls.into())),
            tokens: self.tokens.saturating_mul(calls.into()),
        }
    }
}

/// One counter: of whom, in which window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SpendingCounter {
    pub per: SpendingScope,
    /// The key's id, the operator's slug, the workspace's id, or the session's.
    pub subject: String,
    #[serde(flatten)]
    pub window: SpendingWindow,
}

/// What is settled in a counter, and what requests under way have reserved of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SpendingCount {
    pub spent: SpendingAmount,
    pub reserved: SpendingAmount,
    /// Settled requests of unknown price: their tokens count, and no money does.
    pub unpriced: u64,
}

#[cfg(test)]
mod tests;
