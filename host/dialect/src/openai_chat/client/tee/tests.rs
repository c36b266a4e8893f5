//! What a golden file cannot say: bytes that are no answer.

use proptest::prelude::*;

use super::{Tee, Verdict};

#[test]
fn frames_without_meaning_go_through() {
    let mut tee = Tee::new();
    for data in [
        None,
        Some(""),
        Some("{}"),
        Some(r#"{"choices":[],"prompt_filter_results":[]}"#),
        Some(r#"{"error":null}"#),
    ] {
        assert_eq!(tee.frame(data), Verdict::Forward, "{data:?}");
    }
    assert!(!tee.ended());
    assert_eq!(tee.frame(Some(r#"{"choices":[],"usage":null}"#)), Verdict::Forward);
    assert_eq!(tee.frame(Some(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#)), Verdict::UsageOnly);
    assert_eq!(tee.frame(Some("[1]")), Verdict::Malformed);
    assert_eq!(tee.frame(Some(" [DONE] ")), Verdict::Done);
}

#[test]
fn usage_beside_a_choice_is_not_held_back() {
    let mut tee = Tee::new();
    let data = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1.0,"completion_tokens":2}}"#;
    assert_eq!(tee.frame(Some(data)), Verdict::Forward);
    assert!(tee.ended());
    assert_eq!(tee.seen().usage.as_ref().map(|usage| (usage.input, usage.output)), Some((1, 2)));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in any::<String>(), json in "[\\[\\]{}:,\"a-z0-9 ]{0,40}") {
        let mut tee = Tee::new();
        tee.frame(Some(&text));
        tee.frame(Some(&json));
        drop(tee.unary(text.as_bytes()));
    }
}
