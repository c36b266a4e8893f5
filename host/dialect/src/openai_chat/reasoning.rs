//! Thoughts with their signatures as vendors and clients of this wire write them: `reasoning_details`, one entry a
//! thought. What is not of the two known kinds is left where it stood.

use crate::canon::Reasoning;
use crate::json::{Members, Node};

/// The member of a message.
pub(super) const MEMBER: &str = "reasoning_details";

/// Reads the entries; `None` when one of them is of another kind.
pub(super) fn read(node: &Node<'_>) -> Option<Vec<Reasoning>> {
    node.array().ok()?.iter().map(entry).collect()
}

fn entry(node: &Node<'_>) -> Option<Reasoning> {
    let mut object = node.object().ok()?;
    let mut text = |name: &str| object.string(name).ok();
    let kind = text("type")??;
    let (id, origin) = (text("id")?, text("format")?);
    match kind.as_str() {
        "reasoning.text" => Some(Reasoning {
            id,
            text: text("text")?.unwrap_or_default(),
            signature: text("signature")?,
            redacted: None,
            origin,
        }),
        "reasoning.encrypted" => {
            let redacted = Some(text("data")??);
            Some(Reasoning { id, text: String::new(), signature: None, redacted, origin })
        }
        _ => None,
    }
}

/// Writes one entry. `index` tells clients that put a stream's pieces together which belong to each other.
pub(super) fn write(index: usize, thought: &Reasoning) -> String {
    let mut out = Members::new();
    match &thought.redacted {
        Some(data) => out.string("type", "reasoning.encrypted").string("data", data),
        None => out
            .string("type", "reasoning.text")
            .string("text", &thought.text)
            .maybe_string("signature", thought.signature.as_deref()),
    };
    out.maybe_string("id", thought.id.as_deref()).maybe_string("format", thought.origin.as_deref());
    out.plain("index", index);
    out.finish()
}

/// Whether a thought says more than its text.
pub(super) const fn is_marked(thought: &Reasoning) -> bool {
    thought.signature.is_some() || thought.redacted.is_some()
}
