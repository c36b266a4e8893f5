//! Our errors on this wire: the envelope that its clients expect (spec/gateway.md 18). The member that an error is about
//! stands in its message: there is no other place for it.

use crate::canon::Json;
use crate::ingress::ErrorReport;
use crate::json::{Members, Node, member};

/// The code of what is used up.
const QUOTA: &str = "insufficient_quota";

/// `{"type":"error","error":{"type":…,"message":…}}`
pub(super) fn body(error: &ErrorReport<'_>) -> Json {
    let mut inner = Members::new();
    inner.string("type", type_word(error.status, error.code)).string("message", error.message);
    let mut out = Members::new();
    out.string("type", "error").raw("error", &inner.finish());
    out.finish()
}

/// Whether `body` is such an envelope of somebody else. This wire has no codes: its clients act on the type and the text.
pub(super) fn is_own(body: &str) -> bool {
    let text = |of: &str, name| Node::root(of).object().ok()?.string(name).ok()?;
    let Some(inner) = member(Some(body), "error") else { return false };
    text(body, "type").as_deref() == Some("error")
        && text(&inner, "type").is_some()
        && text(&inner, "message").is_some()
}

/// The `type` that goes with a status of ours. A limit that somebody set or paid for is no matter of waiting a while: clients
/// stop at this word, and try again at that of a rate.
fn type_word(status: u16, code: Option<&str>) -> &'static str {
    match status {
        429 if code == Some(QUOTA) => "billing_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorReport, body, is_own, type_word};

    #[test]
    fn ours_as_the_envelope() {
        let error = ErrorReport { status: 404, message: "no \"x\"", param: Some("model"), code: Some("c") };
        assert_eq!(
            body(&error),
            r#"{"type":"error","error":{"type":"not_found_error","message":"no \"x\""}}"#
        );
        let words = [400, 401, 403, 405, 413, 429, 500, 502, 503, 504].map(|status| type_word(status, None));
        assert_eq!(
            words,
            [
                "invalid_request_error",
                "authentication_error",
                "permission_error",
                "invalid_request_error",
                "request_too_large",
                "rate_limit_error",
                "api_error",
                "api_error",
                "overloaded_error",
                "timeout_error",
            ]
        );
        assert_eq!(type_word(429, Some("insufficient_quota")), "billing_error");
        assert_eq!(type_word(429, Some("rate_limit_exceeded")), "rate_limit_error");
    }

    #[test]
    fn an_envelope_of_somebody_else() {
        assert!(is_own(
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"},"request_id":"r"}"#
        ));
        for bare in [
            r#"{"error":{"message":"m","type":"t"}}"#,
            r#"{"type":"error","error":{"message":"m"}}"#,
            "[]",
            "",
        ] {
            assert!(!is_own(bare), "{bare}");
        }
    }
}
