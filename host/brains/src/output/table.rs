//! Rows below the heads of their columns, one a line. Columns have a rank, which is their order: what has no room goes from
//! the last on, and leaves room for what is narrower. Before that, prose moves under its row and other texts are cut; a word,
//! such as an id, never is.

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::cell;
use super::wrap::wrapped;

/// Blanks between columns.
const GAP: usize = 2;
/// The narrowest that a text is cut to.
const TEXT: usize = 20;
/// Longest text under a row.
const PROSE: usize = 1_000;
/// Columns that tell why, in sentences: they stand under their row when they have no room in it.
const PROSES: [&str; 12] = [
    "reason",
    "detail",
    "body",
    "hint",
    "note",
    "error",
    "summary",
    "message",
    "next_step",
    "because",
    "intent",
    "command",
];
/// Columns that the next command takes: they go last.
const NAMES: [&str; 3] = ["id", "code", "slug"];

/// One column of a table.
struct Column<'a> {
    name: &'a str,
    /// Its rank.
    place: usize,
    cells: Vec<String>,
    width: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Ids, times, numbers, names: told whole or not at all.
    Words,
    Text,
    /// Sentences.
    Prose,
    /// What is nested: under its row wherever there is any.
    Nested,
}

/// The rows as a table.
pub(super) fn rows(rows: &[Value], columns: &[String], width: usize) -> String {
    let all = columns.iter().enumerate().map(|(place, name)| Column::of(place, name, rows));
    let mut shown: Vec<Column<'_>> = all.filter(|column| column.width > 0).collect();
    if rows.is_empty() || shown.is_empty() {
        return String::new();
    }
    let mut under = take(&mut shown, Kind::Nested);
    if taken(&shown) > width {
        under.extend(take(&mut shown, Kind::Prose));
    }
    let left_out = fit(&mut shown, width);
    let mut out = line(shown.iter().map(|column| (head(column.name), column)));
    for row in 0..rows.len() {
        out.push_str(&line(shown.iter().map(|column| (column.cell(row), column))));
        for column in &under {
            let text = column.cell(row);
            if !text.is_empty() {
                let name = column.name.rsplit('.').next().unwrap_or(column.name);
                out.push_str(&wrapped(&format!("  {name}: "), &text, width));
            }
        }
    }
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(|column| column.name).collect();
        out.push_str(&wrapped(
            "",
            &format!("not shown: {} (no room; --json has all)", names.join(", ")),
            width,
        ));
    }
    out
}

impl<'a> Column<'a> {
    fn of(place: usize, name: &'a str, rows: &[Value]) -> Self {
        let values: Vec<&Value> = rows.iter().map(|row| at(row, name)).collect();
        let nested = values.iter().any(|value| value.is_object());
        let prose = PROSES.contains(&name.rsplit('.').next().unwrap_or(name));
        let cells: Vec<String> = values.iter().map(|value| cell_text(value, prose)).collect();
        let text = cells.iter().any(|cell| cell.contains(' ') && !cell::is_time(cell));
        let kind = match (nested, prose, text) {
            (true, ..) => Kind::Nested,
            (_, true, true) => Kind::Prose,
            (_, _, true) => Kind::Text,
            (_, _, false) => Kind::Words,
        };
        let mut column = Self { name, place, cells, width: 0, kind };
        column.width = column.natural();
        column
    }

    /// As wide as its widest cell; 0 when all are empty.
    fn natural(&self) -> usize {
        let widest = self.cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        if widest == 0 { 0 } else { widest.max(head(self.name).width()) }
    }

    fn cell(&self, row: usize) -> String {
        self.cells.get(row).cloned().unwrap_or_default()
    }
}

/// What stands in a cell. A table of tables is for JSON: here it is told how many.
fn cell_text(value: &Value, prose: bool) -> String {
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => items.len().to_string(),
        Value::Array(items) if items.is_empty() => String::new(),
        value if prose => {
            cell::cut(&cell::whole(value).split_whitespace().collect::<Vec<_>>().join(" "), PROSE)
        }
        value => cell::line(value),
    }
}

/// Leaves the columns that have room, and gives the others in their order. One that is too wide takes no room from a narrower
/// one behind it.
fn fit<'a>(shown: &mut Vec<Column<'a>>, width: usize) -> Vec<Column<'a>> {
    let mut left_out = Vec::new();
    while !squeeze(shown, width) && shown.len() > 1 {
        left_out.push(shown.remove(last_in_rank(shown)));
    }
    left_out.sort_by_key(|column| column.place);
    let mut room = width.saturating_sub(taken(shown));
    let (back, left): (Vec<_>, Vec<_>) = left_out.into_iter().partition(|column| {
        let rest = room.checked_sub(GAP + column.width);
        room = rest.unwrap_or(room);
        rest.is_some()
    });
    shown.extend(back);
    shown.sort_by_key(|column| column.place);
    left
}

fn take<'a>(columns: &mut Vec<Column<'a>>, kind: Kind) -> Vec<Column<'a>> {
    // One has to stay.
    let (taken, left): (Vec<_>, Vec<_>) = columns.drain(..).partition(|column| column.kind == kind);
    *columns = left;
    if columns.is_empty() {
        *columns = taken;
        return Vec::new();
    }
    taken
}

/// Cuts texts until the columns fit, the last ones first; tells whether they do.
fn squeeze(columns: &mut [Column<'_>], width: usize) -> bool {
    for column in columns.iter_mut() {
        column.width = column.natural();
    }
    for place in (0..columns.len()).rev() {
        let excess = taken(columns).saturating_sub(width);
        if let Some(column) = columns.get_mut(place).filter(|column| column.kind != Kind::Words && excess > 0)
        {
            column.width = column.width.saturating_sub(excess).max(TEXT.min(column.width));
        }
    }
    taken(columns) <= width
}

/// The column that has to go: the last one, but for what the next command takes.
fn last_in_rank(columns: &[Column<'_>]) -> usize {
    let goes = |column: &Column<'_>| !NAMES.contains(&column.name.rsplit('.').next().unwrap_or(column.name));
    columns.iter().rposition(goes).filter(|place| *place > 0).unwrap_or(columns.len() - 1)
}

fn taken(columns: &[Column<'_>]) -> usize {
    columns.iter().map(|column| column.width).sum::<usize>() + GAP * columns.len().saturating_sub(1)
}

fn line<'a>(cells: impl Iterator<Item = (String, &'a Column<'a>)>) -> String {
    let mut line = String::new();
    for (cell, column) in cells {
        let cell = if column.kind == Kind::Words { cell } else { cell::cut(&cell, column.width) };
        let blanks = column.width.saturating_sub(cell.width()) + GAP;
        line.push_str(&cell);
        line.push_str(&" ".repeat(blanks));
    }
    line.trim_end().to_owned() + "\n"
}

fn head(name: &str) -> String {
    name.replace(['_', '.'], " ").to_uppercase()
}

/// A member by dotted path.
pub(super) fn at<'a>(row: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(row, |value, part| value.get(part).unwrap_or(&Value::Null))
}
