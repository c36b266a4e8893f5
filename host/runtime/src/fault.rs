//! Why a runtime could not start, and why a call of a component failed. A call's fault is a value that names the component,
//! the export and what ran out; it costs the call, never its neighbours.

use std::fmt;

use brains_core::redact::redact;
use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon;
use brains_dialect::fault::{BILLING, MODERATED, QUOTA, REGION, SIGN_IN, TOO_LARGE, UNSUPPORTED_PARAMETER};

/// Why a runtime could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not prepare the folder of compiled components `{path}`")]
    Cache {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("could not set up the component engine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("could not start the thread that keeps time for components")]
    Ticker(#[source] std::io::Error),
}

/// Who failed, and in which of its exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    pub component: String,
    /// The instance, as the configuration names it.
    pub instance: String,
    /// Such as `chat.encode`.
    pub export: &'static str,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "component `{}` in `{}`", self.component, self.export)
    }
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFault {
    /// It stopped by itself: a panic, an unreachable.
    #[error("{by}: it trapped: {message}")]
    Trap { by: Culprit, message: String },
    #[error("{by}: its calls are nested too deeply")]
    Stack { by: Culprit },
    #[error("{by}: it computed for longer than {limit_ms} ms")]
    Deadline { by: Culprit, limit_ms: u32 },
    #[error("{by}: it asked for more than {limit_bytes} bytes of memory")]
    Memory { by: Culprit, limit_bytes: usize },
    /// It made resources and dropped none.
    #[error("{by}: it holds more than {limit} handles")]
    Handles { by: Culprit, limit: usize },
    /// It tried to find out a secret by asking.
    #[error("{by}: it presented more than {limit} texts that are not the secret")]
    Guesses { by: Culprit, limit: u32 },
    /// More than it may answer, or something that is no answer.
    #[error("{by}: its answer is out of bounds: {what}")]
    Output { by: Culprit, what: String },
    /// Its work could not start: every slot is taken.
    #[error("every slot for components is taken")]
    Exhausted,
    /// All live instances together have the memory that there is for them.
    #[error("the memory for all components together is spent: {limit_mib} MiB")]
    Crowded { limit_mib: u64 },
    /// Another version serves, and this exchange outlasted the time that the old one is kept for.
    #[error("its version was replaced and is not kept any longer")]
    Recalled,
    #[error("{by}: it is not exported")]
    Missing { by: Culprit },
    /// The component itself says no.
    #[error("{}", .0.message)]
    Refused(canon::Fault),
}

impl CallFault {
    /// The fault as the rooms above know it. Its message names component, export and what ran out, and nothing that the
    /// component wrote; that stands in the log.
    pub fn to_fault(&self) -> Fault {
        match self {
            Self::Refused(fault) => component_refusal(fault),
            Self::Exhausted => Fault::unavailable("every slot for components is taken")
                .code("server_is_overloaded")
                .retry_after_ms(1_000)
                .failover(),
            Self::Crowded { .. } => Fault::unavailable(self.to_string())
                .code("component_memory_spent")
                .hint("`budgets.component_memory_mib` sets how much there is")
                .retry_after_ms(1_000)
                .failover(),
            Self::Recalled => Fault::new(
                FaultKind::Upstream,
                Origin::Component,
                "the answer was cut: its provider was replaced, and the old version is not kept any longer",
            )
            .hint("`component_drain_seconds` sets how long"),
            Self::Trap { by, .. }
            | Self::Stack { by }
            | Self::Deadline { by, .. }
            | Self::Memory { by, .. }
            | Self::Handles { by, .. }
            | Self::Guesses { by, .. }
            | Self::Output { by, .. }
            | Self::Missing { by } => {
                let message = format!("{by} failed ({})", self.ran_out());
                Fault::new(FaultKind::Plugin, Origin::Component, message)
                    .code("plugin_failed")
                    .hint(self.hint(by))
                    .failover()
                    .cause(self.clone())
            }
        }
    }

    /// One word for counters and traces.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Stack { .. } => "stack",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::Handles { .. } => "handles",
            Self::Guesses { .. } => "guesses",
            Self::Output { .. } => "output",
            Self::Exhausted => "exhausted",
            Self::Crowded { .. } => "crowded",
            Self::Recalled => "recalled",
            Self::Missing { .. } => "missing",
            Self::Refused(_) => "refused",
        }
    }

    /// The word, with the limit that was met.
    fn ran_out(&self) -> String {
        let word = self.word();
        match self {
            Self::Deadline { limit_ms, .. } => format!("{word}: {limit_ms} ms"),
            Self::Memory { limit_bytes, .. } => format!("{word}: {} MiB", limit_bytes >> 20),
            Self::Handles { limit, .. } => format!("{word}: {limit}"),
            Self::Guesses { limit, .. } => format!("{word}: {limit}"),
            Self::Trap { .. }
            | Self::Stack { .. }
            | Self::Output { .. }
            | Self::Exhausted
            | Self::Crowded { .. }
            | Self::Recalled
            | Self::Missing { .. }
            | Self::Refused(_) => word.to_owned(),
        }
    }

    /// What an operator can do about it.
    fn hint(&self, by: &Culprit) -> String {
        let limits =
            |key: &str| format!("if the work is honest, raise `components.{}.limits.{key}`", by.component);
        match self {
            Self::Deadline { .. } => limits("call_ms"),
            Self::Memory { .. } => limits("memory_mib"),
            Self::Output { .. } => {
                format!("the log line with `component.id={}` says what was wrong with it", by.component)
            }
            Self::Trap { .. }
            | Self::Stack { .. }
            | Self::Handles { .. }
            | Self::Guesses { .. }
            | Self::Exhausted
            | Self::Crowded { .. }
            | Self::Recalled
            | Self::Missing { .. }
            | Self::Refused(_) => {
                format!("the log lines with `component.id={}` say more; tell its author", by.component)
            }
        }
    }
}

/// More of a component's own words than this is no message.
const MESSAGE_BYTES: usize = 1_024;
const CODE_BYTES: usize = 64;
/// A longer wait is no advice.
const WAIT_MS: u64 = 86_400_000;

fn component_refusal(fault: &canon::Fault) -> Fault {
    use canon::FaultKind as Said;
    let (kind, origin) = match &fault.kind {
        Said::InvalidRequest | Said::ContentFiltered => (FaultKind::Invalid, Origin::Upstream),
        Said::Unauthorized | Said::Forbidden => (FaultKind::UpstreamAuth, Origin::Upstream),
        Said::NotFound => (FaultKind::NotFound, Origin::Upstream),
        Said::RateLimited => (FaultKind::RateLimited, Origin::Upstream),
        Said::Overloaded => (FaultKind::Unavailable, Origin::Upstream),
        Said::Timeout => (FaultKind::Timeout, Origin::Upstream),
        Said::ContextTooLong => (FaultKind::ContextTooLong, Origin::Upstream),
        Said::Other(word) => (kind_of_word(word), Origin::Upstream),
        Said::Upstream | Said::Protocol => (FaultKind::Upstream, Origin::Upstream),
        Said::Unsupported => (FaultKind::Unsupported, Origin::Component),
        Said::Internal => (FaultKind::Plugin, Origin::Component),
    };
    // Whose credential was refused is not the client's business, and upstreams like to repeat it.
    let message = match kind {
        FaultKind::UpstreamAuth if fault.kind != Said::Other(SIGN_IN.to_owned()) => {
            "the upstream refused the gateway's credential".to_owned()
        }
        _ => presentable(&fault.message),
    };
    let mut said = Fault::new(kind, origin, message);
    said = match (&fault.kind, &fault.code, kind) {
        (Said::NotFound, ..) => said.code("model_not_found"),
        (Said::ContentFiltered, ..) => said.code("content_filter"),
        (_, Some(code), FaultKind::Invalid | FaultKind::Unsupported) if is_word(code) => {
            said.code(code.clone())
        }
        (Said::Other(_), Some(code), FaultKind::UpstreamAuth) if is_word(code) => said.code(code.clone()),
        _ => said,
    };
    if said.code == UNSUPPORTED_PARAMETER {
        said.param = named_first(&said.message).map(str::to_owned);
    }
    said.retry_after_ms = fault.retry_after_ms.map(|wait_ms| wait_ms.min(WAIT_MS));
    said.failover = fault.failover;
    said
}

/// What a word stands for that the interface leaves open.
fn kind_of_word(word: &str) -> FaultKind {
    match word {
        MODERATED => FaultKind::Moderated,
        REGION => FaultKind::Region,
        BILLING => FaultKind::Billing,
        QUOTA => FaultKind::Quota,
        TOO_LARGE => FaultKind::TooLarge,
        SIGN_IN => FaultKind::UpstreamAuth,
        _ => FaultKind::Upstream,
    }
}

/// The member that a message of this code begins with, in backticks.
fn named_first(message: &str) -> Option<&str> {
    message.strip_prefix('`')?.split_once('`').map(|(name, _)| name)
}

/// A component's words as a client may read them: one line of bounded length without credentials.
fn presentable(message: &str) -> String {
    // What is cut before it is redacted may end in half a credential, so more is looked at than is kept.
    let looked = message.get(..message.floor_char_boundary(MESSAGE_BYTES * 4)).unwrap_or_default();
    let one_line: String =
        looked.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let said = redact(&one_line);
    match said.get(..said.floor_char_boundary(MESSAGE_BYTES)).unwrap_or_default() {
        said if said.trim().is_empty() => "the provider gave no reason".to_owned(),
        said => said.to_owned(),
    }
}

fn is_word(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= CODE_BYTES
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests;
