//! What a single value of a document is: the core schema of YAML 1.2, and nothing that JSON has no place for.

use serde_json::{Number, Value};

/// A value without quotes.
pub(super) fn plain(text: &str) -> Result<Value, &'static str> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text)? {
            Some(number) => Value::Number(number),
            None => Value::from(text),
        },
    })
}

/// A value whose kind is said by a tag of the core schema.
pub(super) fn tagged(text: &str, kind: &str) -> Result<Value, &'static str> {
    let value = if kind == "str" { Value::from(text) } else { plain(text)? };
    let fits = match kind {
        "str" => true,
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "bool" => value.is_boolean(),
        "null" => value.is_null(),
        _ => return Err("a tag"),
    };
    if fits { Ok(value) } else { Err("a value that is not what its tag says") }
}

/// A key's text; none when the value is a map or a list.
pub(super) fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => Some("null".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(text: &str) -> Result<Option<Number>, &'static str> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if matches!(digits.to_ascii_lowercase().as_str(), ".inf" | ".nan") {
        return Err("a number that has no place in a configuration");
    }
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Ok(None);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix)
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && let Ok(found) = i64::from_str_radix(digits, radix)
        {
            return Ok(Some(Number::from(if negative { -found } else { found })));
        }
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // `007` is a name.
        if digits.len() > 1 && digits.starts_with('0') {
            return Ok(None);
        }
        let whole = if negative {
            text.parse::<i64>().ok().map(Number::from)
        } else {
            digits.parse::<u64>().ok().map(Number::from)
        };
        return Ok(whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64)));
    }
    let of_a_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if digits.len() > 64 || !digits.bytes().all(of_a_number) {
        return Ok(None);
    }
    Ok(text.parse::<f64>().ok().and_then(Number::from_f64))
}
