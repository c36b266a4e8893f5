//! The signature of a call, at the place that Google's chat completions have for it: `extra_content.google.thought_signature`
//! of an entry of `tool_calls`, in messages, answers and the pieces of a stream alike. It has to come back as it was
//! (<https://ai.google.dev/gemini-api/docs/thought-signatures>, "OpenAI Compatibility"). Clients that know nothing of it
//! hand `extra_content` back untouched.

use crate::invalid::Invalid;
use crate::json::{Members, Object};

/// The member of a call.
pub(super) const MEMBER: &str = "extra_content";

/// Takes the signature out of a call. When `extra_content` holds more, it stays among the leftovers whole.
pub(super) fn take(call: &mut Object<'_>) -> Result<Option<String>, Invalid> {
    let Some(node) = call.optional(MEMBER)? else { return Ok(None) };
    let read = (|| {
        let mut outer = node.object().ok()?;
        let mut google = outer.optional("google").ok()??.object().ok()?;
        let signature = google.string("thought_signature").ok()?.filter(|text| !text.is_empty())?;
        Some((signature, outer.is_empty() && google.is_empty()))
    })();
    if !matches!(read, Some((_, true))) {
        call.put_back(MEMBER, node);
    }
    Ok(read.map(|(signature, _)| signature))
}

/// What stands under [`MEMBER`].
pub(super) fn json(signature: &str) -> String {
    let (mut google, mut out) = (Members::new(), Members::new());
    google.string("thought_signature", signature);
    out.raw("google", &google.finish());
    out.finish()
}
