//! Blocks of an answer as this wire writes them: how each begins, what may follow, and the whole of it.

use crate::anthropic_messages::{call_id, signature};
use crate::canon::{BlockEnd, BlockKind, Json};
use crate::json::{Members, Node, array, quote};
use crate::translation::arguments_object;

/// Kinds of citations, which stand in texts. What others call by another name has no place.
const CITATIONS: [&str; 5] = [
    "char_location",
    "page_location",
    "content_block_location",
    "web_search_result_location",
    "search_result_location",
];

/// A block that has begun, and what was said in it.
#[derive(Debug)]
pub(super) struct MessageBlock {
    /// Its number among the canonical ones.
    pub(super) index: u32,
    pub(super) kind: BlockKind,
    /// Said, and not told yet where it is told in pieces.
    pub(super) text: String,
    pub(super) citations: Vec<Json>,
    pub(super) end: Option<BlockEnd>,
    pub(super) signatures: Signatures,
}

/// How the client gets signatures of thoughts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signatures {
    /// With a mark for who signed.
    Marked,
    /// As the upstream gave them: it speaks this wire.
    AsGiven,
}

impl MessageBlock {
    pub(super) const fn new(index: u32, kind: BlockKind, signatures: Signatures) -> Self {
        Self { index, kind, text: String::new(), citations: Vec::new(), end: None, signatures }
    }

    /// The block beside a call that carries its signature back to who gave it: the wire has no place for it in the call.
    pub(super) fn seal(&self) -> Option<Self> {
        let BlockKind::ToolCall(start) = &self.kind else { return None };
        let late = || self.end.as_ref().and_then(|end| Some((end.signature.as_deref()?, end.origin())));
        let (signature, origin) =
            start.signature.as_deref().map(|it| (it, start.origin.clone())).or_else(late)?;
        let data = signature::marked_call(&call_id(&start.id), signature, origin.as_deref());
        let mut seal = Self::new(self.index, BlockKind::RedactedReasoning(data), Signatures::AsGiven);
        seal.end = Some(BlockEnd { choice: 0, index: self.index, signature: None, extra: None });
        Some(seal)
    }

    /// Takes in what an answer rests on.
    pub(super) fn cite(&mut self, value: &str) {
        let kind = Node::root(value).object().ok().and_then(|mut object| object.string("type").ok()?);
        if kind.is_some_and(|kind| CITATIONS.contains(&kind.as_str())) {
            self.citations.push(value.to_owned());
        }
    }

    /// Whether there is something to tell of it. What is blank is no block: vendors refuse one that comes back.
    pub(super) fn speaks(&self) -> bool {
        match &self.kind {
            BlockKind::Text | BlockKind::Refusal => !self.text.is_empty() || !self.citations.is_empty(),
            BlockKind::Reasoning => {
                !self.text.is_empty() || self.end.as_ref().is_some_and(|end| end.signature.is_some())
            }
            // Who signed it is known when it ends.
            BlockKind::RedactedReasoning(_) => self.end.is_some(),
            BlockKind::ToolCall(_) => true,
            BlockKind::Media(_) => false,
            BlockKind::Other(json) => typed(json),
        }
    }

    /// The block as it begins, with nothing said in it.
    pub(super) fn opener(&self) -> Json {
        let mut out = Members::new();
        match &self.kind {
            BlockKind::Text | BlockKind::Refusal => out.string("type", "text").string("text", ""),
            BlockKind::Reasoning => {
                out.string("type", "thinking").string("thinking", "").string("signature", "")
            }
            BlockKind::RedactedReasoning(_) | BlockKind::Media(_) | BlockKind::Other(_) => {
                return self.whole();
            }
            BlockKind::ToolCall(start) => out
                .string("type", "tool_use")
                .string("id", &call_id(&start.id))
                .string("name", &start.name)
                .raw("input", "{}"),
        };
        out.finish()
    }

    /// A piece of it.
    pub(super) fn delta(&self, text: &str) -> Json {
        let (kind, member) = match &self.kind {
            BlockKind::Reasoning => ("thinking_delta", "thinking"),
            BlockKind::ToolCall(_) => ("input_json_delta", "partial_json"),
            BlockKind::Text
            | BlockKind::Refusal
            | BlockKind::RedactedReasoning(_)
            | BlockKind::Media(_)
            | BlockKind::Other(_) => ("text_delta", "text"),
        };
        let mut out = Members::new();
        out.string("type", kind).string(member, text);
        out.finish()
    }

    /// The signature of a thought, as the client gets it.
    pub(super) fn signature(&self) -> String {
        self.mark(self.end.as_ref().and_then(|end| end.signature.as_deref()))
    }

    fn mark(&self, text: Option<&str>) -> String {
        match self.signatures {
            Signatures::AsGiven => text.unwrap_or_default().to_owned(),
            Signatures::Marked => {
                let origin = self.end.as_ref().and_then(BlockEnd::origin);
                signature::marked(text, origin.as_deref())
            }
        }
    }

    /// The block with everything in it.
    pub(super) fn whole(&self) -> Json {
        let mut out = Members::new();
        match &self.kind {
            BlockKind::Text | BlockKind::Refusal => {
                out.string("type", "text").string("text", &self.text);
                if !self.citations.is_empty() {
                    out.raw("citations", &array(&self.citations));
                }
            }
            BlockKind::Reasoning => {
                out.string("type", "thinking").string("thinking", &self.text);
                out.string("signature", &self.signature());
            }
            BlockKind::RedactedReasoning(data) => {
                out.string("type", "redacted_thinking").string("data", &self.mark(Some(data)));
            }
            BlockKind::ToolCall(start) => {
                out.string("type", "tool_use").string("id", &call_id(&start.id));
                out.string("name", &start.name).raw("input", &arguments_object(&self.text));
            }
            BlockKind::Media(json) | BlockKind::Other(json) => return json.clone(),
        }
        out.finish()
    }
}

/// A frame of this event. JSON that came from elsewhere may be spread over lines, which would end the frame's data.
pub(super) fn frame(event: &str, members: &[(&str, &str)], out: &mut String) {
    out.push_str("event: ");
    out.push_str(event);
    out.push_str("\ndata: {\"type\":");
    out.push_str(&quote(event));
    for (name, json) in members {
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":");
        if json.contains(['\n', '\r']) {
            out.push_str(&json.replace(['\n', '\r'], " "));
        } else {
            out.push_str(json);
        }
    }
    out.push_str("}\n\n");
}

fn typed(json: &str) -> bool {
    let kind = Node::root(json).object().ok().and_then(|mut object| object.string("type").ok()?);
    kind.is_some() && crate::json::check(json).is_ok()
}
