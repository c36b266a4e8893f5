//! JSON read where it lies: a strict cursor that borrows from the text, and a tree-less view of objects with
//! paths for error messages. Numbers and unknown members keep the text they came with.

mod bounds;
mod finite;
mod node;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;

pub use bounds::{Unbounded, within};
pub use finite::nonfinite_as_null;
pub(crate) use node::member;
pub use node::{Node, Object};
pub(crate) use write::quote_into;
pub use write::{Members, array, quote, strings};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

/// What is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Syntax {
    pub what: &'static str,
    pub offset: usize,
}

/// The kind of the value that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl JsonKind {
    /// With its article, for error messages.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A member's name as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    raw: &'a str,
    escaped: bool,
    /// Where its opening quote stands.
    pub offset: usize,
}

impl<'a> Key<'a> {
    pub fn name(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// A strict cursor (RFC 8259, depth-capped). Each call consumes one whole value.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub const fn offset(&self) -> usize {
        self.at
    }

    /// Looks at what comes next without consuming it.
    pub fn kind(&mut self) -> Result<JsonKind, Syntax> {
        self.space();
        match self.byte() {
            Some(b'{') => Ok(JsonKind::Object),
            Some(b'[') => Ok(JsonKind::Array),
            Some(b'"') => Ok(JsonKind::String),
            Some(b't' | b'f') => Ok(JsonKind::Bool),
            Some(b'n') => Ok(JsonKind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(JsonKind::Number),
            Some(_) => Err(self.wrong("expected a value")),
            None => Err(self.wrong("unexpected end, expected a value")),
        }
    }

    /// Consumes one value of any kind and gives its text, without the space around it.
    pub fn skip(&mut self) -> Result<&'a str, Syntax> {
        self.space();
        let start = self.at;
        self.value()?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Nothing but space may follow.
    pub fn end(&mut self) -> Result<(), Syntax> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.wrong("unexpected text after the value")) }
    }

    /// Consumes a string.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Syntax> {
        if self.kind()? != JsonKind::String {
            return Err(self.wrong("expected a string"));
        }
        Ok(self.key()?.name())
    }

    /// Consumes an object; `each` must consume the member's value.
    pub fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Key<'a>) -> Result<(), Syntax>,
    ) -> Result<(), Syntax> {
        self.enter(b'{', "expected an object")?;
        if self.eat(b'}') {
            return self.leave();
        }
        loop {
            self.space();
            if self.byte() != Some(b'"') {
                return Err(self.wrong("expected a member name in double quotes"));
            }
            let key = self.key()?;
            if !self.eat(b':') {
                return Err(self.wrong("expected `:` after the member name"));
            }
            each(self, key)?;
            if self.eat(b',') {
                continue;
            }
            if self.eat(b'}') {
                return self.leave();
            }
            return Err(self.wrong("expected `,` or `}`"));
        }
    }

    /// Consumes an array; `each` must consume the element.
    pub fn array(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Syntax>) -> Result<(), Syntax> {
        self.enter(b'[', "expected an array")?;
        if self.eat(b']') {
            return self.leave();
        }
        loop {
            each(self)?;
            if self.eat(b',') {
                continue;
            }
            if self.eat(b']') {
                return self.leave();
            }
            return Err(self.wrong("expected `,` or `]`"));
        }
    }

    fn value(&mut self) -> Result<(), Syntax> {
        match self.kind()? {
            JsonKind::Object => self.object(|reader, _| reader.value()),
            JsonKind::Array => self.array(Self::value),
            JsonKind::String => self.key().map(drop),
            JsonKind::Number => self.number(),
            JsonKind::Null => self.word("null"),
            JsonKind::Bool if self.byte() == Some(b't') => self.word("true"),
            JsonKind::Bool => self.word("false"),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Syntax> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.wrong("expected a value"))
        }
    }

    fn number(&mut self) -> Result<(), Syntax> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.wrong("expected a digit")),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("expected a digit")) } else { Ok(()) }
    }

    /// At an opening quote: consumes the string.
    fn key(&mut self) -> Result<Key<'a>, Syntax> {
        let offset = self.at;
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let hit = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            let plain = rest.get(..hit).unwrap_or_default();
            // A minimum without an early exit is what the compiler turns into vector code.
            if plain.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < 0x20 {
                self.at += plain.iter().position(|byte| *byte < 0x20).unwrap_or(0);
                return Err(self.wrong("control character in a string"));
            }
            self.at += hit;
            match rest.get(hit) {
                Some(b'"') => break,
                Some(_) => {
                    escaped = true;
                    self.escape(rest.get(hit + 1..).unwrap_or_default())?;
                }
                None => return Err(self.wrong("unexpected end inside a string")),
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Key { raw, escaped, offset })
    }

    fn escape(&mut self, rest: &[u8]) -> Result<(), Syntax> {
        match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if rest.get(1..5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
                self.at += 6;
            }
            _ => return Err(self.wrong("invalid escape in a string")),
        }
        Ok(())
    }

    fn enter(&mut self, open: u8, otherwise: &'static str) -> Result<(), Syntax> {
        if !self.eat(open) {
            return Err(self.wrong(otherwise));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.wrong("nested too deeply")) } else { Ok(()) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "reads as the last step of a value")]
    const fn leave(&mut self) -> Result<(), Syntax> {
        self.depth -= 1;
        Ok(())
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let hit = self.byte() == Some(byte);
        self.at += usize::from(hit);
        hit
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    const fn wrong(&self, what: &'static str) -> Syntax {
        Syntax { what, offset: self.at }
    }
}

/// Whether `text` is one JSON value and nothing else.
pub fn check(text: &str) -> Result<(), Syntax> {
    let mut reader = Reader::new(text);
    reader.skip()?;
    reader.end()
}

/// Resolves the escapes of a string that has been checked. Half a surrogate pair becomes U+FFFD, as a
/// client that cuts a string inside an emoji would otherwise be refused for it.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let (decoded, after) = code_point(chars.as_str());
                out.push(decoded);
                rest = after;
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Reads `XXXX` or `XXXX\uXXXX`.
fn code_point(text: &str) -> (char, &str) {
    let (Some(first), Some(after)) = (hex4(text), text.get(4..)) else {
        return (char::REPLACEMENT_CHARACTER, "");
    };
    if let Some(single) = char::from_u32(first) {
        return (single, after);
    }
    let second = after.strip_prefix("\\u").and_then(hex4);
    match second {
        Some(low @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            let both = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            (both, after.get(6..).unwrap_or_default())
        }
        _ => (char::REPLACEMENT_CHARACTER, after),
    }
}

fn hex4(text: &str) -> Option<u32> {
    u32::from_str_radix(text.get(..4)?, 16).ok()
}
