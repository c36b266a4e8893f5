use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;

/// A clock that stands where it was put, and bytes that never repeat.
#[derive(Debug)]
pub(crate) struct Still {
    now_ms: AtomicI64,
    drawn: AtomicU64,
}

impl Still {
    pub(crate) fn at(now_ms: i64) -> Self {
        Self { now_ms: AtomicI64::new(now_ms), drawn: AtomicU64::new(0) }
    }

    pub(crate) fn set(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }
}

impl Ambient for Still {
    fn now(&self) -> Millis {
        Millis(self.now_ms.load(Ordering::Relaxed))
    }

    fn monotonic_us(&self) -> u64 {
        0
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self
                .drawn
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_add(1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&drawn.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[test]
fn times_are_rfc_3339_and_come_back() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Millis(ms).to_string(), text);
        assert_eq!(text.parse::<Millis>().unwrap(), Millis(ms));
        assert_eq!(serde_json::to_value(Millis(ms)).unwrap(), text);
        assert_eq!(serde_json::from_value::<Millis>(text.into()).unwrap(), Millis(ms));
    }
    assert_eq!("2023-11-14T23:13:20.123+01:00".parse::<Millis>().unwrap(), Millis(1_700_000_000_123));
    assert!("yesterday".parse::<Millis>().is_err());
    assert!(serde_json::from_value::<Millis>(5.into()).is_err());
}

#[test]
fn sums_stop_at_the_end_of_time() {
    assert_eq!(Millis(i64::MAX).plus_ms(1), Millis::LAST);
    assert_eq!(Millis::LAST.plus_ms(1), Millis::LAST);
    assert_eq!(Millis(5).plus_ms(i64::MAX), Millis::LAST);
    assert_eq!(Millis(5).since(Millis(7)), -2);
    assert_eq!(Millis(i64::MIN).since(Millis(1)), i64::MIN);
}

/// Whatever a clock or a sum says, it is written as a time that everybody reads.
#[test]
fn times_that_nobody_could_read_are_written_as_the_nearest_that_one_can() {
    assert_eq!(jiff::Timestamp::MAX.as_millisecond(), Millis::LAST.0);
    for far in [Millis::LAST, Millis(Millis::LAST.0 + 1), Millis(i64::MAX)] {
        assert_eq!(far.to_string(), "9999-12-30T22:00:00.999Z");
        assert_eq!(far.http_date(), "Thu, 30 Dec 9999 22:00:00 GMT");
        assert_eq!(serde_json::to_value(far).unwrap(), "9999-12-30T22:00:00.999Z");
    }
    assert!(Millis(i64::MIN).to_string().starts_with("-009999-"));
    assert_eq!(Millis(784_111_777_000).http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
    for text in ["9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "+292278994-08-17T07:12:55Z"] {
        let error = text.parse::<Millis>().unwrap_err().to_string();
        assert_eq!(error, "not an RFC 3339 time up to 9999-12-30T22:00:00.999Z", "{text}");
    }
}
