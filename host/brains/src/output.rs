//! What goes to stdout: JSON when it is piped or asked for, else tables for people.

use std::io::{self, IsTerminal as _, Write as _};

use brains_control::Table;
use brains_core::visible::turns_text;
use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};
use serde_json::{Map, Value};

/// Longest text of one cell: a table is for looking, JSON has everything.
const CELL: usize = 120;
/// Longest word that stays in one piece, and that a table below others has room for.
const WORD: usize = 40;

/// In which form answers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Table,
}

impl Form {
    pub(crate) fn choose(json: bool) -> Self {
        if json || !io::stdout().is_terminal() { Self::Json } else { Self::Table }
    }
}

/// Writes a line to stdout. A reader that went away (`| head`) is no failure.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Tells an answer.
pub(crate) fn answer(value: &Value, form: Form, table: Option<Table>) -> io::Result<()> {
    match form {
        Form::Json => line(format_args!("{value:#}")),
        Form::Table => line(as_text(value, table).trim_end()),
    }
}

/// Tells the items of a list as JSON, one a line.
pub(crate) fn lines(items: Option<&Value>) -> io::Result<()> {
    items.and_then(Value::as_array).into_iter().flatten().try_for_each(line)
}

/// The whole answer as text: its rows as a table, everything else as `name  value`.
pub(crate) fn as_text(value: &Value, table: Option<Table>) -> String {
    let Value::Object(members) = value else { return cell(value) };
    let (rows_member, columns) = match table {
        Some(table) => (table.rows, table.columns.iter().map(|column| (*column).to_owned()).collect()),
        None => only_rows(members).unwrap_or_default(),
    };
    if rows_member.is_empty() && !columns.is_empty() {
        return rows_as_table(std::slice::from_ref(value), &columns);
    }
    let mut out = String::new();
    let rest: Map<String, Value> = members
        .iter()
        .filter(|(name, value)| *name != rows_member && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut below = Vec::new();
    out.push_str(&pairs(&rest, &mut below));
    for (name, table) in below {
        let gap = if out.is_empty() { "" } else { "\n" };
        out.extend([gap, &name, "\n", &table]);
    }
    let rows = members.get(rows_member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !rows.is_empty() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&rows_as_table(rows, &columns));
    }
    if out.is_empty() {
        out.push_str("nothing\n");
    }
    out
}

/// The only member that is a list of objects, with the columns that its first row has.
fn only_rows(members: &Map<String, Value>) -> Option<(&str, Vec<String>)> {
    let mut lists = members.iter().filter_map(|(name, value)| {
        let first = value.as_array()?.first()?.as_object()?;
        let columns = first.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
        Some((name.as_str(), columns.map(|(column, _)| column.clone()).collect()))
    });
    lists.next().filter(|_| lists.next().is_none())
}

fn rows_as_table(rows: &[Value], columns: &[String]) -> String {
    let is_filled = |column: &&String| rows.iter().any(|row| !cell(at(row, column)).is_empty());
    let columns: Vec<&String> = columns.iter().filter(is_filled).collect();
    let heads = columns.iter().map(|column| column.replace(['_', '.'], " ").to_uppercase()).collect();
    let cells = rows.iter().map(|row| {
        let cells = columns.iter().map(|column| match at(row, column) {
            // A table of tables is for JSON: here it is told how many.
            Value::Array(items) if items.iter().any(Value::is_object) => items.len().to_string(),
            value => cell(value),
        });
        cells.collect()
    });
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(cells).collect();
    let mut table = plain_table();
    // What is copied from the screen stays in one piece.
    let whole: Vec<bool> = columns.iter().map(|column| ["id", "at"].contains(&column.as_str())).collect();
    let narrowest = narrowest(&lines, &whole, table.width().map_or(usize::MAX, usize::from));
    for (at, line) in lines.into_iter().enumerate() {
        if at == 0 {
            table.set_header(line);
        } else {
            table.add_row(line);
        }
    }
    for (place, (whole, width)) in whole.into_iter().zip(narrowest).enumerate() {
        let Some(column) = table.column_mut(place) else { continue };
        if whole {
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else if let Some(width) = width {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    trimmed(&table)
}

/// How narrow each column may become before words break; where there is not room enough for all, the widest gives way.
fn narrowest(lines: &[Vec<String>], whole: &[bool], room: usize) -> Vec<Option<u16>> {
    let length = |text: &str| text.chars().count();
    let longest = |(place, whole): (usize, &bool)| {
        let cells = lines.iter().filter_map(|line| line.get(place));
        let lengths = cells.map(|cell| match whole {
            true => length(cell),
            false => cell.split_whitespace().map(length).max().unwrap_or(0).min(WORD),
        });
        lengths.max().unwrap_or(0) + PADDING
    };
    let needs: Vec<usize> = whole.iter().enumerate().map(longest).collect();
    let breakable = whole.iter().zip(&needs).enumerate().filter(|(_, (whole, _))| !**whole);
    let widest = breakable.max_by_key(|(_, (_, need))| **need).map(|(place, _)| place);
    let gives_way = if needs.iter().sum::<usize>() > room { widest } else { None };
    let bound = |(place, need): (usize, &usize)| {
        if gives_way == Some(place) { None } else { u16::try_from(*need).ok() }
    };
    needs.iter().enumerate().map(bound).collect()
}

/// Members as lines; those that are tables by themselves go below, under their names.
fn pairs(members: &Map<String, Value>, below: &mut Vec<(String, String)>) -> String {
    let mut flat = Vec::new();
    flatten("", members, &mut flat, below);
    if flat.is_empty() {
        return String::new();
    }
    let mut table = plain_table();
    for (name, value) in flat {
        table.add_row([name, cell(&value)]);
    }
    trimmed(&table)
}

fn flatten(
    prefix: &str,
    members: &Map<String, Value>,
    out: &mut Vec<(String, Value)>,
    below: &mut Vec<(String, String)>,
) {
    for (name, value) in members {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Null => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) if items.iter().all(Value::is_object) => {
                below.push((name, rows_below(items.iter().filter_map(Value::as_object).cloned().collect())));
            }
            Value::Object(inner) if is_table(inner) => {
                let named = inner.iter().filter_map(|(name, value)| {
                    let mut row = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
                    row.extend(value.as_object()?.clone());
                    Some(row)
                });
                below.push((name, rows_below(named.collect())));
            }
            Value::Object(inner) if !inner.is_empty() => flatten(&name, inner, out, below),
            _ => out.push((name, value.clone())),
        }
    }
}

/// Several objects with members of the same names.
fn is_table(members: &Map<String, Value>) -> bool {
    let mut rows = members.values().map(Value::as_object);
    let Some(Some(first)) = rows.next() else { return false };
    let alike = |row: Option<&Map<String, Value>>| {
        row.is_some_and(|row| first.keys().all(|name| row.contains_key(name)))
    };
    members.len() > 1 && !first.values().any(|value| value.is_object() || value.is_array()) && rows.all(alike)
}

/// A table without what would be too wide for it.
fn rows_below(rows: Vec<Map<String, Value>>) -> String {
    let mut columns: Vec<String> = Vec::new();
    for (name, value) in rows.iter().flatten() {
        if !columns.contains(name) && !value.is_object() && !value.is_array() {
            columns.push(name.clone());
        }
    }
    columns.retain(|column| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(cell);
        cells.into_iter().all(|cell| cell.split_whitespace().all(|word| word.chars().count() <= WORD))
    });
    let rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
    rows_as_table(&rows, &columns)
}

/// A member by dotted path.
fn at<'a>(row: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(row, |value, part| value.get(part).unwrap_or(&Value::Null))
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => without_millis(text),
        Value::Number(number) => match number.as_f64().filter(|_| !number.is_i64() && !number.is_u64()) {
            Some(number) => format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            None => number.to_string(),
        },
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => return items.iter().map(cell).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name}={}", cell(value)))
            .collect::<Vec<_>>()
            .join(" "),
    };
    // What a stranger wrote must not move the cursor, nor turn the text around it.
    let odd = |c: char| c.is_control() && c != '\n' || turns_text(c);
    let mut text: String = text.chars().map(|c| if odd(c) { '\u{fffd}' } else { c }).collect();
    if let Some((at, _)) = text.char_indices().nth(CELL) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// A time to the second, as people read it; any other text as it is.
fn without_millis(text: &str) -> String {
    let time = text.strip_suffix('Z').and_then(|text| text.split_once('T'));
    match time.and_then(|(day, time)| Some((day, time.split_once('.')?.0))) {
        Some((day, time)) if day.len() == 10 && time.len() == 8 => format!("{day} {time}"),
        _ => text.to_owned(),
    }
}

/// A blank on each side of a cell.
const PADDING: usize = 2;

/// Columns below which a table is no help.
const NARROWEST: u16 = 60;

fn plain_table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    // Some terminals tell no width, or none that a table fits into; their lines wrap instead of every letter.
    if table.width().is_none_or(|columns| columns < NARROWEST) {
        table.set_width(NARROWEST);
    }
    table
}

fn trimmed(table: &comfy_table::Table) -> String {
    table
        .lines()
        .map(|line| line.trim_end().strip_prefix(' ').unwrap_or_default().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests;
