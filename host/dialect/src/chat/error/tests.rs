//! Whatever an upstream answers becomes a fault that is safe to show.

use super::{ErrorBody, parse, parse_inner, render, retry_after_ms, sanitise, type_word};
use crate::canon::FaultKind;
use crate::canon::exchange::Field;
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

#[test]
fn messages_are_made_safe() {
    assert_eq!(sanitise("a\n\tb\u{0}c"), "a b c");
    assert_eq!(
        sanitise("Incorrect API key provided: sk-abc123456789. See https://u:pw@x.test/k?key=1#f."),
        "Incorrect API key provided: *** See https://x.test/k"
    );
    assert_eq!(
        sanitise("header was `Authorization: Bearer abcdefgh123`"),
        "header was `Authorization: Bearer ***"
    );
    let long = sanitise(&"é".repeat(1000));
    assert_eq!((long.chars().count(), long.chars().last()), (300, Some('…')));
}

#[test]
fn waiting_is_read_from_headers() {
    let wait =
        |name: &str, value: &str| retry_after_ms(&[Field { name: name.to_owned(), value: value.to_owned() }]);
    assert_eq!(wait("Retry-After", "2"), Some(2000));
    assert_eq!(wait("retry-after", "1.5"), Some(1500));
    assert_eq!(wait("retry-after-ms", "250"), Some(250));
    for bad in ["-1", "soon", "NaN", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"] {
        assert_eq!(wait("retry-after", bad), None, "{bad}");
    }
}

#[test]
fn ours_as_the_envelope() {
    let body = ErrorBody { message: "no \"x\"", kind: type_word(404), param: Some("model"), code: None };
    assert_eq!(
        render(&body),
        r#"{"error":{"message":"no \"x\"","type":"invalid_request_error","param":"model","code":null}}"#
    );
    let words = [400, 401, 403, 404, 413, 429, 500, 502, 503, 504].map(type_word);
    assert_eq!(
        words,
        [
            "invalid_request_error",
            "invalid_request_error",
            "permission_error",
            "invalid_request_error",
            "invalid_request_error",
            "rate_limit_error",
            "api_error",
            "upstream_error",
            "overloaded_error",
            "timeout_error",
        ]
    );
}
