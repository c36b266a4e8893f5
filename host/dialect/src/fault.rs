//! The faults that codecs give, and whether another candidate may answer what this one did not.

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::sanitise::sanitise;

/// The upstream said something that is not its protocol.
pub fn protocol(message: &str) -> Fault {
    Fault {
        kind: FaultKind::Protocol,
        message: message.to_owned(),
        code: None,
        retry_after_ms: None,
        failover: true,
    }
}

/// The request cannot be served as it is, by nobody.
pub fn invalid(message: impl Into<String>) -> Fault {
    Fault {
        kind: FaultKind::InvalidRequest,
        message: message.into(),
        code: Some("invalid_value".to_owned()),
        retry_after_ms: None,
        failover: false,
    }
}

/// A member of the request that the candidate cannot honour; another one may. The message begins with the
/// member's name in backticks: surfaces read the `param` of their error from there.
pub fn unsupported(member: &str, why: &str) -> Fault {
    Fault {
        kind: FaultKind::Unsupported,
        message: format!("`{member}` is not supported by the provider of this model: {why}"),
        code: Some(UNSUPPORTED_PARAMETER.to_owned()),
        retry_after_ms: None,
        failover: true,
    }
}

/// The code of a fault about one member of the request.
pub const UNSUPPORTED_PARAMETER: &str = "unsupported_parameter";

/// Words of [`FaultKind::Other`] that the host knows. The moderation in front of this model lets the request not through;
/// another model may have none.
pub const MODERATED: &str = "moderated";
/// The upstream does not serve this place.
pub const REGION: &str = "region";
/// The upstream wants to be paid first.
pub const BILLING: &str = "billing";
/// What was paid for is used up: waiting a moment does not help.
pub const QUOTA: &str = "quota";
/// The request is larger than the upstream takes.
pub const TOO_LARGE: &str = "too-large";
/// A person must sign in, or do so again. The message is the component's own, which says how; none of the upstream's words is in
/// it.
pub const SIGN_IN: &str = "sign-in";

/// The kind of one of these words.
pub fn other(word: &str) -> FaultKind {
    FaultKind::Other(word.to_owned())
}

/// Whether a fault of this kind says nothing about what another candidate would answer.
pub const fn fails_over(kind: &FaultKind) -> bool {
    match kind {
        FaultKind::InvalidRequest | FaultKind::ContentFiltered => false,
        FaultKind::Unauthorized
        | FaultKind::Forbidden
        | FaultKind::NotFound
        | FaultKind::RateLimited
        | FaultKind::Overloaded
        | FaultKind::Timeout
        | FaultKind::ContextTooLong
        | FaultKind::Upstream
        | FaultKind::Protocol
        | FaultKind::Unsupported
        | FaultKind::Internal
        | FaultKind::Other(_) => true,
    }
}

/// What an upstream answered instead of 2xx. `message` is its own text, which is made safe to pass on.
pub fn answered(status: u16, headers: &[Field], kind: FaultKind, message: Option<&str>) -> Fault {
    let message = safe(message).unwrap_or_else(|| format!("the upstream answered {status}"));
    Fault { failover: fails_over(&kind), kind, message, code: None, retry_after_ms: retry_after_ms(headers) }
}

/// What an upstream reported with a 2xx or inside a stream. `message` is its own text, which is made safe to pass on.
pub fn reported(kind: FaultKind, message: Option<&str>) -> Fault {
    let message = safe(message).unwrap_or_else(|| "the upstream reported an error".to_owned());
    Fault { failover: fails_over(&kind), kind, message, code: None, retry_after_ms: None }
}

fn safe(message: Option<&str>) -> Option<String> {
    message.map(sanitise).filter(|text| !text.is_empty())
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

#[cfg(test)]
mod tests {
    use super::retry_after_ms;
    use crate::canon::exchange::Field;

    #[test]
    fn waiting_is_read_from_headers() {
        let wait = |name: &str, value: &str| {
            retry_after_ms(&[Field { name: name.to_owned(), value: value.to_owned() }])
        };
        assert_eq!(wait("Retry-After", "2"), Some(2000));
        assert_eq!(wait("retry-after", "1.5"), Some(1500));
        assert_eq!(wait("retry-after-ms", "250"), Some(250));
        for bad in ["-1", "soon", "NaN", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(wait("retry-after", bad), None, "{bad}");
        }
    }
}
