use proptest::prelude::*;
use serde_json::{Value, json};

use crate::canon::{
    Annotation, BlockEnd, BlockKind, BlockStart, Delta, Event, Finish, Start, StopReason, ToolStart, Usage,
};
use crate::ingress::{AnswerIdentity, Ingress};
use crate::sse::Frames;

const INGRESS: Ingress = Ingress::AnthropicMessages;

fn identity() -> AnswerIdentity {
    AnswerIdentity {
        id: "msg_1".to_owned(),
        created: 0,
        model: "m".to_owned(),
        echo: std::sync::Arc::default(),
    }
}

fn start(index: u32, kind: BlockKind) -> Event {
    Event::BlockStart(BlockStart { choice: 0, index, kind })
}

fn tool(index: u32, id: &str) -> Event {
    let (id, name) = (id.to_owned(), format!("f{index}"));
    start(index, BlockKind::ToolCall(ToolStart { id, name, namespace: None, signature: None, origin: None }))
}

fn say(index: u32, text: &str) -> Event {
    Event::Delta(Delta { choice: 0, index, text: text.to_owned() })
}

fn end(index: u32) -> Event {
    Event::BlockEnd(BlockEnd { choice: 0, index, signature: None, extra: None })
}

fn signed(index: u32, signature: &str, origin: &str) -> Event {
    let extra = Some(json!({"origin": origin}).to_string());
    Event::BlockEnd(BlockEnd { choice: 0, index, signature: Some(signature.to_owned()), extra })
}

fn finish(reason: StopReason) -> Event {
    Event::Finish(Finish { choice: 0, reason, stop_sequence: None })
}

/// The frames as they are written, and whether the answer is whole.
fn written(events: &[Event]) -> (String, bool) {
    let (mut writer, mut out) = (INGRESS.stream_writer(&identity(), true), String::new());
    for event in events {
        writer.push(event, &mut out).unwrap();
    }
    let whole = writer.finish(&mut out).is_ok();
    (out, whole)
}

/// The data of each frame, which says the same as the frame's name.
fn events_of(out: &str) -> Vec<Value> {
    let frames = out.split_terminator("\n\n").map(|frame| {
        let (event, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event, format!("event: {}", data["type"].as_str().unwrap()));
        data
    });
    frames.collect()
}

/// What a client puts together from the frames. Fails on what none of them bears.
fn accumulated(frames: &[Value]) -> Value {
    let (first, rest) = frames.split_first().unwrap();
    assert_eq!(first["type"], "message_start");
    let mut message = first["message"].clone();
    let mut open = None;
    let mut inputs = String::new();
    for frame in rest {
        let kind = frame["type"].as_str().unwrap();
        let content = message["content"].as_array_mut().unwrap();
        match kind {
            "content_block_start" => {
                assert_eq!(open, None, "one block at a time");
                assert_eq!(frame["index"], content.len(), "numbers without gaps");
                open = Some(frame["index"].clone());
                content.push(frame["content_block"].clone());
                inputs.clear();
            }
            "content_block_delta" => {
                assert_eq!(open.as_ref(), Some(&frame["index"]));
                let (block, delta) = (content.last_mut().unwrap(), &frame["delta"]);
                let member = match (block["type"].as_str().unwrap(), delta["type"].as_str().unwrap()) {
                    ("text", "text_delta") => "text",
                    ("thinking", "thinking_delta") => "thinking",
                    ("thinking", "signature_delta") => "signature",
                    ("tool_use", "input_json_delta") => {
                        inputs.push_str(delta["partial_json"].as_str().unwrap());
                        continue;
                    }
                    ("text", "citations_delta") => continue,
                    pair => panic!("{pair:?}"),
                };
                let so_far = block[member].as_str().unwrap().to_owned();
                block[member] = json!(so_far + delta[member].as_str().unwrap());
            }
            "content_block_stop" => {
                assert_eq!(open.take().as_ref(), Some(&frame["index"]));
                let block = content.last_mut().unwrap();
                if block["type"] == "tool_use" {
                    block["input"] = serde_json::from_str(&inputs).unwrap();
                }
            }
            "message_delta" => {
                assert_eq!(open, None);
                message["stop_reason"] = frame["delta"]["stop_reason"].clone();
                message["stop_sequence"] = frame["delta"]["stop_sequence"].clone();
                message["usage"] = frame["usage"].clone();
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    message
}

fn thinking_and_two_tools() -> Vec<Event> {
    vec![
        Event::Start(Start::default()),
        Event::Usage(Usage { input: 3, output: 1, ..Usage::default() }),
        start(0, BlockKind::Reasoning),
        say(0, "hmm"),
        signed(0, "sig", "anthropic-messages/claude"),
        tool(1, "toolu_1"),
        tool(2, "functions.g:0"),
        say(2, ""),
        say(1, "{\"a\":"),
        say(1, "1}"),
        end(1),
        end(2),
        Event::Usage(Usage { input: 3, output: 7, ..Usage::default() }),
        finish(StopReason::ToolUse),
    ]
}

/// The transcript of spec/gateway.md 16.7, word for word, although the two calls were told at once.
#[test]
fn thinking_and_two_tools_as_the_transcript_has_them() {
    let (out, whole) = written(&thinking_and_two_tools());
    assert!(whole);
    assert_eq!(
        out,
        concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hmm\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"sig\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f1\",\"input\":{}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"functions_2e_g_3a_0\",\"name\":\"f2\",\"input\":{}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":7}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        )
    );
}

#[test]
fn a_stream_puts_together_what_the_whole_answer_says() {
    let mut events = thinking_and_two_tools();
    let last = events.pop().unwrap();
    events.extend([
        start(5, BlockKind::Text),
        end(5),
        start(6, BlockKind::RedactedReasoning("ZGF0YQ==".to_owned())),
        end(6),
        start(7, BlockKind::Refusal),
        say(7, "No."),
        Event::Annotation(Annotation {
            choice: 0,
            index: 7,
            value: r#"{"type":"url_citation","url":"https://a.example"}"#.to_owned(),
        }),
        last,
    ]);
    let whole: Value = serde_json::from_str(&INGRESS.answer(&events, &identity()).unwrap()).unwrap();
    let (out, is_whole) = written(&events);
    assert!(is_whole);
    assert_eq!(accumulated(&events_of(&out)), whole);
    let kinds: Vec<&str> =
        whole["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    // What was blank is no block: vendors refuse one that comes back.
    assert_eq!(kinds, ["thinking", "tool_use", "tool_use", "redacted_thinking", "text"]);
    assert_eq!(whole["content"][3]["data"], "brains_thought_0_ZGF0YQ==");
}

#[test]
fn a_citation_of_this_wire_stays_with_its_text() {
    let citation = json!({"type": "char_location", "cited_text": "x\ny", "document_index": 0});
    let value = serde_json::to_string_pretty(&citation).unwrap();
    let events = [
        start(0, BlockKind::Text),
        say(0, "so"),
        Event::Annotation(Annotation { choice: 0, index: 0, value }),
        end(0),
        finish(StopReason::EndTurn),
    ];
    let frames = events_of(&written(&events).0);
    assert_eq!(frames[3]["delta"], json!({"type": "citations_delta", "citation": citation}));
    let whole: Value = serde_json::from_str(&INGRESS.answer(&events, &identity()).unwrap()).unwrap();
    assert_eq!(whole["content"][0]["citations"], json!([citation]));
}

#[test]
fn each_reason_has_its_word() {
    for (reason, word) in [
        (StopReason::EndTurn, "end_turn"),
        (StopReason::MaxTokens, "max_tokens"),
        (StopReason::ToolUse, "tool_use"),
        (StopReason::Refusal, "refusal"),
        (StopReason::ContentFilter, "refusal"),
        (StopReason::Other("pause_turn".to_owned()), "pause_turn"),
        (StopReason::Other("eos_token".to_owned()), "end_turn"),
    ] {
        let frames = events_of(&written(&[finish(reason)]).0);
        assert_eq!(frames[1]["delta"]["stop_reason"], word);
    }
    let stopped =
        Finish { choice: 0, reason: StopReason::StopSequence, stop_sequence: Some("END".to_owned()) };
    let frames = events_of(&written(&[Event::Finish(stopped)]).0);
    assert_eq!(frames[1]["delta"], json!({"stop_reason": "stop_sequence", "stop_sequence": "END"}));
}

#[test]
fn arguments_that_are_no_object_are_kept_in_one() {
    let events = [tool(0, "a"), say(0, "oops"), end(0), finish(StopReason::ToolUse)];
    let whole: Value = serde_json::from_str(&INGRESS.answer(&events, &identity()).unwrap()).unwrap();
    assert_eq!(whole["content"][0]["input"], json!({"_raw": "oops"}));
}

/// Blocks that begin, go on and end in any order, a few at a time, as several calls at once do.
fn interleaved() -> impl Strategy<Value = Vec<Event>> {
    let step = (0_u32..4, 0_u8..3);
    proptest::collection::vec(step, 0..24).prop_map(|steps| {
        let (mut events, mut open, mut next): (Vec<Event>, Vec<(u32, String)>, u32) =
            (Vec::new(), Vec::new(), 0);
        for (pick, action) in steps {
            let at = usize::try_from(pick).unwrap().min(open.len().saturating_sub(1));
            match action {
                1 if !open.is_empty() => events.push(say(open[at].0, &open[at].1)),
                2 if !open.is_empty() => events.push(end(open.remove(at).0)),
                _ => {
                    let piece = match pick {
                        0 => "",
                        1 => "a",
                        2 => "\u{1f600}\n",
                        _ => " ",
                    };
                    match pick {
                        0 => events.push(tool(next, "a")),
                        1 => events.push(start(next, BlockKind::Reasoning)),
                        _ => events.push(start(next, BlockKind::Text)),
                    }
                    open.push((next, piece.to_owned()));
                    next += 1;
                }
            }
        }
        events.push(finish(StopReason::EndTurn));
        events
    })
}

proptest! {
    #[test]
    fn any_order_of_pieces_is_a_legal_sequence_that_says_it_all(events in interleaved()) {
        let (out, whole) = written(&events);
        prop_assert!(whole);
        let answer: Value = serde_json::from_str(&INGRESS.answer(&events, &identity()).unwrap()).unwrap();
        let told = accumulated(&events_of(&out));
        prop_assert_eq!(&told, &answer);
        // And back: what the wire's own reader makes of it is the same answer.
        let frames = Frames::default().push(out.as_bytes()).unwrap();
        let again: Value = serde_json::from_str(&INGRESS.joined(&frames, &identity()).unwrap()).unwrap();
        prop_assert_eq!(&again["content"], &answer["content"]);
    }

    /// A cut anywhere leaves a legal beginning that no client takes for the whole.
    #[test]
    fn any_cut_is_a_legal_beginning_and_never_whole(events in interleaved(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(events.len());
        let (out, whole) = written(&events[..cut]);
        prop_assert!(!whole);
        prop_assert!(!out.contains("message_stop") && !out.contains("message_delta"));
        if !out.is_empty() {
            accumulated(&events_of(&out));
        }
        prop_assert!(written(&events).0.starts_with(&out));
    }
}

#[test]
fn a_call_that_is_signed_carries_its_signature_beside_it() {
    let call = |signature: Option<&str>| {
        let signature = signature.map(str::to_owned);
        let origin = signature.as_ref().map(|_| "google".to_owned());
        start(
            0,
            BlockKind::ToolCall(ToolStart {
                id: "c 1".into(),
                name: "f".into(),
                namespace: None,
                signature,
                origin,
            }),
        )
    };
    let early = [call(Some("sig")), say(0, "{}"), end(0), finish(StopReason::ToolUse)];
    let late = [call(None), say(0, "{}"), signed(0, "sig", "google"), finish(StopReason::ToolUse)];
    let seal =
        r#"{"type":"redacted_thinking","data":"brains_thought_call_6_c_20_1brains_thought_6_googlesig"}"#;
    for events in [&early, &late] {
        let (stream, whole) = written(events);
        assert!(whole && stream.contains(seal), "{stream}");
        let body = INGRESS.answer(events, &identity()).unwrap();
        let seal_at = body.find(seal).unwrap();
        assert!(seal_at < body.find("tool_use").unwrap(), "{body}");
    }
}
