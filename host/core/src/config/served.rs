//! Keys that are known and not served by this build. Each carries a mark in the schema (`x-served: false`): a value other
//! than the default is told, and refused where it promises that something will not happen (`x-safety: true`), for a
//! control that is silently off is worse than none (CWE-636). `x-harmless` holds the members by which an entry promises nothing.

use serde_json::{Map, Value};

use super::path;

/// A value that nothing reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unserved {
    pub(super) path: String,
    /// Whether somebody may rely on it.
    pub(super) safety: bool,
}

/// Every value of `document` that nothing reads and that differs from `defaults`.
pub(super) fn unserved(schema: &Value, document: &Value, defaults: &Map<String, Value>) -> Vec<Unserved> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    walk.members(schema, document, &Value::Object(defaults.clone()));
    walk.found
}

struct Walk {
    path: Vec<String>,
    found: Vec<Unserved>,
}

impl Walk {
    fn members(&mut self, schema: &Value, document: &Value, defaults: &Value) {
        let (Some(members), Some(keys)) = (document.as_object(), schema.get("properties")) else { return };
        for (name, value) in members {
            let Some(key) = keys.get(name) else { continue };
            let default = defaults.get(name).or_else(|| key.get("default")).unwrap_or(&Value::Null);
            self.path.push(name.clone());
            if key.get("x-served") != Some(&Value::Bool(false)) {
                self.members(key, value, default);
            } else if !is_same(value, default) {
                self.unserved(value, key);
            }
            self.path.pop();
        }
    }

    /// Entries of a list or a map of maps are told one by one: one may be a promise, and another none.
    fn unserved(&mut self, value: &Value, key: &Value) {
        let safety = key.get("x-safety") == Some(&Value::Bool(true));
        let entries: Vec<(String, &Value)> = match value {
            Value::Array(items) if items.iter().all(Value::is_object) => {
                items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect()
            }
            Value::Object(members) if members.values().all(Value::is_object) => {
                members.iter().map(|(name, member)| (name.clone(), member)).collect()
            }
            _ => Vec::new(),
        };
        if entries.is_empty() {
            return self.found.push(Unserved { path: path::dotted(&self.path), safety });
        }
        for (name, entry) in entries {
            self.path.push(name);
            let safety = safety && !is_harmless(entry, key);
            self.found.push(Unserved { path: path::dotted(&self.path), safety });
            self.path.pop();
        }
    }
}

/// Whether an entry says of itself that nobody need rely on it.
fn is_harmless(entry: &Value, key: &Value) -> bool {
    let says = key.get("x-harmless").and_then(Value::as_object);
    says.is_some_and(|says| says.iter().all(|(name, value)| entry.get(name) == Some(value)))
}

/// Whether somebody would tell the two apart: `60` and `60.0`, or nothing and an empty list, are the same.
fn is_same(value: &Value, default: &Value) -> bool {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    value == default
        || value.as_f64().is_some_and(|number| default.as_f64() == Some(number))
        || is_nothing(value) && is_nothing(default)
}
