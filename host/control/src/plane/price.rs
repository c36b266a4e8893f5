//! What models cost: the table that the program carries, what providers list, and the operator's own rows, which stand in
//! the overlay under `prices` and go before both.

mod change;

use brains_core::Fault;
use brains_core::price::{ModelPrice, OwnPrices, PriceOrigin, PriceSource, PriceTable};
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::input::page;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

pub(super) use change::{SetPrice, UpdatePrices};

const NOUN: &str = "price";

/// Lists what models cost: the operator's own rows and those of the table. US dollars per million tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPrices {
    /// Only of this provider or vendor.
    provider: Option<String>,
    /// Only models with this in their name.
    model: Option<String>,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// One price.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PriceLine {
    /// Provider instance or vendor.
    provider: String,
    model: String,
    /// Who says so.
    origin: PriceOrigin,
    #[serde(flatten)]
    price: ModelPrice,
    /// Where the table has it from, under which licence, read when.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<PriceSource>,
}

/// Prices, by provider and model.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PriceList {
    prices: Vec<PriceLine>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

const COLUMNS: &[&str] = &[
    "provider",
    "model",
    "input",
    "cached_input",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "request",
    "origin",
];

impl Operation for ListPrices {
    const NAME: &'static str = "list_prices";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    const CLI: CliShape = CliShape::new(&["price", "list"])
        .aliases(&[Alias { path: &["prices"], hidden: false }])
        .table("prices", COLUMNS);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Models of a vendor",
        command: "price list --provider groq",
        input: r#"{"provider": "groq"}"#,
    }];
    type Output = PriceList;

    async fn run(self, cx: &Cx<'_>) -> Result<PriceList, Fault> {
        let limit = page::limit(self.limit)?;
        let config = cx.control.ports.settings.active().config;
        let asked = |line: &PriceLine| {
            self.provider.as_ref().is_none_or(|provider| line.provider == *provider)
                && self.model.as_ref().is_none_or(|model| line.model.contains(model.as_str()))
        };
        let mut prices = lines(&config.prices, &cx.control.ports.prices.table());
        prices.retain(asked);
        if let Some(cursor) = &self.cursor {
            let (provider, model) = cursor.split_once(' ').ok_or_else(page::bad_cursor)?;
            prices.retain(|line| (line.provider.as_str(), line.model.as_str()) > (provider, model));
        }
        let name = |line: &PriceLine| format!("{} {}", line.provider, line.model);
        let next_cursor = cx.budget.cut(&mut prices, limit, name);
        Ok(PriceList { prices, next_cursor })
    }
}

/// Every row, by provider and model; where the operator has one of a vendor's model, it stands for that of the table.
fn lines(own: &OwnPrices, table: &PriceTable) -> Vec<PriceLine> {
    let is_own = |provider: &str, model: &str| own.get(provider).is_some_and(|rows| rows.contains_key(model));
    let of_table = table.rows().filter(|row| !is_own(&row.vendor, &row.model)).map(|row| PriceLine {
        provider: row.vendor,
        model: row.model,
        origin: PriceOrigin::Table,
        price: row.price,
        read: row.provenance,
    });
    let of_own = own.iter().flat_map(|(provider, rows)| {
        rows.iter().map(move |(model, price)| PriceLine {
            provider: provider.clone(),
            model: model.clone(),
            origin: PriceOrigin::Operator,
            price: price.clone(),
            read: None,
        })
    });
    let mut lines: Vec<PriceLine> = of_table.chain(of_own).collect();
    lines.sort_by(|one, other| (&one.provider, &one.model).cmp(&(&other.provider, &other.model)));
    lines
}

/// Shows what a model of a provider costs, and who says so. Nothing is guessed: where nobody says it, the price is unknown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowPrice {
    /// A provider instance.
    provider: String,
    /// Model id as that provider knows it.
    model: String,
}

/// What a model costs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PriceShown {
    provider: String,
    model: String,
    /// Whether anybody says what it costs.
    known: bool,
    /// Who does.
    origin: Option<PriceOrigin>,
    #[serde(flatten)]
    price: ModelPrice,
}

impl Operation for ShowPrice {
    const NAME: &'static str = "show_price";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    const CLI: CliShape =
        CliShape::new(&["price", "show"]).positional(&["provider", "model"]).table("", COLUMNS);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "What a model costs",
        command: "price show acme small",
        input: r#"{"provider": "acme", "model": "small"}"#,
    }];
    type Output = PriceShown;

    async fn run(self, cx: &Cx<'_>) -> Result<PriceShown, Fault> {
        let found = cx.control.ports.prices.find(&self.provider, &self.model)?;
        let (origin, price) =
            found.map_or((None, ModelPrice::default()), |(origin, price)| (Some(origin), price));
        Ok(PriceShown { provider: self.provider, model: self.model, known: origin.is_some(), origin, price })
    }
}
