//! A value as a text. What a stranger wrote must not move the cursor, nor turn the order of what is read.

use brains_core::visible::turns_text;
use serde_json::Value;

/// Longest text within a row; the whole stands in JSON.
const CELL: usize = 120;
/// Shortest text that is looked at as a secret.
const SECRET: usize = 32;

/// On one line, cut to what a row has room for.
pub(super) fn line(value: &Value) -> String {
    let text = whole(value).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.split(' ').count() == 1 { text } else { cut(&text, CELL) }
}

/// All of it; lines stay lines.
pub(super) fn whole(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => without_millis(text),
        Value::Number(number) => match number.as_f64().filter(|_| !number.is_i64() && !number.is_u64()) {
            Some(number) => format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            None => number.to_string(),
        },
        Value::Array(items) => items.iter().map(whole).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{name} {}", whole(value)))
            .collect::<Vec<_>>()
            .join(" · "),
    };
    harmless(&text)
}

/// A text that neither moves the cursor nor turns the order of what is read.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|symbol| if is_harmless(symbol) { symbol } else { '\u{fffd}' }).collect()
}

fn is_harmless(symbol: char) -> bool {
    symbol == '\n' || !symbol.is_control() && !turns_text(symbol)
}

/// The beginning of a text, with `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let kept = text.chars().take_while(|symbol| {
        let needed = symbol.width().unwrap_or(0);
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    });
    kept.collect::<String>().trim_end().to_owned() + "…"
}

/// Whether a member holds a secret, by what it is called and how it looks. It is copied from the screen as a whole.
pub(super) fn is_secret(name: &str, value: &Value) -> bool {
    let Value::String(text) = value else { return false };
    let last = name.rsplit(['.', '_']).next().unwrap_or_default();
    ["key", "token", "secret"].contains(&last)
        && text.len() >= SECRET
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A time to the second, as people read it; any other text as it is.
fn without_millis(text: &str) -> String {
    let time = text.strip_suffix('Z').and_then(|text| text.split_once('T'));
    match time.and_then(|(day, time)| Some((day, time.split_once('.')?.0))) {
        Some((day, time)) if day.len() == 10 && time.len() == 8 => format!("{day} {time}"),
        _ => text.to_owned(),
    }
}

/// Whether a text is such a time.
pub(super) fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 19
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            10 => *byte == b' ',
            13 | 16 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
}
