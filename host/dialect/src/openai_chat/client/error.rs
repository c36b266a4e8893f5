//! Our errors on this wire: the envelope that its clients expect (spec/gateway.md 18).

use crate::canon::Json;
use crate::ingress::ErrorReport;
use crate::json::{Members, Node, member, quote};

/// `{"error":{"message":…,"type":…,"param":…,"code":…}}`
pub(crate) fn body(error: &ErrorReport<'_>) -> Json {
    let text = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), quote);
    let mut inner = Members::new();
    inner
        .string("message", error.message)
        .string("type", own_type(error))
        .raw("param", &text(error.param))
        .raw("code", &text(error.code));
    let mut out = Members::new();
    out.raw("error", &inner.finish());
    out.finish()
}

/// What is used up is told by its own word, which is its code as well: SDKs look at either.
fn own_type(error: &ErrorReport<'_>) -> &'static str {
    match (error.status, error.code) {
        (429, Some("insufficient_quota")) => "insufficient_quota",
        (status, _) => type_word(status),
    }
}

/// Whether `body` is such an envelope of somebody else and says `code`, when there is one to say.
pub(crate) fn is_own(body: &str, code: Option<&str>) -> bool {
    let Some(inner) = member(Some(body), "error") else { return false };
    let text = |name| Node::root(&inner).object().ok()?.string(name).ok()?;
    text("message").is_some()
        && text("type").is_some()
        && code.is_none_or(|code| text("code").as_deref() == Some(code))
}

/// The `type` that goes with a status of ours.
pub const fn type_word(status: u16) -> &'static str {
    match status {
        403 => "permission_error",
        429 => "rate_limit_error",
        502 => "upstream_error",
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
        let error = ErrorReport { status: 404, message: "no \"x\"", param: Some("model"), code: None };
        assert_eq!(
            body(&error),
            r#"{"error":{"message":"no \"x\"","type":"invalid_request_error","param":"model","code":null}}"#
        );
        let quota = ErrorReport { status: 429, message: "m", param: None, code: Some("insufficient_quota") };
        assert_eq!(
            body(&quota),
            r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#
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

    #[test]
    fn an_envelope_of_somebody_else() {
        let long = r#"{"error":{"message":"m","type":"t","param":null,"code":"context_length_exceeded"}}"#;
        assert!(is_own(long, None) && is_own(long, Some("context_length_exceeded")));
        assert!(!is_own(long, Some("insufficient_quota")));
        for bare in [r#"{"error":{"message":"m"}}"#, r#"{"error":"m"}"#, r#"{"detail":[]}"#, "[]", "m", ""] {
            assert!(!is_own(bare, None), "{bare}");
        }
    }
}
