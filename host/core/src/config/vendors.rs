//! Vendors that are known by name: where each answers, which component speaks with it, and the variable its key usually
//! stands in. An instance that names one, or is named after one, takes from its row what nobody set. The table is data that
//! comes with the components; which vendors there are is said nowhere else.

mod page;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check::web_url;
use super::document;
use super::layers::{Layer, Place};
use super::manifest::ManifestError;
use super::reference::is_variable;
use super::resolve::Problem;
use crate::plane::is_slug;

/// The table as a file.
pub(super) const FILE: &str = "vendors.yaml";
/// The setting that holds where a vendor answers, and the secret that holds its key: every component of a row has both.
const ADDRESS: &str = "base_url";
const KEY: &str = "api_key";

/// The vendors by name, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vendors(IndexMap<String, VendorRow>);

/// What is known of one vendor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorRow {
    /// As people write it.
    pub label: String,
    /// Id of the component that speaks its wire.
    pub component: String,
    /// Where it answers; none when each account has an address of its own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// What such an address looks like, words in capitals to be filled in.
    #[serde(default)]
    pub base_url_form: Option<String>,
    /// The variable that its key usually stands in; none when it asks for none.
    #[serde(default)]
    pub key: Option<String>,
    /// Further settings of the component.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// What its documents say that it serves. What is not named here is not known.
    pub serves: Vec<Serves>,
    /// The vendor's own page that says so.
    pub source: String,
    /// The day on which that was read, as `2026-11-30`.
    pub as_of: String,
    /// What else an operator should know.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a vendor serves beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// Streamed answers.
    Streams,
    /// Calls of tools.
    Tools,
    /// Pictures in a request.
    Images,
    /// Answers that follow a JSON schema.
    Schemas,
    /// What a model thinks.
    Reasoning,
    /// Vectors.
    Embeddings,
    /// A list of its models.
    Models,
}

impl Vendors {
    /// Reads and checks the table.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let rows: IndexMap<String, VendorRow> =
            document::parse_as(text).map_err(|error| ManifestError::new(error.to_string()))?;
        for (name, row) in &rows {
            let wrong = |what: &str| ManifestError::new(format!("vendor `{name}`: {what}"));
            if !is_slug(name) || !is_slug(&row.component) {
                return Err(wrong("it or its component has no name to use"));
            }
            if row.base_url.is_some() == row.base_url_form.is_some() {
                return Err(wrong("it has either an address or the form of one"));
            }
            if let Some(Err(why)) = row.base_url.as_deref().map(web_url) {
                return Err(wrong(&format!("its address {why}")));
            }
            if row.key.as_deref().is_some_and(|key| !is_variable(key)) {
                return Err(wrong("its key is not the name of a variable"));
            }
        }
        Ok(Self(rows))
    }

    pub fn get(&self, name: &str) -> Option<&VendorRow> {
        self.0.get(name)
    }

    /// Every vendor with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &VendorRow)> {
        self.0.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// The name that is most like `name`, when one is near enough to be meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        crate::nearest(name, self.0.keys().map(String::as_str))
    }

    /// What the instances of `layers` take from their vendors, the lowest layer first, and which of them cannot.
    pub(super) fn instances<'a>(
        &self,
        layers: impl Iterator<Item = &'a Map<String, Value>>,
    ) -> (Map<String, Value>, Vec<Problem>) {
        let mut instances: BTreeMap<&str, Named<'a>> = BTreeMap::new();
        for document in layers {
            let entries = document.get("providers").and_then(Value::as_object);
            for (name, entry) in entries.into_iter().flatten() {
                if entry.is_null() {
                    instances.remove(name.as_str());
                    continue;
                }
                let named = instances.entry(name).or_default();
                for (member, slot) in [("vendor", &mut named.vendor), ("component", &mut named.component)] {
                    if let Some(said) = entry.get(member) {
                        *slot = said.as_str();
                    }
                }
                if let Some(address) = entry.get("config").and_then(|config| config.get(ADDRESS)) {
                    named.addressed = address.is_string();
                }
            }
        }
        let (mut providers, mut problems) = (Map::new(), Vec::new());
        for (name, named) in instances {
            match self.row_of(name, &named) {
                Ok(Some(row)) => drop(providers.insert(name.to_owned(), row.instance())),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        let providers = (!providers.is_empty()).then(|| ("providers".to_owned(), Value::Object(providers)));
        (providers.into_iter().collect(), problems)
    }

    /// The row that an instance is filled from; none when it has a component and names no vendor.
    fn row_of(&self, name: &str, named: &Named<'_>) -> Result<Option<&VendorRow>, Problem> {
        let at = |member: &str| format!("providers.{name}{member}");
        let vendor = match (named.vendor, named.component) {
            (None, Some(_)) => return Ok(None),
            (None, None) => name,
            (Some(vendor), _) => vendor,
        };
        let Some(row) = self.get(vendor) else {
            if named.vendor.is_none() && self.0.is_empty() {
                return Ok(None);
            }
            let near = self.nearest(vendor);
            let hint = match near {
                Some(near) => format!("did you mean `{near}`? Else name its `component`"),
                None => "name its `component`, or a `vendor` of those that are known".to_owned(),
            };
            let (path, message) = match named.vendor {
                Some(_) => (at(".vendor"), format!("names the vendor `{vendor}`, which is not known")),
                None => (at(".component"), format!("is missing, and no vendor is known as `{vendor}`")),
            };
            return Err(problem(path, message, hint));
        };
        if named.component.is_some_and(|component| component != row.component) {
            let message = format!("is not what speaks with `{vendor}`, which is `{}`", row.component);
            return Err(problem(at(".component"), message, "take out `component` or `vendor`".to_owned()));
        }
        match &row.base_url_form {
            Some(form) if !named.addressed => {
                let message = format!("is missing: `{vendor}` gives each account an address of its own");
                Err(problem(at(".config.base_url"), message, format!("set it, in the form of `{form}`")))
            }
            _ => Ok(Some(row)),
        }
    }
}

/// What all layers together say of an instance.
#[derive(Debug, Default)]
struct Named<'a> {
    vendor: Option<&'a str>,
    component: Option<&'a str>,
    /// Whether somebody says where it answers.
    addressed: bool,
}

impl VendorRow {
    /// The entry that an operator would have to write.
    fn instance(&self) -> Value {
        let mut config = self.config.clone();
        config.extend(self.base_url.iter().map(|url| (ADDRESS.to_owned(), Value::from(url.as_str()))));
        let key = self.key.iter().map(|key| (KEY.to_owned(), Value::from(format!("${{ENV:{key}}}"))));
        json!({ "component": self.component, "config": config, "secrets": key.collect::<Map<_, _>>() })
    }
}

fn problem(path: String, message: String, hint: String) -> Problem {
    Problem { path, place: Place::of(Layer::Default), message, hint: Some(hint) }
}

#[cfg(test)]
mod tests;
