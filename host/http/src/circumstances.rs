//! What a request tells of its caller beside the key: native session ids, a session token, where a command runs, the
//! key that makes it happen once. All of it is headers; none of it gives a right that the key does not have.

use std::path::PathBuf;

use brains_core::caller::{NATIVE_HEADERS, NATIVE_MAX, NativeId, Surface};
use brains_core::plane::session::Process;
use brains_core::{Caller, Principal, Secret};
use http::HeaderMap;

/// Proves that the caller is a session.
const TOKEN: &str = "x-brains-session-token";
/// Where the command that calls was run; sent by our own command line.
const DIRECTORY: &str = "x-brains-directory";
/// Through which door a program of ours passes the call on.
const SURFACE: &str = "x-brains-surface";
/// Proves that it is one: what stands in a file that only the operator of this service can read.
const PROOF: &str = "x-brains-proof";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The connection of an agent's own process, as the program that passes the call on knows it.
const CONNECTION: &str = "x-brains-connection";
/// The process that the connection lives by: its machine, percent-encoded, its pid, and when it began in the kernel's
/// ticks, with blanks between.
const PROCESS: &str = "x-brains-process";
/// A native id that came another way than as a header: its kind and its value, each percent-encoded.
const NATIVE: &str = "x-brains-native";

/// The caller as its headers describe it. The surface is what the listener knows: a program that proves to be ours may say
/// that it passes on what came by another.
pub(crate) fn caller(headers: &HeaderMap, principal: &Principal, proof: Option<&Secret>) -> Caller {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let own = NATIVE_HEADERS.iter().filter_map(|name| {
        let value = text(name).filter(|value| value.len() <= NATIVE_MAX)?;
        Some(NativeId { kind: (*name).to_owned(), value: value.to_owned() })
    });
    let passed_on = headers.get_all(NATIVE).iter().filter_map(|value| {
        let (kind, value) = value.to_str().ok()?.split_once('=')?;
        let (kind, value) = (decoded(kind)?, decoded(value).filter(|value| value.len() <= NATIVE_MAX)?);
        Some(NativeId { kind, value })
    });
    let claimed = match text(SURFACE) {
        Some("cli") => Surface::Cli,
        Some("mcp") => Surface::Mcp,
        _ => Surface::Http,
    };
    let proven = proof.is_some_and(|proof| text(PROOF).is_some_and(|shown| proof.matches(shown.as_bytes())));
    Caller {
        surface: if proven { claimed } else { Surface::Http },
        // Whoever speaks for an agent gives up what only a person may do; that is believed of everybody.
        agent: principal.agent || claimed == Surface::Mcp,
        connection: text(CONNECTION).filter(|id| id.len() <= NATIVE_MAX).map(str::to_owned),
        process: text(PROCESS).and_then(process),
        native: own.chain(passed_on).collect(),
        token: text(TOKEN).map(Secret::new),
        directory: text(DIRECTORY).and_then(decoded).map(PathBuf::from).filter(|path| path.is_absolute()),
        idempotency_key: text(IDEMPOTENCY_KEY).map(str::to_owned),
    }
}

fn process(text: &str) -> Option<Process> {
    let mut parts = text.split(' ');
    let (machine, pid, started) = (decoded(parts.next()?)?, parts.next()?.parse().ok()?, parts.next()?);
    Some(Process { machine, pid, started: started.parse().ok() })
}

/// What may be any text is percent-encoded: headers are ASCII.
fn decoded(text: &str) -> Option<String> {
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
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
