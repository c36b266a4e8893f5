//! The literal sequences of spec/gateway.md 16.

use std::sync::Arc;

use super::OpenAiChatWriter;
use crate::canon::{
    Annotation, BlockEnd, BlockKind, BlockStart, Delta, Event, Finish, Start, StopReason, ToolStart, Usage,
};
use crate::ingress::{AnswerIdentity, WireWriter as _};
use crate::openai_chat::client::answer::completion;

fn identity() -> AnswerIdentity {
    AnswerIdentity {
        id: "chatcmpl-1".to_owned(),
        created: 1_700_000_000,
        model: "m".to_owned(),
        echo: Arc::default(),
    }
}

fn opens(index: u32, kind: BlockKind) -> Event {
    Event::BlockStart(BlockStart { choice: 0, index, kind })
}

fn delta(index: u32, text: &str) -> Event {
    Event::Delta(Delta { choice: 0, index, text: text.to_owned() })
}

fn closes(index: u32) -> Event {
    Event::BlockEnd(BlockEnd { choice: 0, index, signature: None, extra: None })
}

fn finishes(reason: StopReason) -> Event {
    Event::Finish(Finish { choice: 0, reason, stop_sequence: None })
}

fn call(id: &str, name: &str) -> BlockKind {
    BlockKind::ToolCall(ToolStart {
        id: id.to_owned(),
        name: name.to_owned(),
        namespace: None,
        signature: None,
        origin: None,
    })
}

fn two_calls() -> Vec<Event> {
    vec![
        Event::Start(Start::default()),
        opens(0, BlockKind::Text),
        delta(0, "let me"),
        closes(0),
        opens(1, call("a", "f")),
        delta(1, "{\"x\":"),
        opens(2, call("b", "g")),
        delta(1, "1}"),
        closes(1),
        closes(2),
        Event::Usage(Usage { input: 3, output: 2, ..Usage::default() }),
        finishes(StopReason::ToolUse),
    ]
}

/// The frames, with what is the same on all of them left out.
fn stream(events: &[Event], include_usage: bool) -> Vec<String> {
    let mut chunks = OpenAiChatWriter::new(&identity(), include_usage);
    let mut out = String::new();
    for event in events {
        chunks.push(event, &mut out).unwrap();
    }
    chunks.finish(&mut out).unwrap();
    let head = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","#;
    let frames: Vec<&str> = out.strip_suffix("\n\n").unwrap().split("\n\n").collect();
    assert_eq!(*frames.last().unwrap(), "data: [DONE]");
    let body = |frame: &&str| frame.strip_prefix("data: ").unwrap().strip_prefix(head).unwrap().to_owned();
    frames[..frames.len() - 1].iter().map(body).collect()
}

#[test]
fn a_stream_of_two_calls() {
    let choice = |delta: &str| {
        format!(r#""choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":null}}]}}"#)
    };
    assert_eq!(
        stream(&two_calls(), false),
        [
            choice(r#"{"role":"assistant","content":""}"#),
            choice(r#"{"content":"let me"}"#),
            choice(
                r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#
            ),
            choice(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#),
            choice(
                r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#
            ),
            choice(r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#),
            r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}"#.to_owned(),
        ]
    );
    let asked = stream(&two_calls(), true);
    assert!(asked[0].ends_with(r#"}],"usage":null}"#));
    assert_eq!(
        asked.last().unwrap(),
        r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#
    );
}

#[test]
fn a_whole_answer() {
    let expected = concat!(
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"#,
        r#""message":{"role":"assistant","content":"let me","refusal":null,"tool_calls":["#,
        r#"{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},"#,
        r#"{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},"#,
        r#""logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"#,
        r#""total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#,
    );
    assert_eq!(completion(&two_calls(), &identity()).unwrap(), expected);
    let empty = completion(&[finishes(StopReason::EndTurn)], &identity()).unwrap();
    assert!(empty.contains(r#""content":"","#), "{empty}");
}

#[test]
fn an_answer_that_never_finished_is_no_answer() {
    let events = [Event::Start(Start::default()), opens(0, BlockKind::Text), delta(0, "half")];
    assert!(completion(&events, &identity()).is_err());
    assert!(completion(&[], &identity()).is_err());
    let mut chunks = OpenAiChatWriter::new(&identity(), true);
    let mut out = String::new();
    for event in &events {
        chunks.push(event, &mut out).unwrap();
    }
    let before = out.clone();
    assert!(chunks.finish(&mut out).is_err());
    assert_eq!(out, before);
}

#[test]
fn a_component_that_lies_is_found_out() {
    for wrong in [
        vec![Event::Start(Start::default()), delta(7, "x")],
        vec![delta(0, "x")],
        vec![Event::Annotation(Annotation { choice: 0, index: 0, value: "{} }\n\ndata: x".to_owned() })],
    ] {
        let mut chunks = OpenAiChatWriter::new(&identity(), false);
        let mut out = String::new();
        assert!(wrong.iter().any(|event| chunks.push(event, &mut out).is_err()), "{wrong:?}");
        assert!(completion(&wrong, &identity()).is_err());
    }
}

#[test]
fn json_over_several_lines_stays_one_frame() {
    let events = [
        opens(0, BlockKind::Text),
        Event::Annotation(Annotation {
            choice: 0,
            index: 0,
            value: "{\n\"logprobs\":{\r\n\"content\":[]}}".to_owned(),
        }),
        Event::Usage(Usage { extra: Some("{\"a\":\n\n[1,\n2]}".to_owned()), ..Usage::default() }),
        finishes(StopReason::EndTurn),
    ];
    let frames = stream(&events, true);
    assert_eq!(frames.len(), 4);
    assert!(frames[3].ends_with("\"a\":[1, 2]}}"), "{}", frames[3]);
}
