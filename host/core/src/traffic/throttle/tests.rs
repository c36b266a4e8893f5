use super::*;

#[test]
fn twenty_wrong_keys_in_two_seconds_are_told_so() {
    let mut throttle = Throttle::new();
    for at in 0..20 {
        assert_eq!(throttle.wrong(at * 100), WrongKey::Wrong);
    }
    assert_eq!(throttle.wrong(1_950), WrongKey::Throttled { retry_after_ms: 50 });
    assert_eq!(throttle.wrong(1_999), WrongKey::Throttled { retry_after_ms: 1 });
    assert_eq!(throttle.wrong(2_000), WrongKey::Wrong);
    assert_eq!(throttle.wrong(2_001), WrongKey::Throttled { retry_after_ms: 99 });
}

#[test]
fn a_flood_costs_no_memory_and_ends() {
    let mut throttle = Throttle::new();
    for _ in 0..100_000 {
        throttle.wrong(5);
    }
    assert_eq!(throttle.wrong.len(), FREE);
    assert_eq!(throttle.wrong(5 + SPAN_MS), WrongKey::Wrong);
}
