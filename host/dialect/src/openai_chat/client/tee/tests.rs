//! What a golden file cannot say: bytes that are no answer.

use proptest::prelude::*;

use super::{FrameOutcome, OpenAiChatTee, WireTee as _};

#[test]
fn frames_without_meaning_go_through() {
    let mut tee = OpenAiChatTee::default();
    for data in [
        None,
        Some(""),
        Some("{}"),
        Some(r#"{"choices":[],"prompt_filter_results":[]}"#),
        Some(r#"{"error":null}"#),
    ] {
        assert_eq!(tee.frame(data), FrameOutcome::Forward, "{data:?}");
    }
    assert!(!tee.ended());
    assert_eq!(tee.frame(Some(r#"{"choices":[],"usage":null}"#)), FrameOutcome::Forward);
    assert_eq!(tee.frame(Some(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#)), FrameOutcome::UsageOnly);
    assert_eq!(tee.frame(Some("[1]")), FrameOutcome::Malformed);
    assert_eq!(tee.frame(Some(" [DONE] ")), FrameOutcome::Done);
}

#[test]
fn usage_beside_a_choice_is_not_held_back() {
    let mut tee = OpenAiChatTee::default();
    let data = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1.0,"completion_tokens":2}}"#;
    assert_eq!(tee.frame(Some(data)), FrameOutcome::Forward);
    assert!(tee.ended());
    assert_eq!(tee.observed().usage.as_ref().map(|usage| (usage.input, usage.output)), Some((1, 2)));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in any::<String>(), json in "[\\[\\]{}:,\"a-z0-9 ]{0,40}") {
        let mut tee = OpenAiChatTee::default();
        tee.frame(Some(&text));
        tee.frame(Some(&json));
        drop(tee.whole(text.as_bytes()));
    }
}
