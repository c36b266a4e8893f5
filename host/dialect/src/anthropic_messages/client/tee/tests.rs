use super::AnthropicMessagesTee;
use crate::canon::{FaultKind, StopReason};
use crate::ingress::{FrameOutcome, WireTee as _};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude-x","content":[],"usage":{"input_tokens":8,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":1}}}"#;

fn watch(frames: &[&str]) -> (AnthropicMessagesTee, Vec<FrameOutcome>) {
    let mut tee = AnthropicMessagesTee::default();
    let outcomes = frames.iter().map(|frame| tee.frame(Some(frame))).collect();
    (tee, outcomes)
}

#[test]
fn a_stream_is_watched_while_it_passes() {
    let (mut tee, outcomes) = watch(&[
        START,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    ]);
    assert!(outcomes.iter().all(|outcome| *outcome == FrameOutcome::Forward), "{outcomes:?}");
    assert!(!tee.begun() && !tee.ended(), "nothing was said");
    for (frame, outcome) in [
        (
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
            FrameOutcome::Forward,
        ),
        (r#"{"type":"not_invented_yet","x":1}"#, FrameOutcome::Forward),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}"#,
            FrameOutcome::Forward,
        ),
        (r#"{"type":"message_stop"}"#, FrameOutcome::Done),
    ] {
        assert_eq!(tee.frame(Some(frame)), outcome, "{frame}");
        assert!(tee.begun());
    }
    assert!(tee.ended());
    let observed = tee.observed();
    assert_eq!((observed.id.as_deref(), observed.model.as_deref()), (Some("msg_1"), Some("claude-x")));
    assert_eq!(observed.finish, Some(StopReason::EndTurn));
    let usage = observed.usage.clone().unwrap();
    assert_eq!((usage.input, usage.cached_input, usage.cache_write, usage.output), (13, 3, 2, 7));
    assert_eq!(tee.frame(None), FrameOutcome::Forward, "a comment");
}

#[test]
fn an_error_is_the_wires_own_end() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    let (tee, outcomes) = watch(&[START, error]);
    assert!(
        matches!(&outcomes[1], FrameOutcome::Failed(fault) if fault.kind == FaultKind::Overloaded),
        "{outcomes:?}"
    );
    assert!(!tee.begun() && !tee.ended());
    let fault = AnthropicMessagesTee::default().whole(error.as_bytes()).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Overloaded, "busy"));
}

#[test]
fn a_stream_without_a_reason_is_not_whole() {
    let (tee, outcomes) = watch(&[START, r#"{"type":"message_stop"}"#]);
    assert_eq!(outcomes[1], FrameOutcome::Done);
    assert!(!tee.ended());
    let (tee, outcomes) = watch(&[START, r#"{"type":"#]);
    assert_eq!(outcomes[1], FrameOutcome::Malformed);
    assert!(!tee.ended());
}

#[test]
fn a_number_that_is_none_is_mended_and_the_event_keeps_its_name() {
    let (_, outcomes) = watch(&[r#"{"type":"x_score","value":NaN}"#]);
    let mended = "event: x_score\ndata: {\"type\":\"x_score\",\"value\":null}\n\n";
    assert_eq!(outcomes, [FrameOutcome::Rewritten(mended.to_owned())]);
}

#[test]
fn only_a_message_is_one() {
    let whole = |body: &str| {
        let mut tee = AnthropicMessagesTee::default();
        tee.whole(body.as_bytes()).map(|()| tee)
    };
    let tee = whole(r#"{"id":"msg_1","type":"message","content":[],"stop_reason":"refusal","usage":{"input_tokens":3,"output_tokens":0}}"#).unwrap();
    assert_eq!(tee.observed().finish, Some(StopReason::Refusal));
    assert_eq!(tee.observed().usage.as_ref().map(|usage| usage.input), Some(3));
    for body in ["", "[1]", "{}", r#"{"type":"message"}"#, r#"{"content":"x"}"#, r#"{"detail":"gone"}"#] {
        assert!(whole(body).is_err(), "{body}");
    }
}
