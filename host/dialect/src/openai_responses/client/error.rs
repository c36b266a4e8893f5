//! Our errors on this wire: the envelope of its vendor for an answer that has a status, and a response that failed as the end
//! of a stream (spec/gateway.md 16.3).

use std::sync::Arc;

use super::events::Sequence;
use super::object::{ResponseProgress, response};
use crate::canon::{Json, Usage};
use crate::ingress::{AnswerCut, AnswerIdentity, ErrorReport};
use crate::json::Members;
use crate::openai_chat::client::error;

/// `{"error":{"message":…,"type":…,"param":…,"code":…}}`
pub(super) fn body(report: &ErrorReport<'_>) -> Json {
    error::body(report)
}

/// The end of a stream whose answer is known to nobody here.
pub(super) fn event(report: &ErrorReport<'_>) -> String {
    let identity = AnswerIdentity {
        id: format!("{}failed", super::ANSWER_PREFIX),
        created: 0,
        model: String::new(),
        echo: Arc::default(),
    };
    let mut out = String::new();
    failed(report, &identity, "[]", &mut Sequence::default(), &mut out);
    out
}

/// The event that ends the answer of this identity.
pub(super) fn failed(
    report: &ErrorReport<'_>,
    identity: &AnswerIdentity,
    output: &str,
    sequence: &mut Sequence,
    out: &mut String,
) {
    let response = cut(AnswerCut::Failed(report), identity, output, None);
    sequence.event("response.failed", &[("response", &response)], out);
}

/// The response of this identity, which did not become whole.
pub(super) fn cut(
    cut: AnswerCut<'_>,
    identity: &AnswerIdentity,
    output: &str,
    usage: Option<&Usage>,
) -> Json {
    let (status, error) = outcome(cut);
    let progress = ResponseProgress { status, error: error.as_deref(), output, usage, incomplete: None };
    response(identity, &progress)
}

/// Its status, and its error.
pub(super) fn outcome(cut: AnswerCut<'_>) -> (&'static str, Option<Json>) {
    match cut {
        AnswerCut::Cancelled => ("cancelled", None),
        AnswerCut::Failed(report) => {
            let mut error = Members::new();
            error.string("code", code(report)).string("message", report.message);
            ("failed", Some(error.finish()))
        }
    }
}

/// The word that Codex acts on; others it takes for a failure that passes.
fn code<'r>(report: &ErrorReport<'r>) -> &'r str {
    match (report.code, report.status) {
        (Some(code), _) => code,
        (None, 429) => "rate_limit_exceeded",
        (None, 503 | 529) => "server_is_overloaded",
        (None, 400..=499) => "invalid_prompt",
        (None, _) => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorReport, body, event};

    #[test]
    fn ours_as_the_envelope_and_as_the_end_of_a_stream() {
        let error = ErrorReport { status: 429, message: "try again in 2s", param: None, code: None };
        assert_eq!(
            body(&error),
            r#"{"error":{"message":"try again in 2s","type":"rate_limit_error","param":null,"code":null}}"#
        );
        let told = event(&error);
        assert!(told.starts_with("event: response.failed\ndata: {\"type\":\"response.failed\","), "{told}");
        assert!(
            told.contains(r#""error":{"code":"rate_limit_exceeded","message":"try again in 2s"}"#),
            "{told}"
        );
        assert!(told.ends_with("}}\n\n"), "{told}");
    }
}
