//! What a caller learns of the routing: a view of the request's record as headers. The body stays the wire's own.

use brains_core::plane::trace::{Attempt, AttemptOutcome, TraceRecord};

/// Name and value of each header. Values may hold any text; the surface makes headers of them.
pub type RoutingHeaders = Vec<(&'static str, String)>;

/// The trace's id, which an answer that was never given has not.
pub const TRACE_ID: &str = "x-brains-trace-id";
/// Hex digits of the preamble's hash that are shown.
const HASH_DIGITS: usize = 16;

/// The headers of a request as its record stands, in the contract's order.
pub(crate) fn headers(record: &TraceRecord) -> RoutingHeaders {
    let tried = || record.attempts.iter().filter(|attempt| was_made(attempt));
    let attempts = tried().count();
    // The record names a candidate that was only looked at, too.
    let of_tried = |text: &Option<String>| text.clone().filter(|_| attempts > 0);
    let answered = tried().next_back().is_some_and(|attempt| attempt.outcome != AttemptOutcome::Failed);
    let causes: Vec<String> = record.attempts.iter().filter_map(cause).collect();
    let digits = |hash: &String| hash.get(..HASH_DIGITS).map(str::to_owned);

    let mut headers = Vec::with_capacity(12);
    headers.push((TRACE_ID, record.id.to_string()));
    let mut add = |name, value: Option<String>| headers.extend(value.map(|value| (name, value)));
    add("x-brains-task", record.task.clone());
    add("x-brains-complexity", record.complexity.clone());
    add("x-brains-confidence", record.confidence.map(two_digits));
    add("x-brains-tier", of_tried(&record.tier));
    add("x-brains-provider", of_tried(&record.provider));
    add("x-brains-model", of_tried(&record.model));
    add("x-brains-strategy", record.strategy.clone());
    add("x-brains-attempts", (attempts > 0).then(|| attempts.to_string()));
    add("x-brains-attempt-causes", (!causes.is_empty()).then(|| causes.join(", ")));
    add("x-brains-route-reason", record.reason.clone());
    add("x-brains-loss", (answered && !record.loss.is_empty()).then(|| record.loss.join(", ")));
    add("x-brains-preamble", record.preamble_hash.as_ref().and_then(digits));
    headers
}

/// Whether the candidate was asked.
pub(crate) fn was_made(attempt: &Attempt) -> bool {
    attempt.outcome != AttemptOutcome::Skipped
}

/// Attempts that were made so far, the one under way included.
pub(crate) fn attempts(record: &TraceRecord) -> u32 {
    let made = record.attempts.iter().filter(|attempt| was_made(attempt)).count();
    u32::try_from(made).unwrap_or(u32::MAX)
}

/// A candidate that did not answer, with the word for why.
fn cause(attempt: &Attempt) -> Option<String> {
    let code = attempt.code.as_ref()?;
    Some(format!("{}/{} {code}", attempt.provider, attempt.model))
}

/// As the component gave it, which is with a float's precision.
#[expect(clippy::cast_possible_truncation, reason = "it was an f32 before it was written exactly")]
fn two_digits(confidence: f64) -> String {
    format!("{:.2}", confidence as f32)
}

#[cfg(test)]
mod tests;
