//! A cost map as `LiteLLM` publishes it (`model_prices_and_context_window.json`): one object by model, dollars a token. What
//! a member says that a price has no room for is left out; a row without a price is none.

use serde_json::{Map, Value};

use super::{LongPromptPrice, ModelPrice, NanoDollars, PriceTable, TableRow, TokenRate};
use crate::Fault;

/// Who offers the model, by the name of that project.
const PROVIDER: &str = concat!("litellm", "_provider");
const INPUT: &str = "input_cost_per_token";
const CACHED: &str = "cache_read_input_token_cost";
const WRITE_5M: &str = "cache_creation_input_token_cost";
const WRITE_1H: &str = "cache_creation_input_token_cost_above_1hr";
const OUTPUT: &str = "output_cost_per_token";
const REASONING: &str = "output_cost_per_reasoning_token";

/// The rows of vendors that `known` knows.
pub(super) fn rows(map: &Value, known: &PriceTable) -> Result<Vec<TableRow>, Fault> {
    let models = map.as_object().filter(|models| models.values().any(|model| model.get(PROVIDER).is_some()));
    let models = models.ok_or_else(|| {
        Fault::invalid("the file is no table of prices that is known here")
            .hint("give one as `plugins/prices.json` is, or a cost map of `LiteLLM`")
    })?;
    let listed = models.iter().filter_map(|(name, model)| {
        let model = model.as_object()?;
        let provider = model.get(PROVIDER)?.as_str()?;
        let vendor = known.vendor_called(provider)?;
        let price = price(model);
        let bare = [provider, vendor].iter().find_map(|prefix| name.strip_prefix(prefix)?.strip_prefix('/'));
        let is_chat = model.get("mode").is_none_or(|mode| {
            matches!(mode.as_str(), Some("chat" | "responses" | "completion" | "embedding"))
        });
        // Free of charge in this map means by a plan, or that nobody knows.
        let has_price = price.input.is_some_and(|rate| rate.0 > 0);
        (has_price && is_chat).then(|| TableRow {
            vendor: vendor.to_owned(),
            model: bare.unwrap_or(name).to_owned(),
            price,
            provenance: None,
        })
    });
    Ok(listed.collect())
}

fn price(model: &Map<String, Value>) -> ModelPrice {
    let rate = |name: &str| TokenRate::of_dollars(model.get(name)?.as_f64()? * 1e6);
    let mut price = ModelPrice {
        input: rate(INPUT),
        cached_input: rate(CACHED).filter(|rate| rate.0 > 0),
        cache_write_5m: rate(WRITE_5M).filter(|rate| rate.0 > 0),
        cache_write_1h: rate(WRITE_1H),
        output: rate(OUTPUT),
        reasoning: rate(REASONING),
        request: model
            .get("input_cost_per_request")
            .and_then(Value::as_f64)
            .and_then(NanoDollars::of_dollars),
        ..ModelPrice::default()
    };
    if price.reasoning == price.output {
        price.reasoning = None;
    }
    let mut lengths: Vec<u64> = model.keys().filter_map(|name| length(name)).collect();
    lengths.sort_unstable();
    lengths.dedup();
    price.above = lengths
        .into_iter()
        .map(|longer_than| {
            let rate = |name: &str| rate(&format!("{name}_above_{}k_tokens", longer_than / 1_000));
            LongPromptPrice {
                longer_than,
                input: rate(INPUT),
                cached_input: rate(CACHED),
                cache_write_5m: rate(WRITE_5M),
                cache_write_1h: rate(WRITE_1H),
                output: rate(OUTPUT),
                reasoning: rate(REASONING),
            }
        })
        .collect();
    price
}

/// The length from which on a rate counts, when its name tells one.
fn length(name: &str) -> Option<u64> {
    let (rate, rest) = name.rsplit_once("_above_")?;
    let thousands: u64 = rest.strip_suffix("k_tokens")?.parse().ok()?;
    [INPUT, CACHED, WRITE_5M, WRITE_1H, OUTPUT, REASONING]
        .contains(&rate)
        .then(|| thousands.saturating_mul(1_000))
}
