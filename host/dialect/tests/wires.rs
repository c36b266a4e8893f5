//! The wires that requests are translated to: recorded streams and answers, and what chat requests become on each.
//! To add a case, put a file into `golden/anthropic_messages`, `golden/ollama_chat`, `golden/gemini_generate` or `golden/translate`:
//! the reading of it is written beside it on the first run, to be looked at and kept.

#![expect(clippy::unwrap_used, reason = "a test fails at the first surprise")]

use std::sync::Arc;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use brains_dialect::canon::{Event, Fault, FaultKind};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, Ingress};
use brains_dialect::sse::Frames;
use brains_dialect::{anthropic_messages, gemini_generate, ndjson, ollama_chat};
use proptest::prelude::*;
use serde_json::Value;

/// The wire of the client.
const INGRESS: Ingress = Ingress::OpenAiChat;

/// The wires that are not the client's own.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wire {
    Messages,
    Ollama,
    Gemini,
}

impl Wire {
    const ALL: [Self; 3] = [Self::Messages, Self::Ollama, Self::Gemini];

    /// The folder of what it was heard to say.
    const fn dialect(self) -> &'static str {
        match self {
            Self::Messages => "anthropic_messages",
            Self::Ollama => "ollama_chat",
            Self::Gemini => "gemini_generate",
        }
    }

    /// In the name of what requests become.
    const fn ending(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Ollama => "ollama",
            Self::Gemini => "gemini",
        }
    }

    fn streams(self) -> Vec<PathBuf> {
        let ending = match self {
            Self::Ollama => "ndjson",
            _ => "sse",
        };
        files(&format!("{}/streams", self.dialect()), ending)
    }

    fn decode(self, chunks: &[&[u8]]) -> Decoded {
        match self {
            Self::Messages => {
                let (mut frames, mut decoder) = (
                    Frames::default(),
                    anthropic_messages::upstream::decode::AnthropicMessagesDecoder::new(),
                );
                let mut decoded = Decoded::default();
                for chunk in chunks {
                    if !decoded.take(decoder.push(&frames.push(chunk).unwrap())) {
                        return decoded;
                    }
                }
                let _ended =
                    decoded.take(decoder.push(&frames.finish())) && decoded.take(decoder.finish(true));
                decoded
            }
            Self::Ollama => {
                let (mut lines, mut decoder) = (
                    ndjson::Lines::default(),
                    ollama_chat::upstream::decode::OllamaChatDecoder::new("req-1"),
                );
                let mut decoded = Decoded::default();
                for chunk in chunks {
                    if !decoded.take(decoder.push(&lines.push(chunk).unwrap())) {
                        return decoded;
                    }
                }
                let _ended =
                    decoded.take(decoder.push(&lines.finish())) && decoded.take(decoder.finish(true));
                decoded
            }
            Self::Gemini => {
                let (mut frames, mut decoder) = (
                    Frames::default(),
                    gemini_generate::upstream::decode::GeminiGenerateDecoder::new("req-1"),
                );
                let mut decoded = Decoded::default();
                for chunk in chunks {
                    if !decoded.take(decoder.push(&frames.push(chunk).unwrap())) {
                        return decoded;
                    }
                }
                let _ended =
                    decoded.take(decoder.push(&frames.finish())) && decoded.take(decoder.finish(true));
                decoded
            }
        }
    }

    fn whole(self, body: &str) -> Result<Vec<Event>, Fault> {
        match self {
            Self::Messages => anthropic_messages::upstream::decode::decode_unary(body),
            Self::Ollama => ollama_chat::upstream::decode::decode_unary(body, "req-1"),
            Self::Gemini => gemini_generate::upstream::decode::decode_unary(body, "req-1"),
        }
    }

    fn encode(self, body: &[u8]) -> Result<(String, Vec<String>), Fault> {
        let request = INGRESS.decode(&Envelope::scan(body).unwrap()).unwrap();
        let encoded = match self {
            Self::Messages => anthropic_messages::upstream::encode::encode(
                &request,
                &anthropic_messages::upstream::encode::AnthropicMessagesOptions::default(),
            ),
            Self::Ollama => ollama_chat::upstream::encode::encode(
                &request,
                &ollama_chat::upstream::encode::OllamaChatOptions::default(),
            ),
            Self::Gemini => gemini_generate::upstream::encode::encode(
                &request,
                &gemini_generate::upstream::encode::GeminiGenerateOptions::default(),
            ),
        }?;
        Ok((encoded.body, encoded.losses))
    }
}

#[derive(Debug, Default, PartialEq)]
struct Decoded {
    events: Vec<Event>,
    fault: Option<Fault>,
}

impl Decoded {
    /// Whether it goes on.
    fn take(&mut self, step: Result<Vec<Event>, Fault>) -> bool {
        match step {
            Ok(more) => self.events.extend(more),
            Err(fault) => self.fault = Some(fault),
        }
        self.fault.is_none()
    }
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(folder);
    let mut files: Vec<PathBuf> =
        fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Compares with what is kept; what is not kept yet is written, all of it before the test fails.
#[derive(Default)]
struct Kept(Vec<PathBuf>);

impl Kept {
    fn agrees(&mut self, path: &Path, reading: &str) {
        if let Ok(text) = fs_err::read_to_string(path) {
            assert_eq!(text, reading, "{}", path.display());
        } else {
            fs_err::write(path, reading).unwrap();
            self.0.push(path.to_owned());
        }
    }

    fn settle(self) {
        assert!(self.0.is_empty(), "wrote {:?}: look at them and run again", self.0);
    }
}

fn identity() -> AnswerIdentity {
    AnswerIdentity {
        id: "chatcmpl-x".to_owned(),
        created: 1_700_000_000,
        model: "shown".to_owned(),
        echo: Arc::default(),
    }
}

/// What a client of chat completions sees of the events, and whether that is whole.
fn as_chat(events: &[Event]) -> (String, Result<(), Fault>) {
    let mut chunks = INGRESS.stream_writer(&identity(), true);
    let mut out = String::new();
    for event in events {
        if let Err(fault) = chunks.push(event, &mut out) {
            return (out, Err(fault));
        }
    }
    let ended = chunks.finish(&mut out);
    (out, ended)
}

fn shown(events: &[Event]) -> String {
    let mut out = String::new();
    for event in events {
        writeln!(out, "{event:?}").unwrap();
    }
    out
}

#[test]
fn streams() {
    let mut kept = Kept::default();
    for wire in Wire::ALL {
        for path in wire.streams() {
            let stream = fs_err::read(&path).unwrap();
            let decoded = wire.decode(&[&stream]);
            let (chunks, whole) = as_chat(&decoded.events);
            assert_eq!(whole.is_ok(), decoded.fault.is_none(), "{}: both agree on the end", path.display());
            let end = decoded
                .fault
                .map_or_else(|| "whole".to_owned(), |fault| format!("{:?}: {}", fault.kind, fault.message));
            let head = r#"{"id":"chatcmpl-x","object":"chat.completion.chunk","created":1700000000,"model":"shown","#;
            let chunks = chunks.replace(head, "{").replace("\n\n", "\n");
            kept.agrees(
                &path.with_extension("txt"),
                &format!("{}{end}\n-- as chat\n{chunks}", shown(&decoded.events)),
            );
        }
    }
    kept.settle();
}

#[test]
fn answers() {
    let mut kept = Kept::default();
    for wire in Wire::ALL {
        for path in files(&format!("{}/answers", wire.dialect()), "json") {
            let reading = match wire.whole(&fs_err::read_to_string(&path).unwrap()) {
                Ok(events) => {
                    let whole = INGRESS.answer(&events, &identity()).unwrap();
                    serde_json::from_str::<Value>(&whole).unwrap();
                    format!("{}-- as chat\n{whole}\n", shown(&events))
                }
                Err(fault) => format!("{:?}: {}\n", fault.kind, fault.message),
            };
            kept.agrees(&path.with_extension("txt"), &reading);
        }
    }
    kept.settle();
}

#[test]
fn requests() {
    let mut kept = Kept::default();
    for path in files("translate", "json") {
        let body = fs_err::read(&path).unwrap();
        for wire in Wire::ALL {
            let reading = match wire.encode(&body) {
                Ok((body, losses)) => {
                    let body: Value = serde_json::from_str(&body).unwrap();
                    format!("{body:#}\n-- losses: {losses:?}\n")
                }
                Err(fault) => format!("{:?} {:?}: {}\n", fault.kind, fault.code, fault.message),
            };
            kept.agrees(&path.with_extension(format!("{}.txt", wire.ending())), &reading);
        }
    }
    kept.settle();
}

/// Cutting a stream anywhere but behind its last event leaves no whole answer, and what came before the cut stays.
#[test]
fn a_stream_cut_anywhere_is_never_whole() {
    for wire in Wire::ALL {
        for path in wire.streams() {
            let stream = fs_err::read(&path).unwrap();
            let whole = wire.decode(&[&stream]);
            if whole.fault.is_some()
                || path.ends_with("after-the-end.sse")
                || path.ends_with("after-the-end.ndjson")
            {
                continue;
            }
            // Behind the last brace nothing is missing but the frame's end.
            let last = stream.iter().rposition(|byte| *byte == b'}').unwrap();
            for cut in 0..last {
                let decoded = wire.decode(&[&stream[..cut]]);
                assert!(decoded.fault.is_some(), "{} cut at {cut}", path.display());
                assert!(whole.events.starts_with(&decoded.events), "{} cut at {cut}", path.display());
                assert!(as_chat(&decoded.events).1.is_err(), "{} cut at {cut}", path.display());
            }
        }
    }
}

/// Errors inside a stream keep their kind.
#[test]
fn errors_inside_a_stream_are_faults() {
    for (wire, name, kind) in [
        (Wire::Messages, "error-inside.sse", FaultKind::Overloaded),
        (Wire::Messages, "error-first.sse", FaultKind::RateLimited),
        (Wire::Ollama, "error-inside.ndjson", FaultKind::Upstream),
        (Wire::Ollama, "busy.ndjson", FaultKind::Overloaded),
        (Wire::Gemini, "error-inside.sse", FaultKind::Overloaded),
        (Wire::Gemini, "error-first.sse", FaultKind::RateLimited),
        (Wire::Gemini, "malformed-call.sse", FaultKind::Upstream),
        (Wire::Gemini, "blocked.sse", FaultKind::Other("moderated".to_owned())),
    ] {
        let path = wire.streams().into_iter().find(|path| path.ends_with(name)).unwrap();
        assert_eq!(wire.decode(&[&fs_err::read(path).unwrap()]).fault.unwrap().kind, kind, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_chunking_reads_the_same(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        for wire in Wire::ALL {
            for path in wire.streams() {
                let stream = fs_err::read(&path).unwrap();
                let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
                at.extend([0, stream.len()]);
                at.sort_unstable();
                let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
                prop_assert_eq!(wire.decode(&chunks), wire.decode(&[&stream]), "{}", path.display());
            }
        }
    }
}

/// The hardest chunking: byte by byte.
#[test]
fn byte_by_byte_reads_the_same() {
    for wire in Wire::ALL {
        for path in wire.streams() {
            let stream = fs_err::read(&path).unwrap();
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(wire.decode(&bytes), wire.decode(&[&stream]), "{}", path.display());
        }
    }
}
