//! How long to wait before the same provider is asked again: exponential, jittered, and never shorter than the
//! provider asked for. Entropy is passed in.

use jiff::fmt::rfc2822::DateTimeParser;

use crate::Millis;

/// Waits beyond this are no waits: whoever asks for them is taken to mean a day.
pub const RETRY_AFTER_MAX_MS: u64 = 86_400_000;

/// How the wait grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackoffSettings {
    /// Before the second attempt.
    pub initial_ms: u64,
    /// The longest wait.
    pub max_ms: u64,
    /// From one wait to the next.
    pub multiplier: f64,
}

/// The wait before attempt `attempt + 1` at the same candidate, between half of the exponential wait and all of it:
/// `entropy` decides, so that clients that failed together do not come back together.
pub fn wait_ms(attempt: u32, settings: BackoffSettings, entropy: u64) -> u64 {
    let whole_ms = exponential_ms(attempt, settings);
    let least_ms = whole_ms / 2;
    least_ms + entropy % (whole_ms - least_ms + 1)
}

/// `initial × multiplier^(attempt − 1)`, at most the longest wait.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds of a wait; the cast back saturates and is bounded by `max_ms`"
)]
fn exponential_ms(attempt: u32, settings: BackoffSettings) -> u64 {
    let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = settings.initial_ms as f64 * settings.multiplier.max(1.0).powi(power);
    if grown.is_nan() { settings.max_ms } else { (grown as u64).min(settings.max_ms) }
}

/// How long a `Retry-After` asks to wait from `now` on: seconds, or an HTTP date. A date that has passed is no wait.
pub fn retry_after_ms(value: &str, now: Millis) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be positive; the cast saturates"
        )]
        return (seconds >= 0.0).then(|| ((seconds * 1000.0).ceil() as u64).min(RETRY_AFTER_MAX_MS));
    }
    // A wrong day of the week is no reason to come back too early.
    let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
    let wait_ms = u64::try_from(Millis(at.as_millisecond()).since(now)).unwrap_or(0);
    Some(wait_ms.min(RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests;
