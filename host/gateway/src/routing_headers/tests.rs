use brains_core::Millis;
use brains_core::id::Id;
use brains_core::plane::trace::{Attempt, AttemptOutcome, TraceRecord};

use super::headers;

fn record() -> TraceRecord {
    let id = Id::parse("trace_01jz0000000000000000000000").expect("an id");
    crate::record::blank(id, Millis(0))
}

fn attempt(provider: &str, outcome: AttemptOutcome, code: Option<&str>) -> Attempt {
    Attempt {
        provider: provider.into(),
        model: "m".into(),
        outcome,
        status: None,
        latency_ms: 0,
        code: code.map(str::to_owned),
        cause: None,
        billed: None,
    }
}

#[track_caller]
fn check(record: &TraceRecord, expected: &[(&str, &str)]) {
    let shown = headers(record);
    let shown: Vec<(&str, &str)> =
        shown.iter().skip(1).map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(shown, expected);
}

#[test]
fn a_request_of_which_nothing_is_known_tells_its_trace() {
    let shown = headers(&record());
    assert_eq!(shown.len(), 1);
    assert_eq!(shown.first().map(|(name, _)| *name), Some("x-brains-trace-id"));
}

#[test]
fn an_answer_tells_who_gave_it_and_who_did_not() {
    let record = TraceRecord {
        task: Some("code_fix".into()),
        confidence: Some(0.4),
        tier: Some("strong".into()),
        provider: Some("second".into()),
        model: Some("m".into()),
        strategy: Some("direct".into()),
        attempts: vec![
            attempt("full", AttemptOutcome::Skipped, Some("at_capacity")),
            attempt("first", AttemptOutcome::Failed, Some("upstream_error")),
            attempt("second", AttemptOutcome::Cancelled, None),
        ],
        loss: vec!["seed".into(), "logit_bias".into()],
        preamble_hash: Some("0123456789abcdef0123".into()),
        ..record()
    };
    check(
        &record,
        &[
            ("x-brains-task", "code_fix"),
            ("x-brains-confidence", "0.40"),
            ("x-brains-tier", "strong"),
            ("x-brains-provider", "second"),
            ("x-brains-model", "m"),
            ("x-brains-strategy", "direct"),
            ("x-brains-attempts", "2"),
            ("x-brains-attempt-causes", "full/m at_capacity, first/m upstream_error"),
            ("x-brains-loss", "seed, logit_bias"),
            ("x-brains-preamble", "0123456789abcdef"),
        ],
    );
}

#[test]
fn without_an_answer_nothing_was_lost_and_who_was_not_asked_is_not_named() {
    let skipped = attempt("full", AttemptOutcome::Skipped, Some("at_capacity"));
    let rejected = TraceRecord { provider: Some("full".into()), attempts: vec![skipped], ..record() };
    check(&rejected, &[("x-brains-attempt-causes", "full/m at_capacity")]);
    let failed = attempt("first", AttemptOutcome::Failed, Some("timeout"));
    let failed = TraceRecord { loss: vec!["seed".into()], attempts: vec![failed], ..record() };
    check(&failed, &[("x-brains-attempts", "1"), ("x-brains-attempt-causes", "first/m timeout")]);
}
