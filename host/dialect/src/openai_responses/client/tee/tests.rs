//! What a relayed answer is taken for.

use crate::canon::StopReason;
use crate::ingress::{AnswerCut, ErrorReport, FrameOutcome, Ingress};

const CREATED: &str = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_u","model":"m","status":"in_progress","output":[],"usage":null}}"#;
const ADDED: &str =
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[]}}"#;
const DELTA: &str = r#"{"type":"response.output_text.delta","delta":"hi"}"#;

#[test]
fn an_answer_is_whole_with_its_last_event_and_not_before() {
    let mut tee = Ingress::OpenAiResponses.tee();
    for (data, begun) in [
        (CREATED, false),
        (ADDED, false),
        (r#"{"type":"response.output_text.delta","delta":""}"#, false),
        (r#"{"type":"response.something.else"}"#, false),
        ("[DONE]", false),
        (DELTA, true),
        (r#"{"type":"response.output_item.done","item":{"type":"message"}}"#, true),
    ] {
        assert_eq!(tee.frame(Some(data)), FrameOutcome::Forward, "{data}");
        assert_eq!((tee.begun(), tee.ended()), (begun, false), "{data}");
    }
    let last = r#"{"type":"response.incomplete","response":{"id":"resp_u","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[],"usage":{"input_tokens":3,"output_tokens":2,"input_tokens_details":{"cached_tokens":1}}}}"#;
    assert_eq!(tee.frame(Some(last)), FrameOutcome::Done);
    assert!(tee.ended());
    let seen = tee.observed();
    assert_eq!((seen.id.as_deref(), seen.model.as_deref()), (Some("resp_u"), Some("m")));
    assert_eq!(seen.finish, Some(StopReason::MaxTokens));
    assert_eq!(seen.usage.as_ref().map(|it| (it.input, it.output, it.cached_input)), Some((3, 2, 1)));
}

#[test]
fn a_failure_is_one_in_each_of_its_forms() {
    for data in [
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"gone"}}}"#,
        r#"{"type":"error","code":"server_error","message":"gone","param":null}"#,
        r#"{"type":"error","error":{"message":"gone"}}"#,
    ] {
        let mut tee = Ingress::OpenAiResponses.tee();
        let outcome = tee.frame(Some(data));
        assert!(matches!(&outcome, FrameOutcome::Failed(fault) if fault.message == "gone"), "{outcome:?}");
        assert!(!tee.ended());
    }
    let mut tee = Ingress::OpenAiResponses.tee();
    let outcome = tee.frame(Some(r#"{"error":{"message":"gone"}}"#));
    assert!(matches!(&outcome, FrameOutcome::Error(fault) if fault.message == "gone"), "{outcome:?}");
    assert_eq!(Ingress::OpenAiResponses.tee().frame(Some("{\"type\":")), FrameOutcome::Malformed);
}

#[test]
fn a_whole_response_is_judged() {
    let judged = |body: &str| {
        let mut tee = Ingress::OpenAiResponses.tee();
        (tee.whole(body.as_bytes()).map_err(|fault| fault.message), tee.observed().finish.clone())
    };
    let called =
        r#"{"object":"response","status":"completed","error":null,"output":[{"type":"function_call"}]}"#;
    assert_eq!(judged(called), (Ok(()), Some(StopReason::ToolUse)));
    let failed = r#"{"object":"response","status":"failed","error":{"code":"server_error","message":"gone"},"output":[]}"#;
    assert_eq!(judged(failed).0, Err("gone".to_owned()));
    for none in ["[1]", "{}", "nope", r#"{"output":5}"#] {
        assert!(judged(none).0.is_err(), "{none}");
    }
}

#[test]
fn what_is_kept_of_an_answer_is_what_it_said() {
    const ITEM: &str =
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg_u"}}"#;
    let mut tee = Ingress::OpenAiResponses.tee();
    tee.keep(Some("resp_before"));
    let told = CREATED.replace(
        "\"usage\":null}",
        "\"usage\":null,\"store\":true,\"previous_response_id\":\"resp_before\"}",
    );
    let told = format!("event: response.created\ndata: {told}\n\n");
    assert_eq!(tee.frame(Some(CREATED)), FrameOutcome::Rewritten(told));
    for data in [ADDED, DELTA, ITEM] {
        assert_eq!(tee.frame(Some(data)), FrameOutcome::Forward, "every other frame stays");
    }
    assert_eq!(tee.kept(), None);
    let output = r#""output":[{"type":"message","id":"msg_u"}],"usage":null"#;
    assert_eq!(
        tee.cut(AnswerCut::Cancelled).unwrap(),
        format!(
            r#"{{"id":"resp_u","model":"m","status":"cancelled","error":null,"incomplete_details":null,{output}}}"#
        )
    );
    let report = ErrorReport { status: 502, message: "gone", param: None, code: Some("upstream_error") };
    assert_eq!(
        tee.cut(AnswerCut::Failed(&report)).unwrap(),
        format!(
            r#"{{"id":"resp_u","model":"m","status":"failed","error":{{"code":"upstream_error","message":"gone"}},"incomplete_details":null,{output}}}"#
        )
    );
    let told = tee.failure(&report).unwrap();
    assert!(
        told.starts_with(
            "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":1,"
        ),
        "{told}"
    );
    assert!(
        told.contains(output) && told.contains(r#""store":true,"previous_response_id":"resp_before""#),
        "{told}"
    );
    let whole = r#"{"id":"resp_u","status":"completed","output":[]}"#;
    let outcome = tee.frame(Some(&format!(r#"{{"type":"response.completed","response":{whole}}}"#)));
    let FrameOutcome::DoneAs(told) = outcome else { panic!("{outcome:?}") };
    let last = r#""output":[],"store":true,"previous_response_id":"resp_before"}}"#;
    assert!(
        told.starts_with("event: response.completed\n") && told.ends_with(&format!("{last}\n\n")),
        "{told}"
    );
    assert_eq!((tee.kept().as_deref(), tee.ended()), (Some(whole), true));

    let mut careless = Ingress::OpenAiResponses.tee();
    careless.frame(Some(CREATED));
    assert_eq!((careless.kept(), careless.cut(AnswerCut::Cancelled)), (None, None));
}
