//! What our own programs and our own service say to each other in headers: their names, and how a caller is written and
//! read. Headers are ASCII, so what may be any text is percent-encoded.

use std::borrow::Cow;
use std::path::PathBuf;

use super::{CallSurface, Caller, NATIVE_HEADERS, NATIVE_MAX, NativeId};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::Secret;
use crate::plane::session::Process;

/// Proves that the caller is a session.
pub const TOKEN: &str = "x-brains-session-token";
/// Where the command that calls was run.
pub const DIRECTORY: &str = "x-brains-directory";
/// By which surface the call came to the program that passes it on.
pub const SURFACE: &str = "x-brains-surface";
/// Proves that the program is ours: what stands in a file that only the operator of the service can read.
pub const PROOF: &str = "x-brains-proof";
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The connection of an agent's own process, as the program that passes the call on knows it.
pub const CONNECTION: &str = "x-brains-connection";
/// The process that the connection lives by: its machine, its pid, and when it began in the kernel's ticks (`-` when that
/// is not known), with blanks between.
pub const PROCESS: &str = "x-brains-process";
/// The program behind an agent's connection, as it names itself.
pub const CLIENT: &str = "x-brains-client";
/// A native id that came another way than as a header: its kind, `=` and its value.
pub const NATIVE: &str = "x-brains-native";
/// In an answer: a line about waiting mail.
pub const MAIL: &str = "x-brains-mail";
/// In an answer: it was given before, under this idempotency key.
pub const REPLAYED: &str = "x-brains-replayed";

/// The headers that tell of a caller.
pub fn written(caller: &Caller) -> Vec<(&'static str, Secret)> {
    let mut headers = vec![(SURFACE, Secret::new(caller.surface.word()))];
    let directory = caller.directory.as_deref().and_then(std::path::Path::to_str).map(encoded);
    let process = caller.process.as_ref().map(|process| {
        let started = process.started.map_or_else(|| "-".to_owned(), |ticks| ticks.to_string());
        format!("{} {} {started}", encoded(&process.machine), process.pid)
    });
    let texts = [
        (DIRECTORY, directory),
        (CONNECTION, caller.connection.clone()),
        (IDEMPOTENCY_KEY, caller.idempotency_key.clone()),
        (PROCESS, process),
        (CLIENT, caller.client.as_deref().map(encoded)),
    ];
    headers.extend(texts.into_iter().filter_map(|(name, text)| Some((name, Secret::new(text?)))));
    headers.extend(caller.token.clone().map(|token| (TOKEN, token)));
    let native = caller.native.iter().map(|id| format!("{}={}", encoded(&id.kind), encoded(&id.value)));
    headers.extend(native.map(|id| (NATIVE, Secret::new(id))));
    headers
}

/// The caller that headers tell of. Whether the surface is what they say, and whether an agent speaks, is for who received
/// them to decide.
pub fn read(headers: &[(&str, &str)]) -> Caller {
    let all = |name: &'static str| {
        headers
            .iter()
            .filter(move |(header, text)| *header == name && !text.is_empty())
            .map(|(_, text)| *text)
    };
    let text = |name: &'static str| all(name).next();
    let own = NATIVE_HEADERS.iter().filter_map(|name| {
        let value = text(name).filter(|value| value.len() <= NATIVE_MAX)?;
        Some(NativeId { kind: (*name).to_owned(), value: value.to_owned() })
    });
    let passed_on = all(NATIVE).filter_map(|id| {
        let (kind, value) = id.split_once('=')?;
        let (kind, value) = (decoded(kind)?, decoded(value).filter(|value| value.len() <= NATIVE_MAX)?);
        Some(NativeId { kind, value })
    });
    let surface = [CallSurface::Cli, CallSurface::Mcp]
        .into_iter()
        .find(|surface| text(SURFACE) == Some(surface.word()));
    Caller {
        surface: surface.unwrap_or_default(),
        agent: false,
        connection: text(CONNECTION).filter(|id| id.len() <= NATIVE_MAX).map(str::to_owned),
        process: text(PROCESS).and_then(process),
        client: text(CLIENT).and_then(decoded),
        native: own.chain(passed_on).collect(),
        token: text(TOKEN).map(Secret::new),
        directory: text(DIRECTORY).and_then(decoded).map(PathBuf::from).filter(|path| path.is_absolute()),
        idempotency_key: text(IDEMPOTENCY_KEY).map(str::to_owned),
    }
}

/// The names of all headers that [`read`] looks at, but for those of native ids.
pub const NAMES: [&str; 8] =
    [TOKEN, DIRECTORY, SURFACE, IDEMPOTENCY_KEY, CONNECTION, PROCESS, CLIENT, NATIVE];

fn process(text: &str) -> Option<Process> {
    let mut parts = text.split(' ');
    let (machine, pid, started) = (decoded(parts.next()?)?, parts.next()?.parse().ok()?, parts.next()?);
    Some(Process { machine, pid, started: started.parse().ok() })
}

/// What a header cannot hold, or what stands between the parts of one.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'=');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// None of what no program of ours writes: the crate lets a `%` stand that escapes nothing.
fn decoded(text: &str) -> Option<String> {
    let is_escape =
        |rest: &str| matches!(rest.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = String> {
        "[ -~äß=%\u{1F980}]{1,40}"
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            directory in texts(),
            machine in texts(),
            (pid, started) in (any::<i32>().prop_map(i32::abs), proptest::option::of(any::<u32>())),
            (kind, value) in (texts(), texts()),
            cli in any::<bool>(),
        ) {
            let caller = Caller {
                surface: if cli { CallSurface::Cli } else { CallSurface::Mcp },
                connection: Some("conn-1".into()),
                client: Some(machine.clone()),
                native: vec![NativeId { kind, value }],
                token: Some(Secret::new("tok")),
                directory: Some(PathBuf::from(format!("/{directory}"))),
                process: Some(Process { machine, pid: pid.try_into().unwrap(), started: started.map(Into::into) }),
                idempotency_key: Some("key".into()),
                ..Caller::default()
            };
            let headers = written(&caller);
            let shown: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (*name, text.expose())).collect();
            prop_assert!(shown.iter().all(|(_, text)| text.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
            prop_assert_eq!(read(&shown), caller);
        }

        #[test]
        fn nothing_trips_it(name in 0_usize..8, text in "\\PC{0,60}") {
            let _caller = read(&[(NAMES[name], &text)]);
        }
    }
}
