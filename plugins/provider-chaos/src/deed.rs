//! What a call does instead of, or before, answering.

use std::hint::black_box;

use serde_json::{Value, json};

use crate::bindings::brains::plugin::types::{Fault, FaultKind};
use crate::bindings::brains::plugin::{clock, config, kv, log, random, secrets};

/// One way to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Answers as it should.
    Ok,
    /// Answers with what the imports said.
    Ask,
    /// Leaves the program.
    Exit,
    /// Answers with more events than anybody may.
    Flood,
    /// Takes memory without end.
    Grow,
    /// Answers with more bytes than anybody may.
    Huge,
    /// Answers with what is no answer.
    Lie,
    /// Logs without end of use, secrets among it, and then answers.
    Print,
    /// Calls itself without end.
    Recurse,
    /// Says no.
    Refuse,
    /// Computes without end.
    Spin,
    /// Stops by itself.
    Trap,
}

/// How many events a flood has.
pub(crate) const FLOOD: u32 = 66_000;

impl Deed {
    /// As the model's name says after its last hyphen, else as the settings say.
    pub(crate) fn of(model: &str) -> Self {
        let named = model.rsplit('-').next().and_then(Self::named);
        named.unwrap_or_else(|| {
            let settings: Value = serde_json::from_str(&config::get()).unwrap_or_default();
            settings.get("do").and_then(Value::as_str).and_then(Self::named).unwrap_or(Self::Ok)
        })
    }

    fn named(name: &str) -> Option<Self> {
        let deed = match name {
            "ok" => Self::Ok,
            "ask" => Self::Ask,
            "exit" => Self::Exit,
            "flood" => Self::Flood,
            "grow" => Self::Grow,
            "huge" => Self::Huge,
            "lie" => Self::Lie,
            "print" => Self::Print,
            "recurse" => Self::Recurse,
            "refuse" => Self::Refuse,
            "spin" => Self::Spin,
            "trap" => Self::Trap,
            _ => return None,
        };
        Some(deed)
    }

    /// Does what needs no answer.
    #[expect(clippy::panic, clippy::disallowed_methods, reason = "it exists to do just that")]
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
            Self::Refuse => {
                return Err(Fault {
                    kind: FaultKind::RateLimited,
                    message: "not now".into(),
                    code: Some("chaos".into()),
                    retry_after_ms: Some(1_500),
                    failover: true,
                });
            }
            Self::Ok | Self::Ask | Self::Flood | Self::Huge | Self::Lie => {}
        }
        Ok(self)
    }
}

#[expect(unconditional_recursion, reason = "it exists to do just that")]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    deeper(depth + 1) + frame.iter().sum::<u64>()
}

fn print() {
    for count in 0..500 {
        log::write(log::Level::Info, &format!("line {count} of many"), &[]);
    }
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
        "signs": secrets::sign("token", "hmac-sha256", "", b"data").is_ok(),
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
