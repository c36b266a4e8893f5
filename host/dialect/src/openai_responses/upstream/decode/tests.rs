//! Servers that are only almost the vendor's, and what a golden file cannot say.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{OpenAiResponsesDecoder, ResponseEvents, decode_unary, plain};
use crate::canon::exchange::Frame;
use crate::canon::{BlockKind, Event, Fault, FaultKind, StopReason};

fn decode(frames: &[Value]) -> Result<Vec<Event>, Fault> {
    let frames: Vec<Frame> =
        frames.iter().map(|frame| Frame { name: None, data: frame.to_string() }).collect();
    let mut decoder = OpenAiResponsesDecoder::new("r-1");
    let mut events = decoder.push(&frames)?;
    events.extend(decoder.finish(true)?);
    Ok(events)
}

/// What was said, block by block, and why it ended.
fn summary_of(events: &[Event]) -> String {
    let mut blocks: Vec<(u32, String)> = Vec::new();
    let mut end = String::new();
    for event in events {
        match event {
            Event::BlockStart(start) => {
                let kind = match &start.kind {
                    BlockKind::Text => "text".to_owned(),
                    BlockKind::Reasoning => "thought".to_owned(),
                    BlockKind::Refusal => "refusal".to_owned(),
                    BlockKind::ToolCall(call) => format!("call {} {}", call.id, call.name),
                    other => format!("{other:?}"),
                };
                assert!(!blocks.iter().any(|(index, _)| *index == start.index), "began twice");
                blocks.push((start.index, format!("{kind}: ")));
            }
            Event::Delta(delta) => {
                let block = blocks.iter_mut().find(|(index, _)| *index == delta.index).expect("a block");
                block.1.push_str(&delta.text);
            }
            Event::BlockEnd(ended) => {
                let block = blocks.iter_mut().find(|(index, _)| *index == ended.index).expect("a block");
                let extra = ended.extra.as_deref().unwrap_or_default();
                block.1.push_str(
                    &ended.signature.as_ref().map_or(String::new(), |it| format!(" <{it} {extra}>")),
                );
                block.1.push('.');
            }
            Event::Finish(finish) => end = format!("{:?}", finish.reason),
            Event::Start(_) | Event::Annotation(_) | Event::Usage(_) | Event::Other(_) => {}
        }
    }
    let blocks: Vec<String> = blocks.into_iter().map(|(_, text)| text).collect();
    format!("{} | {end}", blocks.join(" "))
}

fn decoded_text(frames: &[Value]) -> String {
    summary_of(&decode(frames).unwrap())
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5.1", "status": "in_progress", "output": []}})
}

fn completed(output: &Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": output}})
}

fn text(at: u32, piece: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": at, "content_index": 0, "item_id": "m", "delta": piece})
}

fn item(step: &str, at: u32, item: &Value) -> Value {
    json!({"type": format!("response.output_item.{step}"), "output_index": at, "item": item})
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{name}"), "call_id": format!("call_{name}"), "name": name, "arguments": arguments})
}

fn arguments(step: &str, at: u32, member: &str, text: &str) -> Value {
    json!({"type": format!("response.function_call_arguments.{step}"), "output_index": at, member: text})
}

fn message(text: &str) -> Value {
    json!({"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

#[test]
fn what_comes_twice_is_said_once_and_what_comes_once_is_said() {
    let hello = "text: hello. | EndTurn";
    let whole = completed(&json!([message("hello")]));
    for frames in [
        vec![
            created(),
            item("added", 0, &message("")),
            text(0, "hel"),
            text(0, "lo"),
            item("done", 0, &message("hello")),
            whole.clone(),
        ],
        // Pieces alone, with neither a beginning nor an end of the item.
        vec![created(), text(0, "hel"), text(0, "lo"), completed(&json!([]))],
        vec![text(0, "hello"), json!({"type": "response.completed"})],
        // The end alone.
        vec![created(), whole.clone()],
        vec![created(), item("done", 0, &message("hello")), completed(&Value::Null)],
        // The end holds what the pieces left out.
        vec![created(), text(0, "hel"), whole.clone()],
        vec![
            created(),
            text(0, "he"),
            json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hello"}),
            whole.clone(),
        ],
        // Numbers are told only at the end.
        vec![created(), json!({"type": "response.output_text.delta", "delta": "hello"}), whole.clone()],
        vec![created(), whole, json!("[DONE]"), json!({"type": "error", "message": "behind the end"})],
    ] {
        assert_eq!(decoded_text(&frames), hello, "{frames:#?}");
    }
}

#[test]
fn arguments_are_one_object_however_they_come() {
    let expected = "call call_f f: {\"a\":1}. | ToolUse";
    for frames in [
        vec![
            item("added", 0, &call("f", "")),
            arguments("delta", 0, "delta", "{\"a\""),
            arguments("delta", 0, "delta", ":1}"),
        ],
        vec![item("added", 0, &call("f", "")), arguments("done", 0, "arguments", "{\"a\":1}")],
        vec![item("added", 0, &call("f", "{\"a\":1}"))],
        vec![item("added", 0, &call("f", "{\"a\":1}")), arguments("delta", 0, "delta", "{\"a\":1}")],
        vec![item("done", 0, &call("f", "{\"a\":1}"))],
        // Its name comes with its end.
        vec![arguments("delta", 0, "delta", "{\"a\":1}"), item("done", 0, &call("f", "{\"a\":1}"))],
    ] {
        let mut frames = frames;
        frames.insert(0, created());
        frames.push(completed(&json!([call("f", "{\"a\":1}")])));
        assert_eq!(decoded_text(&frames), expected, "{frames:#?}");
    }
    let ended = |arguments: &str| decode(&[created(), completed(&json!([call("f", arguments)]))]);
    assert_eq!(summary_of(&ended("").unwrap()), "call call_f f: {}. | ToolUse");
    for broken in ["{\"a\":", "[1]", "oops"] {
        let fault = ended(broken).unwrap_err();
        assert!(fault.message.contains("not one JSON object"), "{broken}: {}", fault.message);
    }
    let nameless = decode(&[created(), arguments("delta", 0, "delta", "{}"), completed(&json!([]))]);
    assert_eq!(nameless.unwrap_err().message, "a tool call of the upstream's answer has no name");
}

#[test]
fn items_may_alternate() {
    let frames = [
        created(),
        item("added", 0, &call("f", "")),
        item("added", 1, &call("g", "")),
        arguments("delta", 0, "delta", "{\"a\""),
        arguments("delta", 1, "delta", "{\"b\""),
        arguments("delta", 0, "delta", ":1}"),
        arguments("delta", 1, "delta", ":2}"),
        item("done", 1, &call("g", "{\"b\":2}")),
        item("done", 0, &call("f", "{\"a\":1}")),
        completed(&json!([call("f", "{\"a\":1}"), call("g", "{\"b\":2}")])),
    ];
    assert_eq!(decoded_text(&frames), "call call_f f: {\"a\":1}. call call_g g: {\"b\":2}. | ToolUse");
}

/// Some servers name one item otherwise in every event.
#[test]
fn a_number_counts_more_than_an_id() {
    let mut again = message("hello");
    again["id"] = json!("other");
    let mut piece = text(0, "lo");
    piece["item_id"] = json!("third");
    let frames = [
        created(),
        item("added", 0, &message("")),
        text(0, "hel"),
        piece,
        item("done", 0, &again.clone()),
        completed(&json!([again])),
    ];
    assert_eq!(decoded_text(&frames), "text: hello. | EndTurn");
}

#[test]
fn thoughts_bear_what_was_encrypted_at_their_end() {
    let thought = |encrypted: &str, texts: &[&str]| {
        let summary: Vec<Value> =
            texts.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
        json!({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": encrypted})
    };
    let piece = |part: u32, text: &str| json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": part, "delta": text});
    let origin = "{\"origin\":\"openai-responses/gpt\"}";
    let frames = [
        created(),
        item("added", 0, &thought("early", &[])),
        piece(0, "one"),
        piece(1, "two"),
        item("done", 0, &thought("late", &["one", "two"])),
        completed(&json!([thought("late", &["one", "two"]), message("hi")])),
    ];
    assert_eq!(decoded_text(&frames), format!("thought: one\n\ntwo <late {origin}>. text: hi. | EndTurn"));
    let silent = [created(), completed(&json!([thought("e", &[]), message("hi")]))];
    assert_eq!(decoded_text(&silent), format!("thought:  <e {origin}>. text: hi. | EndTurn"));
    let open = json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "raw"});
    assert_eq!(decoded_text(&[created(), open, completed(&json!([]))]), "thought: raw. | EndTurn");
}

#[test]
fn every_end_is_what_it_says() {
    let ended = |kind: &str, response: Value| {
        decode(&[created(), text(0, "x"), json!({"type": kind, "response": response})])
    };
    let reason = |details: Value| {
        let events =
            ended("response.incomplete", json!({"status": "incomplete", "incomplete_details": details}))
                .unwrap();
        summary_of(&events)
    };
    assert_eq!(reason(json!({"reason": "max_output_tokens"})), "text: x. | MaxTokens");
    assert_eq!(reason(json!({"reason": "content_filter"})), "text: x. | ContentFilter");
    assert_eq!(reason(Value::Null), "text: x. | MaxTokens");
    let cut = decode(&[created(), text(0, "x")]);
    assert!(cut.unwrap_err().message.contains("ended without `response.completed`"));
    // A fault comes behind what was said before it.
    let mut decoder = OpenAiResponsesDecoder::new("r");
    for (last, kind) in [
        (
            json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}}}),
            FaultKind::RateLimited,
        ),
        (json!({"type": "response.failed", "response": {"status": "failed"}}), FaultKind::Upstream),
        (json!({"type": "response.cancelled", "response": {"status": "cancelled"}}), FaultKind::Upstream),
        (
            json!({"type": "error", "code": "server_is_overloaded", "message": "m", "param": null}),
            FaultKind::Overloaded,
        ),
        (json!({"type": "error", "error": {"type": "server_error", "message": "m"}}), FaultKind::Upstream),
    ] {
        let fault = decode(std::slice::from_ref(&last)).unwrap_err();
        assert_eq!(fault.kind, kind, "{last}: {fault:?}");
    }
    let frames =
        [created(), text(0, "x"), json!({"type": "error", "code": "server_is_overloaded", "message": "m"})];
    let frames: Vec<Frame> = frames.iter().map(|it| Frame { name: None, data: it.to_string() }).collect();
    assert_eq!(summary_of(&decoder.push(&frames).unwrap()), "text: x | ");
    assert_eq!(decoder.finish(true).unwrap_err().kind, FaultKind::Overloaded);
}

#[test]
fn a_whole_answer_reads_like_its_stream() {
    let custom = json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_p", "name": "patch", "input": "*** free"});
    let output = json!([{"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}, custom, {"type": "invented"}]);
    let body = json!({"id": "resp_1", "status": "completed", "error": null, "model": "gpt-5", "output": output,
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
                  "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 14}});
    let events = decode_unary(&body.to_string(), "r").unwrap();
    let usage =
        events.iter().find_map(|event| if let Event::Usage(usage) = event { Some(usage) } else { None });
    let usage = usage.unwrap();
    assert_eq!((usage.input, usage.cached_input, usage.output, usage.reasoning), (9, 4, 5, 2));
    let shown = summary_of(&events);
    assert!(shown.contains("refusal: no. call call_p patch: *** free."), "{shown}");
    assert!(
        events.iter().any(|event| matches!(event, Event::Finish(end) if end.reason == StopReason::ToolUse))
    );
    let streamed = decode(&[created(), json!({"type": "response.completed", "response": body})]).unwrap();
    assert_eq!(summary_of(&streamed), shown);
    for (body, kind) in [
        ("{}", FaultKind::Protocol),
        ("[]", FaultKind::Protocol),
        ("<html>", FaultKind::Protocol),
        (r#"{"status":"in_progress","output":[]}"#, FaultKind::Protocol),
        (
            r#"{"status":"failed","error":{"code":"server_is_overloaded","message":"m"}}"#,
            FaultKind::Overloaded,
        ),
        (r#"{"status":"failed","output":[]}"#, FaultKind::Upstream),
    ] {
        assert_eq!(decode_unary(body, "r").unwrap_err().kind, kind, "{body}");
    }
}

#[test]
fn citations_and_probabilities_come_once() {
    let citation = json!({"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1});
    let said = json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "x", "annotations": [citation]}]});
    let mut piece = text(0, "x");
    piece["logprobs"] = json!([{"token": "x", "logprob": -1, "top_logprobs": []}]);
    let frames = [
        created(),
        piece,
        json!({"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": citation}),
        item("done", 0, &said),
        completed(&json!([said])),
    ];
    let events = decode(&frames).unwrap();
    let values: Vec<&str> = events
        .iter()
        .filter_map(|event| if let Event::Annotation(it) = event { Some(it.value.as_str()) } else { None })
        .collect();
    assert_eq!(values.len(), 2, "{values:?}");
    assert!(values[0].contains("\"logprobs\":{\"content\":[{\"token\""), "{values:?}");
    assert!(values[1].contains("\"url_citation\":{\"url\":\"https://a.example\""), "{values:?}");
}

fn odd() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![
        "response.created",
        "response.completed",
        "response.incomplete",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.reasoning_text.delta",
        "response.custom_tool_call_input.delta",
        "response.output_text.annotation.added",
        "response.invented",
        "",
    ]);
    let values = prop::sample::select(vec![
        Value::Null,
        json!(0),
        json!(1),
        json!(-1),
        json!("{}"),
        json!("x"),
        json!([]),
        json!({}),
        json!({"type": "message"}),
        json!({"type": "function_call", "name": "f", "arguments": {}}),
        json!({"type": "reasoning", "encrypted_content": "e"}),
        json!({"output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}], "status": "completed"}),
    ]);
    let names = [
        "output_index",
        "content_index",
        "item_id",
        "delta",
        "text",
        "arguments",
        "item",
        "response",
        "annotation",
        "name",
    ];
    (kinds, prop::collection::vec((prop::sample::select(names.to_vec()), values), 0..6)).prop_map(
        |(kind, members)| {
            let mut event = json!({"type": kind});
            for (name, value) in members {
                event[name] = value;
            }
            event
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever comes: no block begins twice, nothing is said of one that is not open, and the end is the end.
    #[test]
    fn nothing_odd_breaks_the_grammar_of_events(frames in prop::collection::vec(odd(), 0..12)) {
        let mut decoder = OpenAiResponsesDecoder::new("r");
        let frames: Vec<Frame> = frames.iter().map(|it| Frame { name: None, data: it.to_string() }).collect();
        let events = decoder.push(&frames).unwrap_or_default();
        let (mut open, mut seen, mut ended) = (Vec::new(), Vec::new(), false);
        for event in &events {
            prop_assert!(!ended, "behind the end: {event:?}");
            match event {
                Event::BlockStart(it) => {
                    prop_assert!(!seen.contains(&it.index));
                    seen.push(it.index);
                    open.push(it.index);
                }
                Event::Delta(it) => prop_assert!(open.contains(&it.index), "{events:?}"),
                Event::BlockEnd(it) => {
                    prop_assert!(open.contains(&it.index), "{events:?}");
                    open.retain(|index| *index != it.index);
                }
                Event::Finish(_) => {
                    prop_assert!(open.is_empty(), "{events:?}");
                    ended = true;
                }
                Event::Start(_) | Event::Annotation(_) | Event::Usage(_) | Event::Other(_) => {}
            }
        }
        prop_assert_eq!(ended, decoder.finish(true).is_ok());
    }
}

/// A member of an object, or none.
fn some_of(members: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::subsequence(members, 0..=members.len())
        .prop_shuffle()
        .prop_map(|members| members.join(","))
}

/// What an event may be.
const KINDS: &[&str] =
    &["output_text.delta", "output_text.delta", "refusal.delta", "output_text.done", "output_item.done"];

/// Nearly a piece of text.
fn piece_like() -> impl Strategy<Value = String> {
    let members = some_of(&[
        r#""output_index":0"#,
        r#""output_index":1"#,
        r#""output_index":"0""#,
        r#""content_index":0"#,
        r#""content_index":1"#,
        r#""item_id":"i""#,
        r#""item_id":7"#,
        r#""sequence_number":3"#,
        r#""obfuscation":"x""#,
        r#""logprobs":[]"#,
        r#""logprobs":[{"token":"a"}]"#,
        r#""logprobs":null"#,
        r#""delta":"a\nb""#,
        r#""delta":"""#,
        r#""delta":7"#,
        r#""delta":null"#,
        r#""response":{"id":"r"}"#,
        r#""x":1"#,
    ]);
    (proptest::sample::select(KINDS), members, "|,| x").prop_map(|(kind, members, behind)| {
        let comma = if members.is_empty() { "" } else { "," };
        format!("{{\"type\":\"response.{kind}\"{comma}{members}}}{behind}")
    })
}

proptest! {
    #[test]
    fn a_plain_piece_says_what_it_says_to_who_reads_all_of_it(pieces in prop::collection::vec(piece_like(), 1..8)) {
        let first = [
            r#"{"type":"response.created","response":{"id":"r","model":"m"}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"i","type":"message","content":[]}}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"first"}"#,
        ];
        let (mut quick, mut thorough) = (ResponseEvents::new("r"), ResponseEvents::new("r"));
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
    let piece = r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi","sequence_number":4,"logprobs":[],"obfuscation":"x"}"#;
    assert!(plain::read(piece).is_some_and(|piece| piece.text == "Hi"));
    assert_eq!(plain::read(&piece.replace("[]", r#"[{"token":"Hi"}]"#)), None);
}
