//! What can go wrong when the runtime starts and when a component is called. A call's fault is a value that says
//! which limit was met; it costs the call, never its neighbours.

use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon;
use brains_dialect::fault::UNSUPPORTED_PARAMETER;

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
    #[error("could not start the thread that prepares components")]
    Builder(#[source] std::io::Error),
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFault {
    /// It stopped by itself: a panic, an unreachable, a stack that ran out.
    #[error("it trapped: {message}")]
    Trap { message: String },
    #[error("it computed for longer than {limit_ms} ms")]
    Deadline { limit_ms: u32 },
    #[error("it asked for more memory than it may have")]
    Memory,
    /// More than it may answer, or something that is no answer.
    #[error("its answer is out of bounds: {what}")]
    Output { what: String },
    /// Its work could not start: every slot is taken.
    #[error("every slot for components is taken")]
    Exhausted,
    /// Another version serves, and this exchange outlasted the time that the old one is kept for.
    #[error("its version was replaced and is not kept any longer")]
    Recalled,
    #[error("it exports no `{export}`")]
    Missing { export: &'static str },
    /// The component itself says no.
    #[error("{}", .0.message)]
    Refused(canon::Fault),
}

impl CallFault {
    /// The fault as the rooms above know it.
    pub fn to_fault(&self) -> Fault {
        match self {
            Self::Refused(fault) => refused(fault),
            Self::Exhausted => Fault::unavailable("every slot for components is taken")
                .code("server_is_overloaded")
                .retry_after_ms(1_000)
                .failover(),
            Self::Recalled => Fault::new(
                FaultKind::Upstream,
                Origin::Component,
                "the answer was cut: its provider was replaced, and the old version is not kept any longer",
            )
            .hint("`component_drain_seconds` sets how long"),
            Self::Trap { .. }
            | Self::Deadline { .. }
            | Self::Memory
            | Self::Output { .. }
            | Self::Missing { .. } => Fault::new(
                FaultKind::Plugin,
                Origin::Component,
                format!("the component failed ({})", self.word()),
            )
            .code("plugin_failed")
            .failover(),
        }
    }

    /// One word for counters and traces.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Memory => "memory",
            Self::Output { .. } => "output",
            Self::Exhausted => "exhausted",
            Self::Recalled => "recalled",
            Self::Missing { .. } => "missing",
            Self::Refused(_) => "refused",
        }
    }
}

fn refused(fault: &canon::Fault) -> Fault {
    use canon::FaultKind as Said;
    let (kind, origin) = match &fault.kind {
        Said::InvalidRequest | Said::ContentFiltered => (FaultKind::Invalid, Origin::Upstream),
        Said::Unauthorized | Said::Forbidden => (FaultKind::UpstreamAuth, Origin::Upstream),
        Said::NotFound => (FaultKind::NotFound, Origin::Upstream),
        Said::RateLimited => (FaultKind::RateLimited, Origin::Upstream),
        Said::Overloaded => (FaultKind::Unavailable, Origin::Upstream),
        Said::Timeout => (FaultKind::Timeout, Origin::Upstream),
        Said::ContextTooLong => (FaultKind::ContextTooLong, Origin::Upstream),
        Said::Upstream | Said::Protocol | Said::Other(_) => (FaultKind::Upstream, Origin::Upstream),
        Said::Unsupported => (FaultKind::Unsupported, Origin::Component),
        Said::Internal => (FaultKind::Plugin, Origin::Component),
    };
    // Whose credential was refused is not the client's business, and upstreams like to repeat it.
    let message = match kind {
        FaultKind::UpstreamAuth => "the upstream refused the gateway's credential".to_owned(),
        _ => fault.message.clone(),
    };
    let mut said = Fault::new(kind, origin, message);
    said = match (&fault.kind, &fault.code, kind) {
        (Said::NotFound, ..) => said.code("model_not_found"),
        (Said::ContentFiltered, ..) => said.code("content_filter"),
        (_, Some(code), FaultKind::Invalid | FaultKind::Unsupported) => said.code(code.clone()),
        _ => said,
    };
    if said.code == UNSUPPORTED_PARAMETER {
        said.param = named_first(&said.message).map(str::to_owned);
    }
    said.retry_after_ms = fault.retry_after_ms;
    said.failover = fault.failover;
    said
}

/// The member that a message of this code begins with, in backticks.
fn named_first(message: &str) -> Option<&str> {
    message.strip_prefix('`')?.split_once('`').map(|(name, _)| name)
}
