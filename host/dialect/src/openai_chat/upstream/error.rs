//! An upstream's error on this wire as a fault whose text is safe to pass on.

#[cfg(test)]
mod tests;

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::fault::{answered, kind_of_status, reported};
use crate::json::{JsonKind, Node};

/// Reads what an upstream answered instead of 2xx, whatever shape it chose.
pub fn parse(status: u16, headers: &[Field], body: &str) -> Fault {
    let said = Said::read(body);
    let fault = answered(status, headers, kind(status, &said), said.message.as_deref());
    Fault { code: said.code, ..fault }
}

/// Reads the `error` member of a payload that came with a 2xx or inside a stream.
pub fn parse_inner(error: &Node<'_>) -> Fault {
    let said = Said::inner(error);
    let status = said.code.as_deref().and_then(|code| code.parse().ok()).unwrap_or(0);
    let kind = match kind(status, &said) {
        FaultKind::InvalidRequest if status == 0 => by_type(&said).unwrap_or(FaultKind::Upstream),
        kind => kind,
    };
    Fault { code: said.code, ..reported(kind, said.message.as_deref()) }
}

#[derive(Debug, Default)]
struct Said {
    message: Option<String>,
    kind: Option<String>,
    code: Option<String>,
}

impl Said {
    fn read(body: &str) -> Self {
        if crate::json::check(body).is_err() {
            return Self { message: Some(body.to_owned()), ..Self::default() };
        }
        let mut node = Node::root(body);
        if let Some(first) = node.array().ok().and_then(|items| items.into_iter().next()) {
            node = first;
        }
        let Ok(mut object) = node.object() else { return Self::default() };
        match object.optional("error").ok().flatten() {
            Some(error) => {
                let mut said = Self::inner(&error);
                if said.message.is_none() {
                    said.message = text(object.optional("message").ok().flatten());
                }
                said
            }
            None => Self::inner(&node),
        }
    }

    fn inner(error: &Node<'_>) -> Self {
        if let Ok(message) = error.string() {
            return Self { message: Some(message.into_owned()), ..Self::default() };
        }
        let Ok(mut object) = error.object() else { return Self::default() };
        let mut field = |name: &str| text(object.optional(name).ok().flatten());
        Self {
            message: field("message").or_else(|| field("detail")),
            kind: field("type"),
            code: field("code"),
        }
    }
}

/// A string, or a number as text.
fn text(node: Option<Node<'_>>) -> Option<String> {
    let node = node?;
    match node.kind().ok()? {
        JsonKind::String => Some(node.string().ok()?.into_owned()),
        JsonKind::Number => Some(node.text().to_owned()),
        JsonKind::Null | JsonKind::Bool | JsonKind::Array | JsonKind::Object => None,
    }
}

fn kind(status: u16, said: &Said) -> FaultKind {
    if let Some(kind) = by_code(said).filter(|_| status < 500) {
        return kind;
    }
    kind_of_status(status)
}

fn by_code(said: &Said) -> Option<FaultKind> {
    match said.code.as_deref().unwrap_or_default() {
        "context_length_exceeded" | "string_above_max_length" => return Some(FaultKind::ContextTooLong),
        "content_filter" | "content_policy_violation" => return Some(FaultKind::ContentFiltered),
        "rate_limit_exceeded" | "insufficient_quota" => return Some(FaultKind::RateLimited),
        "server_is_overloaded" | "slow_down" => return Some(FaultKind::Overloaded),
        "model_not_found" => return Some(FaultKind::NotFound),
        _ => {}
    }
    let message = said.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    let long = ["maximum context length", "context window", "context length", "prompt is too long"];
    long.iter().any(|words| message.contains(words)).then_some(FaultKind::ContextTooLong)
}

fn by_type(said: &Said) -> Option<FaultKind> {
    match said.kind.as_deref()? {
        "invalid_request_error" => Some(FaultKind::InvalidRequest),
        "authentication_error" => Some(FaultKind::Unauthorized),
        "permission_error" => Some(FaultKind::Forbidden),
        "not_found_error" => Some(FaultKind::NotFound),
        "rate_limit_error" | "insufficient_quota" => Some(FaultKind::RateLimited),
        "overloaded_error" => Some(FaultKind::Overloaded),
        "timeout_error" => Some(FaultKind::Timeout),
        _ => None,
    }
}
