//! An upstream's error on this wire, `{"error": "…"}`, as a fault whose text is safe to pass on.

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::fault::{answered, kind_of_status, reported};
use crate::json::Node;

/// Reads what an upstream answered instead of 2xx, whatever shape it chose.
pub fn parse(status: u16, headers: &[Field], body: &str) -> Fault {
    let said = crate::json::check(body.trim()).is_ok().then(|| error_text(&Node::root(body))).flatten();
    // A page of a proxy, or a plain `404 page not found`.
    let said = said.or_else(|| crate::json::check(body.trim()).is_err().then(|| body.to_owned()));
    let kind = kind(status, said.as_deref().unwrap_or_default());
    answered(status, headers, kind, said.as_deref())
}

/// Reads the `error` member of a line that came with a 2xx.
pub(super) fn parse_inner(error: &Node<'_>) -> Fault {
    let said = text(error);
    reported(kind(500, said.as_deref().unwrap_or_default()), said.as_deref())
}

fn error_text(body: &Node<'_>) -> Option<String> {
    text(&body.object().ok()?.optional("error").ok()??)
}

/// A string, or the `message` of an object.
fn text(error: &Node<'_>) -> Option<String> {
    match error.string() {
        Ok(text) => Some(text.into_owned()),
        Err(_) => error.object().ok()?.string("message").ok()?,
    }
}

fn kind(status: u16, message: &str) -> FaultKind {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    if says(&["context length", "context window", "exceeds the available context"]) {
        return FaultKind::ContextTooLong;
    }
    match kind_of_status(status) {
        FaultKind::Upstream | FaultKind::InvalidRequest
            if says(&["server busy", "overloaded", "maximum pending requests"]) =>
        {
            FaultKind::Overloaded
        }
        // The model cannot do what was asked; another one may.
        FaultKind::InvalidRequest if says(&["does not support"]) => FaultKind::Unsupported,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, kind: FaultKind, message: &str) {
        let fault = parse(status, &[], body);
        assert_eq!((fault.kind, fault.message.as_str()), (kind, message));
    }

    #[test]
    fn errors_by_status_and_words() {
        check(404, r#"{"error":"model 'x' not found"}"#, FaultKind::NotFound, "model 'x' not found");
        check(400, r#"{"error":"invalid options"}"#, FaultKind::InvalidRequest, "invalid options");
        check(
            400,
            r#"{"error":"\"llama3\" does not support thinking"}"#,
            FaultKind::Unsupported,
            "\"llama3\" does not support thinking",
        );
        check(
            400,
            r#"{"error":{"message":"the request exceeds the available context size"}}"#,
            FaultKind::ContextTooLong,
            "the request exceeds the available context size",
        );
        check(
            503,
            r#"{"error":"server busy, please try again"}"#,
            FaultKind::Overloaded,
            "server busy, please try again",
        );
        check(500, r#"{"error":"server overloaded"}"#, FaultKind::Overloaded, "server overloaded");
        check(500, "{}", FaultKind::Upstream, "the upstream answered 500");
        check(404, "404 page not found", FaultKind::NotFound, "404 page not found");
        check(502, "<html></html>", FaultKind::Upstream, "the upstream answered with a page of markup");
    }
}
