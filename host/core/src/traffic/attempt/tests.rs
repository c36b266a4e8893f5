use proptest::prelude::*;

use super::*;
use crate::Origin;

const RETRIES: Retries = Retries {
    max_attempts: 3,
    backoff: BackoffSettings { initial_ms: 100, max_ms: 1_000, multiplier: 2.0 },
    retry_after_max_ms: 2_000,
};
const MOMENT: Moment = Moment { attempt: 1, others: 1, probe: false, left_ms: 60_000, entropy: 50 };

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, Origin::Upstream, "x").failover()
}

#[track_caller]
fn check(fault: &Fault, moment: Moment, expected: Next) {
    assert_eq!(next(fault, RETRIES, moment), expected, "{fault:?} {moment:?}");
}

#[test]
fn what_passes_is_tried_again_then_elsewhere() {
    for kind in [FaultKind::Upstream, FaultKind::Unavailable, FaultKind::RateLimited] {
        check(&fault(kind), MOMENT, Next::Again { wait_ms: 100 });
        check(&fault(kind), Moment { attempt: 3, ..MOMENT }, Next::Other);
        check(&fault(kind), Moment { attempt: 3, others: 0, ..MOMENT }, Next::End);
        check(&fault(kind), Moment { probe: true, ..MOMENT }, Next::Other);
        check(&fault(kind), Moment { left_ms: 100, ..MOMENT }, Next::Other);
    }
}

#[test]
fn a_wait_that_is_asked_for_is_kept_or_nobody_waits() {
    let asking = |ms| fault(FaultKind::RateLimited).retry_after_ms(ms);
    check(&asking(900), MOMENT, Next::Again { wait_ms: 900 });
    check(&asking(5), MOMENT, Next::Again { wait_ms: 100 });
    // The bound of our own backoff is not that of the upstream's word.
    check(&asking(1_001), MOMENT, Next::Again { wait_ms: 1_001 });
    check(&asking(2_001), MOMENT, Next::Other);
    check(&asking(2_001), Moment { others: 0, ..MOMENT }, Next::End);
}

#[test]
fn silence_is_not_waited_for_twice_while_somebody_else_is_there() {
    check(&fault(FaultKind::Timeout), MOMENT, Next::Other);
    check(&fault(FaultKind::Timeout), Moment { others: 0, ..MOMENT }, Next::Again { wait_ms: 100 });
}

#[test]
fn a_request_error_never_wanders() {
    check(&fault(FaultKind::Invalid), MOMENT, Next::End);
    check(&fault(FaultKind::ContextTooLong), MOMENT, Next::Larger);
    check(&fault(FaultKind::ContextTooLong), Moment { others: 0, ..MOMENT }, Next::End);
    check(&Fault::new(FaultKind::Upstream, Origin::Upstream, "x"), MOMENT, Next::End);
}

/// spec/gateway.md 18, its last column, in one line per kind: again, elsewhere, counted against the provider.
fn table(kind: FaultKind) -> (bool, bool, bool) {
    match kind {
        FaultKind::RateLimited | FaultKind::Unavailable | FaultKind::Upstream | FaultKind::Timeout => {
            (true, true, true)
        }
        FaultKind::UpstreamAuth | FaultKind::Plugin => (false, true, true),
        FaultKind::NotFound
        | FaultKind::Unsupported
        | FaultKind::TooLarge
        | FaultKind::Moderated
        | FaultKind::Region
        | FaultKind::Billing
        | FaultKind::Quota => (false, true, false),
        _ => (false, false, false),
    }
}

proptest! {
    #[test]
    fn the_rules_agree_with_the_table(
        kind in prop::sample::select(&FaultKind::ALL[..]),
        failover: bool,
        retry_after_ms in prop::option::of(0..3_000_u64),
        max_attempts in 1..5_u32,
        attempt in 1..6_u32,
        others in 0..3_usize,
        probe: bool,
        left_ms in 0..3_000_u64,
        entropy: u64,
    ) {
        let mut fault = Fault::new(kind, Origin::Upstream, "x");
        (fault.failover, fault.retry_after_ms) = (failover, retry_after_ms);
        let retries = Retries { max_attempts, ..RETRIES };
        let decided = next(&fault, retries, Moment { attempt, others, probe, left_ms, entropy });
        let (again, elsewhere, blamed) = table(kind);
        prop_assert_eq!(blames_provider(kind), blamed);
        match decided {
            Next::Again { wait_ms } => {
                prop_assert!(again && failover && !probe && attempt < max_attempts);
                prop_assert!(wait_ms >= retry_after_ms.unwrap_or(0) && wait_ms < left_ms);
                prop_assert!(wait_ms <= RETRIES.backoff.max_ms.max(RETRIES.retry_after_max_ms));
                prop_assert!(kind != FaultKind::Timeout || others == 0);
            }
            Next::Other => prop_assert!(elsewhere && failover && others > 0),
            Next::Larger => prop_assert!(kind == FaultKind::ContextTooLong && others > 0),
            Next::End => prop_assert!(others == 0 || !elsewhere && kind != FaultKind::ContextTooLong || !failover),
        }
    }
}
