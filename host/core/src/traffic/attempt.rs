//! What follows a failed attempt: the same candidate once more after a wait, the next candidate, or the end. A
//! fault of the request itself ends it: it would fail the same way everywhere.

use super::backoff::{self, BackoffSettings};
use super::treatment::{self, Again, Elsewhere, Treatment};
use crate::{Fault, FaultKind};

/// How often one candidate is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Attempts at one candidate in all; 1 is no retry.
    pub max_attempts: u32,
    pub backoff: BackoffSettings,
    /// A longer wait than this is not followed when an upstream asks for it.
    pub retry_after_max_ms: u64,
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

/// Decides; `fault` says what went wrong and whether another candidate may answer.
pub fn next(fault: &Fault, retries: Retries, moment: Moment) -> Next {
    let Treatment { again, elsewhere, .. } = treatment::of(fault.kind);
    let other = match (elsewhere, fault.failover) {
        (Elsewhere::No, _) | (Elsewhere::Yes, false) => return Next::End,
        (Elsewhere::Larger, _) => return if moment.others > 0 { Next::Larger } else { Next::End },
        (Elsewhere::Yes, true) => moment.others > 0,
    };
    let again = match again {
        Again::Yes => true,
        Again::WhenAlone => !other,
        Again::No => false,
    };
    if again && !moment.probe && moment.attempt < retries.max_attempts {
        let own_ms = backoff::wait_ms(moment.attempt, retries.backoff, moment.entropy);
        let asked_ms = fault.retry_after_ms.unwrap_or(0);
        let wait_ms = own_ms.max(asked_ms);
        // One that wants to be left alone for longer than its word is followed is left alone.
        if asked_ms <= retries.retry_after_max_ms && wait_ms < moment.left_ms {
            return Next::Again { wait_ms };
        }
    }
    if other { Next::Other } else { Next::End }
}

/// Whether a failure says something about the provider, as a breaker counts it.
pub fn blames_provider(kind: FaultKind) -> bool {
    treatment::of(kind).blames
}

#[cfg(test)]
mod tests;
