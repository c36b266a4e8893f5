//! What a call does instead of, or before, answering.

use std::hint::black_box;

use serde_json::{Value, json};

use crate::bindings::brains::plugin::types::{Fault, FaultKind};
use crate::bindings::brains::plugin::{clock, config, kv, log, random, secrets};

/// One way to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultMode {
    /// Answers as it should.
    Ok,
    /// Answers with far more bytes than it holds: the same ones over and over.
    Amplify,
    /// Answers with what the imports said.
    Ask,
    /// Leaves the program.
    Exit,
    /// Answers with more events than anybody may.
    Flood,
    /// Answers with text that is none.
    Garble,
    /// Takes memory without end.
    Grow,
    /// Asks of one text after another whether it is the secret.
    Guess,
    /// Keeps values without end.
    Hoard,
    /// Answers with more bytes than anybody may.
    Huge,
    /// Keeps one value.
    Keep,
    /// Makes resources and drops none.
    Leak,
    /// Answers with what is no answer.
    Lie,
    /// Answers with a million events.
    Million,
    /// Answers with the value that was kept.
    Peek,
    /// Logs without end of use, and then answers.
    Print,
    /// Calls itself without end.
    Recurse,
    /// Says no.
    Refuse,
    /// Prints as any program does, and then answers.
    Say,
    /// Computes without end.
    Spin,
    /// Tells whatever its upstream said, to the log and to whoever asks.
    Tell,
    /// Stops by itself.
    Trap,
}

/// Every mode by the name that a model's name may end in.
const NAMES: [(&str, FaultMode); 22] = [
    ("ok", FaultMode::Ok),
    ("amplify", FaultMode::Amplify),
    ("ask", FaultMode::Ask),
    ("exit", FaultMode::Exit),
    ("flood", FaultMode::Flood),
    ("garble", FaultMode::Garble),
    ("grow", FaultMode::Grow),
    ("guess", FaultMode::Guess),
    ("hoard", FaultMode::Hoard),
    ("huge", FaultMode::Huge),
    ("keep", FaultMode::Keep),
    ("leak", FaultMode::Leak),
    ("lie", FaultMode::Lie),
    ("million", FaultMode::Million),
    ("peek", FaultMode::Peek),
    ("print", FaultMode::Print),
    ("recurse", FaultMode::Recurse),
    ("refuse", FaultMode::Refuse),
    ("say", FaultMode::Say),
    ("spin", FaultMode::Spin),
    ("tell", FaultMode::Tell),
    ("trap", FaultMode::Trap),
];

/// How many events a flood has.
pub(crate) const FLOOD: u32 = 66_000;

/// What it does while it is loaded, when there are no settings yet. Whoever wants that writes it into the file, in place
/// of `none` and the dots: an export, a colon and a mode.
static AT_LOAD: &str = "fault-while-loading=none......................;";

/// The settings as they are.
pub(crate) fn settings() -> Value {
    serde_json::from_str(&config::get()).unwrap_or_default()
}

/// A setting that is text.
pub(crate) fn setting(name: &str) -> Option<String> {
    settings().get(name).and_then(Value::as_str).map(str::to_owned)
}

impl FaultMode {
    /// As the model's name says after its last hyphen, else as the settings say; nothing in another export than the one
    /// that they name.
    pub(crate) fn of(export: &str, model: &str) -> Self {
        if setting("at").is_some_and(|at| at != export) {
            return Self::Ok;
        }
        let named = model.rsplit('-').next().and_then(Self::named);
        named.or_else(|| setting("do").as_deref().and_then(Self::named)).unwrap_or(Self::Ok)
    }

    /// Only where the settings name just this export.
    pub(crate) fn only_at(export: &str) -> Self {
        if setting("at").as_deref() == Some(export) { Self::of(export, "") } else { Self::Ok }
    }

    pub(crate) fn at_load(export: &str) -> Self {
        let written = black_box(AT_LOAD).split_once('=').map_or("", |(_, written)| written);
        let written = written.trim_end_matches(['.', ';']);
        let mode = written.split_once(':').filter(|(at, _)| *at == export).map(|(_, mode)| mode);
        mode.and_then(Self::named).unwrap_or(Self::Ok)
    }

    fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }

    /// Does what needs no answer.
    #[expect(
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::disallowed_methods,
        reason = "it exists to do just that"
    )]
    pub(crate) fn act(self) -> Result<Self, Fault> {
        match self {
            Self::Spin => loop {
                black_box(0);
            },
            Self::Grow => {
                let mut held = Vec::new();
                loop {
                    // Untouched, so that it is the memory that runs out and not the time.
                    held.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
                }
            }
            Self::Recurse => {
                black_box(deeper(0));
            }
            Self::Trap => panic!("this component traps"),
            Self::Exit => std::process::exit(3),
            Self::Print => print(),
            Self::Say => {
                println!("said to stdout");
                eprintln!("said to stderr");
                eprint!("said without an end");
            }
            Self::Guess => guess(),
            Self::Hoard => hoard(),
            Self::Leak => crate::leak(),
            Self::Keep => {
                let kept = kv::set("mark", setting("claims").unwrap_or_default().as_bytes(), None);
                log::write(log::Level::Info, if kept.is_ok() { "kept" } else { "not kept" }, &[]);
            }
            Self::Refuse => {
                return Err(Fault {
                    kind: FaultKind::RateLimited,
                    message: "not now".into(),
                    code: Some("chaos".into()),
                    retry_after_ms: Some(1_500),
                    failover: true,
                });
            }
            Self::Ok
            | Self::Amplify
            | Self::Ask
            | Self::Flood
            | Self::Garble
            | Self::Huge
            | Self::Lie
            | Self::Million
            | Self::Peek
            | Self::Tell => {}
        }
        Ok(self)
    }

    /// Acts where no fault can be given.
    pub(crate) fn act_anyway(self) -> Self {
        self.act().unwrap_or(Self::Refuse)
    }
}

/// Text that is no UTF-8.
#[expect(unsafe_code, reason = "it exists to send what no sound component could")]
pub(crate) fn garbled() -> String {
    unsafe { String::from_utf8_unchecked(vec![b'a', 0xff, 0xfe, 0xc0, 0xaf]) }
}

/// A gibibyte out of thirty-two mebibytes: texts that share their memory. The host must refuse before the component would
/// free it twice.
#[expect(unsafe_code, reason = "it exists to send what no sound component could")]
pub(crate) fn amplified() -> Vec<String> {
    let mut bytes = std::mem::ManuallyDrop::new(vec![0_u8; 32 << 20]);
    let (start, size, room) = (bytes.as_mut_ptr(), bytes.len(), bytes.capacity());
    (0..32).map(|_| unsafe { String::from_raw_parts(start, size, room) }).collect()
}

#[expect(unconditional_recursion, reason = "it exists to do just that")]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    deeper(depth + 1) + frame.iter().sum::<u64>()
}

#[expect(clippy::print_stdout, reason = "it exists to do just that")]
fn print() {
    for count in 0..10_000 {
        let forged = "\n2026-01-01T00:00:00Z ERROR forged: line of another";
        log::write(
            log::Level::Info,
            &format!("line {count} of many{forged}"),
            &[("field".into(), forged.into())],
        );
    }
    log::write(log::Level::Info, &"long ".repeat(100_000), &[]);
    println!("to stdout, {}", "long ".repeat(100_000));
}

fn hoard() {
    let mut refused = 0_u32;
    for count in 0..2_000 {
        if kv::set(&format!("hoard-{count}"), &[7; 1_000], None).is_err() {
            refused += 1;
        }
    }
    let too_large = kv::set("large", &vec![7; 100_000], None).is_err();
    log::write(
        log::Level::Info,
        &format!("hoarding was refused {refused} times, a large value: {too_large}"),
        &[],
    );
}

fn guess() {
    let tried = |count: &u32| secrets::matches("token", &format!("guess-{count:08}")) == Ok(true);
    let found = (0..1_000).find(tried);
    log::write(log::Level::Info, &format!("it is {found:?}"), &[]);
}

/// What another instance would have kept under the same name.
pub(crate) fn peek() -> String {
    kv::get("mark").map_or_else(|| "nothing".into(), |mark| String::from_utf8_lossy(&mark).into_owned())
}

/// What every import says, as one JSON text.
pub(crate) fn ask() -> String {
    log::write(
        log::Level::Info,
        "Authorization: Bearer sk-chaos-0123456789abcdefghijklmnopqrstuv",
        &[("api_key".into(), "sk-chaos-0123456789abcdefghijklmnopqrstuv".into())],
    );
    json!({
        "config": serde_json::from_str::<Value>(&config::get()).unwrap_or_default(),
        "token": secrets::has("token"),
        "other": secrets::has("other"),
        "matches": secrets::matches("token", "right").ok(),
        "matches_other": secrets::matches("other", "right").is_ok(),
        "signs": secrets::sign("token", "hmac-sha256", "", b"data").map(|signature| signature.len()).ok(),
        "signs_other": secrets::sign("other", "hmac-sha256", "", b"data").is_ok(),
        "signs_oddly": secrets::sign("token", "rot13", "", b"data").is_ok(),
        "clock": clock::now_ms(),
        "random": random::bytes(8).len(),
        "kept": kv::set("a", &[7; 100], None).is_ok(),
        "kept_too_much": kv::set("b", &[7; 2_000], None).is_ok(),
        "counted": kv::add("n", 2).ok(),
        "arguments": std::env::args().count(),
        "variables": std::env::vars().count(),
        "files": std::fs::read_dir("/").is_ok(),
    })
    .to_string()
}
