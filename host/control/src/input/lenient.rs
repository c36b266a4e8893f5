//! What clients send for what a schema says, made into what is read: JSON knows one number and many ways to leave
//! something out, and models write lists as texts (anthropics/claude-code#73137).
//!
//! `null` is absent where a member may be left out; a number without a fraction is an integer; a text that is a JSON array
//! or object is one where that is wanted. Members that the reference names otherwise have our names.

use serde_json::{Map, Number, Value};

use crate::field::type_word;

/// Members as the reference calls them, and what they are here: the first that an operation has.
const FORMER_MEMBERS: &[(&str, &[&str])] = &[
    ("workspace_path", &["workspace"]),
    ("task_code", &["task"]),
    ("from_task_code", &["task"]),
    ("session_id", &["session", "id"]),
    ("from_session_id", &["session"]),
    ("brain_session_id", &["session", "id"]),
    ("to_session_id", &["to"]),
    ("duration_minutes", &["minutes"]),
    ("extra_depends_on", &["depends_on"]),
    ("completion_summary", &["summary"]),
];

/// Largest integer that a number with a point holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Makes an input of an operation, whose schema is `schema`, into one that its reader takes, where that is plain.
pub(crate) fn accept(schema: &Value, input: &mut Value) {
    if let (Value::Object(members), Some(properties)) =
        (&mut *input, schema.get("properties").and_then(Value::as_object))
    {
        rename(properties, members);
        // No page ends at an empty cursor.
        if members.get("cursor").and_then(Value::as_str) == Some("") {
            members.remove("cursor");
        }
    }
    shape(schema, input);
}

fn rename(properties: &Map<String, Value>, members: &mut Map<String, Value>) {
    for (former, names) in FORMER_MEMBERS {
        if properties.contains_key(*former) || !members.contains_key(*former) {
            continue;
        }
        let Some(name) = names.iter().find(|name| properties.contains_key(**name)) else { continue };
        if members.get(*name).is_some_and(|given| !given.is_null()) {
            continue;
        }
        let Some(mut value) = members.remove(*former) else { continue };
        let wants_list = properties.get(*name).map(real).and_then(type_word) == Some("array");
        if wants_list && value.is_string() && *former == "to_session_id" {
            value = Value::Array(vec![value]);
        }
        members.insert((*name).to_owned(), value);
    }
}

fn shape(schema: &Value, value: &mut Value) {
    let schema = real(schema);
    match (type_word(schema), &mut *value) {
        (Some("integer"), Value::Number(number)) => {
            if let Some(whole) = whole(number) {
                *value = whole.into();
            }
        }
        (Some(kind @ ("array" | "object")), Value::String(text)) => {
            if let Some(read) = structure(kind, text) {
                *value = read;
                shape(schema, value);
            }
        }
        (_, Value::Array(items)) => {
            if let Some(of) = schema.get("items") {
                for item in items {
                    shape(of, item);
                }
            }
        }
        (_, Value::Object(members)) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let required = schema.get("required").and_then(Value::as_array);
            let needed = |name: &str| required.is_some_and(|names| names.iter().any(|needed| needed == name));
            let of = |name: &str| properties.and_then(|properties| properties.get(name));
            members.retain(|name, value| {
                !value.is_null() || needed(name) || of(name).is_none_or(|schema| !says_a_kind(schema))
            });
            for (name, value) in members.iter_mut() {
                if let Some(of) = of(name) {
                    shape(of, value);
                }
            }
        }
        _ => {}
    }
}

/// Whether a schema allows less than everything; what allows everything may want its `null`.
fn says_a_kind(schema: &Value) -> bool {
    ["type", "enum", "oneOf", "anyOf"].iter().any(|word| schema.get(word).is_some())
}

/// The schema without the choice of `null`.
fn real(schema: &Value) -> &Value {
    let Some(branches) = schema.get("anyOf").and_then(Value::as_array) else { return schema };
    let mut real = branches.iter().filter(|branch| branch.get("type") != Some(&Value::from("null")));
    match (real.next(), real.next()) {
        (Some(only), None) => only,
        _ => schema,
    }
}

/// A number with a point that is a whole one all the same.
pub(crate) fn whole(number: &Number) -> Option<i64> {
    let float =
        number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and held exactly")]
    Some(float as i64)
}

fn structure(kind: &str, text: &str) -> Option<Value> {
    let begins = if kind == "array" { '[' } else { '{' };
    if !text.trim_start().starts_with(begins) {
        return None;
    }
    serde_json::from_str(text).ok().filter(|read: &Value| read.is_array() || read.is_object())
}

#[cfg(test)]
mod tests;
