//! The least JSON value that satisfies a simple JSON schema. Patterns and conditions are not understood.

use serde_json::{Map, Value};

/// References and optional lists end here.
const MAX_DEPTH: usize = 24;

/// A value for the schema; its texts are `text` where nothing else is asked for.
pub(crate) fn from_text(schema: &str, text: &str) -> Value {
    let root = serde_json::from_str(schema).unwrap_or(Value::Object(Map::new()));
    Sampler { root: &root, text }.value(&root, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    text: &'a str,
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|path| self.root.pointer(path));
            return target.map_or(Value::Null, |target| self.value(target, depth + 1));
        }
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(first) = schema.get("enum").and_then(|all| all.get(0)) {
            return first.clone();
        }
        for either in ["anyOf", "oneOf"] {
            if let Some(first) = schema.get(either).and_then(|all| all.get(0)) {
                return self.value(first, depth + 1);
            }
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            return self.all(schema, all, depth);
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => Value::String(self.string(schema)),
            "integer" => Value::from(integer(schema)),
            "number" => number(schema),
            "boolean" => Value::Bool(true),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.map_or(depth < 4, |names| names.iter().any(|it| it.as_str() == Some(name)));
        let wanted = properties.into_iter().flatten().filter(|(name, _)| is_required(name));
        let mut object: Map<String, Value> =
            wanted.map(|(name, schema)| (name.clone(), self.value(schema, depth + 1))).collect();
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                object.insert(name.to_owned(), Value::String(self.text.to_owned()));
            }
        }
        Value::Object(object)
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        let prefix = schema.get("prefixItems").and_then(Value::as_array);
        let mut items: Vec<Value> =
            prefix.into_iter().flatten().map(|item| self.value(item, depth + 1)).collect();
        let usual = usize::from(depth < 4 && schema.get("items").is_some());
        let at_least = size(schema, "minItems").unwrap_or(usual).min(64);
        let at_most = size(schema, "maxItems").unwrap_or(usize::MAX);
        let any = Value::Bool(true);
        let item = schema.get("items").unwrap_or(&any);
        while items.len() < at_least.min(at_most) {
            items.push(self.value(item, depth + 1));
        }
        Value::Array(items)
    }

    fn string(&self, schema: &Value) -> String {
        let usual = match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("date") => "2026-01-01",
            Some("time") => "00:00:00Z",
            Some("email") => "echo@example.com",
            Some("uri" | "url") => "https://example.com/",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => self.text,
        };
        let mut text: String = usual.chars().take(size(schema, "maxLength").unwrap_or(usize::MAX)).collect();
        let missing = size(schema, "minLength").unwrap_or(0).saturating_sub(text.chars().count());
        text.extend(std::iter::repeat_n('.', missing.min(4096)));
        text
    }

    /// The members of all parts together; the first part's value when they are no objects.
    fn all(&self, schema: &Value, parts: &[Value], depth: usize) -> Value {
        let mut own = schema.clone();
        if let Some(own) = own.as_object_mut() {
            own.remove("allOf");
        }
        let values: Vec<Value> = parts
            .iter()
            .chain(own.get("properties").is_some().then_some(&own))
            .map(|part| self.value(part, depth + 1))
            .collect();
        let mut merged = Map::new();
        for value in &values {
            match value {
                Value::Object(members) => merged.extend(members.clone()),
                other => return other.clone(),
            }
        }
        Value::Object(merged)
    }
}

/// The type asked for: the first that is not null, or what the keywords suggest.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("items").is_some() || schema.get("prefixItems").is_some() => "array",
        _ if schema.is_object() => "object",
        _ => "null",
    }
}

fn size(schema: &Value, member: &str) -> Option<usize> {
    schema.get(member)?.as_u64()?.try_into().ok()
}

fn integer(schema: &Value) -> i64 {
    let bound = |member: &str| schema.get(member).and_then(Value::as_i64);
    let least = bound("minimum").max(bound("exclusiveMinimum").map(|it| it.saturating_add(1)));
    let most = match (bound("maximum"), bound("exclusiveMaximum").map(|it| it.saturating_sub(1))) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let value = least.unwrap_or_else(|| most.unwrap_or(0).min(0));
    match bound("multipleOf") {
        Some(step) if step > 0 && value.rem_euclid(step) != 0 => value + step - value.rem_euclid(step),
        _ => value,
    }
}

fn number(schema: &Value) -> Value {
    let whole = integer(schema);
    let fraction = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
        .into_iter()
        .any(|member| schema.get(member).is_some_and(Value::is_f64));
    if !fraction {
        return Value::from(whole);
    }
    let bound = |member: &str| schema.get(member).and_then(Value::as_f64);
    let least = bound("minimum").or(bound("exclusiveMinimum"));
    let most = bound("maximum").or(bound("exclusiveMaximum"));
    Value::from(match (least, most) {
        (Some(least), Some(most)) => f64::midpoint(least, most),
        (Some(least), None) => least + 1.0,
        (None, Some(most)) => most - 1.0,
        (None, None) => 0.0,
    })
}
