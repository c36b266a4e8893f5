//! The operator's own prices: one row, or many from somebody else's table. They are written into the overlay as any other
//! change of the configuration, in one revision.

use std::collections::BTreeMap;

use brains_core::Fault;
use brains_core::price::{ModelPrice, NanoDollars, TokenRate, read_rows};
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::NOUN;
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::config;
use crate::ports::{OverlayEdit, Proposal};

/// The key of the configuration under which the rows stand.
const KEY: &str = "prices";
/// Rows that one update may write: they stand in the configuration, which every reload reads.
const MOST: usize = 2_000;

/// Says what a model costs, in US dollars per million tokens. The row goes before what the provider lists and before the
/// table, and counts from the next request on. `unset_config` with `prices.<provider>."<model>"` takes it back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPrice {
    /// A provider instance, or a vendor of the table.
    provider: String,
    /// Model id as that provider knows it; `*` for every model without a row.
    model: String,
    /// Tokens of the prompt.
    input: Option<TokenRate>,
    /// Tokens of the answer.
    output: Option<TokenRate>,
    /// Tokens of the prompt that came from the cache; as `input` when left out.
    cached_input: Option<TokenRate>,
    /// Tokens that went into the cache for five minutes; as `input` when left out.
    cache_write_5m: Option<TokenRate>,
    /// Tokens that went into the cache for an hour.
    cache_write_1h: Option<TokenRate>,
    /// Tokens of the answer that were reasoning; as `output` when left out.
    reasoning: Option<TokenRate>,
    /// Each image that is made, in US dollars.
    image: Option<NanoDollars>,
    /// Each request, in US dollars.
    request: Option<NanoDollars>,
    /// Where the price was read.
    source: Option<String>,
}

/// A price that is in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PriceSet {
    provider: String,
    model: String,
    /// Number of the revision that holds it.
    revision: u64,
}

impl Operation for SetPrice {
    const NAME: &'static str = "set_price";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["price", "set"])
        .positional(&["provider", "model"])
        .table("", &["provider", "model", "revision"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "A model of an own provider",
        command: "price set acme small --input 0.5 --cached-input 0.05 --output 2.5",
        input: r#"{"provider": "acme", "model": "small", "input": 0.5, "cached_input": 0.05, "output": 2.5}"#,
    }];
    type Output = PriceSet;

    async fn run(self, cx: &Cx<'_>) -> Result<PriceSet, Fault> {
        for (name, text) in [("provider", &self.provider), ("model", &self.model)] {
            if text.is_empty() || text.contains('"') {
                return Err(Fault::invalid(format!("`{name}` is no name")).param(name));
            }
        }
        let price = ModelPrice {
            input: self.input,
            cached_input: self.cached_input,
            cache_write_5m: self.cache_write_5m,
            cache_write_1h: self.cache_write_1h,
            output: self.output,
            reasoning: self.reasoning,
            image: self.image,
            request: self.request,
            above: Vec::new(),
            source: self.source,
        };
        if price.is_unknown() {
            return Err(Fault::invalid("no price is given")
                .param("input")
                .hint("give `input` and `output`; `unset_config` takes a row back"));
        }
        let key = format!("{KEY}.\"{}\".\"{}\"", self.provider, self.model);
        let edit = OverlayEdit { key, value: Some(json!(price)) };
        let revision = config::put(cx, vec![edit], "price.set").await?;
        Ok(PriceSet { provider: self.provider, model: self.model, revision })
    }
}

/// Takes prices out of somebody else's table: a file as `plugins/prices.json` is, or the cost map that the project `LiteLLM`
/// publishes. Only vendors that are known here are taken, and only rows that say something else than what is in force.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdatePrices {
    /// The table, JSON.
    #[schemars(extend("contentMediaType" = "text/json"))]
    from: String,
    /// Only rows of this vendor.
    provider: Option<String>,
}

/// Prices that are in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PricesUpdated {
    /// Rows of known vendors that the file holds.
    read: usize,
    /// Of them, those that were written.
    written: usize,
    /// Number of the revision that holds them; none when nothing was written.
    revision: Option<u64>,
}

impl Operation for UpdatePrices {
    const NAME: &'static str = "update_prices";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const UPLOAD: bool = true;
    const CLI: CliShape = CliShape::new(&["price", "update"]).table("", &["read", "written", "revision"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Newer prices of one vendor",
        command: "price update --from model_prices_and_context_window.json --provider groq",
        input: r#"{"from": "{\"sources\": {}, \"vendors\": {}}", "provider": "groq"}"#,
    }];
    type Output = PricesUpdated;

    async fn run(self, cx: &Cx<'_>) -> Result<PricesUpdated, Fault> {
        let table = cx.control.ports.prices.table();
        let mut rows = read_rows(&self.from, &table)?;
        rows.retain(|row| self.provider.as_ref().is_none_or(|provider| row.vendor == *provider));
        let read = rows.len();
        let own = cx.control.ports.settings.active().config;
        rows.retain(|row| {
            let mine = own.prices.get(&row.vendor).and_then(|rows| rows.get(&row.model));
            mine.or_else(|| table.find(&row.vendor, &row.model)) != Some(&row.price)
        });
        let written = rows.len();
        if written == 0 {
            return Ok(PricesUpdated { read, written, revision: None });
        }
        if written > MOST {
            return Err(Fault::invalid(format!("{written} rows would change, and {MOST} may at once"))
                .param("from")
                .hint("`provider` takes those of one vendor"));
        }
        let mut by_vendor: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
        for row in rows {
            by_vendor.entry(row.vendor).or_default().push((row.model, json!(row.price)));
        }
        let propose = |overlay: &crate::ports::Overlay| {
            let edits = by_vendor.iter().map(|(vendor, rows)| {
                let before =
                    overlay.shown.get(KEY).and_then(|own| own.get(vendor)).and_then(Value::as_object);
                let mut section = before.cloned().unwrap_or_default();
                section.extend(rows.iter().cloned());
                OverlayEdit { key: format!("{KEY}.\"{vendor}\""), value: Some(Value::Object(section)) }
            });
            Ok(Proposal::Edits(edits.collect()))
        };
        let revision = config::propose(cx, propose, "price.update").await?;
        Ok(PricesUpdated { read, written, revision: Some(revision) })
    }
}
