//! Whether a text that broke off is gone on with by another candidate: only what passes elsewhere, and only by what is left of what
//! the client allowed. An answer that ended as it was meant to, by its limit included, did not break off.

use super::treatment::{self, Elsewhere};
use crate::Fault;

/// Whether a failure in the middle of an answer leaves its rest to another candidate.
pub fn may_go_on(fault: &Fault) -> bool {
    fault.failover && matches!(treatment::of(fault.kind).elsewhere, Elsewhere::Yes)
}

/// What is left of a limit of tokens when so many bytes of text were said (four to a token, decision 25); none when that is
/// nothing, and what remains could not be asked for.
pub fn left_tokens(limit: u32, said_bytes: usize) -> Option<u32> {
    let said = u32::try_from(said_bytes.div_ceil(4)).unwrap_or(u32::MAX);
    limit.checked_sub(said).filter(|left| *left > 0)
}

#[cfg(test)]
mod tests {
    use super::{left_tokens, may_go_on};
    use crate::{Fault, FaultKind, Origin};

    #[test]
    fn what_fails_everywhere_is_not_gone_on_with() {
        let fault = |kind| Fault::new(kind, Origin::Upstream, "x");
        for kind in [FaultKind::Upstream, FaultKind::Timeout, FaultKind::Unavailable, FaultKind::RateLimited]
        {
            assert!(may_go_on(&fault(kind).failover()), "{kind:?}");
            assert!(!may_go_on(&fault(kind)), "{kind:?}: it says itself that nobody else answers");
        }
        for kind in [FaultKind::Invalid, FaultKind::ContextTooLong, FaultKind::Cancelled] {
            assert!(!may_go_on(&fault(kind).failover()), "{kind:?}");
        }
    }

    #[test]
    fn what_was_said_counts_against_the_limit() {
        assert_eq!(left_tokens(10, 0), Some(10));
        assert_eq!(left_tokens(10, 33), Some(1));
        assert_eq!(left_tokens(10, 37), None);
        assert_eq!(left_tokens(10, usize::MAX), None);
    }
}
