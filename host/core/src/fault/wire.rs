//! A fault as our own service tells it and our own programs read it: every member, so that the command line shows what the
//! service said.

use serde_json::{Map, Value, json};

use super::{Fault, FaultKind, Origin};

impl Fault {
    /// The members of an `error` object. What is not known is null or left out.
    pub fn to_wire(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let known = [
            ("message", json!(self.message)),
            ("kind", json!(self.kind.word())),
            ("code", json!(self.code)),
            ("param", json!(self.param)),
            ("hint", json!(self.hint)),
        ];
        members.extend(known.map(|(name, value)| (name.to_owned(), value)));
        let numbers = [
            ("retry_after_ms", self.retry_after_ms),
            ("upstream_status", self.upstream_status.map(u64::from)),
        ];
        let numbers =
            numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into())));
        members.extend(numbers);
        members
    }

    /// The fault in an answer of this status. Who answers with no kind of ours, as a proxy in between, is read by its status.
    pub fn from_wire(status: u16, answer: &Value) -> Self {
        let error = answer.get("error").unwrap_or(&Value::Null);
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| error.get(name).and_then(Value::as_u64);
        let kind = text("kind").and_then(|word| FaultKind::of_word(&word));
        let message = text("message").unwrap_or_else(|| format!("the service answered {status}"));
        let mut fault =
            Self::new(kind.unwrap_or_else(|| FaultKind::of_status(status)), Origin::Brains, message);
        fault.param = text("param");
        fault.hint = text("hint");
        fault.retry_after_ms = number("retry_after_ms");
        fault.upstream_status = number("upstream_status").and_then(|status| u16::try_from(status).ok());
        match text("code") {
            Some(code) => fault.code(code),
            None => fault,
        }
    }
}

impl FaultKind {
    pub const ALL: [Self; 23] = [
        Self::Invalid,
        Self::ContextTooLong,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TooLarge,
        Self::TooSlow,
        Self::Misdirected,
        Self::RateLimited,
        Self::Unavailable,
        Self::Timeout,
        Self::UpstreamAuth,
        Self::Moderated,
        Self::Region,
        Self::Billing,
        Self::Quota,
        Self::Upstream,
        Self::Plugin,
        Self::Unsupported,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The kind as one stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::ContextTooLong => "context_too_long",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Misdirected => "misdirected",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::UpstreamAuth => "upstream_auth",
            Self::Moderated => "moderated",
            Self::Region => "region",
            Self::Billing => "billing",
            Self::Quota => "quota",
            Self::Upstream => "upstream",
            Self::Plugin => "plugin",
            Self::Unsupported => "unsupported",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// What a status stands for when nothing else is said.
    fn of_status(status: u16) -> Self {
        match status {
            502 => Self::Upstream,
            _ => Self::ALL.into_iter().find(|kind| kind.http_status() == status).unwrap_or(Self::Internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_as_it_went() {
        for kind in FaultKind::ALL {
            let mut fault = Fault::new(kind, Origin::Brains, "it went wrong").code("a_word");
            for _ in 0..2 {
                let answer = json!({ "error": fault.to_wire() });
                assert_eq!(Fault::from_wire(kind.http_status(), &answer), fault);
                fault = fault.param("a.b").hint("do this").retry_after_ms(1_500);
                fault.upstream_status = Some(418);
            }
        }
    }

    #[test]
    fn an_exit_code_is_that_of_the_status_when_nothing_else_is_said() {
        for (status, code) in [(400, 2), (401, 5), (403, 5), (404, 3), (409, 4), (503, 6), (500, 1), (418, 1)]
        {
            assert_eq!(Fault::from_wire(status, &Value::Null).kind.exit_code(), code, "{status}");
        }
    }

    #[test]
    fn a_stranger_is_read_by_the_status() {
        for (status, kind) in [
            (400, FaultKind::Invalid),
            (404, FaultKind::NotFound),
            (429, FaultKind::RateLimited),
            (502, FaultKind::Upstream),
            (503, FaultKind::Unavailable),
            (418, FaultKind::Internal),
        ] {
            for answer in [json!(null), json!({"error": "text"}), json!({"error": {"kind": "of another"}})] {
                assert_eq!(Fault::from_wire(status, &answer).kind, kind, "{status} {answer}");
            }
        }
    }
}
