//! Time and entropy as values: the pure rooms are told the time, the program's edge knows it.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since the Unix epoch. On the wire it is RFC 3339 with `Z`; in the database an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub i64);

impl Millis {
    /// The last moment that can be written down: past the year 9999 there is no RFC 3339, and no HTTP date.
    pub const LAST: Self = Self(253_402_207_200_999);

    /// A sum that would be later than everything is the last moment.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        let sum = self.0.saturating_add(ms);
        if sum > Self::LAST.0 { Self::LAST } else { Self(sum) }
    }

    /// As the header `Date` has it (RFC 9110, 5.6.7).
    pub fn http_date(self) -> String {
        DateTimePrinter::new().timestamp_to_rfc9110_string(&self.bounded()).unwrap_or_default()
    }

    /// The nearest moment that can be written down.
    fn bounded(self) -> Timestamp {
        let nearest = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(self.0).unwrap_or(nearest)
    }

    /// How long after `earlier` this is; negative when it is before.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.bounded())
    }
}

/// A text that is no time, or a time that cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTime;

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an RFC 3339 time up to {}", Millis::LAST)
    }
}

impl std::error::Error for NoTime {}

impl std::str::FromStr for Millis {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        text.parse::<Timestamp>().map(|at| Self(at.as_millisecond())).map_err(|_| NoTime)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for Millis {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// What the pure rooms do not have: the time and randomness. The program passes the real one, tests a
/// manual one.
pub trait Ambient: Send + Sync + fmt::Debug {
    /// Wall-clock time.
    fn now(&self) -> Millis;
    /// A clock that never goes back, in microseconds from an arbitrary start.
    fn monotonic_us(&self) -> u64;
    /// Fills `bytes` from the operating system's generator.
    fn fill_random(&self, bytes: &mut [u8]);
}

#[cfg(test)]
pub(crate) mod tests;
