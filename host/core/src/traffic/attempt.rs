//! What follows a failed attempt: the same candidate once more after a wait, the next candidate, or the end. A
//! fault of the request itself ends it: it would fail the same way everywhere.

use super::backoff::{self, BackoffSettings};
use crate::{Fault, FaultKind};

/// How often one candidate is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Attempts at one candidate in all; 1 is no retry.
    pub max_attempts: u32,
    pub backoff: BackoffSettings,
}

/// The moment after a failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Attempts made at this candidate so far, the failed one included.
    pub attempt: u32,
    /// Candidates behind this one.
    pub others: usize,
    /// The call was a breaker's probe: it is one call, not several.
    pub probe: bool,
    /// Until the request's total time is over.
    pub left_ms: u64,
    pub entropy: u64,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask the same candidate again after this long.
    Again { wait_ms: u64 },
    /// Ask the next candidate.
    Other,
    /// Ask the next candidate whose window is larger.
    Larger,
    /// Tell the client.
    End,
}

/// How a kind of failure is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Passes with time: the same candidate is worth another try.
    Passing,
    /// Costs as long as the longest silence: rather another candidate than the same one again.
    Slow,
    /// Stays as it is at this candidate.
    Lasting,
    /// A matter of the model's window.
    Window,
    /// A matter of the request.
    Request,
}

/// Decides; `fault` says what went wrong and whether another candidate may answer.
pub fn next(fault: &Fault, retries: Retries, moment: Moment) -> Next {
    let other = match (treatment(fault.kind), fault.failover) {
        (Treatment::Request, _) | (Treatment::Passing | Treatment::Slow | Treatment::Lasting, false) => {
            return Next::End;
        }
        (Treatment::Window, _) => return if moment.others > 0 { Next::Larger } else { Next::End },
        (Treatment::Passing | Treatment::Slow | Treatment::Lasting, true) => moment.others > 0,
    };
    let again = match treatment(fault.kind) {
        Treatment::Passing => true,
        Treatment::Slow => !other,
        Treatment::Lasting | Treatment::Window | Treatment::Request => false,
    };
    if again && !moment.probe && moment.attempt < retries.max_attempts {
        let own_ms = backoff::wait_ms(moment.attempt, retries.backoff, moment.entropy);
        let asked_ms = fault.retry_after_ms.unwrap_or(0);
        let wait_ms = own_ms.max(asked_ms);
        // One that wants to be left alone for longer than we would wait is left alone.
        if asked_ms <= retries.backoff.max_ms && wait_ms < moment.left_ms {
            return Next::Again { wait_ms };
        }
    }
    if other { Next::Other } else { Next::End }
}

/// Whether a failure says something about the provider, as a breaker counts it.
pub const fn blames_provider(kind: FaultKind) -> bool {
    match treatment(kind) {
        Treatment::Passing | Treatment::Slow => true,
        Treatment::Lasting => matches!(kind, FaultKind::UpstreamAuth | FaultKind::Plugin),
        Treatment::Window | Treatment::Request => false,
    }
}

const fn treatment(kind: FaultKind) -> Treatment {
    match kind {
        FaultKind::RateLimited | FaultKind::Unavailable | FaultKind::Upstream => Treatment::Passing,
        FaultKind::Timeout => Treatment::Slow,
        // Another key, another component or another list of models may serve it.
        FaultKind::UpstreamAuth | FaultKind::Plugin | FaultKind::NotFound | FaultKind::Unsupported => {
            Treatment::Lasting
        }
        FaultKind::ContextTooLong => Treatment::Window,
        FaultKind::Invalid
        | FaultKind::Unauthorized
        | FaultKind::Forbidden
        | FaultKind::MethodNotAllowed
        | FaultKind::Conflict
        | FaultKind::TooLarge
        | FaultKind::TooSlow
        | FaultKind::Misdirected
        | FaultKind::Cancelled
        | FaultKind::Internal => Treatment::Request,
    }
}

#[cfg(test)]
mod tests;
