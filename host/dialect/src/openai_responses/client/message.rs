//! What the assistant says, as an item and its parts, and the events that tell a part.

use super::events::{EventPlace, Sequence};
use crate::canon::Json;
use crate::json::{Members, array, quote};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Refusal,
}

/// A part of a message while it is told.
#[derive(Debug)]
pub(super) struct SaidPart {
    pub(super) kind: PartKind,
    pub(super) text: String,
    pub(super) annotations: Vec<Json>,
    pub(super) logprobs: Vec<Json>,
}

/// The item.
pub(super) fn item(id: &str, status: &str, parts: &[Json]) -> Json {
    let mut out = Members::new();
    out.string("id", id)
        .string("type", "message")
        .string("status", status)
        .string("role", "assistant")
        .raw("content", &array(parts));
    out.finish()
}

impl SaidPart {
    pub(super) const fn new(kind: PartKind) -> Self {
        Self { kind, text: String::new(), annotations: Vec::new(), logprobs: Vec::new() }
    }

    pub(super) fn json(&self) -> Json {
        let mut out = Members::new();
        match self.kind {
            PartKind::Text => out
                .string("type", "output_text")
                .string("text", &self.text)
                .raw("annotations", &array(&self.annotations))
                .raw("logprobs", &array(&self.logprobs)),
            PartKind::Refusal => out.string("type", "refusal").string("refusal", &self.text),
        };
        out.finish()
    }

    pub(super) fn begin(&self, place: EventPlace<'_>, sequence: &mut Sequence, out: &mut String) {
        sequence.part("response.content_part.added", place, &[("part", &self.json())], out);
    }

    pub(super) fn say(
        &mut self,
        text: &str,
        place: EventPlace<'_>,
        sequence: &mut Sequence,
        out: &mut String,
    ) {
        self.text.push_str(text);
        let delta = quote(text);
        match self.kind {
            PartKind::Text => sequence.part(
                "response.output_text.delta",
                place,
                &[("delta", &delta), ("logprobs", "[]")],
                out,
            ),
            PartKind::Refusal => sequence.part("response.refusal.delta", place, &[("delta", &delta)], out),
        }
    }

    pub(super) fn annotate(
        &mut self,
        annotation: Json,
        place: EventPlace<'_>,
        sequence: &mut Sequence,
        out: &mut String,
    ) {
        let number = self.annotations.len().to_string();
        let members = [("annotation_index", number.as_str()), ("annotation", annotation.as_str())];
        sequence.part("response.output_text.annotation.added", place, &members, out);
        self.annotations.push(annotation);
    }

    pub(super) fn end(&self, place: EventPlace<'_>, sequence: &mut Sequence, out: &mut String) {
        let text = quote(&self.text);
        match self.kind {
            PartKind::Text => {
                let members = [("text", text.as_str()), ("logprobs", &array(&self.logprobs))];
                sequence.part("response.output_text.done", place, &members, out);
            }
            PartKind::Refusal => sequence.part("response.refusal.done", place, &[("refusal", &text)], out),
        }
        sequence.part("response.content_part.done", place, &[("part", &self.json())], out);
    }
}
