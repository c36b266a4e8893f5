//! Every decoder and parser against broken input: none of them panics, and what must always hold of each does.

use std::sync::Arc;

use brains_core::config::{Layers, RefError, RefSource, Source, resolve};
use brains_dialect::canon::exchange::Frame;
use brains_dialect::canon::relay::Edit;
use brains_dialect::canon::{Event, Fault, FaultKind};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, Ingress, RelayChanges, Spliced};
use brains_dialect::openai_chat::upstream::encode;
use brains_dialect::sse::{Frames, RawFrames};
use brains_dialect::{anthropic_messages, gemini_generate, json, ndjson, ollama_chat, openai_chat};
use brains_tests::fuzz::{fuzz, golden};
use serde_json::value::RawValue;

const INGRESS: Ingress = Ingress::OpenAiChat;
const REQUESTS: [&str; 2] = ["openai_chat/requests", "translate"];
const STREAMS: [&str; 4] =
    ["openai_chat/streams", "anthropic_messages/streams", "ollama_chat/streams", "gemini_generate/streams"];
const ANSWERS: [&str; 4] =
    ["openai_chat/answers", "anthropic_messages/answers", "ollama_chat/answers", "gemini_generate/answers"];

fn all() -> Vec<Vec<u8>> {
    golden(&[REQUESTS.as_slice(), &STREAMS, &ANSWERS].concat())
}

#[test]
fn json_text() {
    fuzz(all(), |input| {
        let Ok(text) = std::str::from_utf8(input) else { return Err("not UTF-8") };
        let ours = json::check(text).map_err(|wrong| wrong.what);
        let nested = text.bytes().filter(|byte| b"[{".contains(byte)).count();
        // The two differ on half a surrogate pair, huge numbers and depth, in known ways: never the other way round.
        if nested <= json::MAX_DEPTH && serde_json::from_str::<&RawValue>(text).is_ok() {
            assert_eq!(ours, Ok(()));
        }
        ours
    });
}

#[test]
fn envelopes_and_splices() {
    fuzz(golden(&REQUESTS), |input| {
        let envelope = Envelope::scan(input).map_err(|invalid| invalid.code)?;
        let edits = [Edit::set("model", r#""other \"m\"""#), Edit::remove("", &["stream"])];
        let changes = RelayChanges { instructions: &["first"], edits: &edits, ..RelayChanges::default() };
        let spliced = INGRESS.splice(&envelope, &changes);
        let Ok(Spliced { body: spliced, .. }) = spliced else { return Err("not spliced") };
        let again = Envelope::scan_text(&spliced).expect("a splice leaves JSON");
        assert_eq!(again.string("model").expect("one model").as_deref(), Some("other \"m\""));
        assert_eq!(again.get("stream").expect("none"), None);
        // Every other byte of a value stays.
        for member in
            envelope.members().iter().filter(|it| !["model", "stream", "messages"].contains(&&*it.name))
        {
            let before = &envelope.text()[member.value.clone()];
            assert!(
                again
                    .members()
                    .iter()
                    .any(|it| it.name == member.name && &again.text()[it.value.clone()] == before)
            );
        }
        let _features = INGRESS.turns(&again).map(|turns| turns.features());
        Ok(again.members().len())
    });
}

/// Cuts an input into pieces that depend on it alone.
fn pieces(input: &[u8]) -> Vec<&[u8]> {
    let size =
        1 + input.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into())) % 61;
    input.chunks(size).collect()
}

fn event_frames(chunks: &[&[u8]]) -> Vec<Frame> {
    let mut cutter = Frames::default();
    let mut frames: Vec<Frame> =
        chunks.iter().flat_map(|chunk| cutter.push(chunk).expect("short frames")).collect();
    frames.extend(cutter.finish());
    frames
}

fn lines(chunks: &[&[u8]]) -> Vec<Frame> {
    let mut cutter = ndjson::Lines::default();
    let mut frames: Vec<Frame> =
        chunks.iter().flat_map(|chunk| cutter.push(chunk).expect("short lines")).collect();
    frames.extend(cutter.finish());
    frames
}

#[test]
fn server_sent_events() {
    fuzz(golden(&STREAMS), |input| {
        let frames = event_frames(&[input]);
        assert_eq!(event_frames(&pieces(input)), frames, "any chunking gives the same frames");
        let mut raw = RawFrames::default();
        let mut kept = Vec::new();
        for chunk in pieces(input) {
            kept.extend(raw.push(chunk).expect("short frames").bytes);
        }
        kept.extend(raw.finish().map(|batch| batch.bytes).unwrap_or_default());
        assert_eq!(kept, input, "every byte stays");
        frames.iter().map(|frame| (frame.name.clone(), frame.data.len().min(8))).collect::<Vec<_>>()
    });
}

#[test]
fn lines_of_json() {
    fuzz(golden(&STREAMS), |input| {
        let frames = lines(&[input]);
        assert_eq!(lines(&pieces(input)), frames, "any chunking gives the same lines");
        assert!(frames.iter().all(|frame| !frame.data.trim_ascii().is_empty() && !frame.data.contains('\n')));
        frames.len()
    });
}

#[test]
fn requests_and_what_they_become() {
    fuzz(golden(&REQUESTS), |input| {
        let decode = |body: &[u8]| Envelope::scan(body).and_then(|envelope| INGRESS.decode(&envelope));
        let decoded = decode(input).map_err(|invalid| format!("{} {:?}", invalid.code, invalid.param))?;
        let options =
            encode::OpenAiChatOptions { extensions: Some(true), ..encode::OpenAiChatOptions::default() };
        let encoded = encode::encode(&decoded, &options).expect("its own wire says all");
        let again = decode(encoded.body.as_bytes()).expect("what we write we can read");
        let twice = encode::encode(&again, &options).expect("its own wire says all");
        assert_eq!(twice.body, encoded.body, "the second time changes nothing");
        let on_messages = anthropic_messages::upstream::encode::encode(
            &decoded,
            &anthropic_messages::upstream::encode::AnthropicMessagesOptions::default(),
        );
        let on_ollama = ollama_chat::upstream::encode::encode(
            &decoded,
            &ollama_chat::upstream::encode::OllamaChatOptions::default(),
        );
        let on_gemini = gemini_generate::upstream::encode::encode(
            &decoded,
            &gemini_generate::upstream::encode::GeminiGenerateOptions::default(),
        );
        let shown = [on_messages, on_ollama, on_gemini].map(|outcome| match outcome {
            Ok(encoded) => {
                assert_eq!(json::check(&encoded.body), Ok(()), "{}", encoded.body);
                assert!(encoded.losses.iter().all(|loss| loss.bytes().all(|byte| byte.is_ascii_graphic())));
                encoded.losses.join(",")
            }
            Err(fault) => {
                assert!(
                    matches!(fault.kind, FaultKind::Unsupported | FaultKind::InvalidRequest),
                    "{fault:?}"
                );
                fault.message
            }
        });
        Ok::<_, String>(shown)
    });
}

/// What holds of every decoded stream: the client's writer takes all of it, and calls whole what is whole.
fn judged(events: &[Event], fault: Option<&Fault>) -> (Vec<u8>, Option<FaultWord>) {
    let identity =
        AnswerIdentity { id: "c".to_owned(), created: 1, model: "m".to_owned(), echo: Arc::default() };
    let mut chunks = INGRESS.stream_writer(&identity, true);
    let mut out = String::new();
    for event in events {
        chunks.push(event, &mut out).expect("a decoder's events fit together");
    }
    let ended = chunks.finish(&mut out);
    assert!(fault.is_some() || ended.is_ok(), "no fault, and not whole: {events:?}");
    assert_eq!(INGRESS.answer(events, &identity).is_ok(), ended.is_ok(), "{events:?}");
    for frame in event_frames(&[out.as_bytes()]) {
        assert!(frame.data == openai_chat::DONE || json::check(&frame.data).is_ok(), "{}", frame.data);
    }
    let kinds = events
        .iter()
        .map(|event| match event {
            Event::Start(_) => 0,
            Event::BlockStart(_) => 1,
            Event::Delta(_) => 2,
            Event::Annotation(_) => 3,
            Event::BlockEnd(_) => 4,
            Event::Usage(_) => 5,
            Event::Finish(_) => 6,
            Event::Other(_) => 7,
        })
        .collect();
    (kinds, fault.map(|fault| fault.message.chars().take(60).collect()))
}

type FaultWord = String;

/// Pushes frames one by one, as slow upstreams send them.
fn stream(
    frames: &[Frame],
    mut push: impl FnMut(&[Frame]) -> Result<Vec<Event>, Fault>,
) -> (Vec<Event>, Option<Fault>) {
    let mut events = Vec::new();
    for frame in frames {
        match push(std::slice::from_ref(frame)) {
            Ok(more) => events.extend(more),
            Err(fault) => return (events, Some(fault)),
        }
    }
    (events, None)
}

macro_rules! streamed {
    ($name:ident, $folder:literal, $frames:path, $decoder:expr, $ends:expr) => {
        #[test]
        fn $name() {
            fuzz(golden(&[$folder]), |input| {
                let frames = $frames(&[input]);
                let mut decoder = $decoder;
                let (mut events, mut fault) = stream(&frames, |frame| decoder.push(frame));
                if fault.is_none() {
                    match decoder.finish(true) {
                        Ok(more) => events.extend(more),
                        Err(wrong) => fault = Some(wrong),
                    }
                }
                let ends: fn(&str) -> bool = $ends;
                assert!(
                    fault.is_some() || frames.iter().any(|frame| ends(&frame.data)),
                    "whole without a terminal event"
                );
                // All at once reads the same.
                let mut again = $decoder;
                let mut at_once = again.push(&frames).unwrap_or_default();
                at_once.extend(again.finish(true).unwrap_or_default());
                assert_eq!(at_once, events);
                judged(&events, fault.as_ref())
            });
        }
    };
}

streamed!(
    chat_streams,
    "openai_chat/streams",
    event_frames,
    openai_chat::upstream::decode::OpenAiChatDecoder::new("r"),
    |data| data.contains("finish_reason")
);
streamed!(
    messages_streams,
    "anthropic_messages/streams",
    event_frames,
    anthropic_messages::upstream::decode::AnthropicMessagesDecoder::new(),
    |data| {
        // The word may be written with escapes.
        data.contains("message_stop") || data.contains('\\')
    }
);
streamed!(
    ollama_streams,
    "ollama_chat/streams",
    lines,
    ollama_chat::upstream::decode::OllamaChatDecoder::new("r"),
    |data| { data.contains("done") || data.contains('\\') }
);
streamed!(
    gemini_streams,
    "gemini_generate/streams",
    event_frames,
    gemini_generate::upstream::decode::GeminiGenerateDecoder::new("r"),
    |data| { data.contains("finishReason") || data.contains('\\') }
);

#[test]
fn whole_answers() {
    fuzz(golden(&ANSWERS), |input| {
        let text = String::from_utf8_lossy(input);
        let read = [
            openai_chat::upstream::decode::decode_unary(&text, "r"),
            anthropic_messages::upstream::decode::decode_unary(&text),
            ollama_chat::upstream::decode::decode_unary(&text, "r"),
            gemini_generate::upstream::decode::decode_unary(&text, "r"),
        ];
        read.map(|outcome| match outcome {
            Ok(events) => judged(&events, None),
            Err(fault) => (Vec::new(), Some(fault.message.chars().take(60).collect())),
        })
    });
}

#[test]
fn errors_of_upstreams() {
    let corpus = [
        r#"{"error":{"message":"no such key: sk-live-0123456789abcdef","type":"invalid_request_error","code":"invalid_api_key"}}"#,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
        r#"{"error":"model 'x' not found"}"#,
        r#"[{"error":{"code":429,"message":"https://a:b@c.example/d?key=e"}}]"#,
        "<html>no</html>",
    ];
    fuzz(corpus.map(|text| text.as_bytes().to_vec()).to_vec(), |input| {
        let text = String::from_utf8_lossy(input);
        let status = 200 + u16::from(input.first().copied().unwrap_or(0)) * 2;
        let fault = brains_dialect::refusal::answered(status, &[], &text);
        assert!(fault.message.chars().count() <= 300 && !fault.message.is_empty(), "{}", fault.message);
        assert!(!fault.message.contains(char::is_control), "{}", fault.message);
        [(format!("{:?}", fault.kind).chars().take(24).collect::<String>(), fault.failover)]
    });
}

#[test]
fn what_the_relay_lane_learns() {
    fuzz(golden(&["openai_chat/streams", "openai_chat/answers"]), |input| {
        let mut tee = INGRESS.tee();
        let verdicts: Vec<String> = event_frames(&[input])
            .iter()
            .map(|frame| format!("{:?}", tee.frame(Some(&frame.data))).chars().take(12).collect())
            .collect();
        let mut whole = INGRESS.tee();
        let judged = whole.whole(input).is_ok();
        (verdicts, tee.ended(), judged)
    });
}

struct NoRefs;

impl RefSource for NoRefs {
    fn process(&self) -> String {
        "this process".into()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> Result<String, RefError> {
        Err(RefError("not found".to_owned()))
    }
}

#[test]
fn configuration() {
    let template = include_str!("../../templates/config.yaml");
    // The template's keys, each without the mark that makes it a comment.
    let open: Vec<&str> = template.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
    let open = open.join("\n");
    let bundle = include_str!("../../plugins/defaults.yaml");
    fuzz(vec![template.into(), open.into(), bundle.into()], |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let source = |name: &str, text: &str| Some(Source { name: name.to_owned(), text: text.to_owned() });
        let layers = Layers {
            bundle: source("defaults.yaml", bundle),
            yaml: source("config.yaml", &text),
            overlay: source("brains.runtime.yaml", &text),
            ..Layers::default()
        };
        match resolve(&layers, &[], &NoRefs) {
            Ok(resolved) => Ok(resolved.warnings.len()),
            Err(problems) => {
                assert!(!problems.is_empty(), "refused without a reason");
                Err(problems.iter().map(|problem| problem.path.clone()).collect::<Vec<_>>())
            }
        }
    });
}
