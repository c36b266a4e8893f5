//! What goes to stdout: JSON when it is piped or asked for, else text for people: names and values, tables (`table.rs`),
//! sections of what is nested (`section.rs`). Ids and secrets are never broken or cut; what has no room is left out and
//! named.

mod cell;
mod section;
mod table;
mod wrap;

use std::io::{self, IsTerminal as _, Write as _};

use brains_control::Table;
use serde_json::{Map, Value};

pub(crate) use cell::harmless;
pub(crate) use wrap::wrapped;

/// The width of what tells none.
const WIDTH: usize = 80;
/// Columns below which no table is a help.
const NARROWEST: usize = 40;

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
        Form::Table => line(as_text(value, table, columns(io::stdout())).trim_end()),
    }
}

/// Tells the items of a list as JSON, one a line.
pub(crate) fn lines(items: Option<&Value>) -> io::Result<()> {
    items.and_then(Value::as_array).into_iter().flatten().try_for_each(line)
}

/// How many columns a terminal has.
pub(crate) fn columns(of: impl std::os::fd::AsFd) -> usize {
    let size = rustix::termios::tcgetwinsize(of).ok();
    let told = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    told.unwrap_or(WIDTH).max(NARROWEST)
}

/// The whole answer as text: its rows as a table, everything else by name.
pub(crate) fn as_text(value: &Value, table: Option<Table>, width: usize) -> String {
    let Value::Object(members) = value else { return cell::line(value) };
    let (rows_member, columns) = match table {
        Some(Table { rows: "", columns }) => return section::row(value, columns, width),
        Some(table) => (table.rows, table.columns.iter().map(|column| (*column).to_owned()).collect()),
        None => only_rows(members).unwrap_or_default(),
    };
    let beside: Map<String, Value> = members
        .iter()
        .filter(|(name, value)| *name != rows_member && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let rows = members.get(rows_member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // What was asked for comes first; what stands beside it, below.
    let parts = [table::rows(rows, &columns, width), section::members(&beside, &columns, width)];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if told.is_empty() { "nothing\n".to_owned() } else { told.join("\n") }
}

/// The only member that is a list of objects, with the columns that its first row has.
fn only_rows(members: &Map<String, Value>) -> Option<(&str, Vec<String>)> {
    let mut lists = members.iter().filter_map(|(name, value)| {
        let first = value.as_array()?.first()?.as_object()?;
        Some((name.as_str(), first.keys().cloned().collect()))
    });
    lists.next().filter(|_| lists.next().is_none())
}

#[cfg(test)]
mod tests;
