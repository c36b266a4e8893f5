//! What a vendor's models can do: rows of data, each with where it was read and when, and the settings of an instance over
//! them. A model that no row names is what the default says, unless its version is above all of its family: then it is like
//! the newest.
//!
//! ```
//! use brains_sdk::capabilities::{Overrides, of_model};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Can {
//!     fly: bool,
//!     swim: bool,
//! }
//!
//! const DATA: &str = r#"{
//!     "family": "bird",
//!     "default": {"fly": true, "swim": false, "source": "a guess", "date": "2026-11-29"},
//!     "newest": "bird-duck-2",
//!     "rows": [
//!         {"models": ["bird-duck-1", "bird-duck-2"], "swim": true, "source": "the pond", "date": "2026-11-29"},
//!         {"models": ["bird-hen-1"], "fly": false, "source": "the yard", "date": "2026-11-29"}
//!     ]
//! }"#;
//!
//! let can = |model: &str, overrides: &str| -> (bool, bool) {
//!     let overrides: Overrides = serde_json::from_str(overrides).unwrap();
//!     let can: Can = of_model(DATA, &serde_json::json!({}), &overrides, model);
//!     (can.fly, can.swim)
//! };
//! assert_eq!(can("bird-duck-1-20261129", "{}"), (true, true), "a date is no version");
//! assert_eq!(can("vendor/bird-1.0-hen", "{}"), (false, false), "however it is written");
//! assert_eq!(can("bird-goose-3", "{}"), (true, true), "newer than all that are known");
//! assert_eq!(can("somebody-else", "{}"), (true, false));
//! assert_eq!(can("bird-hen-1", r#"{"bird-*": {"swim": true}, "bird-hen-1": {"fly": true}}"#), (true, true));
//! ```

use std::collections::BTreeMap;

use brains_dialect::json::Node;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What settings say of models, by a name or by the beginning of one with `*` behind it. The longest that fits counts most.
pub type Overrides = BTreeMap<String, Map<String, Value>>;

/// What is known of a model. `settings` hold for all models of the instance and count more than `data`, `overrides` count most;
/// `null` is nothing.
///
/// # Panics
///
/// When `data` does not say everything that `C` wants: a component's own data is tested with it.
#[expect(clippy::expect_used, reason = "the data is the component's own")]
pub fn of_model<C: DeserializeOwned>(data: &str, settings: &Value, overrides: &Overrides, model: &str) -> C {
    let data = Data::read(data).expect("the data is JSON of the form above");
    let mut can = Map::new();
    for layer in [Some(data.default), data.row(model)].into_iter().flatten() {
        lay(&mut can, &serde_json::from_str(layer).expect("an object"));
    }
    if let Some(settings) = settings.as_object() {
        lay(&mut can, settings);
    }
    let mut fitting: Vec<_> = overrides.iter().filter(|(pattern, _)| fits(pattern, model)).collect();
    fitting.sort_by_key(|(pattern, _)| (!pattern.ends_with('*'), pattern.len()));
    for (_, layer) in fitting {
        lay(&mut can, layer);
    }
    serde_json::from_value(Value::Object(can)).expect("the data says all of it")
}

/// What is wrong with overrides: they are read as `C`, one by one, over what the default says.
pub fn problems<C: DeserializeOwned>(data: &str, overrides: &Overrides) -> Vec<String> {
    if overrides.is_empty() {
        return Vec::new();
    }
    let default = Data::read(data).and_then(|data| serde_json::from_str(data.default).ok());
    let wrong = overrides.iter().filter_map(|(pattern, layer)| {
        let mut can: Map<String, Value> = default.clone().unwrap_or_default();
        lay(&mut can, layer);
        let error = serde_json::from_value::<C>(Value::Object(can)).err()?;
        Some(format!("capabilities.{pattern}: {error}"))
    });
    wrong.collect()
}

fn lay(can: &mut Map<String, Value>, layer: &Map<String, Value>) {
    let said = layer.iter().filter(|(_, value)| !value.is_null());
    can.extend(said.map(|(name, value)| (name.clone(), value.clone())));
}

fn fits(pattern: &str, model: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == model, |begin| model.starts_with(begin))
}

/// The data, as far as every request needs it: a component is made anew for each, and most rows are of other models.
struct Data<'a> {
    family: String,
    newest: String,
    /// Objects, as text.
    default: &'a str,
    rows: Vec<Node<'a>>,
}

impl<'a> Data<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut data = Node::root(text).object().ok()?;
        let default = data.take("default").ok()??.text();
        let mut string = |name: &str| data.string(name).ok().flatten();
        let (family, newest) = (string("family").unwrap_or_default(), string("newest").unwrap_or_default());
        Some(Self { family, newest, default, rows: data.array("rows").ok()? })
    }

    /// The row of a model, or of the newest when the model is newer.
    fn row(&self, model: &str) -> Option<&'a str> {
        let wanted = self.name(model)?;
        let of =
            |wanted: &Name| self.rows.iter().find(|row| self.names(row).contains(wanted)).map(Node::text);
        of(&wanted).or_else(|| {
            let above_all =
                self.rows.iter().flat_map(|row| self.names(row)).all(|known| known.version < wanted.version);
            if above_all { of(&self.name(&self.newest)?) } else { None }
        })
    }

    fn name(&self, model: &str) -> Option<Name> {
        Name::read(&self.family, model)
    }

    fn names(&self, row: &Node<'_>) -> Vec<Name> {
        let models = row.object().and_then(|mut row| row.array("models")).unwrap_or_default();
        models.iter().filter_map(|model| self.name(&model.string().ok()?)).collect()
    }
}

/// A model's name taken apart: however vendors, clouds and routers order and date it.
#[derive(Debug, PartialEq, Eq)]
struct Name {
    word: String,
    version: Vec<u32>,
}

impl Name {
    /// `None` when it is not of the family.
    fn read(family: &str, model: &str) -> Option<Self> {
        let model = model.to_ascii_lowercase();
        let (_, rest) = model.split_once(family)?;
        let mut name = Self { word: String::new(), version: Vec::new() };
        for piece in rest.split(|mark: char| !mark.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty())
        {
            match piece.parse::<u32>() {
                Ok(number) if piece.len() <= 2 && name.version.len() < 2 => name.version.push(number),
                Err(_) if name.word.is_empty() && piece != "latest" => piece.clone_into(&mut name.word),
                Err(_) if name.version.is_empty() => {}
                // A date, and what comes behind the version.
                Ok(_) | Err(_) => break,
            }
        }
        while name.version.last() == Some(&0) {
            name.version.pop();
        }
        Some(name)
    }
}
