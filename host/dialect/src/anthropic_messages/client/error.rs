//! Our errors on this wire: the envelope that its clients expect (spec/gateway.md 18). The member that an error is about
//! stands in its message: there is no other place for it.

use crate::canon::Json;
use crate::ingress::ErrorReport;
use crate::json::Members;

/// `{"type":"error","error":{"type":…,"message":…}}`
pub(super) fn body(error: &ErrorReport<'_>) -> Json {
    let mut inner = Members::new();
    inner.string("type", type_word(error.status)).string("message", error.message);
    let mut out = Members::new();
    out.string("type", "error").raw("error", &inner.finish());
    out.finish()
}

/// The `type` that goes with a status of ours.
const fn type_word(status: u16) -> &'static str {
    match status {
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
    use super::{ErrorReport, body, type_word};

    #[test]
    fn ours_as_the_envelope() {
        let error = ErrorReport { status: 404, message: "no \"x\"", param: Some("model"), code: Some("c") };
        assert_eq!(
            body(&error),
            r#"{"type":"error","error":{"type":"not_found_error","message":"no \"x\""}}"#
        );
        let words = [400, 401, 403, 405, 413, 429, 500, 502, 503, 504].map(type_word);
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
    }
}
