//! Dotted paths into a document: `providers.acme.timeout_seconds`. A member whose name holds a dot stands in double
//! quotes. Lists are leaves: a layer replaces them whole.

use serde_json::{Map, Value};

use crate::Fault;

/// The dotted text of `path`.
pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for segment in path {
        if !text.is_empty() {
            text.push('.');
        }
        if segment.is_empty() || segment.contains(['.', '"']) {
            text.push('"');
            text.push_str(&segment.replace('"', "\\\""));
            text.push('"');
        } else {
            text.push_str(segment);
        }
    }
    text
}

/// The segments of a dotted path; none when it is malformed.
pub(super) fn parse(text: &str) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (segment, after) = unquote(quoted)?;
            segments.push(segment);
            if after.is_empty() {
                return Some(segments);
            }
            rest = after.strip_prefix('.')?;
        } else {
            let (segment, after) =
                rest.split_once('.').map_or((rest, None), |(head, tail)| (head, Some(tail)));
            if segment.is_empty() {
                return None;
            }
            segments.push(segment.to_owned());
            match after {
                None => return Some(segments),
                Some(tail) => rest = tail,
            }
        }
    }
}

fn unquote(text: &str) -> Option<(String, &str)> {
    let mut segment = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((segment, text.get(at + 1..)?)),
            '\\' => segment.push(chars.next()?.1),
            _ => segment.push(c),
        }
    }
    None
}

/// The value at `path`.
pub(super) fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    parse(path)?.iter().try_fold(document, |value, segment| match value {
        Value::Object(members) => members.get(segment),
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Calls `visit` with every value that is no object, and with every empty object below the root.
pub(super) fn leaves(document: &Value, visit: &mut dyn FnMut(&[String], &Value)) {
    fn descend(value: &Value, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], &Value)) {
        match value {
            Value::Object(members) if !members.is_empty() || path.is_empty() => {
                for (name, member) in members {
                    path.push(name.clone());
                    descend(member, path, visit);
                    path.pop();
                }
            }
            _ => visit(path, value),
        }
    }
    descend(document, &mut Vec::new(), visit);
}

/// Writes `value` at a dotted path of `document`, making the objects on the way.
pub fn set(document: &mut Value, path: &str, value: Value) -> Result<(), Fault> {
    let segments = parse(path).ok_or_else(|| malformed(path))?;
    insert(document, &segments, value).map_err(|blocked| {
        Fault::invalid(format!("`{}` holds a value, so nothing can stand below it", dotted(blocked)))
            .param(path)
    })
}

/// As [`set`], with the segments of the path. The error names the part of the path that is no object.
pub(super) fn insert<'a>(document: &mut Value, path: &'a [String], value: Value) -> Result<(), &'a [String]> {
    let mut at = document;
    for (depth, segment) in path.iter().enumerate() {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(members) = at else { return Err(path.get(..depth).unwrap_or_default()) };
        at = members.entry(segment.clone()).or_insert(Value::Null);
    }
    *at = value;
    Ok(())
}

/// Takes the value at a dotted path out of `document`, and the objects that it leaves empty. Says whether there
/// was one.
pub fn unset(document: &mut Value, path: &str) -> Result<bool, Fault> {
    let segments = parse(path).ok_or_else(|| malformed(path))?;
    Ok(take(document, &segments).is_some())
}

/// As [`unset`], with the segments of the path; gives back what was there.
pub(super) fn take(document: &mut Value, path: &[String]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let members = document.as_object_mut()?;
    if rest.is_empty() {
        return members.shift_remove(first);
    }
    let below = members.get_mut(first)?;
    let taken = take(below, rest)?;
    if below.as_object().is_some_and(Map::is_empty) {
        members.shift_remove(first);
    }
    Some(taken)
}

fn malformed(path: &str) -> Fault {
    Fault::invalid(format!("`{path}` is not a path")).hint("write it as `section.name`")
}
