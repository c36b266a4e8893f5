//! Our errors on this wire: the envelope that its clients expect (spec/gateway.md 18).

use crate::canon::Json;
use crate::ingress::ErrorReport;
use crate::json::{Members, quote};

/// `{"error":{"message":…,"type":…,"param":…,"code":…}}`
pub(crate) fn body(error: &ErrorReport<'_>) -> Json {
    let text = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), quote);
    let mut inner = Members::new();
    inner
        .string("message", error.message)
        .string("type", type_word(error.status))
        .raw("param", &text(error.param))
        .raw("code", &text(error.code));
    let mut out = Members::new();
    out.raw("error", &inner.finish());
    out.finish()
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
    use super::{ErrorReport, body, type_word};

    #[test]
    fn ours_as_the_envelope() {
        let error = ErrorReport { status: 404, message: "no \"x\"", param: Some("model"), code: None };
        assert_eq!(
            body(&error),
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
}
