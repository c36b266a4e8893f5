//! What is looked at before it is kept: no secret goes into a title, a text or a name that others read, and no text is
//! longer than what anybody can use. The registry does this for every operation that keeps something; the table below
//! says of every member what it is, and a member that is not in it is taken for something that somebody says.

use std::borrow::Cow;

use brains_core::redact::{self, redact};
use brains_core::{Fault, FaultKind, Origin};
use serde_json::{Map, Value, json};

use crate::operation_kind::OperationKind;

/// The member of an answer that tells what was covered or is otherwise worth a word.
pub(crate) const WARNINGS: &str = "warnings";

/// What a member of an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// Somebody says something: a secret in it is covered, and the writer is told.
    Said,
    /// Something gets a name: one that looks like a secret is refused.
    Name,
    /// As a name; digests in it are a matter of course.
    Path,
    /// Names something that is there, or has a form and a bound of its own: taken as it is.
    Exact,
}

/// Members by name, wherever they stand.
pub(crate) const MEMBERS: &[(&str, Text)] = &[
    ("blockers", Text::Said),
    ("body", Text::Said),
    ("display_name", Text::Said),
    ("intent", Text::Said),
    ("message", Text::Said),
    ("next_action", Text::Said),
    ("note", Text::Said),
    ("reason", Text::Said),
    ("scope", Text::Said),
    ("source", Text::Said),
    ("subject", Text::Said),
    ("summary", Text::Said),
    ("title", Text::Said),
    ("instance", Text::Name),
    ("kind", Text::Name),
    ("name", Text::Name),
    ("slug", Text::Name),
    ("tags", Text::Name),
    ("tool", Text::Name),
    ("tool_session_id", Text::Name),
    ("path", Text::Path),
    ("path_contains", Text::Path),
    ("paths", Text::Path),
    ("scratchpad_path", Text::Path),
    ("slug_prefix", Text::Path),
    ("workspace", Text::Path),
    ("ack", Text::Exact),
    ("after", Text::Exact),
    ("allow_http", Text::Exact),
    ("assignee", Text::Exact),
    ("by", Text::Exact),
    ("cursor", Text::Exact),
    ("depends_on", Text::Exact),
    ("digest", Text::Exact),
    ("document", Text::Exact),
    ("expires_in", Text::Exact),
    ("from", Text::Exact),
    ("handoff", Text::Exact),
    ("id", Text::Exact),
    ("key", Text::Exact),
    ("kinds", Text::Exact),
    ("lease", Text::Exact),
    ("manifest", Text::Exact),
    ("model", Text::Exact),
    ("on", Text::Exact),
    ("operator", Text::Exact),
    ("provider", Text::Exact),
    ("reply_to", Text::Exact),
    ("secrets", Text::Exact),
    ("session", Text::Exact),
    ("task", Text::Exact),
    ("to", Text::Exact),
    ("ttl", Text::Exact),
    ("value", Text::Exact),
    ("wasm", Text::Exact),
];

/// Longest text of each sort, in bytes. Operations have narrower bounds for most of theirs.
const SAID_BYTES: usize = 64 << 10;
const NAME_BYTES: usize = 4 << 10;
/// Longest manifest and setting; the body of the request bounds the rest.
const DOCUMENT_BYTES: usize = 256 << 10;
/// Members that carry documents.
const DOCUMENTS: [&str; 3] = ["document", "manifest", "value"];
/// Members that carry files: the body of an upload bounds them.
const UPLOADS: [&str; 2] = ["from", "wasm"];
/// Hexadecimal digits of usual digests.
const DIGESTS: [usize; 6] = [32, 38, 40, 56, 64, 128];

/// Covers in `input` what must not be kept, and tells where. Refuses names that are secrets, and what is too long.
pub(crate) fn redact_input(kind: OperationKind, input: &mut Value) -> Result<Vec<String>, Fault> {
    let mut covered = Vec::new();
    if let Some(members) = input.as_object_mut() {
        for (name, value) in members {
            walk(name, known(name), name, value, &mut |name, sort, path, text| {
                bounded(name, sort, path, text)?;
                if kind == OperationKind::Read {
                    return Ok(());
                }
                match sort {
                    Text::Said => {
                        if let Cow::Owned(safe) = redact(text) {
                            *text = safe;
                            covered.push(path.to_owned());
                        }
                    }
                    Text::Name if is_secret(text) => return Err(looks_like_secret(path)),
                    Text::Path if is_secret(&without_digests(text)) => return Err(looks_like_secret(path)),
                    Text::Name | Text::Path | Text::Exact => {}
                }
                Ok(())
            })?;
        }
    }
    Ok(covered)
}

/// Puts U+FFFD in place of NUL, which no database keeps, in what somebody says; tells where.
pub(crate) fn replace_nul(kind: OperationKind, input: &mut Value) -> Result<Vec<String>, Fault> {
    let mut replaced = Vec::new();
    if let Some(members) = input.as_object_mut().filter(|_| kind != OperationKind::Read) {
        for (name, value) in members {
            walk(name, known(name), name, value, &mut |_, sort, path, text| {
                if sort == Text::Said && text.contains('\0') {
                    *text = text.replace('\0', "\u{fffd}");
                    replaced.push(path.to_owned());
                }
                Ok(())
            })?;
        }
    }
    Ok(replaced)
}

/// Adds to an answer which members of the input held NUL.
pub(crate) fn report_nul(answer: &mut Value, replaced: &[String]) {
    let told = replaced.iter().map(|path| format!("`{path}` held NUL, which is kept as U+FFFD"));
    warn(answer, told.map(Value::from).collect());
}

/// Adds to an answer which members of the input were covered.
pub(crate) fn report_covered(answer: &mut Value, covered: &[String]) {
    let added = covered.iter().map(|path| {
        Value::from(format!(
            "`{path}` held what looks like a secret; {} is kept in its place. Say where the secret is, not what it is",
            redact::COVER
        ))
    });
    warn(answer, added.collect());
}

fn warn(answer: &mut Value, added: Vec<Value>) {
    let Some(members) = answer.as_object_mut().filter(|_| !added.is_empty()) else { return };
    match members.entry(WARNINGS).or_insert_with(|| json!([])) {
        Value::Array(warnings) => warnings.extend(added),
        other => *other = added.into(),
    }
}

/// Adds the member to the schema of an answer.
pub(crate) fn add_warnings_to_schema(schema: &mut Value) {
    let text = json!({ "type": "string" });
    let Some(schema) = schema.as_object_mut().filter(|schema| schema.get("type") == Some(&"object".into()))
    else {
        return;
    };
    let properties = schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    let Some(properties) = properties.as_object_mut() else { return };
    if let Some(warnings) = properties.get_mut(WARNINGS) {
        if let Some(items) = warnings.get_mut("items") {
            *items = json!({ "anyOf": [items.take(), text] });
        }
    } else {
        let warnings = json!({
            "type": "array",
            "items": text,
            "description": "Members of the input that held what looks like a secret: it was covered before it was kept.",
        });
        properties.insert(WARNINGS.into(), warnings);
    }
}

fn known(name: &str) -> Option<Text> {
    MEMBERS.iter().find(|(known, _)| *known == name).map(|(_, sort)| *sort)
}

type Visit<'v> = dyn FnMut(&str, Text, &str, &mut String) -> Result<(), Fault> + 'v;

/// Visits every text at `path`; what a member is goes for all below it.
fn walk(
    name: &str,
    sort: Option<Text>,
    path: &str,
    value: &mut Value,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    match value {
        Value::String(text) => visit(name, sort.unwrap_or(Text::Said), path, text),
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .try_for_each(|(at, item)| walk(name, sort, &format!("{path}[{at}]"), item, visit)),
        Value::Object(members) => members.iter_mut().try_for_each(|(member, value)| {
            let shown: String = member.chars().take(64).collect();
            walk(name, sort.or_else(|| known(member)), &format!("{path}.{}", redact(&shown)), value, visit)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn bounded(name: &str, sort: Text, path: &str, text: &str) -> Result<(), Fault> {
    let limit_bytes = match sort {
        _ if UPLOADS.contains(&name) => return Ok(()),
        _ if DOCUMENTS.contains(&name) => DOCUMENT_BYTES,
        Text::Said => SAID_BYTES,
        Text::Name | Text::Path | Text::Exact => NAME_BYTES,
    };
    if text.len() <= limit_bytes {
        return Ok(());
    }
    let what = format!("`{path}` has {} bytes, at most {limit_bytes} are allowed", text.len());
    Err(Fault::new(FaultKind::TooLarge, Origin::Client, what)
        .code("text_too_long")
        .param(path.to_owned())
        .hint("put long material into a file of the workspace and name its path"))
}

fn is_secret(text: &str) -> bool {
    matches!(redact(text), Cow::Owned(_))
}

/// The path with every part that is nothing but a digest left out.
fn without_digests(path: &str) -> String {
    let is_digest =
        |part: &str| DIGESTS.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !path.contains('/') {
        return path.to_owned();
    }
    path.split('/').map(|part| if is_digest(part) { "" } else { part }).collect::<Vec<_>>().join("/")
}

fn looks_like_secret(path: &str) -> Fault {
    Fault::invalid(format!("`{path}` looks like a secret, and others would read it"))
        .code("looks_like_secret")
        .param(path.to_owned())
        .hint("give it a name that gives nothing away; if this is a credential of yours, take it out of use")
}

#[cfg(test)]
mod tests;
