//! What tokens cost: prices as data, how a model finds its own, and what a request comes to. Everything is an integer, so
//! that sums are exact and the same on both databases; what is not known is `None`, and never zero.

mod book;
mod cost;
mod cost_map;
mod money;
mod name;
mod table;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use book::{OwnPrices, PriceBook, PricedProvider};
pub use cost::{PriceInForce, PriceOrigin, Settlement};
pub use money::{NanoDollars, TokenRate};
pub use table::{PriceSource, PriceTable, TableRow, TableVendor};

/// What one model costs. A kind of tokens without a rate of its own is billed as what it is part of, as
/// [`ModelPrice::in_force`] says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelPrice {
    /// Tokens of the prompt that came from no cache and went into none, in US dollars per million.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<TokenRate>,
    /// Tokens of the prompt that came from the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<TokenRate>,
    /// Tokens of the prompt that were put into the cache for five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<TokenRate>,
    /// Tokens of the prompt that were put into the cache for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<TokenRate>,
    /// Tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<TokenRate>,
    /// Tokens of the answer that were reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<TokenRate>,
    /// Each image that a model of images makes, in US dollars. Images in a prompt are counted as tokens by their vendors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<NanoDollars>,
    /// Each request, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<NanoDollars>,
    /// Rates of requests with a longer prompt, the shortest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<LongPromptPrice>,
    /// Where the price was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a longer prompt makes of the rates; one that is not named stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPromptPrice {
    /// The prompt has more tokens than this, cached ones included.
    pub longer_than: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<TokenRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<TokenRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<TokenRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<TokenRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<TokenRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<TokenRate>,
}

impl ModelPrice {
    /// Whether it says nothing of tokens or requests.
    pub fn is_unknown(&self) -> bool {
        let tokens = [
            self.input,
            self.cached_input,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
            self.reasoning,
        ];
        tokens.iter().all(Option::is_none) && self.image.is_none() && self.request.is_none()
    }

    /// The price in a list of models of a provider: a JSON object whose other members say nothing here. A rate that is no
    /// number says nothing either.
    pub fn of_listing(text: &str) -> Option<Self> {
        let listed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        let rate = |name: &str| TokenRate::of_dollars(listed.get(name)?.as_f64()?);
        let each = |name: &str| NanoDollars::of_dollars(listed.get(name)?.as_f64()?);
        let price = Self {
            input: rate("input"),
            cached_input: rate("cached_input"),
            cache_write_5m: rate("cache_write_5m"),
            cache_write_1h: rate("cache_write_1h"),
            output: rate("output"),
            reasoning: rate("reasoning"),
            image: each("image"),
            request: each("request"),
            ..Self::default()
        };
        (!price.is_unknown()).then_some(price)
    }
}

/// Rows of other people's table in the form of this one: `text` is ours (`vendors`), or the cost map of a project that
/// gives dollars a token by model (`input_cost_per_token`).
pub fn read_rows(text: &str, known: &PriceTable) -> Result<Vec<TableRow>, crate::Fault> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| crate::Fault::invalid(format!("the prices are not JSON: {error}")))?;
    if value.get("vendors").is_some() {
        return PriceTable::parse(text).map(|table| table.rows().collect());
    }
    cost_map::rows(&value, known)
}

#[cfg(test)]
mod tests;
