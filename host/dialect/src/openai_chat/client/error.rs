//! Our errors on this wire: the envelope that its clients expect (spec/gateway.md 18).

use crate::json::{Members, quote};

/// An error as the envelope shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody<'a> {
    pub message: &'a str,
    /// `type`; see [`type_word`].
    pub kind: &'a str,
    pub param: Option<&'a str>,
    pub code: Option<&'a str>,
}

/// `{"error":{"message":…,"type":…,"param":…,"code":…}}`
pub fn render(error: &ErrorBody<'_>) -> String {
    let text = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), quote);
    let mut inner = Members::new();
    inner
        .string("message", error.message)
        .string("type", error.kind)
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
    use super::{ErrorBody, render, type_word};

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
}
