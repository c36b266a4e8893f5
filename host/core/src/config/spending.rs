//! The section `spending`: budgets in money and tokens, by name. What they mean stands in `core::spending`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::price::NanoDollars;
use crate::spending::{SpendingPeriod, SpendingScope, time_zone};

/// Budgets by name.
pub type Spending = BTreeMap<String, SpendingBudget>;

/// What may be spent in a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpendingBudget {
    /// Of whom what is spent counts together: each has the whole budget.
    pub per: SpendingScope,
    /// Only this one: the id of a key, workspace or session, or the slug of an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// When it begins anew.
    pub window: SpendingPeriod,
    /// Time zone of the window, e.g. `Europe/Berlin`.
    #[serde(default = "utc")]
    pub zone: String,
    /// US dollars that may be spent in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<NanoDollars>,
    /// Tokens of prompts and answers that may be used in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
    /// From which part of the limit on clients are warned.
    #[serde(default = "usual_percent")]
    #[schemars(range(max = 100))]
    pub warn_at_percent: u8,
    /// Where requests are planned that come near the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cheaper: Option<CheaperTier>,
    /// What becomes of a request that the limit has no room for.
    #[serde(default)]
    pub at_limit: AtLimit,
    /// What becomes of candidates whose price nobody knows, where the limit is in money.
    #[serde(default)]
    pub unpriced: UnpricedUse,
}

/// Where requests are planned that come near the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheaperTier {
    /// A tier of `models`.
    pub tier: String,
    /// From which part of the limit on.
    #[serde(default = "usual_percent")]
    #[schemars(range(max = 100))]
    pub at_percent: u8,
    /// Whether requests go there, too, whose client named a tier or a model.
    #[serde(default)]
    pub named: bool,
}

/// What becomes of a request that the limit has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AtLimit {
    /// It is refused until the window ends.
    #[default]
    Stop,
    /// It goes on, and its client is warned.
    Warn,
}

/// What becomes of candidates whose price nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnpricedUse {
    /// They are not asked.
    #[default]
    Refuse,
    /// They are asked, their tokens count, and how many such requests there were is told.
    Count,
}

impl SpendingBudget {
    /// Whether a candidate without a price may not be asked.
    pub fn refuses_unpriced(&self) -> bool {
        self.limit_usd.is_some() && self.at_limit == AtLimit::Stop && self.unpriced == UnpricedUse::Refuse
    }

    /// What no schema says: where it stands below the budget, what is wrong, and what to do.
    pub(super) fn problems(&self) -> Vec<(&'static str, String, Option<String>)> {
        let mut found = Vec::new();
        if self.limit_usd.is_none() && self.limit_tokens.is_none() {
            let hint = "set `limit_usd`, `limit_tokens`, or both".to_owned();
            found.push(("", "has no limit".to_owned(), Some(hint)));
        }
        if self.limit_usd.is_some_and(|limit| limit.0 < 0) {
            found.push((".limit_usd", "is less than nothing".to_owned(), None));
        }
        if time_zone(&self.zone).is_none() {
            let hint = "write it as the IANA database does, e.g. `Europe/Berlin` or `UTC`".to_owned();
            found.push((
                ".zone",
                format!("names the time zone `{}`, which there is not", self.zone),
                Some(hint),
            ));
        }
        found
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

const fn usual_percent() -> u8 {
    80
}
