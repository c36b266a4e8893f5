//! Layers and how they are merged: maps deeply, everything else whole; `null` takes a lower layer's entry away. An
//! entry that names another component starts afresh: settings of one component never reach another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::path;
use super::vendors::Vendors;

/// Where a value may come from, the lowest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Built in.
    #[default]
    Default,
    /// Defaults of a component's flat keys.
    Manifest,
    /// The defaults bundled beside the components.
    Bundle,
    /// The operator's file.
    Yaml,
    /// The file that programs edit.
    Overlay,
    /// `BRAINS_…`.
    Environment,
    /// The command line.
    Flag,
}

impl Layer {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Manifest => "manifest",
            Self::Bundle => "bundle",
            Self::Yaml => "yaml",
            Self::Overlay => "overlay",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A layer, and the file, variable or component within it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    pub layer: Layer,
    /// A file's path, a variable's name or a component's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Line of the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Place {
    pub const fn of(layer: Layer) -> Self {
        Self { layer, source: None, line: None }
    }

    pub fn new(layer: Layer, source: impl Into<String>) -> Self {
        Self { layer, source: Some(source.into()), line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, self.line) {
            (Some(source), Some(line)) => write!(f, "{} ({source}:{line})", self.layer),
            (Some(source), None) => write!(f, "{} ({source})", self.layer),
            (None, _) => write!(f, "{}", self.layer),
        }
    }
}

/// What the caller has read.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The vendors that are known by name.
    pub vendors: Arc<Vendors>,
    /// `defaults.yaml` of the bundle.
    pub bundle: Option<Source>,
    /// The operator's file.
    pub yaml: Option<Source>,
    /// The file that programs edit.
    pub overlay: Option<Source>,
    /// The process's environment; names that do not begin with `BRAINS_` are passed over.
    pub environment: BTreeMap<String, String>,
    /// Values of the command line, by dotted path.
    pub flags: BTreeMap<String, Value>,
}

/// A file that was read.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Its path, for messages.
    pub name: String,
    /// Its text, YAML.
    pub text: String,
}

/// Where each value of the document came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance(BTreeMap<String, Place>);

impl Provenance {
    /// The place of the value at a dotted path: its own, or that of the nearest value above or below it.
    pub fn of(&self, path: &str) -> &Place {
        static BUILT_IN: Place = Place::of(Layer::Default);
        let mut at = path;
        loop {
            if let Some(place) = self.0.get(at) {
                return place;
            }
            match at.rsplit_once('.') {
                Some((above, _)) => at = above,
                None => break,
            }
        }
        self.below(path).unwrap_or(&BUILT_IN)
    }

    /// As [`Self::of`], for a path at which something is missing: where its neighbours are from.
    pub(super) fn near(&self, path: &str) -> &Place {
        let place = self.of(path);
        let parent =
            path.rsplit_once('.').map(|(parent, _)| parent).filter(|_| place.layer == Layer::Default);
        parent.and_then(|parent| self.below(parent)).unwrap_or(place)
    }

    fn below(&self, path: &str) -> Option<&Place> {
        let below = format!("{path}.");
        let within = self.0.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        within.map(|(_, place)| place).max_by_key(|place| place.layer)
    }

    /// Every leaf with its place, by dotted path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.0.iter().map(|(path, place)| (path.as_str(), place))
    }

    fn forget(&mut self, path: &[String]) {
        let dotted = path::dotted(path);
        let below = format!("{dotted}.");
        self.0.retain(|name, _| *name != dotted && !name.starts_with(&below));
    }

    /// From now on what stands at `path` is from where what stands at `other` is.
    pub(super) fn follow(&mut self, path: &[String], other: &[String]) {
        self.forget(path);
        let (path, other) = (path::dotted(path), path::dotted(other));
        let copied: Vec<(String, Place)> = self
            .0
            .iter()
            .filter_map(|(name, place)| {
                let below =
                    name.strip_prefix(&other).filter(|rest| rest.is_empty() || rest.starts_with('.'))?;
                Some((format!("{path}{below}"), place.clone()))
            })
            .collect();
        self.0.extend(copied);
    }

    fn record(&mut self, path: &[String], value: &Value, place: &Place) {
        path::leaves(value, &mut |below, _| {
            self.0.insert(path::dotted(&[path, below].concat()), place.clone());
        });
        if value.as_object().is_some_and(Map::is_empty) {
            self.0.insert(path::dotted(path), place.clone());
        }
    }
}

/// Lays `over` onto `base`.
pub(super) fn merge(
    base: &mut Map<String, Value>,
    over: Map<String, Value>,
    place: &Place,
    provenance: &mut Provenance,
) {
    merge_at(base, over, place, provenance, &mut Vec::new());
}

fn merge_at(
    base: &mut Map<String, Value>,
    over: Map<String, Value>,
    place: &Place,
    provenance: &mut Provenance,
    path: &mut Vec<String>,
) {
    for (name, value) in over {
        path.push(name.clone());
        match (base.get_mut(&name), value) {
            (_, Value::Null) => {
                base.shift_remove(&name);
                provenance.forget(path);
            }
            (Some(Value::Object(lower)), Value::Object(upper)) if !starts_afresh(lower, &upper) => {
                provenance.0.remove(&path::dotted(path));
                merge_at(lower, upper, place, provenance, path);
            }
            (lower, mut value) => {
                strip_nulls(&mut value);
                provenance.forget(path);
                provenance.record(path, &value, place);
                match lower {
                    Some(lower) => *lower = value,
                    None => drop(base.insert(name, value)),
                }
            }
        }
        path.pop();
    }
}

/// Adds what `base` lacks.
pub(super) fn complete(base: &mut Map<String, Value>, lower: &Map<String, Value>) {
    for (name, value) in lower {
        match (base.get_mut(name), value) {
            (None, _) => drop(base.insert(name.clone(), value.clone())),
            (Some(Value::Object(members)), Value::Object(defaults)) => complete(members, defaults),
            _ => {}
        }
    }
}

fn starts_afresh(lower: &Map<String, Value>, upper: &Map<String, Value>) -> bool {
    match (lower.get("component"), upper.get("component")) {
        (Some(old), Some(new)) => new.is_string() && old != new,
        _ => false,
    }
}

fn strip_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(strip_nulls);
    }
}
