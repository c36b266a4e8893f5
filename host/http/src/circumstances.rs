//! What a request tells of its caller beside the key: native session ids, a session token, where a command runs, the
//! key that makes it happen once. All of it is headers; none of it gives a right that the key does not have.

use std::path::PathBuf;

use brains_core::caller::{NativeId, Surface};
use brains_core::{Caller, Principal, Secret};
use http::HeaderMap;

/// Proves that the caller is a session.
const TOKEN: &str = "x-brains-session-token";
/// Where the command that calls was run; sent by our own command line.
const DIRECTORY: &str = "x-brains-directory";
/// Through which door a program of ours passes the call on.
const SURFACE: &str = "x-brains-surface";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Headers in which programs that work for people send the id of their own session.
const NATIVE: [&str; 4] = ["x-claude-code-session-id", "session-id", "thread-id", "x-session-id"];
/// Longest native id that is looked at.
const NATIVE_MAX: usize = 256;

/// The caller as its headers describe it.
pub(crate) fn caller(headers: &HeaderMap, principal: &Principal) -> Caller {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let native = NATIVE.iter().filter_map(|name| {
        let value = text(name).filter(|value| value.len() <= NATIVE_MAX)?;
        Some(NativeId { kind: (*name).to_owned(), value: value.to_owned() })
    });
    Caller {
        surface: if text(SURFACE) == Some("cli") { Surface::Cli } else { Surface::Http },
        agent: principal.agent,
        connection: None,
        native: native.collect(),
        token: text(TOKEN).map(Secret::new),
        directory: text(DIRECTORY).and_then(decoded).filter(|path| path.is_absolute()),
        idempotency_key: text(IDEMPOTENCY_KEY).map(str::to_owned),
    }
}

/// A path in a header is percent-encoded: headers are ASCII.
fn decoded(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests;
