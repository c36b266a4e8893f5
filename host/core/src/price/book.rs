//! Which price counts: the operator's own row first, then what the provider lists, then the table. A model of a provider
//! that nobody prices has none.

use std::collections::BTreeMap;

use super::{ModelPrice, PriceOrigin, PriceTable, name};

/// The operator's rows: by provider instance or vendor, then by model. `*` stands for every other model.
pub type OwnPrices = BTreeMap<String, BTreeMap<String, ModelPrice>>;

/// The model that stands for all that have no row.
const EVERY: &str = "*";

/// A provider instance, as far as prices go by it.
#[derive(Debug, Clone, Copy)]
pub struct PricedProvider<'a> {
    pub name: &'a str,
    pub aliases: &'a [String],
    /// The vendor of the table that it asks, when its hosts are of one.
    pub vendor: Option<&'a str>,
}

/// All prices that there are.
#[derive(Debug, Clone, Copy)]
pub struct PriceBook<'a> {
    pub own: &'a OwnPrices,
    pub table: &'a PriceTable,
}

impl<'a> PriceBook<'a> {
    /// What a model of `provider` costs, and who says so. `listed` is the price in the provider's own list.
    pub fn find(
        &self,
        provider: PricedProvider<'_>,
        model: &str,
        listed: Option<&'a ModelPrice>,
    ) -> Option<(PriceOrigin, &'a ModelPrice)> {
        let own = self.own(provider, model).map(|price| (PriceOrigin::Operator, price));
        let listed = || listed.map(|price| (PriceOrigin::Provider, price));
        let known = || Some((PriceOrigin::Table, self.table.find(provider.vendor?, model)?));
        own.or_else(listed).or_else(known)
    }

    fn own(&self, provider: PricedProvider<'_>, model: &str) -> Option<&'a ModelPrice> {
        if self.own.is_empty() {
            return None;
        }
        let names = std::iter::once(provider.name).chain(provider.aliases.iter().map(String::as_str));
        names.chain(provider.vendor).find_map(|name| {
            let rows = self.own.get(name)?;
            let plain = name::plain(name, model);
            let undated = name::undated(&plain);
            let named = rows.get(model).or_else(|| rows.get(&plain)).or_else(|| rows.get(undated?));
            named.or_else(|| rows.get(EVERY))
        })
    }
}
