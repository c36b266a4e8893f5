//! What a golden file cannot say: how a stream that breaks is told.

use proptest::prelude::*;

use super::{CompletionChunks, OpenAiChatDecoder, plain};
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

/// A member of an object, or none.
fn some_of(members: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::subsequence(members, 0..=members.len())
        .prop_shuffle()
        .prop_map(|members| members.join(","))
}

fn chunk_like() -> impl Strategy<Value = String> {
    let delta = some_of(&[
        r#""content":"a \u00fc\n""#,
        r#""content":"x""#,
        r#""content":null"#,
        r#""content":"""#,
        r#""role":"assistant""#,
        r#""refusal":null"#,
        r#""refusal":"no""#,
        r#""reasoning_content":"hm""#,
        r#""tool_calls":[]"#,
        r#""images":[1]"#,
        r#""content":["x"]"#,
    ]);
    let choice = (
        delta,
        some_of(&[
            r#""index":0"#,
            r#""index":1"#,
            r#""index":-1"#,
            r#""index":"0""#,
            r#""finish_reason":null"#,
            r#""finish_reason":"stop""#,
            r#""logprobs":null"#,
            r#""logprobs":{"content":[]}"#,
            r#""error":{"message":"m"}"#,
            r#""delta":{"content":"y"}"#,
        ]),
        any::<bool>(),
    );
    let choice = choice.prop_map(|(delta, rest, has_delta)| {
        let delta = format!("\"delta\":{{{delta}}}");
        let members = [delta.as_str(), rest.as_str()];
        let members: Vec<&str> =
            members.into_iter().skip(usize::from(!has_delta)).filter(|text| !text.is_empty()).collect();
        format!("{{{}}}", members.join(","))
    });
    let choices = proptest::collection::vec(
        prop_oneof![8 => choice, 1 => Just("null".to_owned()), 1 => Just("1".to_owned())],
        0..3,
    );
    let rest = some_of(&[
        r#""id":"c""#,
        r#""object":"chat.completion.chunk""#,
        r#""usage":null"#,
        r#""usage":{"prompt_tokens":1}"#,
        r#""error":null"#,
        r#""error":{"message":"m"}"#,
        r#""model":7"#,
        r#""x":1"#,
        r#""choices":[]"#,
        r#""choices":null"#,
    ]);
    (choices, rest, "|,| x").prop_map(|(choices, rest, behind)| {
        let comma = if rest.is_empty() { "" } else { "," };
        format!("{{\"choices\":[{}]{comma}{rest}}}{behind}", choices.join(","))
    })
}

proptest! {
    #[test]
    fn a_plain_chunk_says_what_it_says_to_who_reads_all_of_it(chunks in proptest::collection::vec(chunk_like(), 1..6)) {
        let first = r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant"}}]}"#;
        let (mut quick, mut thorough) = (CompletionChunks::new("r"), CompletionChunks::new("r"));
        let (mut quick_events, mut thorough_events) = (Vec::new(), Vec::new());
        for chunk in std::iter::once(first).chain(chunks.iter().map(String::as_str)) {
            let ends = (quick.chunk(chunk, &mut quick_events), thorough.any_chunk(chunk, &mut thorough_events));
            prop_assert_eq!(&ends.0, &ends.1, "{}", chunk);
            prop_assert_eq!(&quick_events, &thorough_events, "{}", chunk);
            if ends.0.is_err() {
                break;
            }
        }
    }
}

#[test]
fn what_vendors_send_is_plain() {
    for chunk in [
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default","system_fingerprint":"f","choices":[{"index":0,"delta":{"content":" piece"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}"#,
        r#"{"id":"gen-1","provider":"p","model":"m","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":"piece"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}"#,
    ] {
        assert!(plain::read(chunk).is_some_and(|piece| piece.text.contains("piece")), "{chunk}");
    }
    assert_eq!(
        plain::read(r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#),
        None
    );
}
