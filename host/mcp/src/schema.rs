//! Schemas as clients like them: small, without what only other generators understand, and without `null`. An answer
//! is pruned to fit what its schema then says.

use serde_json::{Map, Value, json};

/// Members of an answer that are told; the first one says what it is.
const MEMBERS: usize = 1;

/// An operation's input for a client: every member described, nothing else allowed.
pub(crate) fn input(schema: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("type".into(), "object".into());
    let properties = members(schema).map(|(name, schema)| (name.clone(), member(schema))).collect();
    out.insert("properties".into(), Value::Object(properties));
    if let Some(required) =
        schema.get("required").filter(|names| names.as_array().is_some_and(|names| !names.is_empty()))
    {
        out.insert("required".into(), required.clone());
    }
    out.insert("additionalProperties".into(), Value::Bool(false));
    out
}

/// An operation's output for a client: its first member and its kind. It allows others, and is all that a list of
/// every tool has room for; the answer itself tells the rest.
pub(crate) fn output(schema: &Value) -> Map<String, Value> {
    let kind = |schema: &Value| {
        let real = without_null(schema).0;
        let worded = real.as_object().is_some_and(|real| enum_values(real).is_some());
        let kind = real.get("type").and_then(Value::as_str).or(worded.then_some("string"))?;
        Some(json!({ "type": kind }))
    };
    let mut out = Map::from_iter([("type".to_owned(), Value::from("object"))]);
    let properties: Map<String, Value> = members(schema)
        .filter_map(|(name, schema)| Some((name.clone(), kind(schema)?)))
        .take(MEMBERS)
        .collect();
    if !properties.is_empty() {
        out.insert("properties".into(), Value::Object(properties));
    }
    out
}

/// Leaves the required members of an input and those of `optional`; others are allowed.
pub(crate) fn narrow(input: &mut Map<String, Value>, optional: &[&str]) {
    let required: Vec<Value> = input.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    input.remove("additionalProperties");
    if let Some(properties) = input.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| {
            optional.contains(&name.as_str()) || required.iter().any(|needed| needed == name)
        });
    }
}

/// Whether an input has a member.
pub(crate) fn has(input: &Map<String, Value>, name: &str) -> bool {
    input.get("properties").is_some_and(|properties| properties.get(name).is_some())
}

/// Leaves a member of an input out.
pub(crate) fn forget(input: &mut Map<String, Value>, name: &str) {
    if let Some(properties) = input.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(name);
    }
}

/// Leaves the bound of a member of an input to the refusal of what is out of it.
pub(crate) fn unbound(input: &mut Map<String, Value>, name: &str) {
    let member = input.get_mut("properties").and_then(|properties| properties.get_mut(name));
    if let Some(member) = member.and_then(Value::as_object_mut) {
        member.remove("maximum");
    }
}

/// Says of a member of an input what it is for.
pub(crate) fn describe(input: &mut Map<String, Value>, name: &str, text: &str) {
    let member = input.get_mut("properties").and_then(|properties| properties.get_mut(name));
    if let Some(member) = member.and_then(Value::as_object_mut) {
        member.insert("description".into(), text.into());
    }
}

fn members(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// What is kept of an input member's schema. Other bounds are told by the refusal of what is out of them.
const KEPT: [&str; 4] = ["type", "description", "enum", "maximum"];

fn member(schema: &Value) -> Value {
    let (real, _) = without_null(schema);
    let Value::Object(real) = real else { return json!({}) };
    let mut out = Map::new();
    if let Some(words) = enum_values(&real) {
        out.insert("type".into(), "string".into());
        out.insert("enum".into(), words);
    }
    for name in KEPT {
        if let Some(value) = real.get(name) {
            out.entry(name).or_insert_with(|| value.clone());
        }
    }
    // What an optional member is for stands beside the choice between it and nothing.
    if let Some(text) = schema.get("description").or_else(|| real.get("description")).and_then(Value::as_str)
    {
        out.insert("description".into(), one_line(text).into());
    }
    if let Some(default) = schema.get("default").filter(|default| tells(default)) {
        out.insert("default".into(), default.clone());
    }
    if let Some(items) = real.get("items") {
        out.insert("items".into(), member(items));
    }
    let nested: Map<String, Value> =
        members(&Value::Object(real.clone())).map(|(name, schema)| (name.clone(), member(schema))).collect();
    if !nested.is_empty() {
        out.insert("properties".into(), Value::Object(nested));
        if let Some(required) = real.get("required") {
            out.insert("required".into(), required.clone());
        }
    }
    Value::Object(out)
}

/// Whether a default says more than that there is none.
fn tells(default: &Value) -> bool {
    ![Value::Null, json!(""), json!(false), json!([]), json!({})].contains(default)
}

/// The schema without the alternative `null`, and whether there was one.
fn without_null(schema: &Value) -> (Value, bool) {
    let Some(members) = schema.as_object() else { return (schema.clone(), false) };
    if let Some(branches) = members.get("anyOf").and_then(Value::as_array) {
        let null = |branch: &&Value| branch.get("type") == Some(&Value::from("null"));
        let mut real = branches.iter().filter(|branch| !null(branch));
        let nullable = branches.iter().any(|branch| null(&branch));
        return match (real.next(), real.next()) {
            (Some(only), None) => (only.clone(), nullable),
            _ => (json!({}), nullable),
        };
    }
    let Some(kinds) = members.get("type").and_then(Value::as_array) else { return (schema.clone(), false) };
    let real: Vec<&Value> = kinds.iter().filter(|kind| **kind != "null").collect();
    let mut without = members.clone();
    match real.as_slice() {
        [only] => without.insert("type".into(), (*only).clone()),
        _ => without.remove("type"),
    };
    (Value::Object(without), real.len() < kinds.len())
}

/// `enum: […]`, or `oneOf` of constants as documented enums are written.
fn enum_values(schema: &Map<String, Value>) -> Option<Value> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words: Vec<Value> = words.iter().filter(|word| word.is_string()).cloned().collect();
        return (!words.is_empty()).then(|| words.into());
    }
    let branches = schema.get("oneOf")?.as_array()?;
    let mut words = Vec::new();
    for branch in branches {
        match (branch.get("const"), branch.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.push(word.clone()),
            (None, Some(several)) => words.extend(several.iter().cloned()),
            (None, None) => return None,
        }
    }
    (!words.is_empty() && words.iter().all(Value::is_string)).then(|| words.into())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes away members that are `null` because they may be absent.
pub(crate) fn prune(schema: &Value, value: &mut Value) {
    let (real, _) = without_null(schema);
    match value {
        Value::Object(given) => {
            let properties = real.get("properties").and_then(Value::as_object);
            let every = real.get("additionalProperties").filter(|every| every.is_object());
            let of = |name: &str| properties.and_then(|properties| properties.get(name)).or(every);
            given.retain(|name, value| {
                !value.is_null() || of(name).is_none_or(|schema| !without_null(schema).1)
            });
            for (name, value) in given.iter_mut() {
                if let Some(schema) = of(name) {
                    prune(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(of) = real.get("items") {
                for item in items.iter_mut() {
                    prune(of, item);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
