//! Why a candidate ended, or why there is none: what is an end, what was held back, and what is a failure although the status
//! said nothing of it.

use crate::canon::{Fault, FaultKind, StopReason};
use crate::fault::{MODERATED, other, reported};
use crate::json::Object;

/// What was written was held back, or its writing was stopped.
const WITHHELD: [&str; 10] = [
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "LANGUAGE",
];

/// The model made something that is no answer: another try, or another model, may give one.
const FAILED: [&str; 8] = [
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "NO_IMAGE",
    "IMAGE_OTHER",
    "OTHER",
];

/// The reason, if `word` is one. Fails when it says that the answer broke.
pub(super) fn read(word: &str, message: Option<&str>) -> Result<Option<StopReason>, Fault> {
    match word {
        "" | "FINISH_REASON_UNSPECIFIED" => Ok(None),
        "STOP" => Ok(Some(StopReason::EndTurn)),
        "MAX_TOKENS" => Ok(Some(StopReason::MaxTokens)),
        word if WITHHELD.contains(&word) => Ok(Some(StopReason::ContentFilter)),
        word if FAILED.contains(&word) => {
            let more = message.map(|message| format!(": {message}")).unwrap_or_default();
            let text = format!("the model's answer ended in a failure (`{word}`){more}");
            Err(reported(FaultKind::Upstream, Some(&text)))
        }
        word => Ok(Some(StopReason::Other(word.to_owned()))),
    }
}

/// The prompt was not let through to the model; another model may have no such filter in front.
pub(super) fn blocked(answer: &mut Object<'_>) -> Option<Fault> {
    let mut feedback = answer.optional("promptFeedback").ok()??.object().ok()?;
    let word = feedback.string("blockReason").ok()??;
    let more = feedback.string("blockReasonMessage").ok().flatten();
    let more = more.map(|message| format!(": {message}")).unwrap_or_default();
    let text = format!("the prompt was blocked by the provider's safety filters (`{word}`){more}");
    Some(reported(other(MODERATED), Some(&text)))
}
