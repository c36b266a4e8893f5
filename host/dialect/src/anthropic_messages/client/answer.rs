//! Canonical events as one `message` (spec/gateway.md 16.4).

use super::blocks::{MessageBlock, Signatures};
use super::usage;
use crate::anthropic_messages::stop_word;
use crate::canon::{BlockKind, Event, Fault, Json, StopReason};
use crate::fault::protocol;
use crate::ingress::AnswerIdentity;
use crate::json::{Members, array, quote};

/// Writes the message. Fails when the answer never finished: that is none but a piece of one.
pub(super) fn message(
    events: &[Event],
    identity: &AnswerIdentity,
    signatures: Signatures,
) -> Result<Json, Fault> {
    let mut blocks: Vec<MessageBlock> = Vec::new();
    let mut counted = None;
    let mut finish = None;
    for event in events {
        match event {
            Event::BlockStart(start) if start.choice == 0 => {
                blocks.push(MessageBlock::new(start.index, start.kind.clone(), signatures));
            }
            Event::Delta(delta) if delta.choice == 0 => {
                let block = blocks.iter_mut().rfind(|block| block.index == delta.index);
                let block =
                    block.ok_or_else(|| protocol("the answer has a piece of a block that never began"))?;
                block.text.push_str(&delta.text);
            }
            Event::Annotation(annotation) if annotation.choice == 0 => {
                if crate::json::check(&annotation.value).is_err() {
                    return Err(protocol("an annotation of the answer is not JSON"));
                }
                if let Some(block) = blocks.iter_mut().rfind(|block| block.index == annotation.index) {
                    block.cite(&annotation.value);
                }
            }
            Event::BlockEnd(end) if end.choice == 0 => {
                if let Some(block) = blocks.iter_mut().rfind(|block| block.index == end.index) {
                    block.end = Some(end.clone());
                }
            }
            Event::Usage(said) => counted = Some(said.clone()),
            Event::Finish(said) if said.choice == 0 => finish = Some(said),
            // One answer is all that this wire has.
            Event::Start(_)
            | Event::BlockStart(_)
            | Event::Delta(_)
            | Event::Annotation(_)
            | Event::BlockEnd(_)
            | Event::Finish(_)
            | Event::Other(_) => {}
        }
    }
    let finish = finish.ok_or_else(|| protocol("the answer has no finish reason"))?;
    let refuses = blocks.iter().any(|block| block.kind == BlockKind::Refusal);
    let mut content: Vec<Json> = Vec::new();
    for block in blocks.iter().filter(|block| block.speaks()) {
        content.extend(block.seal().as_ref().map(MessageBlock::whole));
        content.push(block.whole());
    }
    let mut out = Members::new();
    out.string("id", &identity.id)
        .string("type", "message")
        .string("role", "assistant")
        .string("model", &identity.model)
        .raw("content", &array(&content))
        .string("stop_reason", stop_word(&end_reason(&finish.reason, refuses)))
        .raw("stop_sequence", &text(finish.stop_sequence.as_deref()))
        .raw("usage", &usage::json(&counted.unwrap_or_default()));
    Ok(out.finish())
}

/// A refusal is an answer like others on wires that have a place for it, and the reason of the end on this one.
pub(super) fn end_reason(reason: &StopReason, refuses: bool) -> StopReason {
    if refuses && *reason == StopReason::EndTurn { StopReason::Refusal } else { reason.clone() }
}

pub(super) fn text(value: Option<&str>) -> Json {
    value.map_or_else(|| "null".to_owned(), quote)
}
