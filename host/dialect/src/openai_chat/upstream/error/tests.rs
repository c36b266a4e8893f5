//! Whatever an upstream answers becomes a fault that is safe to show.

use super::{parse, parse_inner};
use crate::canon::FaultKind;
use crate::json::Node;

#[track_caller]
fn check(status: u16, body: &str, kind: FaultKind, message: &str, failover: bool) {
    let fault = parse(status, &[], body);
    assert_eq!((fault.kind, fault.message.as_str(), fault.failover), (kind, message, failover), "{body}");
}

#[test]
fn every_shape_of_error_body() {
    use FaultKind as K;
    check(
        400,
        r#"{"error":{"message":"bad `n`","type":"invalid_request_error","code":null}}"#,
        K::InvalidRequest,
        "bad `n`",
        false,
    );
    check(400, r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, K::ContextTooLong, "m", true);
    check(
        400,
        r#"{"message":"This model's maximum context length is 8192 tokens"}"#,
        K::ContextTooLong,
        "This model's maximum context length is 8192 tokens",
        true,
    );
    check(400, r#"{"error":{"message":"m","code":"content_filter"}}"#, K::ContentFiltered, "m", false);
    check(401, r#"{"error":"no"}"#, K::Unauthorized, "no", true);
    check(403, r#"{"detail":"denied"}"#, K::Forbidden, "denied", true);
    check(404, "[{\"error\":{\"message\":\"gone\",\"code\":404}}]", K::NotFound, "gone", true);
    check(429, "{}", K::RateLimited, "the upstream answered 429", true);
    check(500, "", K::Upstream, "the upstream answered 500", true);
    check(
        502,
        "<html><body>Bad Gateway</body></html>",
        K::Upstream,
        "the upstream answered with a page of markup",
        true,
    );
    check(503, "plain text", K::Overloaded, "plain text", true);
    check(529, "null", K::Overloaded, "the upstream answered 529", true);
    check(504, "[]", K::Timeout, "the upstream answered 504", true);
    check(302, "", K::Upstream, "the upstream answered 302", true);
    check(500, r#"{"error":{"message":"m","code":"model_not_found"}}"#, K::Upstream, "m", true);
}

#[test]
fn an_error_inside_an_answer() {
    let kind = |text: &str| parse_inner(&Node::root(text)).kind;
    assert_eq!(kind(r#"{"message":"m","code":429}"#), FaultKind::RateLimited);
    assert_eq!(kind(r#"{"message":"m","type":"overloaded_error"}"#), FaultKind::Overloaded);
    assert_eq!(kind(r#""boom""#), FaultKind::Upstream);
    assert_eq!(kind("{}"), FaultKind::Upstream);
}
