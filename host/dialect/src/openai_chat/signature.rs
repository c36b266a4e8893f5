//! The signature of a call, at the place that Google's chat completions have for it: `extra_content.google.thought_signature`
//! of an entry of `tool_calls`, in messages, answers and the pieces of a stream alike. It has to come back as it was
//! (<https://ai.google.dev/gemini-api/docs/thought-signatures>, "OpenAI Compatibility"). Clients that know nothing of it
//! hand `extra_content` back untouched.

use crate::invalid::Invalid;
use crate::json::{Members, Object};

/// The member of a call.
pub(super) const MEMBER: &str = "extra_content";

/// Whose signature it is when a component does not say: the vendor whose place this is.
pub(super) const GOOGLE: &str = "google";

/// A signature, and who gave it.
pub(super) struct Signature {
    pub(super) text: String,
    pub(super) origin: String,
}

/// Takes the signature out of a call; its vendor is the member that it stands in. When `extra_content` holds more, it stays
/// among the leftovers whole.
pub(super) fn take(call: &mut Object<'_>) -> Result<Option<Signature>, Invalid> {
    let Some(node) = call.optional(MEMBER)? else { return Ok(None) };
    let read = (|| {
        let outer = node.object().ok()?;
        let alone = outer.iter().count() == 1;
        outer.iter().find_map(|(vendor, node)| {
            let mut said = node.object().ok()?;
            let text = said.string("thought_signature").ok()?.filter(|text| !text.is_empty())?;
            Some((Signature { text, origin: vendor.to_owned() }, alone && said.is_empty()))
        })
    })();
    if !matches!(read, Some((_, true))) {
        call.put_back(MEMBER, node);
    }
    Ok(read.map(|(signature, _)| signature))
}

/// What stands under [`MEMBER`].
pub(super) fn json(signature: &str, origin: Option<&str>) -> String {
    let (mut vendor, mut out) = (Members::new(), Members::new());
    vendor.string("thought_signature", signature);
    out.raw(origin.unwrap_or(GOOGLE), &vendor.finish());
    out.finish()
}
