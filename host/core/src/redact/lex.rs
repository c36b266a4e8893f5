//! The text with its escapes undone, and where each byte of that stood. JSON's escapes (also doubled, as JSON within
//! JSON has them) and percent-encoding hide neither a credential nor the quotes around it.

use std::ops::Range;

/// Bytes without escapes.
#[derive(Debug)]
pub(super) struct Plain {
    bytes: Vec<u8>,
    /// Start of each byte in the raw text, and the raw text's length at the end.
    starts: Vec<usize>,
}

impl Plain {
    pub(super) fn read(text: &str) -> Self {
        let raw = text.as_bytes();
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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many raw bytes the byte at `at` took: an escaped quote is wider than a quote.
    pub(super) fn width(&self, at: usize) -> usize {
        let start = |at: usize| self.starts.get(at).copied().unwrap_or(0);
        start(at + 1).saturating_sub(start(at))
    }

    /// The raw text's range of a range of bytes.
    pub(super) fn raw(&self, span: &Range<usize>) -> Range<usize> {
        let at = |at: usize| self.starts.get(at).or(self.starts.last()).copied().unwrap_or(0);
        at(span.start)..at(span.end)
    }
}

/// The byte at the head of `rest` and the width of its raw form. A byte that stands for something outside ASCII
/// is 0xFF: it ends every token.
fn unit(rest: &[u8]) -> (u8, usize) {
    match rest {
        [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (ascii(u32::from(high * 16 + low)), 3),
            _ => (b'%', 1),
        },
        [b'\\', ..] => {
            // More than this is no escaping that anybody does; and it keeps the scan linear.
            let slashes = rest.iter().take(32).take_while(|byte| **byte == b'\\').count();
            let escaped = |byte: u8| (byte, slashes + 1);
            match rest.get(slashes..).unwrap_or_default() {
                [b'n', ..] => escaped(b'\n'),
                [b'r', ..] => escaped(b'\r'),
                [b't', ..] => escaped(b'\t'),
                [quote @ (b'"' | b'\'' | b'/'), ..] => escaped(*quote),
                [b'u', digits @ ..] if digits.len() >= 4 => {
                    let value = digits
                        .iter()
                        .take(4)
                        .try_fold(0, |value, digit| Some(value * 16 + u32::from(hex(*digit)?)));
                    value.map_or((b'\\', slashes), |value| (ascii(value), slashes + 5))
                }
                _ => (b'\\', slashes),
            }
        }
        [byte, ..] => (*byte, 1),
        [] => (0, 1),
    }
}

fn ascii(value: u32) -> u8 {
    u8::try_from(value).ok().filter(u8::is_ascii).unwrap_or(0xFF)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
