//! The faults that codecs give, and whether another candidate may answer what this one did not.

use crate::canon::{Fault, FaultKind};

/// The upstream said something that is not its protocol.
pub(crate) fn protocol(message: &str) -> Fault {
    Fault {
        kind: FaultKind::Protocol,
        message: message.to_owned(),
        code: None,
        retry_after_ms: None,
        failover: true,
    }
}

/// The request cannot be served as it is, by nobody.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
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
pub(crate) fn unsupported(member: &str, why: &str) -> Fault {
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

/// Whether a fault of this kind says nothing about what another candidate would answer.
pub(crate) const fn fails_over(kind: &FaultKind) -> bool {
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
