use proptest::prelude::*;

use super::*;

#[test]
fn a_window_slides() {
    let mut window = Window::new();
    let first = window.admit("k", 1_000, 2);
    assert_eq!(
        first,
        Admission { allowed: true, limit: 2, remaining: 1, reset_ms: 60_000, retry_after_ms: 0 }
    );
    let second = window.admit("k", 31_000, 2);
    assert_eq!(
        second,
        Admission { allowed: true, limit: 2, remaining: 0, reset_ms: 60_000, retry_after_ms: 30_000 }
    );
    let third = window.admit("k", 41_000, 2);
    assert_eq!(
        third,
        Admission { allowed: false, limit: 2, remaining: 0, reset_ms: 50_000, retry_after_ms: 20_000 }
    );
    assert!(!window.admit("k", 60_999, 2).allowed);
    assert!(window.admit("k", 61_000, 2).allowed);
    assert!(window.admit("other", 61_000, 2).allowed);
}

#[test]
fn no_limit_is_no_limit_and_forgets() {
    let mut window = Window::new();
    window.admit("k", 0, 1);
    for _ in 0..100 {
        assert!(window.admit("k", 1, 0).allowed);
    }
    assert!(window.is_empty());
}

#[test]
fn a_lowered_limit_counts_at_once() {
    let mut window = Window::new();
    for at in 0..5 {
        assert!(window.admit("k", at * 1_000, 5).allowed);
    }
    let refused = window.admit("k", 5_000, 2);
    assert_eq!((refused.allowed, refused.remaining), (false, 0));
    // One request fits when at most one of the five is left: the fourth falls out at 63 seconds.
    assert_eq!(refused.retry_after_ms, 58_000);
    assert!(!window.admit("k", 62_999, 2).allowed);
    assert!(window.admit("k", 63_000, 2).allowed);
}

#[test]
fn a_flood_of_keys_costs_no_memory() {
    let mut window = Window::new();
    for at in 0..12_000_u64 {
        window.admit(&format!("k{at}"), at, 1);
    }
    assert!(window.len() <= KEYS_MAX && window.len() >= KEYS_MAX / 2, "{}", window.len());
    assert!(!window.admit("k11999", 12_000, 1).allowed);
    // Nobody is counted any more, so the next key over the most that are remembered sweeps them all out.
    for at in 0..=KEYS_MAX {
        window.admit(&format!("late{at}"), 200_000, 1);
    }
    assert!(window.keys.keys().all(|key| key.starts_with("late")));
    assert!(window.len() <= KEYS_MAX);
}

proptest! {
    #[test]
    fn never_more_than_the_limit_in_any_window(
        limit in 1..6_u32,
        steps in prop::collection::vec((0..3_u8, 0..20_000_u64), 1..200),
    ) {
        let mut window = Window::new();
        let mut now = 0;
        let mut model: [Vec<u64>; 3] = Default::default();
        for (key, step) in steps {
            now += step;
            let admitted = &mut model[usize::from(key)];
            let recent = |at: u64| admitted.iter().filter(|then| **then + WINDOW_MS > at).count();
            let expected = recent(now) < limit as usize;
            let mut waits = admitted.iter().map(|then| (then + WINDOW_MS).saturating_sub(now)).chain([0]).collect::<Vec<_>>();
            waits.sort_unstable();
            let retry = waits.into_iter().find(|wait| recent(now + wait) < limit as usize).unwrap();
            let admission = window.admit(&key.to_string(), now, limit);
            prop_assert_eq!(admission.allowed, expected);
            if expected {
                admitted.push(now);
            } else {
                prop_assert_eq!(admission.retry_after_ms, retry);
                prop_assert!(retry > 0);
            }
            let left = limit as usize - admitted.iter().filter(|then| **then + WINDOW_MS > now).count();
            prop_assert_eq!(admission.remaining as usize, left);
            let last = admitted.last().map_or(0, |last| last + WINDOW_MS - now);
            prop_assert_eq!(admission.reset_ms, last);
        }
        for admitted in &model {
            for start in admitted {
                let inside = admitted.iter().filter(|at| **at >= *start && **at < start + WINDOW_MS).count();
                prop_assert!(inside <= limit as usize);
            }
        }
    }
}
