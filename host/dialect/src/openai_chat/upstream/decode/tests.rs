//! What a golden file cannot say: how a stream that breaks is told.

use super::OpenAiChatDecoder;
use crate::canon::exchange::Frame;
use crate::canon::{Event, FaultKind};

fn frame(data: &str) -> Frame {
    Frame { name: None, data: data.to_owned() }
}

#[test]
fn a_broken_transport_after_the_finish_loses_nothing() {
    let whole = frame(r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#);
    let half = frame(r#"{"choices":[{"index":0,"delta":{"content":"x"}}]}"#);
    let mut decoder = OpenAiChatDecoder::new("r");
    decoder.push(&[whole]).unwrap();
    assert_eq!(decoder.finish(false), Ok(Vec::new()));
    let mut decoder = OpenAiChatDecoder::new("r");
    decoder.push(&[half]).unwrap();
    assert_eq!(decoder.finish(false).unwrap_err().message, "the upstream's stream broke off");
}

#[test]
fn a_fault_comes_after_the_events_before_it() {
    let mut decoder = OpenAiChatDecoder::new("r");
    let frames = [
        frame(r#"{"choices":[{"index":0,"delta":{"content":"x"}}]}"#),
        frame(r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#),
        frame(r#"{"choices":[{"index":0,"delta":{"content":"y"}}]}"#),
    ];
    let events = decoder.push(&frames).unwrap();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Delta(_))).count(), 1);
    assert_eq!(decoder.push(&[]).unwrap_err().kind, FaultKind::RateLimited);
    assert_eq!(decoder.finish(true).unwrap_err().kind, FaultKind::RateLimited);
}

#[test]
fn calls_told_apart_by_id_when_there_is_no_index() {
    let mut decoder = OpenAiChatDecoder::new("r");
    let call = |id: &str, name: &str, arguments: &str| {
        let text = format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"id":"{id}","function":{{"name":"{name}","arguments":"{arguments}"}}}}]}}}}]}}"#
        );
        frame(&text)
    };
    let events = decoder.push(&[call("a", "f", "1"), call("b", "g", "2"), call("a", "", "3")]).unwrap();
    let deltas: Vec<(u32, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delta(delta) => Some((delta.index, delta.text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(deltas, [(0, "1"), (1, "2"), (0, "3")]);
}

#[test]
fn a_call_that_never_gets_a_name_is_a_fault() {
    let mut decoder = OpenAiChatDecoder::new("r");
    decoder.push(&[frame(r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a"}]}}]}"#)]).unwrap();
    let end = decoder.push(&[frame(r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#)]);
    assert_eq!(end.unwrap_err().kind, FaultKind::Protocol);
}
