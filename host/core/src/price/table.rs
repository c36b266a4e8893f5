//! A table of prices: vendors with the hosts at which they are reached, their models, and where each price was read. A
//! model is looked up at the vendor that is asked, and at no other.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ModelPrice, name};
use crate::Fault;

/// Where prices were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSource {
    /// A page or file.
    pub url: String,
    /// Under which licence it is.
    pub licence: String,
    /// The day on which it was read, `2026-01-31`.
    pub date: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableDocument {
    sources: BTreeMap<String, PriceSource>,
    vendors: BTreeMap<String, VendorSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorSection {
    /// Of all its rows that name none.
    source: String,
    hosts: Vec<String>,
    /// Names of the vendor in other tables.
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(deserialize_with = "unique")]
    models: BTreeMap<String, ModelPrice>,
}

/// A map in which no name stands twice.
fn unique<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ModelPrice>, D::Error> {
    struct Rows;
    impl<'de> serde::de::Visitor<'de> for Rows {
        type Value = BTreeMap<String, ModelPrice>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("prices by model")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut rows = BTreeMap::new();
            while let Some((model, price)) = map.next_entry::<String, ModelPrice>()? {
                if let Some(_twice) = rows.insert(model.clone(), price) {
                    return Err(serde::de::Error::custom(format!("`{model}` has two prices")));
                }
            }
            Ok(rows)
        }
    }
    deserializer.deserialize_map(Rows)
}

/// A vendor of the table.
#[derive(Debug, Clone)]
pub struct TableVendor {
    /// Hosts of its APIs; a `*` stands for any text.
    pub hosts: Vec<String>,
    /// Names of the vendor in other tables.
    pub aliases: Vec<String>,
    /// By the name that the vendor has for it.
    models: BTreeMap<String, (ModelPrice, String)>,
    /// The vendor's name of a model, by the one that is compared.
    by_plain: HashMap<String, String>,
    /// The same without a day; none where the versions of a model differ in price.
    by_undated: HashMap<String, Option<String>>,
}

/// One price of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    pub vendor: String,
    pub model: String,
    pub price: ModelPrice,
    /// Where it was read, if that is told.
    pub provenance: Option<PriceSource>,
}

/// Prices by vendor and model.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    sources: BTreeMap<String, PriceSource>,
    vendors: BTreeMap<String, TableVendor>,
}

impl PriceTable {
    /// Reads a table, JSON.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let unsound = |why: String| Fault::invalid(format!("the table of prices is not sound: {why}"));
        let TableDocument { sources, vendors } =
            serde_json::from_str(text).map_err(|error| unsound(error.to_string()))?;
        let mut table = Self { sources, vendors: BTreeMap::new() };
        for (vendor, section) in vendors {
            let mut models = BTreeMap::new();
            for (model, price) in section.models {
                let source = price.source.clone().unwrap_or_else(|| section.source.clone());
                if !table.sources.contains_key(&source) {
                    return Err(unsound(format!(
                        "`{vendor}/{model}` names the source `{source}`, which is none"
                    )));
                }
                models.insert(model, (price, source));
            }
            let (hosts, aliases) = (section.hosts, section.aliases);
            let listed = TableVendor::new(&vendor, hosts, aliases, models);
            table.vendors.insert(vendor, listed);
        }
        Ok(table)
    }

    /// The vendor that is reached at one of `hosts`, if they are of one alone.
    pub fn vendor_at<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Option<&str> {
        let mut found: Option<&str> = None;
        for host in hosts {
            let at = self
                .vendors
                .iter()
                .find(|(_, vendor)| vendor.hosts.iter().any(|pattern| fits(pattern, host)));
            match (found, at) {
                (_, None) => {}
                (None, Some((name, _))) => found = Some(name),
                (Some(before), Some((name, _))) if before == name => {}
                (Some(_), Some(_)) => return None,
            }
        }
        found
    }

    /// What a vendor's model costs.
    pub fn find(&self, vendor: &str, model: &str) -> Option<&ModelPrice> {
        let listed = self.vendors.get(vendor)?;
        Some(&listed.models.get(listed.named(vendor, model)?)?.0)
    }

    /// The vendor of this name, or of this name in another table.
    pub fn vendor_called(&self, name: &str) -> Option<&str> {
        let mut vendors = self.vendors.iter();
        vendors
            .find(|(own, vendor)| *own == name || vendor.aliases.iter().any(|alias| alias == name))
            .map(|(own, _)| own.as_str())
    }

    /// Every vendor by its name.
    pub fn vendors(&self) -> impl Iterator<Item = (&str, &TableVendor)> {
        self.vendors.iter().map(|(name, vendor)| (name.as_str(), vendor))
    }

    /// Every price, by vendor and model.
    pub fn rows(&self) -> impl Iterator<Item = TableRow> {
        self.vendors.iter().flat_map(move |(vendor, listed)| {
            listed.models.iter().map(move |(model, (price, source))| TableRow {
                vendor: vendor.clone(),
                model: model.clone(),
                price: price.clone(),
                provenance: self.sources.get(source).cloned(),
            })
        })
    }
}

impl TableVendor {
    fn new(
        vendor: &str,
        hosts: Vec<String>,
        aliases: Vec<String>,
        models: BTreeMap<String, (ModelPrice, String)>,
    ) -> Self {
        let (mut by_plain, mut by_undated) = (HashMap::new(), HashMap::<String, Option<String>>::new());
        for (model, (price, _)) in &models {
            let plain = name::plain(vendor, model);
            if let Some(undated) = name::undated(&plain) {
                let same = |other: &Option<String>| {
                    other
                        .as_ref()
                        .and_then(|other| models.get(other))
                        .is_some_and(|(other, _)| other == price)
                };
                by_undated
                    .entry(undated.to_owned())
                    .and_modify(|other| {
                        if !same(other) {
                            *other = None;
                        }
                    })
                    .or_insert_with(|| Some(model.clone()));
            }
            by_plain.insert(plain, model.clone());
        }
        Self { hosts, aliases, models, by_plain, by_undated }
    }

    /// The vendor's own name of a model: the same, the one without a day, or the one with a day where all such have one
    /// price.
    fn named<'a>(&'a self, vendor: &str, model: &str) -> Option<&'a String> {
        if let Some((own, _)) = self.models.get_key_value(model) {
            return Some(own);
        }
        let plain = name::plain(vendor, model);
        if let Some(own) = self.by_plain.get(&plain) {
            return Some(own);
        }
        match name::undated(&plain) {
            // A day that is not listed is a version like the others; which of several it is like nobody knows.
            Some(undated) => {
                let newest = plain.ends_with("-latest").then_some(&self.by_undated);
                self.by_plain.get(undated).or_else(|| newest?.get(undated)?.as_ref())
            }
            None => self.by_undated.get(&plain)?.as_ref(),
        }
    }
}

/// Whether a host is one of a pattern with at most one `*`.
fn fits(pattern: &str, host: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == host,
        Some((before, after)) => {
            host.len() > before.len() + after.len() && host.starts_with(before) && host.ends_with(after)
        }
    }
}
