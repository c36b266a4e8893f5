use proptest::prelude::*;

use super::{CALLS, FAULTS, FAULTS_AMONG_CALLS, FaultRate, Risen, SPAN_MS};

/// Tells a version's faults, as (call, ms), and returns what the last one led to.
fn risen_after(faults: &[(u64, u64)]) -> Option<Risen> {
    let mut rate = FaultRate::new();
    let mut last = None;
    for (index, (call, ms)) in faults.iter().enumerate() {
        last = rate.fault(*call, *ms);
        assert!(last.is_none() || index + 1 == faults.len(), "too early, at fault {index}");
    }
    last
}

#[test]
fn five_within_a_minute_are_too_many() {
    assert_eq!(risen_after(&[(1, 0), (2, 1), (3, 2), (4, 3)]), None);
    assert_eq!(risen_after(&[(1, 0), (2, 1), (3, 2), (4, 3), (5, 59_999)]), Some(Risen::Often { faults: 5 }));
    assert_eq!(risen_after(&[(1, 0), (2, 1), (3, 2), (4, 3), (5, 60_000)]), None);
}

#[test]
fn a_fifth_of_the_newest_calls_is_too_much_however_slowly_they_come() {
    let every = |step: u64| -> Vec<(u64, u64)> { (1..=10).map(|n| (40 + n * step, n * 100_000)).collect() };
    assert_eq!(risen_after(&every(5)), Some(Risen::Share { faults: 10 }));
    assert_eq!(risen_after(&every(6)), None);
    // Ten calls in all, all of them bad, are not fifty yet.
    let first: Vec<(u64, u64)> = (1..=10).map(|n| (n, n * 100_000)).collect();
    assert_eq!(risen_after(&first), None);
}

proptest! {
    #[test]
    fn the_rule_is_what_it_says(steps in proptest::collection::vec((1_u64..20, 0_u64..30_000), 1..60)) {
        let mut rate = FaultRate::new();
        let mut seen: Vec<(u64, u64)> = Vec::new();
        let (mut call, mut now_ms) = (0, 0);
        for (calls, ms) in steps {
            call += calls;
            now_ms += ms;
            seen.push((call, now_ms));
            let often = seen.iter().filter(|(_, at)| at + SPAN_MS > now_ms).count() >= FAULTS;
            let share = call >= CALLS
                && seen.iter().filter(|(number, _)| number + CALLS > call).count() >= FAULTS_AMONG_CALLS;
            prop_assert_eq!(rate.fault(call, now_ms).is_some(), often || share);
        }
    }
}
