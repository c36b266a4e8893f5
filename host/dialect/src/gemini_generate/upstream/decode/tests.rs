//! Counts, ids, and signatures wherever they stand.

use super::decode_unary;
use crate::canon::{BlockKind, Event, StopReason, Usage};

fn events(candidate: &str, more: &str) -> Vec<Event> {
    let body =
        format!(r#"{{"candidates":[{candidate}],"modelVersion":"gemini-x","responseId":"r-1"{more}}}"#);
    decode_unary(&body, "req-1").unwrap()
}

fn usage(counts: &str) -> Usage {
    let said = events(r#"{"finishReason":"STOP"}"#, &format!(r#","usageMetadata":{{{counts}}}"#));
    let mut found =
        said.into_iter().filter_map(|event| if let Event::Usage(usage) = event { Some(usage) } else { None });
    found.next().unwrap()
}

#[test]
fn counts_are_put_together() {
    let counts = r#""promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":7,"thoughtsTokenCount":30,
        "toolUsePromptTokenCount":5,"totalTokenCount":142"#;
    assert_eq!(
        usage(counts),
        Usage { input: 105, output: 37, cached_input: 60, reasoning: 30, ..Usage::default() }
    );
    // Cut inside of its thoughts.
    assert_eq!(
        usage(r#""promptTokenCount":8,"thoughtsTokenCount":100"#),
        Usage { input: 8, output: 100, reasoning: 100, ..Usage::default() }
    );
}

#[test]
fn calls_without_ids_get_some_that_are_their_own() {
    let ids = |response: &str| -> Vec<String> {
        let body = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f"}}}},{{"functionCall":{{"name":"f","args":{{}}}}}}]}},
            "finishReason":"STOP"}}],"responseId":"{response}"}}"#
        );
        let said = decode_unary(&body, "req-1").unwrap();
        assert!(
            said.iter().any(|event| matches!(event, Event::Finish(it) if it.reason == StopReason::ToolUse))
        );
        let starts = said.into_iter().filter_map(|event| match event {
            Event::BlockStart(block) => match block.kind {
                BlockKind::ToolCall(start) => Some(start.id),
                _ => None,
            },
            _ => None,
        });
        starts.collect()
    };
    let (first, second) = (ids("a"), ids("b"));
    assert_eq!((first.len(), second.len()), (2, 2));
    assert!(first[0] != first[1] && first.iter().all(|id| !second.contains(id)), "{first:?} {second:?}");
}

#[test]
fn signatures_are_kept_with_who_signed() {
    let said = events(
        r#"{"content":{"parts":[{"text":"hm","thought":true,"thoughtSignature":"a"},{"text":"x","thoughtSignature":"b"},
        {"functionCall":{"name":"f","args":{}},"thoughtSignature":"c"},{"text":"","thoughtSignature":"d"}]},"finishReason":"STOP"}"#,
        "",
    );
    let mut marks = Vec::new();
    for event in &said {
        match event {
            Event::BlockStart(block) => match &block.kind {
                BlockKind::RedactedReasoning(data) => marks.push(data.clone()),
                BlockKind::ToolCall(start) => {
                    marks.push(format!("{:?} {:?}", start.signature, start.origin));
                }
                _ => {}
            },
            Event::BlockEnd(end) => {
                marks.extend(end.signature.as_ref().map(|it| format!("{it} {:?}", end.origin())));
            }
            _ => {}
        }
    }
    let origin = "Some(\"gemini-generate/gemini\")";
    assert_eq!(
        marks,
        [format!("a {origin}"), "text:b".to_owned(), format!("Some(\"c\") {origin}"), "d".to_owned()]
    );
}
