//! What the vendor says when it refuses, where its words for a limit that a moment helps against are those for one that it does
//! not: `RESOURCE_EXHAUSTED` is told of requests per minute, of requests per day, and of a balance that is used up
//! (<https://ai.google.dev/gemini-api/docs/rate-limits>, read on 2026-11-30).

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::fault::{BILLING, QUOTA, fails_over, other};
use crate::json::Node;
use crate::refusal;

/// Reads what the upstream answered instead of 2xx.
pub fn answered(status: u16, headers: &[Field], body: &str) -> Fault {
    let fault = refusal::answered(status, headers, body);
    let kind = match fault.kind {
        FaultKind::RateLimited if fault.message.to_lowercase().contains("prepayment credits") => {
            other(BILLING)
        }
        FaultKind::RateLimited if is_of_a_day(body) => other(QUOTA),
        kind => kind,
    };
    Fault { failover: fails_over(&kind), kind, ..fault }
}

/// Whether one of the limits that were hit is that of a day, by the ids that the vendor gives them.
fn is_of_a_day(body: &str) -> bool {
    let ids = || {
        let mut error = Node::root(body).object().ok()?.optional("error").ok()??.object().ok()?;
        let details = error.array("details").ok()?.into_iter().filter_map(|detail| detail.object().ok());
        let violations = details.flat_map(|mut detail| detail.array("violations").unwrap_or_default());
        let ids = violations.filter_map(|violation| violation.object().ok()?.string("quotaId").ok()?);
        Some(ids.collect::<Vec<String>>())
    };
    ids().unwrap_or_default().iter().any(|id| id.contains("PerDay"))
}

#[cfg(test)]
mod tests {
    use super::answered;
    use crate::canon::FaultKind;
    use crate::fault::{BILLING, QUOTA, other};

    /// Bodies as public reports have them: itcon-pty-au/stremio-ai-search#147, continuedev/continue#10290, and the vendor's
    /// pages on rate limits and billing.
    #[test]
    fn a_limit_of_a_minute_is_not_one_of_a_day() {
        let exhausted = |id: &str, message: &str| {
            format!(
                r#"{{"error":{{"code":429,"message":"{message}","status":"RESOURCE_EXHAUSTED","details":[
                {{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"quotaMetric":"m","quotaId":"{id}","quotaValue":"20"}}]}},
                {{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37.5s"}}]}}}}"#
            )
        };
        let current = "You exceeded your current quota, please check your plan and billing details.";
        let credits = "Your prepayment credits are depleted.";
        for (id, message, kind) in [
            ("GenerateRequestsPerMinutePerProjectPerModel", current, FaultKind::RateLimited),
            ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", current, other(QUOTA)),
            ("", credits, other(BILLING)),
        ] {
            let fault = answered(429, &[], &exhausted(id, message));
            assert_eq!((fault.kind, fault.failover), (kind, true), "{id}");
            assert_eq!(fault.retry_after_ms, Some(37_500), "{id}");
        }
        let key = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
        assert_eq!(answered(400, &[], key).kind, FaultKind::Unauthorized);
        assert_eq!(answered(429, &[], "x").kind, FaultKind::RateLimited);
    }
}
