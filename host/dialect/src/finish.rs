//! What the word says that ends an answer: only a reason is a reason, and some of them are failures.

use crate::canon::Fault;
use crate::refusal;

// What servers write for no reason yet, beside `null`: ollama/ollama#4357 the empty text, Alibaba DashScope `"null"`.
const NONE: [&str; 3] = ["", "null", "none"];

// Words that say that the answer is not whole: OpenRouter and Mistral; vLLM and SGLang; Z.ai; DeepSeek.
const FAILURES: [&str; 5] = ["error", "abort", "aborted", "network_error", "insufficient_system_resource"];

/// The reason, if `word` is one. Fails when it says that the answer broke.
pub(crate) fn reason(word: &str) -> Result<Option<&str>, Fault> {
    let word = word.trim();
    let is = |known: &&str| word.eq_ignore_ascii_case(known);
    if NONE.iter().any(is) {
        return Ok(None);
    }
    if FAILURES.iter().any(is) {
        return Err(refusal::failed(word));
    }
    Ok(Some(word))
}

#[cfg(test)]
mod tests {
    use super::reason;
    use crate::canon::FaultKind;

    #[test]
    fn only_a_reason_is_a_reason() {
        for none in ["", " ", "null", "None"] {
            assert_eq!(reason(none), Ok(None), "{none:?}");
        }
        for word in ["stop", "tool_calls", "eos_token", "content_filter"] {
            assert_eq!(reason(word), Ok(Some(word)));
        }
        for (word, kind) in [
            ("error", FaultKind::Upstream),
            ("abort", FaultKind::Upstream),
            ("insufficient_system_resource", FaultKind::Overloaded),
        ] {
            let fault = reason(word).unwrap_err();
            assert_eq!((fault.kind, fault.failover), (kind, true), "{word}");
        }
    }
}
