//! Calls of servers that are only almost the vendor's.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AnthropicMessagesDecoder, MessageEvents, plain};
use crate::canon::exchange::Frame;
use crate::canon::{Event, Fault, StopReason};

/// The arguments of the one call of a stream, and why it ended.
fn called(input: &Value, pieces: &[&str], reason: &str) -> Result<(String, StopReason), Fault> {
    let mut frames = vec![
        json!({"type": "message_start", "message": {"id": "m", "model": "claude-x", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0,
               "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": input}}),
    ];
    frames.extend(pieces.iter().map(|piece| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}})
    }));
    frames.push(json!({"type": "content_block_stop", "index": 0}));
    frames.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}),
    );
    frames.push(json!({"type": "message_stop"}));
    let frames: Vec<Frame> =
        frames.iter().map(|frame| Frame { name: None, data: frame.to_string() }).collect();
    let mut decoder = AnthropicMessagesDecoder::new();
    let mut events = decoder.push(&frames)?;
    events.extend(decoder.finish(true)?);
    let mut arguments = String::new();
    let mut ended = None;
    for event in events {
        match event {
            Event::Delta(delta) => arguments.push_str(&delta.text),
            Event::Finish(finish) => ended = Some(finish.reason),
            _ => {}
        }
    }
    Ok((arguments, ended.expect("an end")))
}

#[test]
fn arguments_are_one_object_however_often_they_come() {
    let whole = json!({"p": "a"});
    let says = |input: &Value, pieces: &[&str]| called(input, pieces, "tool_use").unwrap().0;
    assert_eq!(says(&json!({}), &["", "{\"p\":", "\"a\"}"]), r#"{"p":"a"}"#);
    assert_eq!(says(&whole, &["{\"p\":", "\"a\"}"]), r#"{"p":"a"}"#, "the pieces count");
    assert_eq!(says(&whole, &[]), r#"{"p":"a"}"#);
    assert_eq!(says(&whole, &[""]), r#"{"p":"a"}"#);
    assert_eq!(says(&json!({}), &[]), "{}");
    for pieces in [&["{\"p\":\"a\"}", "{\"p\":\"a\"}"][..], &["oops"], &["[1]"], &["{\"p\":"]] {
        let fault = called(&json!({}), pieces, "tool_use").unwrap_err();
        assert!(fault.message.contains("not one JSON object"), "{pieces:?}: {}", fault.message);
    }
    // A call that the limit cut is no call to be run.
    assert_eq!(
        called(&json!({}), &["{\"p\":"], "max_tokens").unwrap(),
        ("{\"p\":".into(), StopReason::MaxTokens)
    );
}

#[test]
fn a_turn_that_called_a_tool_ends_for_it() {
    let reason = |word: &str| called(&json!({}), &["{}"], word).unwrap().1;
    assert_eq!(reason("end_turn"), StopReason::ToolUse);
    assert_eq!(reason("tool_use"), StopReason::ToolUse);
    assert_eq!(reason("max_tokens"), StopReason::MaxTokens);
}

/// A member of an object, or none.
fn some_of(members: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::subsequence(members, 0..=members.len())
        .prop_shuffle()
        .prop_map(|members| members.join(","))
}

/// What an event may be.
const KINDS: &[&str] = &["content_block_delta", "content_block_stop", "ping", "message_delta"];

/// Nearly a piece of text.
fn piece_like() -> impl Strategy<Value = String> {
    let delta = some_of(&[
        r#""type":"text_delta""#,
        r#""type":"input_json_delta""#,
        r#""text":"a\nb""#,
        r#""text":"""#,
        r#""text":7"#,
        r#""text":null"#,
        r#""citations":null"#,
        r#""x":1"#,
    ]);
    let rest = some_of(&[
        r#""index":0"#,
        r#""index":1"#,
        r#""index":"0""#,
        r#""usage":{"output_tokens":1}"#,
        r#""delta":null"#,
        r#""p":null"#,
    ]);
    (proptest::sample::select(KINDS), delta, rest, "|,| x").prop_map(|(kind, delta, rest, behind)| {
        let comma = if rest.is_empty() { "" } else { "," };
        format!("{{\"type\":\"{kind}\",\"delta\":{{{delta}}}{comma}{rest}}}{behind}")
    })
}

proptest! {
    #[test]
    fn a_plain_piece_says_what_it_says_to_who_reads_all_of_it(pieces in proptest::collection::vec(piece_like(), 1..6)) {
        let first = [
            r#"{"type":"message_start","message":{"id":"m","model":"claude-x"}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        ];
        let (mut quick, mut thorough) = (MessageEvents::default(), MessageEvents::default());
        let (mut quick_events, mut thorough_events) = (Vec::new(), Vec::new());
        for piece in first.into_iter().chain(pieces.iter().map(String::as_str)) {
            let ends = (quick.event(piece, &mut quick_events), thorough.any_event(piece, &mut thorough_events));
            prop_assert_eq!(&ends.0, &ends.1, "{}", piece);
            prop_assert_eq!(&quick_events, &thorough_events, "{}", piece);
            if ends.0.is_err() {
                break;
            }
        }
    }
}

#[test]
fn what_the_vendor_sends_is_plain() {
    let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#;
    assert!(plain::read(piece).is_some_and(|piece| piece.text == "Hello"));
    assert_eq!(plain::read(&piece.replace("text_delta", "thinking_delta")), None);
}

/// With tools that the vendor runs, the last count is of all rounds and its kinds are of the first (BerriAI/litellm#42663): what
/// is not told to last an hour does not.
#[test]
fn all_that_went_into_the_cache_counts_whatever_its_kinds_add_up_to() {
    let first = json!({"input_tokens": 9, "cache_creation_input_tokens": 31_490,
        "cache_creation": {"ephemeral_5m_input_tokens": 31_000, "ephemeral_1h_input_tokens": 490}});
    let last = json!({"output_tokens": 7, "cache_creation_input_tokens": 184_457});
    let frames = [
        json!({"type": "message_start", "message": {"id": "m", "model": "claude-x", "usage": first}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}),
        json!({"type": "message_stop"}),
    ];
    let frames: Vec<Frame> = frames.iter().map(|it| Frame { name: None, data: it.to_string() }).collect();
    let events = AnthropicMessagesDecoder::new().push(&frames).unwrap();
    let counted = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(usage),
        _ => None,
    });
    let usage = counted.expect("counts");
    assert_eq!((usage.input, usage.cache_write, usage.cache_write_1h()), (184_466, 184_457, 490));
}
