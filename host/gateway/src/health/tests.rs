use super::Health;

#[test]
fn what_is_under_way_is_counted_and_what_failed_is_remembered_for_a_while() {
    let health = Health::default();
    health.began("p", "m");
    health.began("p", "m");
    assert_eq!(health.standing("p", "m", 0).in_flight, 2);
    health.ended("p", "m", Some(false), None, 0);
    let after_failure = health.standing("p", "m", 0).error_rate;
    assert!(after_failure > 0.1);
    health.ended("p", "m", Some(true), Some(40), 0);
    let standing = health.standing("p", "m", 0);
    assert!(standing.error_rate < after_failure && standing.error_rate > 0.0);
    assert_eq!((standing.in_flight, standing.first_byte_ms), (0, Some(40)));
    assert_eq!(health.standing("p", "other", 0), super::ModelHealth::default());
}

#[test]
fn a_client_that_left_says_nothing_about_the_provider() {
    let health = Health::default();
    health.began("p", "m");
    health.ended("p", "m", None, None, 0);
    assert_eq!(health.standing("p", "m", 0), super::ModelHealth::default());
}

#[test]
fn a_bad_name_fades_and_is_cleared_by_a_recovery() {
    let health = Health::default();
    for _ in 0..10 {
        health.began("p", "m");
        health.ended("p", "m", Some(false), None, 1_000);
    }
    let now = health.standing("p", "m", 1_000).error_rate;
    let later = health.standing("p", "m", 1_000 + super::HALF_LIFE_MS).error_rate;
    assert!(now > 0.8 && (later - now / 2.0).abs() < 0.01, "{now} {later}");
    health.recovered("p", "m");
    assert!(health.standing("p", "m", 1_000).error_rate < f32::EPSILON);
}
