//! Names and values. What is nested stands below under its name: objects as sections, lists of objects as tables. A secret
//! stands alone on its line, at the end.

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr as _;

use super::wrap::wrapped;
use super::{cell, table};

/// Blanks before what is nested.
const INDENT: usize = 2;

/// One row by itself: the columns by name, and below them the lists that it has.
pub(super) fn row(value: &Value, columns: &[&str], width: usize) -> String {
    let mut shown = Map::new();
    for column in columns {
        let short = column.rsplit('.').next().unwrap_or(column);
        let name = if shown.contains_key(short) { column } else { short };
        shown.insert(name.to_owned(), table::at(value, column).clone());
    }
    let lists = value.as_object().into_iter().flatten();
    for (name, list) in lists.filter(|(_, value)| is_table(value)) {
        shown.entry(name.clone()).or_insert_with(|| list.clone());
    }
    members(&shown, &[], width)
}

/// All members of an answer. A list of what the answer is about, too, has the same `columns`.
pub(super) fn members(members: &Map<String, Value>, columns: &[String], width: usize) -> String {
    let mut secrets = Vec::new();
    let mut out = section(members, 0, columns, width, &mut secrets);
    for (name, secret) in secrets {
        let gap = if out.is_empty() { "" } else { "\n" };
        out.extend([gap, &*name, "\n", &*secret, "\n"]);
    }
    out
}

fn section(
    members: &Map<String, Value>,
    indent: usize,
    columns: &[String],
    width: usize,
    secrets: &mut Vec<(String, String)>,
) -> String {
    let (mut flat, mut nested) = (Vec::new(), Vec::new());
    for (name, value) in members {
        match value {
            Value::Null => {}
            Value::String(text) if cell::is_secret(name, value) => secrets.push((name.clone(), text.clone())),
            Value::Array(items) if items.is_empty() => {}
            Value::Object(inner) if inner.values().all(Value::is_null) => {}
            Value::Object(_) => nested.push((name, value)),
            value if is_table(value) => nested.push((name, value)),
            _ => flat.push((name, value)),
        }
    }
    let mut out = pairs(&flat, indent, width);
    for (name, value) in nested {
        if indent == 0 && !out.is_empty() {
            out.push('\n');
        }
        let blanks = " ".repeat(indent);
        let within = indent + INDENT;
        let body = match value {
            Value::Array(items) => indented(&below(items, columns, width.saturating_sub(within)), within),
            Value::Object(inner) => match named_rows(inner) {
                Some(rows) => indented(&below(&rows, &[], width.saturating_sub(within)), within),
                None => section(inner, within, &[], width, secrets),
            },
            _ => String::new(),
        };
        if !body.is_empty() {
            out.extend([&*blanks, name, "\n", &*body]);
        }
    }
    out
}

/// Names in one column, values in the next.
fn pairs(flat: &[(&String, &Value)], indent: usize, width: usize) -> String {
    let names = flat.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let lines = flat.iter().map(|(name, value)| {
        let blanks = " ".repeat(indent);
        wrapped(&format!("{blanks}{name:names$}  "), &cell::whole(value), width)
    });
    lines.collect()
}

fn is_table(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
}

/// Several objects with members of the same names are the rows of one table.
fn named_rows(members: &Map<String, Value>) -> Option<Vec<Value>> {
    let first = members.values().next()?.as_object()?;
    let alike =
        |row: &Value| row.as_object().is_some_and(|row| first.keys().all(|name| row.contains_key(name)));
    let simple = !first.values().any(|value| value.is_object() || value.is_array());
    if members.len() < 2 || !simple || !members.values().all(alike) {
        return None;
    }
    let rows = members.iter().map(|(name, value)| {
        let mut row = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
        row.extend(value.as_object().cloned().unwrap_or_default());
        Value::Object(row)
    });
    Some(rows.collect())
}

/// A table whose columns are those that its rows have; where they have those of the answer's own rows, these, behind the
/// working tree that they are in.
fn below(rows: &[Value], own: &[String], width: usize) -> String {
    let mut columns: Vec<String> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    if !own.is_empty() && own.iter().all(|name| columns.contains(name)) {
        let place = columns.into_iter().find(|name| name == "worktree" && !own.contains(name));
        columns = place.into_iter().chain(own.iter().cloned()).collect();
    }
    table::rows(rows, &columns, width)
}

fn indented(text: &str, indent: usize) -> String {
    text.lines().map(|line| format!("{}{line}", " ".repeat(indent)).trim_end().to_owned() + "\n").collect()
}
