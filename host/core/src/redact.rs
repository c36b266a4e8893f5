//! Value-level redaction: covers what looks like a credential wherever it stands, in plain text, JSON (escaped any
//! number of times), URLs, headers and settings. It errs on the side of covering; ids of ours, UUIDs, commit hashes,
//! digests that say so, paths and ordinary words stay. Linear in the text.

mod assign;
mod entropy;
mod shapes;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::plain::Plain;

/// Stands for what was covered.
pub const COVER: &str = "[REDACTED]";
/// Covering can bring two texts together that look like a credential; this many rounds settle that. Of 400,000 random
/// texts of the property test none needed more than four; the most that was met is five.
const ROUNDS: usize = 8;

/// What names are sensitive beside those that are known; set once, by the configuration that the program starts with.
static PARTS: OnceLock<Vec<String>> = OnceLock::new();

/// From now on values are covered too whose names contain one of `parts`, whatever is redacted and wherever. Counts
/// once; parts that are known anyhow are left to the rules that know more of them.
pub fn also_sensitive(parts: &[String]) {
    let parts = parts.iter().map(|part| part.to_lowercase());
    let own: Vec<String> = parts.filter(|part| part.len() >= 2 && !assign::is_sensitive(part)).collect();
    // Who comes second reads the same configuration.
    drop(PARTS.set(own));
}

/// `text` with everything covered that looks like a credential.
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(mut covered) = once(text) else { return Cow::Borrowed(text) };
    for _ in 1..ROUNDS {
        match once(&covered) {
            Some(again) => covered = again,
            None => break,
        }
    }
    Cow::Owned(covered)
}

/// Covers the credentials in every text of `value`, and everything under a sensitive name.
pub fn redact_json(value: &mut Value) {
    match value {
        Value::String(text) => cover_text(text),
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if is_sensitive(name) {
                    cover_all(member);
                } else {
                    redact_json(member);
                }
            }
            if members.keys().any(|name| matches!(redact(name), Cow::Owned(_))) {
                let named = std::mem::take(members);
                *members = named
                    .into_iter()
                    .map(|(name, member)| (redact(&name).into_owned(), member))
                    .collect::<Map<_, _>>();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a name says that its value is a credential, or one that the operator wants covered.
fn is_sensitive(name: &str) -> bool {
    assign::is_sensitive(name) || contains_part(name, PARTS.get().map_or(&[], Vec::as_slice))
}

fn contains_part(name: &str, parts: &[String]) -> bool {
    if parts.is_empty() {
        return false;
    }
    let lower = name.to_lowercase();
    !assign::tells_about(&lower) && parts.iter().any(|part| lower.contains(part.as_str()))
}

fn cover_text(text: &mut String) {
    if let Cow::Owned(covered) = redact(text) {
        *text = covered;
    }
}

fn cover_all(value: &mut Value) {
    match value {
        Value::String(text) if text.is_empty() || is_reference(text) => {}
        Value::String(_) | Value::Number(_) => *value = Value::from(COVER),
        Value::Array(items) => items.iter_mut().for_each(cover_all),
        Value::Object(members) => members.values_mut().for_each(cover_all),
        Value::Null | Value::Bool(_) => {}
    }
}

/// `${ENV:NAME}` tells where a secret is, not the secret.
fn is_reference(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}')
}

/// One round; none when nothing was found.
fn once(text: &str) -> Option<String> {
    // Nothing shorter can be an assignment of a value or a token.
    if text.len() < 6 {
        return None;
    }
    let plain = Plain::read(text.as_bytes());
    let mut found: Vec<Range<usize>> = Vec::new();
    shapes::find(plain.bytes(), &mut found);
    assign::find(&plain, &mut found);
    entropy::find(plain.bytes(), &mut found);
    if found.is_empty() {
        return None;
    }
    found.sort_unstable_by_key(|span| (span.start, span.end));
    let mut covered = String::with_capacity(text.len());
    let mut done = 0;
    let mut open: Option<Range<usize>> = None;
    for span in found {
        let span = plain.raw(&span);
        match &mut open {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => {
                if let Some(last) = open.replace(span) {
                    covered.push_str(text.get(done..last.start)?);
                    covered.push_str(COVER);
                    done = last.end;
                }
            }
        }
    }
    if let Some(last) = open {
        covered.push_str(text.get(done..last.start)?);
        covered.push_str(COVER);
        done = last.end;
    }
    covered.push_str(text.get(done..)?);
    (covered != text).then_some(covered)
}

#[cfg(test)]
mod tests;
