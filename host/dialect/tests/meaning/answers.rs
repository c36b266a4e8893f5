//! Answers come back from an upstream, and through the client's wire, as they were said.

use std::sync::Arc;

use std::fmt::Write as _;

use brains_dialect::anthropic_messages;
use brains_dialect::canon::exchange::Frame;
use brains_dialect::canon::{BlockKind, Event, StopReason};
use brains_dialect::ingress::{AnswerIdentity, Ingress};
use brains_dialect::openai_chat::upstream::decode as chat_upstream;
use brains_dialect::sse::Frames;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::MODEL;
use crate::requests::letters;

/// A block of an answer.
#[derive(Debug, Clone, PartialEq)]
enum Block {
    Text(String),
    Thought(String, String),
    Redacted(String),
    Call(String, String, Value),
}

/// Like texts would be one on the client's wire, so they never follow one another here.
fn answer() -> impl Strategy<Value = Vec<Block>> {
    let said = || "[a-z äß😀\n]{1,9}";
    let thoughts = prop::collection::vec(
        prop_oneof![
            (said(), letters()).prop_map(|(text, signature)| Block::Thought(text, signature)),
            letters().prop_map(Block::Redacted),
        ],
        0..3,
    );
    let calls =
        prop::collection::vec((letters(), prop_oneof![Just(json!({})), Just(json!({"a": [1, "ü"]}))]), 0..3);
    (thoughts, prop::option::of(said()), calls).prop_map(|(thoughts, text, calls)| {
        let calls = calls
            .into_iter()
            .enumerate()
            .map(|(at, (name, input))| Block::Call(format!("toolu_{at}"), name, input));
        thoughts.into_iter().chain(text.map(Block::Text)).chain(calls).collect()
    })
}

fn on_messages(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Thought(text, signature) => {
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Block::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
        Block::Call(id, name, input) => json!({"type": "tool_use", "id": id, "name": name, "input": input}),
    }
}

fn messages_stream(blocks: &[Block], reason: &str) -> String {
    let mut out = String::new();
    let mut event = |value: Value| {
        write!(out, "event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap()).unwrap();
    };
    event(json!({"type": "message_start", "message": {"id": "msg_1", "model": MODEL, "content": [],
                 "usage": {"input_tokens": 3, "output_tokens": 1}}}));
    for (index, block) in blocks.iter().enumerate() {
        let mut opener = on_messages(block);
        let deltas = match block {
            Block::Text(text) => {
                opener["text"] = json!("");
                pieces(text).map(|text| json!({"type": "text_delta", "text": text})).to_vec()
            }
            Block::Thought(text, signature) => {
                opener["thinking"] = json!("");
                opener["signature"] = json!("");
                let mut deltas =
                    pieces(text).map(|text| json!({"type": "thinking_delta", "thinking": text})).to_vec();
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
                deltas
            }
            Block::Redacted(_) => Vec::new(),
            Block::Call(_, _, input) => {
                opener["input"] = json!({});
                if *input == json!({}) {
                    Vec::new()
                } else {
                    pieces(&input.to_string())
                        .map(|text| json!({"type": "input_json_delta", "partial_json": text}))
                        .to_vec()
                }
            }
        };
        event(json!({"type": "content_block_start", "index": index, "content_block": opener}));
        for delta in deltas {
            event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        event(json!({"type": "content_block_stop", "index": index}));
    }
    event(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}));
    event(json!({"type": "message_stop"}));
    out
}

fn pieces(text: &str) -> [String; 2] {
    let half = text.chars().count() / 2;
    [text.chars().take(half).collect(), text.chars().skip(half).collect()]
}

/// The blocks that events say, with why they ended.
fn heard(events: &[Event]) -> (Vec<Block>, StopReason) {
    let mut open: Vec<(u32, BlockKind, String)> = Vec::new();
    let (mut blocks, mut reason) = (Vec::new(), None);
    for event in events {
        match event {
            Event::BlockStart(block) => open.push((block.index, block.kind.clone(), String::new())),
            Event::Delta(delta) => {
                open.iter_mut().find(|(index, ..)| *index == delta.index).unwrap().2.push_str(&delta.text);
            }
            Event::BlockEnd(end) => {
                let at = open.iter().position(|(index, ..)| *index == end.index).unwrap();
                let (_, kind, text) = open.remove(at);
                blocks.push(match kind {
                    BlockKind::Text => Block::Text(text),
                    BlockKind::Reasoning => Block::Thought(text, end.signature.clone().unwrap_or_default()),
                    BlockKind::RedactedReasoning(data) => Block::Redacted(data),
                    BlockKind::ToolCall(start) => {
                        Block::Call(start.id, start.name, serde_json::from_str(&text).unwrap())
                    }
                    other => panic!("{other:?}"),
                });
            }
            Event::Finish(finish) => reason = Some(finish.reason.clone()),
            Event::Start(_) | Event::Annotation(_) | Event::Usage(_) | Event::Other(_) => {}
        }
    }
    assert!(open.is_empty());
    (blocks, reason.unwrap())
}

fn frames(stream: &str) -> Vec<Frame> {
    let mut cutter = Frames::default();
    let mut frames = cutter.push(stream.as_bytes()).unwrap();
    frames.extend(cutter.finish());
    frames
}

/// As a client of chat completions gets it, read by our own reading of that wire.
fn through_chat(events: &[Event]) -> [(Vec<Block>, StopReason); 2] {
    let identity =
        AnswerIdentity { id: "c".to_owned(), created: 1, model: MODEL.to_owned(), echo: Arc::default() };
    let whole = Ingress::OpenAiChat.answer(events, &identity).unwrap();
    let mut chunks = Ingress::OpenAiChat.stream_writer(&identity, true);
    let mut out = String::new();
    for event in events {
        chunks.push(event, &mut out).unwrap();
    }
    chunks.finish(&mut out).unwrap();
    let mut decoder = chat_upstream::OpenAiChatDecoder::new("x");
    let mut streamed = decoder.push(&frames(&out)).unwrap();
    streamed.extend(decoder.finish(true).unwrap());
    [heard(&chat_upstream::decode_unary(&whole, "x").unwrap()), heard(&streamed)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_keep_their_meaning(blocks in answer()) {
        let calls = blocks.iter().any(|block| matches!(block, Block::Call(..)));
        let (word, reason) = if calls { ("tool_use", StopReason::ToolUse) } else { ("end_turn", StopReason::EndTurn) };
        let body = json!({"id": "msg_1", "model": MODEL, "stop_reason": word,
            "content": blocks.iter().map(on_messages).collect::<Vec<_>>(), "usage": {"input_tokens": 3}});
        let whole = anthropic_messages::upstream::decode::decode_unary(&body.to_string()).unwrap();
        let mut decoder = anthropic_messages::upstream::decode::AnthropicMessagesDecoder::new();
        let mut streamed = decoder.push(&frames(&messages_stream(&blocks, word))).unwrap();
        streamed.extend(decoder.finish(true).unwrap());
        let said = (blocks, reason);
        prop_assert_eq!(&heard(&whole), &said);
        prop_assert_eq!(&heard(&streamed), &said);
        for events in [whole, streamed] {
            for back in through_chat(&events) {
                // A thought, then text, then calls: the order of a whole message on the client's wire.
                prop_assert_eq!(&back, &said);
            }
        }
    }
}
