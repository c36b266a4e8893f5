//! Edits of a YAML file that somebody keeps by hand: comments, order and spacing of everything that is not
//! the edited key stay byte for byte. What cannot be edited by lines (flow style, anchors) is rewritten as
//! the smallest enclosing key; the result is always read back and compared before it is returned.

use brains_core::config::document::{self, Aliases};
use serde_json::{Map, Value};

/// The document with `path` set to `value`, or removed. Mappings that a removal leaves empty go too.
pub(crate) fn edit(text: &str, path: &[&str], value: Option<&Value>) -> Result<String, String> {
    let before = read(text)?;
    let Some((top, _)) = path.split_first() else { return Err("the key is empty".into()) };
    if path.iter().any(|part| part.is_empty()) {
        return Err(format!("`{}` is not a key: a part of it is empty", path.join(".")));
    }
    let mut after = before.clone();
    match value {
        Some(value) => set(&mut after, path, value.clone())?,
        None => prune(&mut after, path),
    }
    if after == before {
        return Ok(text.to_owned());
    }
    let candidates = [
        edit_lines(text, path, &after, render_block),
        edit_lines(text, path, &after, render_flow),
        edit_lines(text, std::slice::from_ref(top), &after, render_block),
        Some(render_whole(&after)?),
    ];
    candidates
        .into_iter()
        .flatten()
        .find(|candidate| read(candidate).as_ref() == Ok(&after))
        .ok_or_else(|| format!("`{}` cannot be written as YAML", path.join(".")))
}

/// The parts of a dotted path; a part in double quotes may hold dots.
pub(crate) fn parts(path: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            _ => part.push(c),
        }
    }
    parts.push(part);
    parts
}

/// The document as a value; an empty one is an empty mapping.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    document::parse_map(text, Aliases::Counted).map(Value::Object).map_err(|error| error.to_string())
}

fn set(tree: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    let Some((part, rest)) = path.split_first() else {
        *tree = value;
        return Ok(());
    };
    if tree.is_null() {
        *tree = Value::Object(Map::new());
    }
    match tree {
        Value::Object(members) => set(members.entry(*part).or_insert(Value::Null), rest, value),
        Value::Array(items) => {
            let length = items.len();
            let item = part.parse::<usize>().ok().and_then(|at| items.get_mut(at));
            set(
                item.ok_or_else(|| format!("`{part}` is not the place of one of {length} items"))?,
                rest,
                value,
            )
        }
        _ => Err(format!("`{part}` cannot stand inside a single value")),
    }
}

fn prune(tree: &mut Value, path: &[&str]) {
    let Some((part, rest)) = path.split_first() else { return };
    match tree {
        Value::Object(members) => {
            if rest.is_empty() {
                members.shift_remove(*part);
            } else if let Some(inner) = members.get_mut(*part) {
                prune(inner, rest);
                if inner.as_object().is_some_and(Map::is_empty) {
                    members.shift_remove(*part);
                }
            }
        }
        Value::Array(items) => {
            if let Some(at) = part.parse::<usize>().ok().filter(|at| *at < items.len()) {
                if rest.is_empty() {
                    items.remove(at);
                } else if let Some(inner) = items.get_mut(at) {
                    prune(inner, rest);
                }
            }
        }
        _ => {}
    }
}

/// One `key: …` of a block mapping: its first line, and the line after its last that is no comment.
#[derive(Debug)]
struct Entry {
    key: String,
    start: usize,
    end: usize,
    /// What stands behind the colon, comment included.
    rest: String,
}

/// Writes `key: value`, indented by so many columns.
type Render = fn(&str, &Value, usize) -> Option<String>;

/// Makes the lines under `path` say what `after` says; `None` when the text is not laid out for it.
fn edit_lines(text: &str, path: &[&str], after: &Value, render: Render) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut from, mut to, mut indent) = (0, lines.len(), 0);
    let mut wanted = after;
    for (depth, part) in path.iter().enumerate() {
        let entries = entries(&lines, from, to, indent)?;
        let now = wanted.as_object()?.get(*part);
        let entry = entries.iter().find(|entry| entry.key == *part);
        let last = depth + 1 == path.len();
        match (entry, now) {
            (Some(entry), None) => return Some(splice(&lines, entry.start, entry.end, "")),
            (None, None) => return None,
            (None, Some(value)) => {
                let at = entries.last().map_or(to, |entry| entry.end);
                return Some(splice(&lines, at, at, &render(part, value, indent)?));
            }
            (Some(entry), Some(value)) if last => {
                let text = with_comment(render(part, value, indent)?, entry, value);
                return Some(splice(&lines, entry.start, entry.end, &text));
            }
            (Some(entry), Some(value)) => match inner_indent(&lines, entry, indent) {
                Some(inner) => (from, to, indent, wanted) = (entry.start + 1, entry.end, inner, value),
                None => return Some(splice(&lines, entry.start, entry.end, &render(part, value, indent)?)),
            },
        }
    }
    None
}

fn entries(lines: &[&str], from: usize, to: usize, indent: usize) -> Option<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in lines.iter().enumerate().take(to).skip(from) {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') || (entries.is_empty() && content == "---") {
            continue;
        }
        let column = line.len() - line.trim_start_matches(' ').len();
        if column == indent && !content.starts_with("- ") && content != "-" {
            let (key, rest) = key_of(content)?;
            entries.push(Entry { key, start: at, end: at + 1, rest });
        } else if column >= indent {
            entries.last_mut()?.end = at + 1;
        } else {
            return None;
        }
    }
    Some(entries)
}

/// Key and rest of `key: rest`, when the key is plain or simply quoted.
fn key_of(content: &str) -> Option<(String, String)> {
    let (key, rest) = match content.chars().next()? {
        quote @ ('"' | '\'') => {
            let (key, rest) = content.strip_prefix(quote)?.split_once(quote)?;
            (!key.contains('\\')).then_some((key, rest.trim_start().strip_prefix(':')?))?
        }
        '{' | '[' | '&' | '*' | '!' | '|' | '>' | '?' | '%' | '@' | '`' => return None,
        _ => match content.split_once(": ") {
            Some((key, rest)) => (key.trim_end(), rest),
            None => (content.strip_suffix(':')?.trim_end(), ""),
        },
    };
    Some((key.to_owned(), rest.trim().to_owned()))
}

/// How far the members of a block mapping are indented; `None` when the value is anything else.
fn inner_indent(lines: &[&str], entry: &Entry, indent: usize) -> Option<usize> {
    if !(entry.rest.is_empty() || entry.rest.starts_with('#')) {
        return None;
    }
    let line = lines.get(entry.start + 1..entry.end)?.iter().find(|line| {
        let content = line.trim();
        !content.is_empty() && !content.starts_with('#')
    })?;
    let column = line.len() - line.trim_start_matches(' ').len();
    (column > indent && !line.trim().starts_with('-')).then_some(column)
}

/// A comment behind a replaced single value stays.
fn with_comment(rendered: String, entry: &Entry, value: &Value) -> String {
    let single = !(value.is_object() || value.is_array())
        && rendered.lines().count() == 1
        && entry.end == entry.start + 1;
    let quoted = entry.rest.starts_with(['"', '\'']);
    match entry.rest.rsplit_once(" #") {
        Some((before, comment)) if single && (!quoted || before.trim_end().ends_with(['"', '\''])) => {
            format!("{} #{comment}\n", rendered.trim_end())
        }
        _ => rendered,
    }
}

/// On one line, as JSON: for texts whose own blank lines would run into those of the file.
fn render_flow(key: &str, value: &Value, indent: usize) -> Option<String> {
    let key = render_block(key, &Value::Null, indent)?;
    Some(format!("{}: {value}\n", key.split_once(": null")?.0))
}

fn render_block(key: &str, value: &Value, indent: usize) -> Option<String> {
    let mut member = Map::new();
    member.insert(key.to_owned(), value.clone());
    let text = document::render(&member).ok()?;
    let padding = " ".repeat(indent);
    Some(text.lines().fold(String::new(), |mut out, line| {
        if !line.is_empty() {
            out.push_str(&padding);
            out.push_str(line);
        }
        out.push('\n');
        out
    }))
}

fn render_whole(tree: &Value) -> Result<String, String> {
    if tree.as_object().is_some_and(Map::is_empty) {
        return Ok(String::new());
    }
    document::render(tree).map_err(|error| error.to_string())
}

/// `lines` with `from..to` replaced by `text`.
fn splice(lines: &[&str], from: usize, to: usize, text: &str) -> String {
    let mut out: String = lines.iter().take(from).copied().collect();
    if !out.is_empty() && !out.ends_with('\n') && !text.is_empty() {
        out.push('\n');
    }
    out.push_str(text);
    out.extend(lines.iter().skip(to).copied());
    out
}

#[cfg(test)]
mod tests;
