//! Calls of servers that are only almost the vendor's.

use serde_json::{Value, json};

use super::AnthropicMessagesDecoder;
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
