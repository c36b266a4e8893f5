//! `BRAINS_<KEY>`: the environment as a layer. An empty variable counts as not set.

use serde_json::Value;

use super::schema::{Schema, accepts};

const PREFIX: &str = "BRAINS_";

/// Variables of ours that are no keys of the configuration, without the prefix.
const OTHERS: [&str; 17] = [
    "HOME",
    "STATE_DIR",
    "CONFIG",
    "RUNTIME_OVERLAY",
    "BUNDLE",
    "OPERATOR",
    "LOG",
    "LOG_FORMAT",
    "BACKTRACE",
    "URL",
    "KEY",
    "SESSION",
    "AUDIT_KEY",
    "AUDIT_KEY_FILE",
    "ALLOW_PRIVATE_PROVIDERS",
    "MCP_BIND",
    "MCP_ALLOW_PUBLIC",
];

/// The variable of a key.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

/// What one variable says.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// None of ours, or empty.
    Nothing,
    /// Ours by its prefix, but no key.
    Unknown,
    /// A key and its value.
    Set { key: String, value: Value },
    /// A key, and why its text is no value.
    Wrong { key: String, why: String },
}

/// Reads one variable.
pub(super) fn read(name: &str, text: &str, schema: &Schema) -> Reading {
    let Some(suffix) = name.strip_prefix(PREFIX) else { return Reading::Nothing };
    let key = suffix.to_ascii_lowercase();
    let Some(wanted) = schema.key(&key) else {
        return if OTHERS.contains(&suffix) || text.is_empty() { Reading::Nothing } else { Reading::Unknown };
    };
    if text.is_empty() {
        return Reading::Nothing;
    }
    match convert(text, wanted) {
        Ok(value) => Reading::Set { key, value },
        Err(why) => Reading::Wrong { key, why },
    }
}

fn convert(text: &str, wanted: &Value) -> Result<Value, String> {
    let trimmed = text.trim();
    if accepts(wanted, "string") {
        return Ok(Value::from(text));
    }
    if accepts(wanted, "boolean") {
        return match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::Bool(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Bool(false)),
            _ => Err("expected `true` or `false`".into()),
        };
    }
    if accepts(wanted, "integer") || accepts(wanted, "number") {
        let parsed = trimmed.parse::<serde_json::Number>();
        return parsed.map(Value::Number).map_err(|_| "expected a number".into());
    }
    let of_texts = wanted.get("items").is_some_and(|items| accepts(items, "string"));
    if of_texts && !trimmed.starts_with('[') {
        let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(items.map(Value::from).collect());
    }
    serde_json::from_str(trimmed).map_err(|error| {
        format!("expected JSON: not readable at line {} column {}", error.line(), error.column())
    })
}
