//! A text with its escapes undone, and where each byte of that stood. JSON's escapes (also doubled, as JSON within JSON
//! has them), percent-encoding and HTML's entities hide neither a credential nor the quotes around it.

use std::ops::Range;

/// More backslashes than this are no escaping that anybody does; the bound keeps the scan linear.
const SLASHES: usize = 32;
/// Bytes at the end of a piece in which an escape may have begun.
const TAIL: usize = SLASHES + 8;
/// Entities that encoders write by name.
const NAMED: [(&[u8], u8); 8] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"sol", b'/'),
    (b"plus", b'+'),
    (b"equals", b'='),
];
/// Digits of an entity that says a number.
const DIGITS: usize = 7;

/// Bytes without escapes.
#[derive(Debug)]
pub(crate) struct Plain {
    bytes: Vec<u8>,
    /// Start of each byte in the raw text, and the raw text's length at the end.
    starts: Vec<usize>,
}

impl Plain {
    pub(crate) fn read(raw: &[u8]) -> Self {
        let mut plain =
            Self { bytes: Vec::with_capacity(raw.len()), starts: Vec::with_capacity(raw.len() + 1) };
        let mut at = 0;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let (byte, width) = unit(rest);
            plain.bytes.push(byte);
            plain.starts.push(at);
            at += width;
        }
        plain.starts.push(raw.len());
        plain
    }

    /// The same once more, with places in the text that this one was read from.
    pub(crate) fn again(&self) -> Self {
        let mut next = Self::read(&self.bytes);
        for start in &mut next.starts {
            *start = self.start(*start);
        }
        next
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the byte at `at` stood.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.starts.get(at).or(self.starts.last()).copied().unwrap_or(0)
    }

    /// The first byte that stood at `start` or behind it.
    pub(crate) fn at(&self, start: usize) -> usize {
        self.starts.partition_point(|known| *known < start).min(self.bytes.len())
    }

    /// How many raw bytes the byte at `at` took: an escaped quote is wider than a quote.
    pub(crate) fn width(&self, at: usize) -> usize {
        let start = |at: usize| self.starts.get(at).copied().unwrap_or(0);
        start(at + 1).saturating_sub(start(at))
    }

    /// The raw text's range of a range of bytes.
    pub(crate) fn raw(&self, span: &Range<usize>) -> Range<usize> {
        self.start(span.start)..self.start(span.end)
    }
}

/// The escapes of `raw`: what each stands for. Backslashes that escape nothing are none.
pub(crate) fn escapes(raw: &[u8]) -> impl Iterator<Item = u8> + '_ {
    memchr::memchr3_iter(b'%', b'\\', b'&', raw).filter_map(|at| {
        let rest = raw.get(at..)?;
        let (byte, width) = unit(rest);
        (width > 1 && (byte != b'\\' || rest.first() != Some(&b'\\'))).then_some(byte)
    })
}

/// Where an escape begins that `raw` may end in the middle of.
pub(crate) fn unfinished(raw: &[u8]) -> Option<usize> {
    let from = raw.len().saturating_sub(TAIL);
    let tail = raw.get(from..)?;
    let at = memchr::memchr3_iter(b'%', b'\\', b'&', tail).find(|at| tail.get(*at..).is_some_and(begins))?;
    Some(from + at)
}

/// Whether all of `rest` may be the beginning of an escape.
fn begins(rest: &[u8]) -> bool {
    match rest {
        [b'%'] => true,
        [b'%', digit] => digit.is_ascii_hexdigit(),
        [b'\\', ..] => {
            let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
            match rest.get(slashes..).unwrap_or_default() {
                [] => true,
                [b'u', digits @ ..] => digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit),
                [b'x', digits @ ..] => digits.len() < 2 && digits.iter().all(u8::is_ascii_hexdigit),
                _ => false,
            }
        }
        [b'&', b'#', b'x' | b'X', digits @ ..] => {
            digits.len() <= DIGITS && digits.iter().all(u8::is_ascii_hexdigit)
        }
        [b'&', b'#', digits @ ..] => digits.len() <= DIGITS && digits.iter().all(u8::is_ascii_digit),
        [b'&', name @ ..] => NAMED.iter().any(|(known, _)| known.starts_with(name)),
        _ => false,
    }
}

/// The byte at the head of `rest` and the width of its raw form. A byte that stands for something outside ASCII
/// is 0xFF: it ends every token.
fn unit(rest: &[u8]) -> (u8, usize) {
    match rest {
        [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high * 16 + low, 3),
            _ => (b'%', 1),
        },
        [b'\\', ..] => {
            let slashes = rest.iter().take(SLASHES).take_while(|byte| **byte == b'\\').count();
            let escaped = |byte: u8| (byte, slashes + 1);
            match rest.get(slashes..).unwrap_or_default() {
                [b'n', ..] => escaped(b'\n'),
                [b'r', ..] => escaped(b'\r'),
                [b't', ..] => escaped(b'\t'),
                [quote @ (b'"' | b'\'' | b'/'), ..] => escaped(*quote),
                [b'u', digits @ ..] => {
                    number(digits, 4).map_or((b'\\', slashes), |value| (ascii(value), slashes + 5))
                }
                [b'x', digits @ ..] => {
                    number(digits, 2).map_or((b'\\', slashes), |value| (ascii(value), slashes + 3))
                }
                _ => (b'\\', slashes),
            }
        }
        [b'&', name @ ..] => entity(name).map_or((b'&', 1), |(byte, width)| (byte, width + 1)),
        [byte, ..] => (*byte, 1),
        [] => (0, 1),
    }
}

/// What the entity behind an ampersand stands for, and its width without that.
fn entity(name: &[u8]) -> Option<(u8, usize)> {
    let (digits, radix, before) = match name {
        [b'#', b'x' | b'X', digits @ ..] => (digits, 16, 2),
        [b'#', digits @ ..] => (digits, 10, 1),
        _ => {
            let (known, byte) = NAMED.iter().find(|(known, _)| {
                name.strip_prefix(*known).is_some_and(|rest| rest.first() == Some(&b';'))
            })?;
            return Some((*byte, known.len() + 1));
        }
    };
    let length =
        digits.iter().take(DIGITS + 1).take_while(|digit| char::from(**digit).is_digit(radix)).count();
    if !(1..=DIGITS).contains(&length) || digits.get(length) != Some(&b';') {
        return None;
    }
    let value = std::str::from_utf8(digits.get(..length)?).ok()?;
    Some((ascii(u32::from_str_radix(value, radix).ok()?), before + length + 1))
}

/// The value of the first `count` hexadecimal digits.
fn number(digits: &[u8], count: usize) -> Option<u32> {
    digits.get(..count)?.iter().try_fold(0, |value, digit| Some(value * 16 + u32::from(hex(*digit)?)))
}

fn ascii(value: u32) -> u8 {
    u8::try_from(value).ok().filter(u8::is_ascii).unwrap_or(0xFF)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
