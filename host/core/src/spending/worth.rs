//! What a request may cost, before it is asked: its prompt, and the longest answer that it allows, each token at the dearest
//! rate that may be billed for it. What it really cost is settled when it has ended.

use crate::config::Tier;
use crate::price::{ModelPrice, NanoDollars, PriceOrigin, TokenRate};

/// What a request that names no limit of its answer is taken to say.
pub const ASSUMED_OUTPUT_TOKENS: u64 = 4_096;

/// The tokens of a request, before it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestSize {
    /// Of the prompt, as they are counted where nobody is asked.
    pub input_tokens: u64,
    /// Of the longest answer that it allows.
    pub output_tokens: u64,
}

impl RequestSize {
    pub const fn tokens(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// The most that a request of this size costs at a price; none when the rates that it needs are not known.
pub fn dearest_cost(origin: PriceOrigin, price: &ModelPrice, size: RequestSize) -> Option<NanoDollars> {
    let rates = price.in_force(origin, size.input_tokens);
    let input = part(
        size.input_tokens,
        rates.input,
        &[rates.cached_input, rates.cache_write_5m, rates.cache_write_1h],
    )?;
    let output = part(size.output_tokens, rates.output, &[rates.reasoning])?;
    let thousandths = input.checked_add(output)?;
    let request = rates.request.map_or(0, |request| i128::from(request.0));
    let nanos = thousandths.checked_add(999)?.div_euclid(1_000).checked_add(request)?;
    Some(NanoDollars(i64::try_from(nanos).unwrap_or(i64::MAX)))
}

/// Thousandths of a nano-dollar, at the dearest of the rates that are known. Without `own` nothing is.
fn part(tokens: u64, own: Option<TokenRate>, others: &[Option<TokenRate>]) -> Option<i128> {
    if tokens == 0 {
        return Some(0);
    }
    let own = own?;
    let dearest = others.iter().flatten().copied().chain([own]).max().unwrap_or(own);
    i128::from(tokens).checked_mul(i128::from(dearest.0))
}

/// How many calls of one request may be billed: one that answers, one beside it where the tier asks a second candidate, and one
/// that goes on where its answer broke off.
pub fn calls_at_most(tier: Option<&Tier>, candidates: usize) -> u32 {
    let hedges = |tier: &Tier| candidates > 1 && tier.hedge_after_ms.is_some();
    1 + tier.map_or(0, |tier| u32::from(hedges(tier)) + u32::from(tier.continue_cut))
}
