//! An operation's input as a list of fields: what the command line and the reference pages are made of.

use serde_json::{Map, Value};

use crate::cli_shape::CliShape;

/// What a field takes, as far as a command line cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Integer,
    Number,
    Boolean,
    /// One of these words.
    Choice(Vec<String>),
    /// Any number of these.
    List(Box<FieldKind>),
    /// Anything else: given as JSON.
    Json,
}

/// One field of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputField {
    /// As in the JSON body, `display_name`.
    pub name: String,
    pub kind: FieldKind,
    pub required: bool,
    pub positional: bool,
    pub short: Option<char>,
    /// The text of a document: a command line takes the path of a file.
    pub file: bool,
    pub description: String,
    /// As JSON text, when there is one.
    pub default: Option<String>,
}

impl InputField {
    /// The option's name without its dashes, `display-name`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

impl FieldKind {
    /// The word that documents use.
    pub fn word(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Integer => "integer".into(),
            Self::Number => "number".into(),
            Self::Boolean => "boolean".into(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Self::List(of) => format!("list of {}", of.word()),
            Self::Json => "JSON".into(),
        }
    }
}

/// Positional fields first, in the order of `cli`; then the rest as declared.
pub(crate) fn fields(schema: &Value, cli: &CliShape) -> Vec<InputField> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut fields: Vec<InputField> = properties
        .iter()
        .map(|(name, schema)| InputField {
            name: name.clone(),
            kind: kind(schema),
            required: required.contains(&name.as_str()),
            positional: cli.positional.contains(&name.as_str()),
            short: cli.shorts.iter().find(|(field, _)| field == name).map(|(_, letter)| *letter),
            file: schema.get("contentMediaType").is_some(),
            description: describe(schema),
            default: schema.get("default").filter(|default| !default.is_null()).map(Value::to_string),
        })
        .collect();
    fields.sort_by_key(|field| {
        cli.positional.iter().position(|name| *name == field.name).unwrap_or(cli.positional.len())
    });
    fields
}

fn describe(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn kind(schema: &Value) -> FieldKind {
    if let Some(words) = choice(schema) {
        return FieldKind::Choice(words);
    }
    // An optional field is `anyOf: [it, null]` or `type: [it, "null"]`.
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        let mut real = branches.iter().filter(|branch| branch.get("type") != Some(&Value::from("null")));
        return match (real.next(), real.next()) {
            (Some(only), None) => kind(only),
            _ => FieldKind::Json,
        };
    }
    match type_word(schema) {
        Some("string") => FieldKind::Text,
        Some("integer") => FieldKind::Integer,
        Some("number") => FieldKind::Number,
        Some("boolean") => FieldKind::Boolean,
        Some("array") => FieldKind::List(Box::new(schema.get("items").map_or(FieldKind::Json, kind))),
        _ => FieldKind::Json,
    }
}

pub(crate) fn type_word(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(word) => Some(word),
        Value::Array(words) => {
            let mut real = words.iter().filter_map(Value::as_str).filter(|word| *word != "null");
            real.next().filter(|_| real.next().is_none())
        }
        _ => None,
    }
}

/// `enum: […]`, or `oneOf` of constants as documented enums are written.
pub(crate) fn choice(schema: &Value) -> Option<Vec<String>> {
    let words: Option<Vec<String>> = match (schema.get("enum"), schema.get("oneOf")) {
        (Some(Value::Array(words)), _) => {
            Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        (None, Some(Value::Array(branches))) => {
            branches.iter().map(words_of).collect::<Option<Vec<_>>>().map(|words| words.concat())
        }
        _ => None,
    };
    words.filter(|words| !words.is_empty())
}

/// The words of one branch of documented constants: one with a description of its own, or several without.
fn words_of(branch: &Value) -> Option<Vec<String>> {
    let word = |word: &Value| word.as_str().map(str::to_owned);
    match (branch.get("const"), branch.get("enum").and_then(Value::as_array)) {
        (Some(one), _) => Some(vec![word(one)?]),
        (None, Some(several)) => several.iter().map(word).collect(),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;
