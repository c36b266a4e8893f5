use super::health::{HALF_LIFE_MS, ModelHealth};

#[test]
fn what_is_under_way_is_counted_and_what_failed_is_remembered_for_a_while() {
    let mut health = ModelHealth::default();
    health.started();
    health.started();
    assert_eq!(health.at(0).in_flight, 2);
    health.ended(Some(false), None, 0);
    let after_failure = health.at(0).error_rate;
    assert!(after_failure > 0.1);
    health.ended(Some(true), Some(40), 0);
    let now = health.at(0);
    assert!(now.error_rate < after_failure && now.error_rate > 0.0);
    assert_eq!((now.in_flight, now.first_byte_ms), (0, Some(40)));
}

#[test]
fn a_client_that_left_says_nothing_about_the_provider() {
    let mut health = ModelHealth::default();
    health.started();
    health.ended(None, None, 0);
    assert_eq!(health, ModelHealth::default());
}

#[test]
fn a_bad_record_fades_and_is_cleared_by_a_recovery() {
    let mut health = ModelHealth::default();
    for _ in 0..10 {
        health.started();
        health.ended(Some(false), None, 1_000);
    }
    let now = health.at(1_000).error_rate;
    let later = health.at(1_000 + HALF_LIFE_MS).error_rate;
    assert!(now > 0.8 && (later - now / 2.0).abs() < 0.01, "{now} {later}");
    health.recovered();
    assert!(health.at(1_000).error_rate < f32::EPSILON);
}
