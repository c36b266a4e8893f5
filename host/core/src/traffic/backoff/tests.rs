use proptest::prelude::*;

use super::*;

const SETTINGS: BackoffSettings = BackoffSettings { initial_ms: 500, max_ms: 8_000, multiplier: 2.0 };

#[test]
fn the_wait_doubles_up_to_the_longest() {
    let longest = |attempt| (0..=8_000).map(|entropy| wait_ms(attempt, SETTINGS, entropy)).max().unwrap();
    assert_eq!([1, 2, 3, 4, 5, 6, 100].map(longest), [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    let shortest = |attempt| (0..=8_000).map(|entropy| wait_ms(attempt, SETTINGS, entropy)).min().unwrap();
    assert_eq!([1, 2, 5].map(shortest), [250, 500, 4_000]);
    assert_eq!(wait_ms(1, BackoffSettings { initial_ms: 0, ..SETTINGS }, 77), 0);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = Millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT
    for (value, wait) in [
        ("7", Some(7_000)),
        (" 0 ", Some(0)),
        ("1.5", Some(1_500)),
        ("-1", None),
        ("NaN", None),
        ("soon", None),
        ("", None),
        ("1e300", Some(RETRY_AFTER_MAX_MS)),
        ("inf", Some(RETRY_AFTER_MAX_MS)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sun, 06 Nov 1994 07:00:00 GMT", Some(0)),
        ("Sun, 06 Nov 2094 08:49:37 GMT", Some(RETRY_AFTER_MAX_MS)),
    ] {
        assert_eq!(retry_after_ms(value, now), wait, "{value}");
    }
}

proptest! {
    #[test]
    fn a_wait_lies_between_half_of_the_exponential_one_and_all_of_it(
        attempt in 1..20_u32,
        initial_ms in 0..5_000_u32,
        max_ms in 0..60_000_u32,
        multiplier in 1.0..4.0_f64,
        entropy: u64,
    ) {
        let settings = BackoffSettings { initial_ms: initial_ms.into(), max_ms: max_ms.into(), multiplier };
        let mut expected = f64::from(initial_ms);
        for _ in 1..attempt {
            expected = (expected * multiplier).min(1e12);
        }
        let whole = expected.min(f64::from(max_ms));
        let wait = f64::from(u32::try_from(wait_ms(attempt, settings, entropy)).unwrap());
        prop_assert!(wait <= whole + 1.0 && wait + 2.0 >= whole / 2.0, "{wait} of {whole}");
    }

    #[test]
    fn no_value_panics(value in ".{0,60}", now: i64) {
        let wait = retry_after_ms(&value, Millis(now));
        prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX_MS));
    }
}
