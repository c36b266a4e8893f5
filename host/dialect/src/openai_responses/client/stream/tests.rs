//! What a stream looks like, event by event; any legal order of canonical events gives a legal one.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::canon::{
    BlockEnd, BlockKind, BlockStart, Content, Delta, Event, Finish, Reasoning, Start, StopReason, ToolCall,
    ToolStart, Usage,
};
use crate::envelope::Envelope;
use crate::ingress::{AnswerIdentity, ErrorReport, Ingress, RequestEcho, ToolAlias};
use crate::sse::Frames;

fn identity() -> AnswerIdentity {
    let alias = |sent: &str, namespace: Option<&str>, name: &str, free_form| ToolAlias {
        sent: sent.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        free_form,
    };
    let echo = RequestEcho {
        members: r#"{"tools":[{"type":"custom","name":"patch"}],"temperature":0.5,"service_tier":"flex"}"#
            .to_owned(),
        tools: vec![alias("patch", None, "patch", true), alias("mcp__x__get", Some("mcp__x"), "get", false)],
        compacts: false,
    };
    AnswerIdentity {
        id: "resp_1".to_owned(),
        created: 1_700_000_000,
        model: "m".to_owned(),
        echo: Arc::new(echo),
    }
}

fn start(index: u32, kind: BlockKind) -> Event {
    Event::BlockStart(BlockStart { choice: 0, index, kind })
}

fn call(index: u32, id: &str, name: &str) -> Event {
    let start_of = ToolStart {
        id: id.to_owned(),
        name: name.to_owned(),
        namespace: None,
        signature: None,
        origin: None,
    };
    start(index, BlockKind::ToolCall(start_of))
}

fn piece(index: u32, text: &str) -> Event {
    Event::Delta(Delta { choice: 0, index, text: text.to_owned() })
}

fn end(index: u32) -> Event {
    Event::BlockEnd(BlockEnd { choice: 0, index, signature: None, extra: None })
}

fn finish(reason: StopReason) -> Event {
    Event::Finish(Finish { choice: 0, reason, stop_sequence: None })
}

fn streamed(events: &[Event]) -> String {
    let (mut writer, mut out) = (Ingress::OpenAiResponses.stream_writer(&identity(), true), String::new());
    for event in events {
        writer.push(event, &mut out).unwrap();
    }
    writer.finish(&mut out).unwrap();
    out
}

fn read(stream: &str) -> Vec<Value> {
    let frames = Frames::default().push(stream.as_bytes()).unwrap();
    frames
        .iter()
        .map(|frame| {
            let value: Value = serde_json::from_str(&frame.data).unwrap();
            assert_eq!(frame.name.as_deref(), value["type"].as_str());
            value
        })
        .collect()
}

/// What readers rely on; gives the response at the end.
#[track_caller]
fn legal(events: &[Value]) -> Value {
    let mut open: Option<(Value, String)> = None;
    let mut done = Vec::new();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at, "{event}");
        let kind = event["type"].as_str().unwrap();
        match kind {
            "response.created" => assert_eq!(at, 0),
            "response.in_progress" => assert_eq!(at, 1),
            "response.completed" | "response.incomplete" | "response.failed" => {
                assert_eq!(at, events.len() - 1, "one event ends it");
                assert!(open.is_none());
            }
            "response.output_item.added" => {
                assert!(open.is_none(), "one item after another: {event}");
                assert_eq!(event["output_index"], done.len());
                open = Some((event["item"]["id"].clone(), String::new()));
            }
            "response.output_item.done" => {
                let (id, said) = open.take().expect("it was added");
                assert_eq!((&event["item"]["id"], &event["output_index"]), (&id, &json!(done.len())));
                let item = &event["item"];
                let whole = match item["type"].as_str().unwrap() {
                    "function_call" => item["arguments"].as_str().unwrap().to_owned(),
                    "custom_tool_call" => item["input"].as_str().unwrap().to_owned(),
                    kind => {
                        let list = if kind == "message" { "content" } else { "summary" };
                        let parts = item[list].as_array().unwrap().iter();
                        parts
                            .map(|part| part["text"].as_str().or(part["refusal"].as_str()).unwrap())
                            .collect()
                    }
                };
                assert_eq!(whole, said, "the pieces are the whole: {event}");
                done.push(item.clone());
            }
            _ => {
                let (id, said) = open.as_mut().expect("no piece before its item");
                assert_eq!(
                    (&event["item_id"], &event["output_index"]),
                    (&*id, &json!(done.len())),
                    "{event}"
                );
                if kind.rsplit('.').next() == Some("delta") {
                    said.push_str(event["delta"].as_str().unwrap());
                }
            }
        }
    }
    let response = events.last().unwrap()["response"].clone();
    assert_eq!(response["output"], json!(done));
    response
}

#[test]
fn items_are_told_one_after_another() {
    let stream = streamed(&[
        Event::Start(Start::default()),
        start(0, BlockKind::Reasoning),
        piece(0, "hm"),
        Event::BlockEnd(BlockEnd {
            choice: 0,
            index: 0,
            signature: Some("sig".to_owned()),
            extra: Some(r#"{"origin":"anthropic-messages/claude"}"#.to_owned()),
        }),
        start(1, BlockKind::Text),
        piece(1, "a\n\"b\""),
        end(1),
        call(2, "c1", "mcp__x__get"),
        piece(2, "{\"a\""),
        call(3, "c2", "patch"),
        piece(3, "{\"input\":\"*** Begin\\n"),
        piece(2, ":1}"),
        piece(3, "x\"}"),
        call(4, "c3", "f"),
        Event::Usage(Usage { input: 11, output: 7, cached_input: 3, reasoning: 2, ..Usage::default() }),
        finish(StopReason::ToolUse),
    ]);
    let events = read(&stream);
    let response = legal(&events);
    let output = &response["output"];
    assert_eq!(
        output,
        &json!([
            {"id": "rs_1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "brains.thought.1:{\"origin\":\"anthropic-messages/claude\",\"signature\":\"sig\"}"},
            {"id": "msg_1_1", "type": "message", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "a\n\"b\"", "annotations": [], "logprobs": []}]},
            {"id": "fc_1_2", "type": "function_call", "status": "completed", "call_id": "c1", "name": "get",
             "namespace": "mcp__x", "arguments": "{\"a\":1}"},
            {"id": "ctc_1_3", "type": "custom_tool_call", "status": "completed", "call_id": "c2", "name": "patch",
             "input": "*** Begin\nx"},
            {"id": "fc_1_4", "type": "function_call", "status": "completed", "call_id": "c3", "name": "f",
             "arguments": "{}"},
        ])
    );
    assert_eq!(
        response["usage"],
        json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
               "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18})
    );
    for member in "id object created_at status error incomplete_details instructions max_output_tokens model output \
        parallel_tool_calls previous_response_id reasoning store temperature text tool_choice tools top_p truncation \
        usage user metadata"
        .split_whitespace()
    {
        for event in [&events[0], &events[1], events.last().unwrap()] {
            assert!(event["response"].get(member).is_some(), "{member}");
        }
    }
    assert_eq!((&response["temperature"], &response["service_tier"]), (&json!(0.5), &json!("flex")));
    assert_eq!(response["tools"], json!([{"type": "custom", "name": "patch"}]));
}

#[test]
fn an_answer_that_was_cut_says_why() {
    for (reason, why) in [
        (StopReason::MaxTokens, "max_output_tokens"),
        (StopReason::ContentFilter, "content_filter"),
        (StopReason::Refusal, "content_filter"),
    ] {
        let events = read(&streamed(&[start(0, BlockKind::Text), piece(0, "so"), finish(reason)]));
        let response = legal(&events);
        assert_eq!(events.last().unwrap()["type"], "response.incomplete");
        assert_eq!(response["status"], "incomplete");
        assert_eq!(response["incomplete_details"], json!({"reason": why}));
        assert_eq!(response["output"][0]["status"], "incomplete");
    }
}

#[test]
fn texts_that_follow_one_another_are_parts_of_one_message() {
    let events = [
        start(0, BlockKind::Text),
        piece(0, "a"),
        end(0),
        start(1, BlockKind::Refusal),
        piece(1, "b"),
        end(1),
        finish(StopReason::EndTurn),
    ];
    let response = legal(&read(&streamed(&events)));
    assert_eq!(response["output"].as_array().unwrap().len(), 1);
    assert_eq!(
        response["output"][0]["content"],
        json!([{"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
               {"type": "refusal", "refusal": "b"}])
    );
}

#[test]
fn a_signature_of_a_call_stands_in_a_thought_before_it() {
    let signed = ToolStart {
        id: "c".to_owned(),
        name: "f".to_owned(),
        namespace: None,
        signature: Some("s".to_owned()),
        origin: None,
    };
    let events = [start(0, BlockKind::ToolCall(signed)), piece(0, "{}"), finish(StopReason::ToolUse)];
    let response = legal(&read(&streamed(&events)));
    assert_eq!(
        response["output"][0]["encrypted_content"],
        "brains.thought.1:{\"call\":\"c\",\"signature\":\"s\"}"
    );
    assert_eq!(response["output"][1]["call_id"], "c");
}

#[test]
fn what_is_no_whole_answer_does_not_end() {
    let mut writer = Ingress::OpenAiResponses.stream_writer(&identity(), true);
    let mut out = String::new();
    writer.push(&start(0, BlockKind::Text), &mut out).unwrap();
    writer.push(&piece(0, "a"), &mut out).unwrap();
    assert!(writer.finish(&mut out).is_err());
    assert!(writer.push(&piece(7, "x"), &mut out).is_err());
}

#[derive(Debug, Clone)]
struct Said {
    kind: u8,
    pieces: Vec<String>,
    ends: bool,
}

fn blocks() -> impl Strategy<Value = Vec<Said>> {
    let said = (0_u8..5, prop::collection::vec("[a-zß😀\"\n]{0,4}", 0..4), any::<bool>());
    prop::collection::vec(said.prop_map(|(kind, pieces, ends)| Said { kind, pieces, ends }), 1..6)
}

fn kind(index: usize, kind: u8) -> Event {
    let number = u32::try_from(index).unwrap();
    match kind {
        0 => start(number, BlockKind::Text),
        1 => start(number, BlockKind::Reasoning),
        2 => start(number, BlockKind::Refusal),
        3 => call(number, &format!("c{index}"), "patch"),
        _ => call(number, &format!("c{index}"), "f"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// However blocks overlap, and whether they say that they end: the stream is legal, says all that was said, and ends in
    /// what the whole answer is.
    #[test]
    fn any_order_of_events_is_told_in_order(said in blocks(), order in prop::collection::vec(any::<prop::sample::Index>(), 32)) {
        let mut left: Vec<_> = said
            .iter()
            .enumerate()
            .map(|(index, block)| {
                let number = u32::try_from(index).unwrap();
                let mut events = vec![kind(index, block.kind)];
                events.extend(block.pieces.iter().map(|text| piece(number, text)));
                events.extend(block.ends.then(|| end(number)));
                events.into_iter()
            })
            .collect();
        let mut events = Vec::new();
        for index in order {
            let at = index.index(left.len());
            events.extend(left[at].next());
        }
        for rest in left {
            events.extend(rest);
        }
        events.push(finish(StopReason::EndTurn));
        let response = legal(&read(&streamed(&events)));
        let whole: Value =
            serde_json::from_str(&Ingress::OpenAiResponses.answer(&events, &identity()).unwrap()).unwrap();
        prop_assert_eq!(&response, &whole);
        let output = response["output"].to_string();
        for (index, block) in said.iter().enumerate() {
            let text: String = block.pieces.concat();
            if block.kind > 2 {
                let call = response["output"].as_array().unwrap().iter().find(|item| item["call_id"] == format!("c{index}")).unwrap();
                let told = call["arguments"].as_str().or(call["input"].as_str()).unwrap();
                prop_assert!(told == text || text.is_empty(), "{told}");
            } else {
                let quoted = Value::String(text).to_string();
                prop_assert!(output.contains(quoted.trim_matches('"')), "{output}");
            }
        }
        // Told again from the whole, it is legal too.
        let replayed = legal(&read(&Ingress::OpenAiResponses.replay(&whole.to_string(), true).unwrap()));
        prop_assert_eq!(replayed, whole);
    }
}

#[test]
fn a_broken_answer_ends_as_itself() {
    let (mut writer, mut out) = (Ingress::OpenAiResponses.stream_writer(&identity(), true), String::new());
    for event in
        [start(0, BlockKind::Reasoning), piece(0, "hm"), end(0), start(1, BlockKind::Text), piece(1, "a")]
    {
        writer.push(&event, &mut out).unwrap();
    }
    let report =
        ErrorReport { status: 503, message: "busy", param: None, code: Some("server_is_overloaded") };
    // Who relays it knows as much as came by.
    let mut tee = Ingress::OpenAiResponses.tee();
    for frame in Frames::default().push(out.as_bytes()).unwrap() {
        tee.frame(Some(&frame.data));
    }
    let ours = read(&format!("{out}{}", writer.failure(&report).unwrap()));
    let relayed = read(&format!("{out}{}", tee.failure(&report).unwrap()));
    for events in [ours, relayed] {
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], at);
        }
        let last = events.last().unwrap();
        assert_eq!((&last["type"], &last["response"]["id"]), (&json!("response.failed"), &json!("resp_1")));
        assert_eq!(last["response"]["created_at"], 1_700_000_000);
        assert_eq!(last["response"]["error"], json!({"code": "server_is_overloaded", "message": "busy"}));
    }
}

/// What an assistant does in a turn.
fn turn() -> impl Strategy<Value = Vec<Content>> {
    let text = || "[a-zß😀\"\n]{1,6}";
    let signed = |signature: Option<String>, redacted: Option<String>, text: String| {
        let origin = Some("anthropic-messages/claude".to_owned());
        Content::Reasoning(Reasoning { id: None, text, signature, redacted, origin })
    };
    let content = prop_oneof![
        text().prop_map(Content::Text),
        text().prop_map(Content::Refusal),
        (text(), text()).prop_map(move |(said, signature)| signed(Some(signature), None, said)),
        text().prop_map(move |data| signed(None, Some(data), String::new())),
        text().prop_map(|text| Content::Reasoning(Reasoning { text, ..Reasoning::default() })),
        (text(), prop::option::of(text()), 0_u8..3).prop_map(|(text, signature, kind)| {
            let (name, namespace) =
                [("f", None), ("patch", None), ("get", Some("mcp__x".to_owned()))][usize::from(kind)].clone();
            let arguments = json!({"input": text}).to_string();
            let origin = signature.as_ref().map(|_| "google".to_owned());
            Content::ToolCall(ToolCall {
                name: name.to_owned(),
                namespace,
                arguments,
                signature,
                origin,
                ..ToolCall::default()
            })
        }),
    ];
    prop::collection::vec(content, 1..6)
}

fn told_as_events(turn: &[Content]) -> Vec<Event> {
    let mut events = Vec::new();
    for (at, content) in turn.iter().enumerate() {
        let index = u32::try_from(at).unwrap();
        let mut ending = BlockEnd { choice: 0, index, signature: None, extra: None };
        let (kind, text) = match content {
            Content::Text(text) => (BlockKind::Text, text),
            Content::Refusal(text) => (BlockKind::Refusal, text),
            Content::Reasoning(thought) => {
                ending.signature.clone_from(&thought.signature);
                ending.extra = thought.origin.as_ref().map(|origin| json!({"origin": origin}).to_string());
                let kind =
                    thought.redacted.clone().map_or(BlockKind::Reasoning, BlockKind::RedactedReasoning);
                (kind, &thought.text)
            }
            Content::ToolCall(call) => {
                let name = match &call.namespace {
                    Some(namespace) => format!("{namespace}__{}", call.name),
                    None => call.name.clone(),
                };
                let (signature, origin) = (call.signature.clone(), call.origin.clone());
                let start = ToolStart { id: call.id.clone(), name, namespace: None, signature, origin };
                (BlockKind::ToolCall(start), &call.arguments)
            }
            other => panic!("{other:?}"),
        };
        events.extend([start(index, kind), piece(index, text), Event::BlockEnd(ending)]);
    }
    events.push(finish(StopReason::EndTurn));
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// A client that sends a turn back as it got it says what was said.
    #[test]
    fn there_and_back_keeps_the_meaning(mut said in turn()) {
        for (at, content) in said.iter_mut().enumerate() {
            if let Content::ToolCall(call) = content {
                call.id = format!("c{at}");
            }
        }
        let whole = Ingress::OpenAiResponses.answer(&told_as_events(&said), &identity()).unwrap();
        let whole: Value = serde_json::from_str(&whole).unwrap();
        let mut input = vec![json!({"role": "user", "content": "x"})];
        input.extend(whole["output"].as_array().unwrap().clone());
        let body = json!({"model": "m", "input": input}).to_string();
        let request = Ingress::OpenAiResponses.decode(&Envelope::scan(body.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(request.messages.len(), 2);
        let heard: Vec<Content> = request.messages[1].parts.iter().map(|part| part.content.clone()).collect();
        prop_assert_eq!(heard, said);
    }
}
