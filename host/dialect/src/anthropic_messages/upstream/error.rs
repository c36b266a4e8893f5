//! An upstream's error on this wire as a fault whose text is safe to pass on.

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::fault::{answered, kind_of_status, reported};
use crate::json::Node;

/// Reads what an upstream answered instead of 2xx, whatever shape it chose.
pub fn parse(status: u16, headers: &[Field], body: &str) -> Fault {
    let said = Said::read(body);
    let kind = match said.kind() {
        // A proxy in front of the vendor has a status and its own page.
        // `api_error` goes with any 5xx and says no more than the status.
        None | Some(FaultKind::Upstream) => kind_of_status(status),
        Some(kind) => kind,
    };
    answered(status, headers, kind, said.message.as_deref())
}

/// Reads the `error` object of an event inside a stream, or of a body that came with a 2xx.
pub(super) fn parse_inner(node: &Node<'_>) -> Fault {
    let said = Said::inner(node);
    reported(said.kind().unwrap_or(FaultKind::Upstream), said.message.as_deref())
}

#[derive(Debug, Default)]
struct Said {
    kind: Option<String>,
    message: Option<String>,
}

impl Said {
    fn read(body: &str) -> Self {
        if crate::json::check(body.trim()).is_err() {
            return Self { kind: None, message: Some(body.to_owned()) };
        }
        let error = Node::root(body).object().ok().and_then(|mut object| object.optional("error").ok()?);
        error.map(|node| Self::inner(&node)).unwrap_or_default()
    }

    fn inner(node: &Node<'_>) -> Self {
        let Ok(mut object) = node.object() else {
            return Self { kind: None, message: node.string().ok().map(Into::into) };
        };
        Self { kind: object.string("type").ok().flatten(), message: object.string("message").ok().flatten() }
    }

    fn kind(&self) -> Option<FaultKind> {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        let long = ["prompt is too long", "exceed context limit", "context window", "context length"];
        match self.kind.as_deref()? {
            "invalid_request_error" | "request_too_large"
                if long.iter().any(|words| message.contains(words)) =>
            {
                Some(FaultKind::ContextTooLong)
            }
            "invalid_request_error" | "request_too_large" => Some(FaultKind::InvalidRequest),
            "authentication_error" => Some(FaultKind::Unauthorized),
            "permission_error" | "billing_error" => Some(FaultKind::Forbidden),
            "not_found_error" => Some(FaultKind::NotFound),
            "rate_limit_error" => Some(FaultKind::RateLimited),
            "overloaded_error" => Some(FaultKind::Overloaded),
            "timeout_error" => Some(FaultKind::Timeout),
            "api_error" => Some(FaultKind::Upstream),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, kind: &FaultKind, message: &str) {
        let fault = parse(status, &[Field { name: "retry-after".into(), value: "2".into() }], body);
        assert_eq!((&fault.kind, fault.message.as_str()), (kind, message));
        assert_eq!(fault.retry_after_ms, Some(2_000));
        assert_eq!(fault.failover, !matches!(kind, FaultKind::InvalidRequest));
    }

    fn envelope(kind: &str, message: &str) -> String {
        format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
        )
    }

    #[test]
    fn errors_by_their_type() {
        check(529, &envelope("overloaded_error", "Overloaded"), &FaultKind::Overloaded, "Overloaded");
        check(429, &envelope("rate_limit_error", "slow down"), &FaultKind::RateLimited, "slow down");
        check(
            401,
            &envelope("authentication_error", "invalid x-api-key"),
            &FaultKind::Unauthorized,
            "invalid x-api-key",
        );
        check(503, &envelope("api_error", "busy"), &FaultKind::Overloaded, "busy");
        check(404, &envelope("not_found_error", "model: x"), &FaultKind::NotFound, "model: x");
        check(400, &envelope("invalid_request_error", "bad"), &FaultKind::InvalidRequest, "bad");
        check(
            400,
            &envelope("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
            &FaultKind::ContextTooLong,
            "prompt is too long: 208310 tokens > 200000 maximum",
        );
        check(
            500,
            &envelope("api_error", "Internal server error"),
            &FaultKind::Upstream,
            "Internal server error",
        );
    }

    #[test]
    fn errors_of_something_else() {
        check(
            503,
            "<html>busy</html>",
            &FaultKind::Overloaded,
            "the upstream answered with a page of markup",
        );
        check(502, "{}", &FaultKind::Upstream, "the upstream answered 502");
        check(401, "[1]", &FaultKind::Unauthorized, "the upstream answered 401");
        check(413, &envelope("a_new_error", "no"), &FaultKind::InvalidRequest, "no");
        check(
            400,
            &envelope("invalid_request_error", "key sk-ant-api03-secret"),
            &FaultKind::InvalidRequest,
            "key ***",
        );
    }
}
