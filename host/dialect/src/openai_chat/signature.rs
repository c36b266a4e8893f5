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

/// The member for signatures that another wire's vendor gave, which says by itself who that was: no vendor of this wire may get
/// them, and their own must get them back.
pub(super) const OURS: &str = "brains";

/// Who gave them.
pub(super) const ORIGIN: &str = "origin";

/// Families of models that sign no calls, and whose vendors do not take what others signed.
const UNSIGNED: [&str; 17] = [
    "chatgpt",
    "claude",
    "codestral",
    "command",
    "deepseek",
    "devstral",
    "gpt",
    "grok",
    "kimi",
    "llama",
    "minimax",
    "mistral",
    "nova",
    "o1",
    "o3",
    "o4",
    "qwen",
];

/// Whether calls that others signed are nothing to this model. Of a name that says nothing it is not known.
pub(super) fn is_foreign_to(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    UNSIGNED.iter().any(|family| {
        let rest = name.strip_prefix(family);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphabetic()))
    })
}

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
            let named = if vendor == OURS { said.string(ORIGIN).ok()? } else { None };
            let origin = named.unwrap_or_else(|| vendor.to_owned());
            Some((Signature { text, origin }, alone && said.is_empty()))
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
    // A wire and a family have a slash between them.
    let member = match origin {
        Some(origin) if origin.contains('/') => {
            vendor.string(ORIGIN, origin);
            OURS
        }
        origin => origin.unwrap_or(GOOGLE),
    };
    out.raw(member, &vendor.finish());
    out.finish()
}
