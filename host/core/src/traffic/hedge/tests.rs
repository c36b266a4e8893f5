use proptest::prelude::*;

use super::{HedgeShare, SAVED_MAX, WHOLE};

proptest! {
    /// However slow upstreams are, no more requests are asked twice than the share, beside the first one.
    #[test]
    fn no_more_are_asked_twice_than_the_share(percent in 1_u32..=100, slow in prop::collection::vec(any::<bool>(), 1..2_000)) {
        let mut share = HedgeShare::default();
        let mut second = 0_u32;
        for (at, is_slow) in slow.iter().enumerate() {
            share.earn(percent);
            second += u32::from(*is_slow && share.spend());
            let requests = u32::try_from(at + 1).unwrap();
            prop_assert!(second * WHOLE <= WHOLE + requests * percent, "{second} of {requests}");
        }
    }

    /// Quiet times save up a few, and no more.
    #[test]
    fn after_a_quiet_time_few_are_asked_twice_in_a_row(percent in 1_u32..=100, quiet in 0_u32..5_000) {
        let mut share = HedgeShare::default();
        for _ in 0..quiet {
            share.earn(percent);
        }
        let mut in_a_row = 0;
        while share.spend() {
            in_a_row += 1;
        }
        prop_assert!(in_a_row <= SAVED_MAX / WHOLE);
        prop_assert_eq!(in_a_row, ((WHOLE + quiet * percent) / WHOLE).min(SAVED_MAX / WHOLE));
    }
}

#[test]
fn all_may_be_asked_twice_where_that_is_wanted() {
    let mut share = HedgeShare::default();
    for _ in 0..1_000 {
        share.earn(100);
        assert!(share.spend());
    }
}
