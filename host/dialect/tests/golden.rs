//! Recorded requests, streams and answers. To add a case, put a file into `golden/`: streams and answers get the
//! reading of them written beside them on the first run, to be looked at and kept.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

use std::sync::Arc;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use brains_dialect::canon::{ChatRequest, Event, Fault};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, ErrorReport, FrameOutcome, Ingress, RelayTee};
use brains_dialect::openai_chat::upstream::decode::{OpenAiChatDecoder, decode_unary};
use brains_dialect::openai_chat::upstream::encode::{OpenAiChatOptions, encode};
use brains_dialect::sse::{Frames, RawFrames};
use proptest::prelude::*;
use serde_json::Value;

const INGRESS: Ingress = Ingress::OpenAiChat;

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(folder);
    let mut files: Vec<PathBuf> =
        fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn agrees(path: &Path, reading: &str) {
    let expected = path.with_extension("txt");
    let Ok(text) = fs_err::read_to_string(&expected) else {
        fs_err::write(&expected, reading).unwrap();
        panic!("wrote {}: look at it and run again", expected.display());
    };
    assert_eq!(text, reading, "{}", path.display());
}

#[derive(Debug, PartialEq)]
struct Decoded {
    events: Vec<Event>,
    end: Result<(), Fault>,
}

fn decode(chunks: &[&[u8]]) -> Decoded {
    let (mut frames, mut decoder, mut events) =
        (Frames::default(), OpenAiChatDecoder::new("req-1"), Vec::new());
    for chunk in chunks {
        match decoder.push(&frames.push(chunk).unwrap()) {
            Ok(more) => events.extend(more),
            Err(fault) => return Decoded { events, end: Err(fault) },
        }
    }
    let end = decoder.push(&frames.finish()).and_then(|more| {
        events.extend(more);
        decoder.finish(true)
    });
    let end = end.map(|more| events.extend(more));
    Decoded { events, end }
}

/// What the relay lane forwards, and what it learned.
fn tee(chunks: &[&[u8]]) -> (Vec<u8>, Vec<FrameOutcome>, RelayTee) {
    let (mut raw, mut tee, mut out, mut verdicts) =
        (RawFrames::default(), INGRESS.tee(), Vec::new(), Vec::new());
    let mut batches: Vec<_> = chunks.iter().map(|chunk| raw.push(chunk).unwrap()).collect();
    batches.extend(raw.finish());
    for batch in batches {
        for (bytes, message) in batch.iter() {
            out.extend_from_slice(bytes);
            if message.data.is_some() {
                verdicts.push(tee.frame(message.data.as_deref()));
            }
        }
    }
    (out, verdicts, tee)
}

/// As the kept readings have it.
fn observed(tee: &RelayTee) -> String {
    format!("{:?}", tee.observed()).replacen("ObservedAnswer", "Seen", 1)
}

fn request(body: &[u8]) -> ChatRequest {
    INGRESS.decode(&Envelope::scan(body).unwrap()).unwrap()
}

fn written(decoded: &Decoded) -> String {
    let mut out = String::new();
    for event in &decoded.events {
        writeln!(out, "{event:?}").unwrap();
    }
    match &decoded.end {
        Ok(()) => out.push_str("whole\n"),
        Err(fault) => writeln!(out, "{:?}: {}", fault.kind, fault.message).unwrap(),
    }
    out
}

#[test]
fn streams() {
    for path in files("openai_chat/streams", "sse") {
        let stream = fs_err::read(&path).unwrap();
        let decoded = decode(&[&stream]);
        let (forwarded, verdicts, tee) = tee(&[&stream]);
        assert_eq!(forwarded, stream);
        assert_eq!(tee.ended(), decoded.end.is_ok(), "{}: both readings agree on the end", path.display());
        let mut reading = written(&decoded);
        writeln!(reading, "-- tee, ended: {}\n{}\n{verdicts:?}", tee.ended(), observed(&tee)).unwrap();
        agrees(&path, &reading);
    }
}

#[test]
fn answers() {
    for path in files("openai_chat/answers", "json") {
        let body = fs_err::read_to_string(&path).unwrap();
        let mut tee = INGRESS.tee();
        let judged = tee.whole(body.as_bytes());
        let reading = match decode_unary(&body, "req-1") {
            Ok(events) => {
                assert!(judged.is_ok(), "{}", path.display());
                let whole = INGRESS.answer(&events, &identity()).unwrap();
                serde_json::from_str::<Value>(&whole).unwrap();
                format!("{}{whole}\n", written(&Decoded { events, end: Ok(()) }))
            }
            Err(fault) => format!("{fault:?}\n"),
        };
        let judged = judged.map_err(|fault| fault.message);
        agrees(&path, &format!("{reading}-- tee\n{judged:?}\n{}\n", observed(&tee)));
    }
}

/// Decoding and encoding a request gives the same JSON, but for the order of members.
#[test]
fn requests() {
    for path in files("openai_chat/requests", "json") {
        let body = fs_err::read(&path).unwrap();
        let decoded = request(&body);
        let encoded =
            encode(&decoded, &OpenAiChatOptions { extensions: Some(true), ..OpenAiChatOptions::default() })
                .unwrap();
        assert_eq!(encoded.losses, Vec::<String>::new());
        let (ours, theirs): (Value, Value) =
            (serde_json::from_str(&encoded.body).unwrap(), serde_json::from_slice(&body).unwrap());
        assert_eq!(ours, theirs, "{}", path.display());
        assert_eq!(request(encoded.body.as_bytes()), decoded);
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

/// Events written as a stream read back as the same events, and as a whole answer too.
#[test]
fn what_is_written_reads_back() {
    for path in files("openai_chat/streams", "sse") {
        let decoded = decode(&[&fs_err::read(&path).unwrap()]);
        let mut chunks = INGRESS.stream_writer(&identity(), true);
        let mut out = String::new();
        for event in &decoded.events {
            chunks.push(event, &mut out).unwrap();
        }
        let ended = chunks.finish(&mut out);
        assert_eq!(ended.is_ok(), decoded.end.is_ok(), "{}", path.display());
        assert_eq!(INGRESS.answer(&decoded.events, &identity()).is_ok(), ended.is_ok(), "{}", path.display());
        if ended.is_err() {
            let error = ErrorReport { status: 502, message: "m", param: None, code: None };
            out.push_str(&INGRESS.error_event(&error));
        }
        let again = decode(&[out.as_bytes()]);
        assert_eq!(again.end.is_ok(), decoded.end.is_ok());
        let plain = |events: &[Event]| -> Vec<Event> {
            events
                .iter()
                .filter(|event| !matches!(event, Event::Start(_) | Event::Usage(_)))
                .cloned()
                .collect()
        };
        assert_eq!(plain(&again.events), plain(&decoded.events), "{}", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_chunking_reads_the_same(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        for path in files("openai_chat/streams", "sse") {
            let stream = fs_err::read(&path).unwrap();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decode(&chunks), decode(&[&stream]));
            let (bytes, verdicts, judged) = tee(&chunks);
            let (_, whole_verdicts, whole) = tee(&[&stream]);
            prop_assert_eq!(bytes, stream);
            prop_assert_eq!(verdicts, whole_verdicts);
            prop_assert_eq!(judged.observed(), whole.observed());
        }
    }
}
