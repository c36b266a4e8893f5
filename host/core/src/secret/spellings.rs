//! How a secret may be written so that no escape tells: as it is, without the blanks of a key in PEM, in hexadecimal,
//! and in base 64 as a part of whatever stands around it (`Bearer …`, `user:…`).

use std::collections::BTreeSet;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::SHORTEST;
use crate::plain::Plain;

/// Every spelling of `secret`; small and capital letters are one.
pub(super) fn of(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let trimmed = secret.trim();
    if trimmed.len() < SHORTEST {
        return found;
    }
    for text in [secret, trimmed] {
        found.insert(text.as_bytes().to_vec());
        found.insert(without(text, u8::is_ascii_whitespace));
        found.insert(without(text, |byte| matches!(byte, b'\r' | b'\n')));
        // A form writes a blank as a plus.
        found.insert(text.replace(' ', "+").into_bytes());
        found.insert(in_ascii(text).into_bytes());
    }
    // A secret with something in it that looks like an escape is found where all escapes are undone, too.
    let plain = Plain::read(trimmed.as_bytes());
    found.insert(plain.bytes().to_vec());
    found.insert(plain.again().bytes().to_vec());
    found.insert(in_hex(trimmed.as_bytes()));
    for before in 0..3 {
        found.insert(within(&STANDARD_NO_PAD, before, trimmed.as_bytes()));
        found.insert(within(&URL_SAFE_NO_PAD, before, trimmed.as_bytes()));
    }
    found.retain(|spelling| spelling.len() >= SHORTEST);
    found
}

fn without(text: &str, dropped: impl Fn(&u8) -> bool) -> Vec<u8> {
    text.bytes().filter(|byte| !dropped(byte)).collect()
}

/// What is not ASCII as JSON may write it.
fn in_ascii(text: &str) -> String {
    let mut units = [0; 2];
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            written.push(letter);
        } else {
            written.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    written
}

fn in_hex(bytes: &[u8]) -> Vec<u8> {
    hex::encode(bytes).into_bytes()
}

/// The digits of base 64 that depend on nothing but the secret, when `before` bytes of a group stand in front of it.
fn within(engine: &impl base64::Engine, before: usize, secret: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret);
    let digits = engine.encode(&bytes).into_bytes();
    // A digit holds six bits: the first ones share theirs with what stands before, the last one with what follows.
    let first = (before * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    digits.get(first..last).unwrap_or_default().to_vec()
}
