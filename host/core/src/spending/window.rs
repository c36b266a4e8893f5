//! Windows of time as people mean them: days, weeks and months of a time zone, whose days have 23 hours or 25 when clocks
//! change. A window follows from an instant alone, so nothing is ever reset: when one ends the next has another name.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpendingPeriod;
use crate::Millis;

/// From its first moment on, up to its end, which is the first of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SpendingWindow {
    pub starts_at: Millis,
    pub ends_at: Millis,
}

impl SpendingWindow {
    pub fn holds(self, at: Millis) -> bool {
        self.starts_at <= at && at < self.ends_at
    }
}

/// The zone of this name, of the database that the program carries; none when there is none.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The window that `at` is in.
pub fn window_at(period: SpendingPeriod, zone: &TimeZone, at: Millis) -> SpendingWindow {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::MAX);
    let today = zone.to_datetime(instant).date();
    let first = match period {
        SpendingPeriod::Day => today,
        SpendingPeriod::Week => monday(today),
        SpendingPeriod::Month => today.first_of_month(),
    };
    let length = match period {
        SpendingPeriod::Day => 1.day(),
        SpendingPeriod::Week => 1.week(),
        SpendingPeriod::Month => 1.month(),
    };
    let ends_at = first.checked_add(length).ok().map_or(Millis::LAST, |next| begin(next, zone));
    SpendingWindow { starts_at: begin(first, zone), ends_at }
}

fn monday(day: Date) -> Date {
    let since = i64::from(day.weekday().since(Weekday::Monday));
    day.checked_sub(since.days()).unwrap_or(day)
}

/// The first moment of a day: midnight, or where clocks skip that, what they show next.
fn begin(day: Date, zone: &TimeZone) -> Millis {
    let midnight = zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).compatible();
    midnight.map_or(Millis::LAST, |at| Millis(at.as_millisecond()))
}
