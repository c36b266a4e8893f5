//! Errors on this wire: an upstream's error body as a fault whose text is safe to pass on, and ours as the
//! envelope that clients expect (spec/gateway.md 18).

#[cfg(test)]
mod tests;

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::fault::fails_over;
use crate::json::{Kind, Members, Node, quote};

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

/// Reads what an upstream answered instead of 2xx, whatever shape it chose.
pub fn parse(status: u16, headers: &[Field], body: &str) -> Fault {
    let said = Said::read(body);
    let kind = kind(status, &said);
    let message = match said.message.as_deref().map(sanitise) {
        Some(text) if !text.is_empty() => text,
        Some(_) | None => format!("the upstream answered {status}"),
    };
    Fault {
        failover: fails_over(&kind),
        kind,
        message,
        code: said.code,
        retry_after_ms: retry_after_ms(headers),
    }
}

/// Reads the `error` member of a payload that came with a 2xx or inside a stream.
pub fn parse_inner(error: &Node<'_>) -> Fault {
    let said = Said::inner(error);
    let status = said.code.as_deref().and_then(|code| code.parse().ok()).unwrap_or(0);
    let kind = match kind(status, &said) {
        FaultKind::InvalidRequest if status == 0 => by_type(&said).unwrap_or(FaultKind::Upstream),
        kind => kind,
    };
    let message = match said.message.as_deref().map(sanitise) {
        Some(text) if !text.is_empty() => text,
        Some(_) | None => "the upstream reported an error".to_owned(),
    };
    Fault { failover: fails_over(&kind), kind, message, code: said.code, retry_after_ms: None }
}

/// How long the upstream asks to wait: `retry-after-ms`, or `retry-after` in seconds.
pub fn retry_after_ms(headers: &[Field]) -> Option<u64> {
    let value = |name: &str| {
        let field = headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        field.value.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
    };
    let ms = value("retry-after-ms").or_else(|| value("retry-after").map(|seconds| seconds * 1000.0))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be positive; the cast saturates"
    )]
    Some(ms.ceil() as u64)
}

/// At most 300 characters on one line, without credentials or the query of a URL.
pub fn sanitise(message: &str) -> String {
    const LIMIT: usize = 300;
    if message.trim_start().starts_with('<') {
        return "the upstream answered with a page of markup".to_owned();
    }
    let mut words = Vec::new();
    let mut after_scheme = false;
    for word in message.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        words.push(if std::mem::take(&mut after_scheme) && word.len() > 6 {
            "***".to_owned()
        } else {
            clean(word)
        });
        let bare = word.trim_end_matches(':');
        after_scheme = bare.eq_ignore_ascii_case("bearer") || bare.eq_ignore_ascii_case("basic");
    }
    let text = words.join(" ");
    match text.char_indices().nth(LIMIT) {
        Some(_) => text.chars().take(LIMIT - 1).chain(['…']).collect(),
        None => text,
    }
}

fn clean(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        let (address, _) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
        let (host, path) = address.split_once('/').map_or((address, None), |(host, path)| (host, Some(path)));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = path.map(|path| format!("/{path}")).unwrap_or_default();
        return format!("{scheme}://{host}{path}");
    }
    let core = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let keyed =
        ["sk-", "sk_", "pk-", "gsk_", "xai-", "AIza", "ghp_", "gho_", "ghs_", "hf_", "eyJ", "AKIA", "xoxb-"];
    if core.len() > 8 && keyed.iter().any(|start| core.starts_with(start)) {
        return "***".to_owned();
    }
    word.to_owned()
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
        Kind::String => Some(node.string().ok()?.into_owned()),
        Kind::Number => Some(node.text().to_owned()),
        Kind::Null | Kind::Bool | Kind::Array | Kind::Object => None,
    }
}

fn kind(status: u16, said: &Said) -> FaultKind {
    if let Some(kind) = by_code(said).filter(|_| status < 500) {
        return kind;
    }
    match status {
        401 => FaultKind::Unauthorized,
        402 | 403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        408 | 504 | 524 => FaultKind::Timeout,
        429 => FaultKind::RateLimited,
        503 | 529 => FaultKind::Overloaded,
        100..=399 | 500..=599 => FaultKind::Upstream,
        _ => FaultKind::InvalidRequest,
    }
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
