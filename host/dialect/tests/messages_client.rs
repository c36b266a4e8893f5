//! Clients of Messages: what their requests become in canonical form and on each upstream's wire, and what they see of
//! answers of every wire. To add a case, put a file into `golden/anthropic_messages/client/requests`, or a stream of an
//! upstream where those are: the reading is written on the first run, to be looked at and kept.

#![expect(
    clippy::unwrap_used,
    clippy::tests_outside_test_module,
    reason = "a test fails at the first surprise"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_dialect::canon::{ChatRequest, Event, Fault};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, Ingress};
use brains_dialect::sse::Frames;
use brains_dialect::translation::Encoded;
use brains_dialect::{anthropic_messages, ndjson, ollama_chat, openai_chat};
use serde_json::Value;

const INGRESS: Ingress = Ingress::AnthropicMessages;

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(folder)
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(golden(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
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
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, reading).unwrap();
            self.0.push(path.to_owned());
        }
    }

    fn settle(self) {
        assert!(self.0.is_empty(), "wrote {:?}: look at them and run again", self.0);
    }
}

fn identity() -> AnswerIdentity {
    AnswerIdentity { id: "msg_x".to_owned(), created: 0, model: "shown".to_owned(), echo: Arc::default() }
}

fn encodings(request: &ChatRequest) -> [(&'static str, Result<Encoded, Fault>); 3] {
    let chat = openai_chat::upstream::encode::OpenAiChatOptions::default();
    let messages = anthropic_messages::upstream::encode::AnthropicMessagesOptions::default();
    let ollama = ollama_chat::upstream::encode::OllamaChatOptions::default();
    [
        ("openai-chat", openai_chat::upstream::encode::encode(request, &chat)),
        ("anthropic-messages", anthropic_messages::upstream::encode::encode(request, &messages)),
        ("ollama-chat", ollama_chat::upstream::encode::encode(request, &ollama)),
    ]
}

#[test]
fn requests() {
    let mut kept = Kept::default();
    for path in files("anthropic_messages/client/requests", "json") {
        let body = fs_err::read(&path).unwrap();
        let request = INGRESS.decode(&Envelope::scan(&body).unwrap()).unwrap();
        let mut reading = format!("{request:#?}\n");
        for (wire, encoded) in encodings(&request) {
            let shown = match encoded {
                Ok(Encoded { body, losses }) => {
                    let body: Value = serde_json::from_str(&body).unwrap();
                    format!("{body:#}\nlosses: {losses:?}")
                }
                Err(fault) => format!("{:?} {:?}: {}", fault.kind, fault.code, fault.message),
            };
            writeln!(reading, "-- {wire}\n{shown}").unwrap();
        }
        kept.agrees(&path.with_extension("txt"), &reading);
    }
    kept.settle();
}

/// What an upstream of some wire said, as far as it was readable.
fn read(wire: &str, stream: &[u8]) -> Vec<Event> {
    macro_rules! read {
        ($frames:expr, $decoder:expr) => {{
            let (mut frames, mut decoder) = ($frames, $decoder);
            let mut pieces = frames.push(stream).unwrap();
            pieces.extend(frames.finish());
            let mut events = Vec::new();
            for piece in pieces {
                match decoder.push(&[piece]) {
                    Ok(more) => events.extend(more),
                    Err(_) => return events,
                }
            }
            events.extend(decoder.finish(true).unwrap_or_default());
            events
        }};
    }
    match wire {
        "openai_chat" => {
            read!(Frames::default(), openai_chat::upstream::decode::OpenAiChatDecoder::new("req-1"))
        }
        "anthropic_messages" => {
            read!(Frames::default(), anthropic_messages::upstream::decode::AnthropicMessagesDecoder::new())
        }
        _ => read!(ndjson::Lines::default(), ollama_chat::upstream::decode::OllamaChatDecoder::new("req-1")),
    }
}

#[test]
fn streams_of_every_wire_as_clients_of_messages_see_them() {
    let mut kept = Kept::default();
    for (wire, ending) in [("openai_chat", "sse"), ("anthropic_messages", "sse"), ("ollama_chat", "ndjson")] {
        for path in files(&format!("{wire}/streams"), ending) {
            let events = read(wire, &fs_err::read(&path).unwrap());
            let (mut writer, mut out) = (INGRESS.stream_writer(&identity(), true), String::new());
            let mut end = events.iter().try_for_each(|event| writer.push(event, &mut out));
            end = end.and_then(|()| writer.finish(&mut out));
            let whole = INGRESS.answer(&events, &identity());
            assert_eq!(end.is_ok(), whole.is_ok(), "{}: both agree on the end", path.display());
            let shown = end.map_or_else(|fault| fault.message, |()| "whole".to_owned());
            let answer = whole.unwrap_or_else(|fault| fault.message);
            let name = path.file_stem().unwrap().to_string_lossy();
            let place = golden("anthropic_messages/client/streams").join(format!("{wire}.{name}.txt"));
            let frames = out.replace("\n\n", "\n");
            kept.agrees(&place, &format!("{frames}-- {shown}\n{answer}\n"));
        }
    }
    kept.settle();
}
