//! What differs between two documents, by dotted path. Lists are compared whole, as layers replace them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::path;

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// Dotted path.
    pub key: String,
    /// What stood there; none when nothing did.
    pub old: Option<Value>,
    /// What stands there now; none when nothing does.
    pub new: Option<Value>,
}

/// The differences from `old` to `new`. A part that only one of the two has is one difference, at its top.
pub fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    descend(Some(old), Some(new), &mut Vec::new(), &mut found);
    found
}

fn descend(old: Option<&Value>, new: Option<&Value>, path: &mut Vec<String>, found: &mut Vec<Difference>) {
    if old == new {
        return;
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (old, new) {
        let added = after.keys().filter(|name| !before.contains_key(*name));
        for name in before.keys().chain(added) {
            path.push(name.clone());
            descend(before.get(name), after.get(name), path, found);
            path.pop();
        }
        return;
    }
    found.push(Difference { key: path::dotted(path), old: old.cloned(), new: new.cloned() });
}
