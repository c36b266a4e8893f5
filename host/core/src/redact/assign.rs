//! Values of sensitive names: `password=…`, `"api_key": "…"`, `X-Api-Key: …`, `--token …`, `<secret>…`; and what
//! follows `Bearer` and `Basic`.

use std::ops::Range;

use super::shapes::{is_word, run};
use super::{COVER, is_reference};
use crate::plain::Plain;

/// Sensitive wherever they stand in a name.
const ANYWHERE: [&str; 14] = [
    "apikey",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "credential",
    "privatekey",
    "accesskey",
    "accountkey",
    "authkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
];
/// Sensitive as a name's last word.
const LAST: [&str; 10] = [
    "token",
    "pwd",
    "pass",
    "pw",
    "jwt",
    "sig",
    "cookie",
    "sharedaccesssignature",
    "authtoken",
    "accesstoken",
];
/// A name with such a last word is about a credential, it does not hold one.
const ABOUT: [&str; 24] = [
    "id", "ids", "name", "names", "type", "url", "uri", "path", "file", "count", "length", "policy", "hint",
    "env", "ref", "expires", "at", "format", "schema", "set", "required", "field", "fields", "scope",
];
/// Values that are no credentials.
const PLAIN: [&str; 10] =
    ["null", "none", "true", "false", "undefined", "string", "bearer", "basic", "required", "optional"];
/// Words before a credential in a header.
const SCHEMES: [&str; 7] = ["bearer", "basic", "token", "digest", "apikey", "negotiate", "bot"];
/// Longest reference that is taken for one.
const REFERENCE_MAX: usize = 256;
/// Longest name that is looked at.
const NAME_MAX: usize = 64;

/// Adds every such value.
pub(super) fn find(plain: &Plain, found: &mut Vec<Range<usize>>) {
    let text = plain.bytes();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let span = match byte {
            b'=' | b':' | b'>' => assigned(plain, at),
            b' ' | b'\t' => after_scheme(text, at).or_else(|| option(plain, at)),
            _ => None,
        };
        match span {
            Some(span) => {
                at = span.end.max(at + 1);
                found.push(span);
            }
            None => at += 1,
        }
    }
}

/// Whether a name says that its value is a credential.
pub(super) fn is_sensitive(name: &str) -> bool {
    let words = name_parts(name);
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(&last.as_str()) {
        return false;
    }
    let joined = words.concat();
    ANYWHERE.iter().any(|part| joined.contains(part))
        || LAST.contains(&last.as_str())
        || LAST.contains(&joined.as_str())
}

/// Whether a lower-case name is about a credential only.
pub(super) fn tells_about(name: &str) -> bool {
    name_parts(name).last().is_some_and(|last| ABOUT.contains(&last.as_str()) || last == "tokens")
}

/// The words of a name in lower case: `maxTokens`, `max_tokens` and `MAX-TOKENS` are two words each.
fn name_parts(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for c in name.chars() {
        let fresh = !before.is_alphanumeric() || before.is_lowercase() && c.is_uppercase();
        if c.is_alphanumeric() {
            match words.last_mut() {
                Some(word) if !fresh => word.extend(c.to_lowercase()),
                _ => words.push(c.to_lowercase().collect()),
            }
        }
        before = c;
    }
    words
}

/// The name that ends before `end`, over quotes and spaces.
fn name_before(text: &[u8], end: usize) -> Option<Range<usize>> {
    let head = text.get(..end)?;
    let skipped = head
        .iter()
        .rev()
        .take(8)
        .take_while(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b']'))
        .count();
    let end = end - skipped;
    let length = text
        .get(..end)?
        .iter()
        .rev()
        .take(NAME_MAX)
        .take_while(|byte| is_word(**byte) || **byte == b'.')
        .count();
    (length > 0).then_some(end - length..end)
}

fn assigned(plain: &Plain, at: usize) -> Option<Range<usize>> {
    let text = plain.bytes();
    let separator = *text.get(at)?;
    let name = name_before(text, at)?;
    let before = name.start.checked_sub(1).and_then(|before| text.get(before)).copied();
    let name = std::str::from_utf8(text.get(name)?).ok()?;
    let in_query = separator == b'='
        && matches!(before, Some(b'?' | b'&'))
        && matches!(name, "key" | "auth" | "code" | "signature");
    if !in_query && !super::is_sensitive(name) || separator == b'>' && before != Some(b'<') {
        return None;
    }
    // A path of a language, not an assignment.
    if text.get(at..)?.starts_with(b"::") {
        return None;
    }
    // `==`, `=>` and `:=` are one separator.
    let mut from = at + 1;
    from += run(text.get(from..)?, |byte| matches!(byte, b'=' | b'>') && separator != b'>').min(2);
    let spaces = run(text.get(from..)?, |byte| matches!(byte, b' ' | b'\t'));
    from += spaces;
    let lower = name.to_ascii_lowercase();
    let rest = text.get(from..)?;
    // A placeholder in prose is an element only where it is closed.
    if separator == b'>' && !rest.first().is_some_and(u8::is_ascii_alphanumeric) && !closes(rest) {
        return None;
    }
    // The working directory of a shell, and what somebody else has covered.
    if lower.ends_with("pwd") && rest.starts_with(b"/") || rest.starts_with(b"***") || refers(rest) {
        return None;
    }
    let span = value(plain, from, separator)?;
    let quoted = span.start > from;
    let shown = std::str::from_utf8(text.get(span.clone())?).unwrap_or_default();
    let sure = quoted
        || spaces == 0 && separator != b':'
        || holds_password(&lower) && ends_line(text, span.end)
        || lower.contains("authorization")
        || lower.contains("cookie");
    (sure || telling(shown)).then_some(()).and_then(|()| worth(text, span))
}

/// Whether an element that has just begun is closed.
fn closes(rest: &[u8]) -> bool {
    rest.get(..REFERENCE_MAX).unwrap_or(rest).windows(2).any(|pair| pair == b"</")
}

fn holds_password(name: &str) -> bool {
    ["passw", "passphrase", "pwd"].iter().any(|part| name.contains(part))
}

/// Whether nothing follows on the line: prose goes on, a value ends.
fn ends_line(text: &[u8], at: usize) -> bool {
    !matches!(text.get(at..), Some([b' ' | b'\t', next, ..]) if next.is_ascii_alphanumeric())
}

/// Behind a colon stands prose as often as a value: a value has digits or signs in it, or is long.
fn telling(value: &str) -> bool {
    value.len() >= 6
        && (value.len() >= 24
            || value.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'+' | b'=' | b'$')))
}

/// The span, unless it holds nothing, a plain word, a reference or what was covered before.
fn worth(text: &[u8], span: Range<usize>) -> Option<Range<usize>> {
    let shown = std::str::from_utf8(text.get(span.clone())?).unwrap_or("…");
    let idle = shown.is_empty()
        || shown == COVER
        || is_reference(shown)
        || is_placeholder(shown)
        || is_code(shown)
        || PLAIN.iter().any(|word| shown.eq_ignore_ascii_case(word));
    (!idle).then_some(span)
}

/// `<token>`, `$TOKEN` and `{token}` stand for a value.
fn is_placeholder(value: &str) -> bool {
    let name = value
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .or_else(|| value.strip_prefix('{'))
        .or_else(|| value.strip_prefix('$'));
    name.is_some_and(|name| {
        let name = name.trim_matches(['{', '}']);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
    })
}

/// `settings.api_key`, `prompt(` and `env[`: where a program gets a value from.
fn is_code(value: &str) -> bool {
    let head = value.split(['(', '[']).next().unwrap_or_default();
    let parts = head.split('.');
    let named = parts
        .clone()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    named && (head.len() < value.len() || parts.count() > 1)
}

/// Whether a reference stands at the head.
fn refers(rest: &[u8]) -> bool {
    let head = rest.get(..REFERENCE_MAX).unwrap_or(rest);
    head.starts_with(b"${")
        && head.get(2..).and_then(|tail| {
            tail.get(run(tail, |byte| is_word(byte) || matches!(byte, b':' | b'/' | b'.' | b'~')))
        }) == Some(&b'}')
}

/// The value that begins at `from`: within its quotes, or up to what ends a value.
fn value(plain: &Plain, from: usize, separator: u8) -> Option<Range<usize>> {
    let text = plain.bytes();
    let first = *text.get(from)?;
    if matches!(first, b'"' | b'\'' | b'`') {
        let width = plain.width(from);
        let inside = text.get(from + 1..)?;
        let closing = |at: usize, byte: u8| byte == first && plain.width(from + 1 + at) == width;
        let length = inside
            .iter()
            .enumerate()
            .find(|(at, byte)| closing(*at, **byte))
            .map_or(inside.len(), |(at, _)| at);
        return Some(from + 1..from + 1 + length);
    }
    let rest = text.get(from..)?;
    let mut length = word_length(rest, separator);
    // `Authorization: Bearer …`: the scheme is no credential, what follows it is.
    let scheme = rest.get(..length).unwrap_or_default();
    if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()))
        && rest.get(length) == Some(&b' ')
    {
        let skipped = length + run(rest.get(length..)?, |byte| byte == b' ');
        length = word_length(rest.get(skipped..)?, separator);
        return Some(from + skipped..from + skipped + length);
    }
    Some(from..from + length)
}

/// Length of an unquoted value at the head.
fn word_length(rest: &[u8], separator: u8) -> usize {
    let ends = |at: usize, byte: u8| match byte {
        b'"' | b'\'' | b'`' | b'&' | b';' | b'\\' => true,
        b'<' => separator == b'>',
        b',' => {
            rest.get(at + 1).is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'"' | b'\''))
        }
        _ => byte.is_ascii_whitespace(),
    };
    let length =
        rest.iter().enumerate().find(|(at, byte)| ends(*at, **byte)).map_or(rest.len(), |(at, _)| at);
    let body = rest.get(..length).unwrap_or_default();
    let closing = |byte: &u8| matches!(byte, b')' | b']' | b'}' | b',');
    // What was covered before ends in a bracket of its own.
    if body.strip_prefix(COVER.as_bytes()).is_some_and(|behind| behind.iter().all(closing)) {
        return COVER.len();
    }
    length - body.iter().rev().take_while(|byte| closing(byte)).count()
}

/// What follows `Bearer` or `Basic` and the space at `at`.
fn after_scheme(text: &[u8], at: usize) -> Option<Range<usize>> {
    let head = text.get(..at)?;
    let length = head.iter().rev().take(8).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let scheme = head.get(at - length..)?;
    if !(scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic")) {
        return None;
    }
    let from = at + run(text.get(at..)?, |byte| byte == b' ');
    let rest = text.get(from..)?;
    let length = run(rest, |byte| is_word(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'='));
    let body = rest.get(..length)?;
    let body = body.strip_suffix(b".").unwrap_or(body);
    let strange = body.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'=' | b'_' | b'+'))
        || body
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    (body.len() >= 6 && strange || body.len() >= 32).then_some(from..from + body.len())
}

/// The value of `--name value`, whose space stands at `at`.
fn option(plain: &Plain, at: usize) -> Option<Range<usize>> {
    let text = plain.bytes();
    let length = text.get(..at)?.iter().rev().take(NAME_MAX).take_while(|byte| is_word(**byte)).count();
    let name = std::str::from_utf8(text.get(at - length..at)?).ok()?;
    let name = name.strip_prefix("--")?;
    if !super::is_sensitive(name) || text.get(at + 1) == Some(&b'-') {
        return None;
    }
    worth(text, value(plain, at + 1, b'=')?)
}
