//! What a request comes to: its tokens at the rates in force, added up exactly and rounded once, half a nano-dollar and
//! more up. The rates are kept with the request, so that a later price changes nothing that was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LongPromptPrice, ModelPrice, NanoDollars, TokenRate};
use crate::plane::trace::TraceUsage;

/// Who says what a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PriceOrigin {
    /// The configuration: `prices`.
    Operator,
    /// The provider's own list of models.
    Provider,
    /// The table that the program carries.
    Table,
}

/// The rates that a request is billed at: those of its model, of its length of prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceInForce {
    /// Who says so.
    pub origin: PriceOrigin,
    /// US dollars per million tokens, as all that follow.
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
    /// US dollars for the request itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<NanoDollars>,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settlement {
    pub cost: NanoDollars,
    /// What tokens from the cache would have cost more as plain input; less than nothing where the cache is dearer.
    pub saved: NanoDollars,
    /// Of the cost, what tokens that went into the cache came to.
    pub cache_write: NanoDollars,
}

/// No request costs more: whatever an upstream claims to have counted, sums stay within bounds.
const COST_MAX: i128 = 10_000_000_000_000;

impl ModelPrice {
    /// The rates of a request with so many tokens of prompt. What has no rate of its own is billed as what it is part of:
    /// tokens from the cache and tokens into it as input, reasoning as output. Where writes for five minutes have a rate
    /// and writes for an hour have none, those for an hour are not known.
    pub fn in_force(&self, origin: PriceOrigin, input_tokens: u64) -> PriceInForce {
        let long = self
            .above
            .iter()
            .filter(|step| input_tokens > step.longer_than)
            .max_by_key(|step| step.longer_than);
        let rate = |of_long: fn(&LongPromptPrice) -> Option<TokenRate>, own: Option<TokenRate>| {
            long.and_then(of_long).or(own)
        };
        let input = rate(|step| step.input, self.input);
        let write_5m = rate(|step| step.cache_write_5m, self.cache_write_5m);
        let write_1h = rate(|step| step.cache_write_1h, self.cache_write_1h);
        let output = rate(|step| step.output, self.output);
        PriceInForce {
            origin,
            input,
            cached_input: rate(|step| step.cached_input, self.cached_input).or(input),
            cache_write_5m: write_5m.or(input),
            cache_write_1h: if write_1h.is_none() && write_5m.is_none() { input } else { write_1h },
            output,
            reasoning: rate(|step| step.reasoning, self.reasoning).or(output),
            request: self.request,
        }
    }
}

impl PriceInForce {
    /// What these tokens come to; none when a rate that they need is not known. `usage` counts what came from the cache and
    /// what went into it as part of the input, and reasoning as part of the output: here each token is billed once.
    pub fn settle(&self, usage: &TraceUsage) -> Option<Settlement> {
        let (write_5m, write_1h) = (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens);
        let plain = usage
            .input_tokens
            .saturating_sub(usage.cached_tokens)
            .saturating_sub(write_5m)
            .saturating_sub(write_1h);
        let said = usage.output_tokens.saturating_sub(usage.reasoning_tokens);
        let written = part(write_5m, self.cache_write_5m)? + part(write_1h, self.cache_write_1h)?;
        let cached = part(usage.cached_tokens, self.cached_input)?;
        let total = part(plain, self.input)?
            + cached
            + written
            + part(said, self.output)?
            + part(usage.reasoning_tokens, self.reasoning)?;
        let request = self.request.map_or(0, |request| i128::from(request.0));
        let saved = part(usage.cached_tokens, self.input).map_or(0, |plain| plain - cached);
        Some(Settlement {
            cost: bounded(rounded(total) + request),
            saved: bounded(rounded(saved)),
            cache_write: bounded(rounded(written)),
        })
    }
}

/// Thousandths of a nano-dollar. No tokens cost nothing, whatever they would cost.
fn part(tokens: u64, rate: Option<TokenRate>) -> Option<i128> {
    if tokens == 0 {
        return Some(0);
    }
    Some(i128::from(tokens) * i128::from(rate?.0))
}

fn rounded(thousandths: i128) -> i128 {
    (thousandths + 500).div_euclid(1_000)
}

fn bounded(nanos: i128) -> NanoDollars {
    NanoDollars(i64::try_from(nanos.clamp(-COST_MAX, COST_MAX)).unwrap_or_default())
}
