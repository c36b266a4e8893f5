//! What clients of Responses ask, as each upstream gets it, and what upstreams say, as those clients get it. To add a request,
//! put a file into `golden/openai_responses/client/requests`; streams are those that the other wires have. What becomes of each is
//! written on the first run, to be looked at and kept.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_dialect::canon::{ChatRequest, Event, Fault};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, Ingress, RequestEcho};
use brains_dialect::sse::Frames;
use brains_dialect::translation::Encoded;
use brains_dialect::{anthropic_messages, ollama_chat, openai_chat};
use serde_json::Value;

const INGRESS: Ingress = Ingress::OpenAiResponses;
const OWN: &str = "openai_responses/client";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs_err::read_dir(golden().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn agrees(expected: &Path, reading: &str) {
    let Ok(text) = fs_err::read_to_string(expected) else {
        fs_err::write(expected, reading).unwrap();
        panic!("wrote {}: look at it and run again", expected.display());
    };
    assert_eq!(text, reading, "{}", expected.display());
}

fn on_each(request: &ChatRequest) -> [(&'static str, Result<Encoded, Fault>); 3] {
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
    for path in files(&format!("{OWN}/requests"), "json") {
        let body = fs_err::read(&path).unwrap();
        let request = INGRESS.decode(&Envelope::scan(&body).unwrap()).unwrap();
        let mut reading = String::new();
        for (wire, encoded) in on_each(&request) {
            writeln!(reading, "== {wire}").unwrap();
            match encoded {
                Ok(encoded) => {
                    let body: Value = serde_json::from_str(&encoded.body).unwrap();
                    writeln!(reading, "{body:#}\nlost: {:?}", encoded.losses).unwrap();
                }
                Err(fault) => writeln!(reading, "{:?}: {}", fault.kind, fault.message).unwrap(),
            }
        }
        agrees(&path.with_extension("txt"), &reading);
    }
}

/// None where the answer is not whole.
fn heard(path: &Path, wire: &str) -> Option<Vec<Event>> {
    let mut cutter = Frames::default();
    let mut frames = cutter.push(&fs_err::read(path).unwrap()).ok()?;
    frames.extend(cutter.finish());
    if wire == "openai_chat" {
        let mut decoder = openai_chat::upstream::decode::OpenAiChatDecoder::new("req-1");
        let mut events = decoder.push(&frames).ok()?;
        events.extend(decoder.finish(true).ok()?);
        return Some(events);
    }
    let mut decoder = anthropic_messages::upstream::decode::AnthropicMessagesDecoder::new();
    let mut events = decoder.push(&frames).ok()?;
    events.extend(decoder.finish(true).ok()?);
    Some(events)
}

#[test]
fn streams() {
    let echo = RequestEcho { members: "{}".to_owned(), ..RequestEcho::default() };
    let identity = AnswerIdentity {
        id: "resp_x".to_owned(),
        created: 1_700_000_000,
        model: "shown".to_owned(),
        echo: Arc::new(echo),
    };
    for wire in ["openai_chat", "anthropic_messages"] {
        for path in files(&format!("{wire}/streams"), "sse") {
            let Some(events) = heard(&path, wire) else { continue };
            let (mut writer, mut out) = (INGRESS.stream_writer(&identity, true), String::new());
            for event in &events {
                writer.push(event, &mut out).unwrap();
            }
            writer.finish(&mut out).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            let expected = golden().join(OWN).join("streams").join(format!("{wire}-{name}"));
            agrees(&expected, &out);
            // What is told in pieces is the whole.
            let mut cutter = Frames::default();
            let frames = cutter.push(out.as_bytes()).unwrap();
            let whole = INGRESS.answer(&events, &identity).unwrap();
            assert_eq!(INGRESS.joined(&frames, &identity).unwrap(), whole, "{name}");
        }
    }
}

/// What is said where a conversation is made shorter is one item and no text.
#[test]
fn summaries() {
    let identity = AnswerIdentity {
        id: "resp_x".to_owned(),
        created: 1_700_000_000,
        model: "shown".to_owned(),
        echo: Arc::new(RequestEcho { compacts: true, ..RequestEcho::default() }),
    };
    for wire in ["openai_chat", "anthropic_messages"] {
        for path in files(&format!("{wire}/streams"), "sse") {
            let Some(events) = heard(&path, wire) else { continue };
            let (mut writer, mut out) = (INGRESS.stream_writer(&identity, true), String::new());
            for event in &events {
                writer.push(event, &mut out).unwrap();
            }
            let ended = writer.finish(&mut out);
            let name = path.file_name().unwrap().to_string_lossy();
            let whole = INGRESS.answer(&events, &identity);
            assert_eq!(whole.is_ok(), ended.is_ok(), "{name}");
            let Ok(whole) = whole else { continue };
            let response: Value = serde_json::from_str(&whole).unwrap();
            let items = response["output"].as_array().unwrap();
            assert!(items.iter().all(|item| item["type"] == "compaction"), "{name}: {response}");
            assert!(response["status"] == "incomplete" || items.len() == 1, "{name}: {response}");
            assert!(!out.contains(".delta"), "{name}: {out}");
            let mut cutter = Frames::default();
            let frames = cutter.push(out.as_bytes()).unwrap();
            assert_eq!(INGRESS.joined(&frames, &identity).unwrap(), whole, "{name}");
            if ["text.sse", "thinking.sse", "plain.sse"].contains(&&*name) {
                agrees(&golden().join(OWN).join("summaries").join(format!("{wire}-{name}")), &out);
            }
        }
    }
}
