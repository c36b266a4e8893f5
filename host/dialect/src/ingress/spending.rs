//! What a budget is on a wire: how long an answer its requests allow, and how its clients are told how much of a limit is used.

use super::Ingress;
use crate::envelope::Envelope;

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReport {
    /// Thousandths of it that are used.
    pub used_permille: u64,
    /// From here on it is a warning.
    pub warn_at_percent: u8,
    pub warns: bool,
    /// The request was refused for it.
    pub refused: bool,
    /// When it begins anew, in seconds since the epoch.
    pub resets_at_s: i64,
}

const STATUS: &str = "anthropic-ratelimit-unified-status";
const RESET: &str = "anthropic-ratelimit-unified-reset";
const CLAIM: &str = "anthropic-ratelimit-unified-representative-claim";
const OVERAGE_STATUS: &str = "anthropic-ratelimit-unified-overage-status";
const OVERAGE_RESET: &str = "anthropic-ratelimit-unified-overage-reset";
const OVERAGE_USED: &str = "anthropic-ratelimit-unified-overage-utilization";
const OVERAGE_PASSED: &str = "anthropic-ratelimit-unified-overage-surpassed-threshold";

impl Ingress {
    /// The most tokens that all answers to a request may have together; none when it says nothing of that. What is no number
    /// is refused by whoever reads the request.
    pub fn output_limit(self, envelope: &Envelope<'_>) -> Option<u64> {
        let number = |name: &str| {
            let node = envelope.node(name).ok().flatten()?;
            node.unsigned().ok().map(u64::from)
        };
        let limit = match self {
            Self::OpenAiChat => number("max_completion_tokens").or_else(|| number("max_tokens")),
            Self::OpenAiCompletions | Self::AnthropicMessages => number("max_tokens"),
            Self::OpenAiResponses | Self::OpenAiCompaction => number("max_output_tokens"),
        };
        limit.map(|limit| limit.saturating_mul(self.answers(envelope)))
    }

    /// How many answers a request asks for.
    pub fn answers(self, envelope: &Envelope<'_>) -> u64 {
        let number = |name: &str| envelope.node(name).ok().flatten()?.unsigned().ok().map(u64::from);
        match self {
            Self::OpenAiChat => number("n").unwrap_or(1).max(1),
            Self::OpenAiCompletions => number("best_of").max(number("n")).unwrap_or(1).max(1),
            Self::OpenAiResponses | Self::OpenAiCompaction | Self::AnthropicMessages => 1,
        }
    }

    /// The headers by which clients of the wire show it; none where they know none. A client takes `rejected` as the end
    /// whatever the status of the answer is, so an answer that is one never says it.
    pub fn limit_headers(self, report: LimitReport) -> Vec<(&'static str, String)> {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompletions | Self::OpenAiCompaction => {
                Vec::new()
            }
            Self::AnthropicMessages => {
                let status = match (report.refused, report.warns) {
                    (true, _) => "rejected",
                    (false, true) => "allowed_warning",
                    (false, false) => "allowed",
                };
                let reset = report.resets_at_s.to_string();
                let mut headers = vec![
                    (STATUS, status.to_owned()),
                    (RESET, reset.clone()),
                    (CLAIM, "overage".to_owned()),
                    (OVERAGE_STATUS, status.to_owned()),
                    (OVERAGE_RESET, reset),
                    (OVERAGE_USED, part(report.used_permille, 1_000)),
                ];
                if report.warns {
                    headers.push((OVERAGE_PASSED, part(report.warn_at_percent.into(), 100)));
                }
                headers
            }
        }
    }
}

/// A part of a whole as a fraction with three digits.
fn part(of: u64, whole: u64) -> String {
    let permille = of.saturating_mul(1_000) / whole;
    format!("{}.{:03}", permille / 1_000, permille % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(ingress: Ingress, body: &str) -> Option<u64> {
        ingress.output_limit(&Envelope::scan(body.as_bytes()).unwrap())
    }

    #[test]
    fn a_limit_is_read_where_its_wire_has_it() {
        for (ingress, body, read) in [
            (Ingress::AnthropicMessages, r#"{"max_tokens":32000}"#, Some(32_000)),
            (Ingress::OpenAiChat, r#"{"max_tokens":5,"max_completion_tokens":7}"#, Some(7)),
            (Ingress::OpenAiChat, r#"{"max_tokens":5,"n":3}"#, Some(15)),
            (Ingress::OpenAiCompletions, r#"{"max_tokens":5,"n":2,"best_of":4}"#, Some(20)),
            (Ingress::OpenAiResponses, r#"{"max_output_tokens":9,"max_tokens":1}"#, Some(9)),
            (Ingress::OpenAiChat, r#"{"n":2}"#, None),
            (Ingress::AnthropicMessages, r#"{"max_tokens":null}"#, None),
            (Ingress::AnthropicMessages, r#"{"max_tokens":"many"}"#, None),
        ] {
            assert_eq!(limit(ingress, body), read, "{ingress:?} {body}");
        }
        let envelope = Envelope::scan(br#"{"n":2}"#).unwrap();
        assert_eq!(Ingress::OpenAiChat.answers(&envelope), 2);
        assert_eq!(Ingress::AnthropicMessages.answers(&envelope), 1);
    }

    #[test]
    fn who_shows_a_limit_is_told_it() {
        let report = LimitReport {
            used_permille: 834,
            warn_at_percent: 80,
            warns: true,
            refused: false,
            resets_at_s: 1_790_000_000,
        };
        let told = |report| Ingress::AnthropicMessages.limit_headers(report);
        let has = |headers: &[(&str, String)], name: &str| {
            headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        };
        let warned = told(report);
        assert_eq!(has(&warned, STATUS).as_deref(), Some("allowed_warning"));
        assert_eq!(has(&warned, OVERAGE_USED).as_deref(), Some("0.834"));
        assert_eq!(has(&warned, OVERAGE_PASSED).as_deref(), Some("0.800"));
        assert_eq!(has(&warned, RESET).as_deref(), Some("1790000000"));
        let calm = told(LimitReport { used_permille: 1, warns: false, ..report });
        assert_eq!(has(&calm, STATUS).as_deref(), Some("allowed"));
        assert_eq!(has(&calm, OVERAGE_PASSED), None);
        let over = told(LimitReport { used_permille: 1_200, ..report });
        assert_eq!(has(&over, OVERAGE_USED).as_deref(), Some("1.200"));
        assert_ne!(has(&over, STATUS).as_deref(), Some("rejected"), "it was answered");
        assert_eq!(has(&told(LimitReport { refused: true, ..report }), STATUS).as_deref(), Some("rejected"));
        for ingress in [Ingress::OpenAiChat, Ingress::OpenAiResponses, Ingress::OpenAiCompletions] {
            assert_eq!(ingress.limit_headers(report), []);
        }
    }
}
