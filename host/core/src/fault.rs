//! The one error that crosses rooms: what went wrong × whose doing it was × may it be tried again.
//! Surfaces render it (`http` per dialect, the CLI as `error:`/`hint:`); what led to it is for the log.

mod cause;
mod wire;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

pub use cause::{ErrorChain, FaultCause};

/// What went wrong, in the terms of spec section 18 (errors) and of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Malformed or invalid input.
    Invalid,
    /// The conversation does not fit the model's window.
    ContextTooLong,
    /// Missing or wrong credential.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// Not there, or not visible.
    NotFound,
    /// The route exists, the method does not.
    MethodNotAllowed,
    /// A name is taken, a revision is stale, a lock is held.
    Conflict,
    /// The body is larger than allowed.
    TooLarge,
    /// The request did not arrive in the time that it may take.
    TooSlow,
    /// Wrong Host header.
    Misdirected,
    /// Our own or the upstream's rate limit.
    RateLimited,
    /// No component, no candidate, breaker open, overloaded, shutting down.
    Unavailable,
    /// An upstream, or the whole request, took too long.
    Timeout,
    /// The upstream refused our credential.
    UpstreamAuth,
    /// The upstream's moderation refused what was asked.
    Moderated,
    /// The upstream does not serve this place.
    Region,
    /// The upstream wants to be paid first.
    Billing,
    /// What was paid for at the upstream is used up, or what the operator lets be spent.
    Quota,
    /// The upstream failed or sent something that is not its protocol.
    Upstream,
    /// A component trapped, ran out of its limits or lied.
    Plugin,
    /// Asked for something that the chosen candidate cannot do.
    Unsupported,
    /// The caller went away.
    Cancelled,
    /// Our own fault.
    Internal,
}

/// Whose doing it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    Client,
    Brains,
    Upstream,
    Component,
}

/// An error as a value. `message` is lowercase, without a full stop, and never holds a secret, a path of
/// this machine or an upstream's raw body; `hint` says what to do next. What led to it, which may name all of that, is its
/// [`source`](Error::source): for the log, never for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub origin: Origin,
    pub message: String,
    /// Stable machine word, e.g. `model_not_found`.
    pub code: Cow<'static, str>,
    /// The offending member or field, as a path.
    pub param: Option<String>,
    pub hint: Option<String>,
    pub retry_after_ms: Option<u64>,
    /// Whether another candidate may answer what this one did not.
    pub failover: bool,
    /// The status that the upstream answered with, when one did.
    pub upstream_status: Option<u16>,
    /// Its body, when it speaks the client's own wire and nothing in it is not the client's to know. Clients act on the
    /// upstream's wording.
    pub upstream_body: Option<Box<str>>,
    pub cause: FaultCause,
}

/// How a text that has no member for a hint tells it. Which one a surface takes is part of its wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintStyle {
    /// `message (hint)`: the error envelopes of models.
    Parentheses,
    /// `message; hint`: the results of tools.
    Semicolon,
}

impl Fault {
    pub fn new(kind: FaultKind, origin: Origin, message: impl Into<String>) -> Self {
        Self {
            kind,
            origin,
            message: message.into(),
            code: Cow::Borrowed(kind.code()),
            param: None,
            hint: None,
            retry_after_ms: None,
            failover: false,
            upstream_status: None,
            upstream_body: None,
            cause: FaultCause::default(),
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Invalid, Origin::Client, message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Unauthorized, Origin::Client, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Forbidden, Origin::Client, message)
    }

    pub fn not_found(noun: &str, name: impl fmt::Display) -> Self {
        Self::new(FaultKind::NotFound, Origin::Client, format!("no {noun} `{name}`"))
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Conflict, Origin::Client, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Unavailable, Origin::Brains, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Internal, Origin::Brains, message)
    }

    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn retry_after_ms(mut self, wait_ms: u64) -> Self {
        self.retry_after_ms = Some(wait_ms);
        self
    }

    #[must_use]
    pub fn failover(mut self) -> Self {
        self.failover = true;
        self
    }

    /// Keeps what led to it, for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = FaultCause::new(cause);
        self
    }

    /// What went wrong and what to do about it, in one text. The command line has a line for each instead: causes stand
    /// between them.
    pub fn advice(&self, style: HintStyle) -> Cow<'_, str> {
        match (&self.hint, style) {
            (None, _) => Cow::Borrowed(&self.message),
            (Some(hint), HintStyle::Parentheses) => Cow::Owned(format!("{} ({hint})", self.message)),
            (Some(hint), HintStyle::Semicolon) => Cow::Owned(format!("{}; {hint}", self.message)),
        }
    }

    /// The message and everything that led to it, for the log.
    pub fn chain(&self) -> ErrorChain<'_> {
        ErrorChain(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.get()
    }
}

impl FaultKind {
    /// The stable word used when the fault names no closer one.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_value",
            Self::ContextTooLong => "context_length_exceeded",
            Self::Unauthorized => "invalid_api_key",
            Self::Forbidden => "permission_denied",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "request_too_large",
            Self::TooSlow => "request_timeout",
            Self::Misdirected => "misdirected_request",
            Self::RateLimited => "rate_limit_exceeded",
            Self::Unavailable => "server_is_overloaded",
            Self::Timeout => "upstream_timeout",
            Self::UpstreamAuth => "upstream_auth",
            // Clients know these words from vendors.
            Self::Moderated => "content_filter",
            Self::Region => "unsupported_country_region_territory",
            Self::Billing => "billing_error",
            Self::Quota => "insufficient_quota",
            Self::Upstream => "upstream_error",
            Self::Plugin => "plugin_failed",
            Self::Unsupported => "unsupported_value",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal_error",
        }
    }

    /// The HTTP status of this kind (spec section 18; contract 4).
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid | Self::ContextTooLong | Self::Unsupported => 400,
            Self::Unauthorized => 401,
            Self::Billing => 402,
            Self::Forbidden | Self::Region | Self::Moderated => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Misdirected => 421,
            Self::RateLimited | Self::Quota => 429,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::UpstreamAuth | Self::Upstream | Self::Plugin => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The exit code of the command line (contract 1).
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Invalid | Self::Unsupported | Self::ContextTooLong | Self::TooLarge => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Unauthorized | Self::Forbidden => 5,
            Self::Unavailable | Self::Timeout | Self::TooSlow | Self::Misdirected => 6,
            Self::MethodNotAllowed
            | Self::RateLimited
            | Self::UpstreamAuth
            | Self::Moderated
            | Self::Region
            | Self::Billing
            | Self::Quota
            | Self::Upstream
            | Self::Plugin
            | Self::Cancelled
            | Self::Internal => 1,
        }
    }
}
