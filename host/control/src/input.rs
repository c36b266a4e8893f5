//! From a JSON value to an operation's input: unknown members are refused, every error names the member
//! it is about. Also the notations that inputs share.

pub(crate) mod lenient;
pub(crate) mod page;
pub(crate) mod string_list;

use brains_core::time::NoTime;
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// Reads `value` as `T`, whose schema is `schema`.
pub(crate) fn read<T: DeserializeOwned>(schema: &Value, value: Value) -> Result<T, Fault> {
    // No body at all means no arguments.
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    let Some(given) = value.as_object() else {
        return Err(Fault::invalid("the input is not a JSON object").code("invalid_type"));
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object)
        && let Some(unknown) = given.keys().find(|name| !properties.contains_key(*name))
    {
        return Err(unknown_member(unknown, properties.keys().map(String::as_str)));
    }
    if schema.get("properties").is_none()
        && let Some(unknown) = given.keys().next()
    {
        return Err(unknown_member(unknown, std::iter::empty()));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let cause = plain(&error.into_inner().to_string());
        let fault = match missing_member(&cause) {
            Some(name) => {
                let path = if path == "." { name.to_owned() } else { format!("{path}.{name}") };
                return Fault::invalid(format!("`{path}` is missing"))
                    .code("missing_required_parameter")
                    .param(path);
            }
            None if path == "." => Fault::invalid(cause),
            None => Fault::invalid(format!("`{path}`: {cause}")).param(path),
        };
        fault.code("invalid_value")
    })
}

fn unknown_member<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    let known: Vec<&str> = known.collect();
    let shown = unknown.chars().take(64).collect::<String>();
    let fault = Fault::invalid(format!("unknown member `{shown}`")).code("unknown_parameter").param(shown);
    if known.is_empty() {
        fault.hint("this operation takes no input")
    } else {
        fault.hint(format!("it takes `{}`", known.join("`, `")))
    }
}

/// What serde says of a value, without the words of the language that this is written in.
fn plain(cause: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("u8", "a whole number between 0 and 255"),
        ("u16", "a whole number between 0 and 65535"),
        ("u32", "a whole number between 0 and 4294967295"),
        ("u64", "a whole number that is not negative"),
        ("usize", "a whole number that is not negative"),
        ("i64", "a whole number"),
        ("i32", "a whole number between -2147483648 and 2147483647"),
        ("f64", "a number"),
        ("a boolean", "true or false"),
        ("a string", "a text"),
        ("a borrowed string", "a text"),
        ("a sequence", "a list"),
        ("a map", "an object"),
        ("string or map", "a text or an object"),
        ("unit", "null"),
    ];
    let Some((found, expected)) = cause.rsplit_once(", expected ") else { return cause.to_owned() };
    let expected = match expected.split_once(' ') {
        // `struct Name`, `enum Name`, `struct variant Name`: names of our types.
        Some(("struct" | "enum" | "internally" | "adjacently" | "newtype" | "tuple", _)) => "an object",
        _ => WORDS.iter().find(|(word, _)| *word == expected).map_or(expected, |(_, said)| said),
    };
    let found = match found.strip_prefix("invalid type: ").or_else(|| found.strip_prefix("invalid value: ")) {
        Some(found) => match found.split_once(' ') {
            Some(("string", text)) => format!("text {text}"),
            Some(("floating", number)) => number.replacen("point", "number", 1),
            Some(("unit", _)) => "nothing".to_owned(),
            _ => match found {
                "sequence" => "a list".to_owned(),
                "map" => "an object".to_owned(),
                other => other.to_owned(),
            },
        },
        None => return format!("{found}, expected {expected}"),
    };
    format!("{found} is not {expected}")
}

/// serde's own wording for a member that is not there.
fn missing_member(cause: &str) -> Option<&str> {
    cause.strip_prefix("missing field `")?.split('`').next()
}

/// A length of time as people write it: `90s`, `15m`, `24h`, `7d`, `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) ms: i64,
}

impl Span {
    /// Reads a count and a unit; nothing when there is no unit, or no sense.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unit_at = text.find(|symbol: char| !symbol.is_ascii_digit())?;
        let (count, unit) = text.split_at_checked(unit_at)?;
        let unit_ms = match unit {
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        let ms = count.parse::<i64>().ok()?.checked_mul(unit_ms)?;
        // A thousand years is past every sensible wish and far from where sums overflow.
        (ms > 0 && ms <= 365_250 * 86_400_000).then_some(Self { ms })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is not a length of time such as `90s`, `15m`, `24h` or `7d`"))
        })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+[smhdw]$", "examples": ["24h"] })
    }
}

/// A moment: RFC 3339, or how long ago (`15m`, `24h`, `7d`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimePoint {
    At(Millis),
    Ago(Span),
}

impl TimePoint {
    pub(crate) fn resolve(self, now: Millis) -> Millis {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.plus_ms(span.ms.saturating_neg()),
        }
    }
}

impl<'de> Deserialize<'de> for TimePoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(span) = Span::parse(&text) {
            return Ok(Self::Ago(span));
        }
        text.parse().map(Self::At).map_err(|error: NoTime| {
            de::Error::custom(format!("`{text}` is {error}, and no length of time such as `24h`"))
        })
    }
}

impl JsonSchema for TimePoint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["24h", "2026-11-24T08:00:00Z"] })
    }
}

#[cfg(test)]
mod tests;
