use super::Health;

#[test]
fn what_is_under_way_is_counted_and_what_failed_is_remembered_for_a_while() {
    let health = Health::default();
    health.began("p", "m");
    health.began("p", "m");
    assert_eq!(health.standing("p", "m").in_flight, 2);
    health.ended("p", "m", Some(false), None);
    let after_failure = health.standing("p", "m").error_rate;
    assert!(after_failure > 0.1);
    health.ended("p", "m", Some(true), Some(40));
    let standing = health.standing("p", "m");
    assert!(standing.error_rate < after_failure && standing.error_rate > 0.0);
    assert_eq!((standing.in_flight, standing.first_byte_ms), (0, Some(40)));
    assert_eq!(health.standing("p", "other"), super::Standing::default());
}

#[test]
fn a_client_that_left_says_nothing_about_the_provider() {
    let health = Health::default();
    health.began("p", "m");
    health.ended("p", "m", None, None);
    assert_eq!(health.standing("p", "m"), super::Standing::default());
}
