//! What may cross the border, beyond its types: how much is handed over, and whether what comes back is usable.
//! JSON that a component wrote is only looked at where it is spliced or passed on as it stands.

use brains_dialect::canon::exchange::{Frame, Payload};
use brains_dialect::canon::relay::{Edit, Lane};
use brains_dialect::canon::task::{Decision, Verdict};
use brains_dialect::canon::{
    BlockKind, ChatRequest, Content, Event, Fault, FaultKind, MediaSource, ResultPart,
};
use serde::de::IgnoredAny;

use crate::CallFault;
use crate::limits::Limits;

const EDITS: usize = 256;
const PICKS: usize = 1_000;
const REASON_BYTES: usize = 4_096;
const LABEL_BYTES: usize = 64;
const DETAILS: usize = 64;

/// Bytes of text in a request, which is what reading it costs.
pub(crate) fn weight(request: &ChatRequest) -> usize {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let text: usize = parts.map(|part| content(&part.content)).sum();
    text + 512 * request.tools.len()
}

fn content(content: &Content) -> usize {
    match content {
        Content::Text(text) | Content::Refusal(text) | Content::Other(text) => text.len(),
        Content::Image(media) | Content::Audio(media) | Content::File(media) => source(&media.source),
        Content::ToolCall(call) => call.arguments.len(),
        Content::ToolResult(result) => result
            .content
            .iter()
            .map(|part| match part {
                ResultPart::Text(text) | ResultPart::Other(text) => text.len(),
                ResultPart::Media(media) => source(&media.source),
            })
            .sum(),
        Content::Reasoning(reasoning) => reasoning.text.len(),
    }
}

fn source(source: &MediaSource) -> usize {
    match source {
        MediaSource::Base64(text) | MediaSource::Url(text) => text.len(),
        MediaSource::Bytes(bytes) => bytes.len(),
        MediaSource::FileId(_) => 0,
    }
}

/// Bytes of a body that may be handed over.
pub(crate) fn body(body: &Payload, limits: &Limits) -> Result<usize, CallFault> {
    let size = match body {
        Payload::Text(text) => text.len(),
        Payload::Bytes(bytes) => bytes.len(),
    };
    if size > limits.body_bytes {
        return Err(too_large("body", limits.body_bytes));
    }
    Ok(size)
}

/// Bytes of frames that may be handed over.
pub(crate) fn frames(frames: &[Frame], limits: &Limits) -> Result<usize, CallFault> {
    if frames.iter().any(|frame| frame.data.len() > limits.frame_bytes) {
        return Err(too_large("frame", limits.frame_bytes));
    }
    Ok(frames.iter().map(|frame| frame.data.len()).sum())
}

/// The upstream's doing, not the component's.
fn too_large(what: &str, limit_bytes: usize) -> CallFault {
    CallFault::Refused(Fault {
        kind: FaultKind::Protocol,
        message: format!("the upstream sent a {what} of more than {limit_bytes} bytes"),
        code: None,
        retry_after_ms: None,
        failover: true,
    })
}

fn wrong<T>(what: impl Into<String>) -> Result<T, CallFault> {
    Err(CallFault::Output { what: what.into() })
}

fn json(what: &str, text: &str) -> Result<(), CallFault> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(_) => wrong(format!("{what} is not JSON")),
    }
}

fn leftovers(extra: Option<&String>) -> Result<(), CallFault> {
    extra.map_or(Ok(()), |extra| json("`extra`", extra))
}

/// Edits are spliced into the client's body, so they must be what they say.
pub(crate) fn lane(lane: &Lane) -> Result<(), CallFault> {
    let Lane::Relay(outbound) = lane else { return Ok(()) };
    if outbound.edits.len() > EDITS {
        return wrong(format!("{} edits, {EDITS} are allowed", outbound.edits.len()));
    }
    outbound.edits.iter().try_for_each(|edit| match edit {
        Edit::Set(member) => json("the value of an edit", &member.value),
        Edit::Remove(_) => Ok(()),
    })
}

pub(crate) fn events(events: &[Event]) -> Result<(), CallFault> {
    events.iter().try_for_each(|event| match event {
        Event::Delta(_) | Event::Finish(_) => Ok(()),
        Event::Start(start) => leftovers(start.extra.as_ref()),
        Event::BlockStart(block) => match &block.kind {
            BlockKind::Other(other) => json("a block", other),
            BlockKind::Text
            | BlockKind::Reasoning
            | BlockKind::RedactedReasoning(_)
            | BlockKind::Refusal
            | BlockKind::ToolCall(_)
            | BlockKind::Media(_) => Ok(()),
        },
        Event::Annotation(annotation) => json("an annotation", &annotation.value),
        Event::BlockEnd(block) => leftovers(block.extra.as_ref()),
        Event::Usage(usage) => leftovers(usage.extra.as_ref()),
        Event::Other(other) => json("an event", other),
    })
}

/// A verdict that the rest can rely on: finite numbers, a label of sane size, JSON that is JSON.
pub(crate) fn verdict(mut verdict: Verdict) -> Result<Verdict, CallFault> {
    if verdict.label.is_empty() || verdict.label.len() > LABEL_BYTES || !verdict.confidence.is_finite() {
        return wrong("a verdict without a usable label or confidence");
    }
    leftovers(verdict.extra.as_ref())?;
    verdict.confidence = verdict.confidence.clamp(0.0, 1.0);
    verdict.scores.truncate(DETAILS);
    verdict.signals.truncate(DETAILS);
    Ok(verdict)
}

/// A decision among so many candidates.
pub(crate) fn decision(decision: Decision, candidates: usize) -> Result<Decision, CallFault> {
    if decision.picks.len() > PICKS || decision.reason.len() > REASON_BYTES {
        return wrong("a decision of an unlikely size");
    }
    let beyond =
        decision.picks.iter().find(|pick| pick.index as usize >= candidates || !pick.score.is_finite());
    if let Some(pick) = beyond {
        return wrong(format!("a pick of number {} among {candidates} candidates", pick.index));
    }
    leftovers(decision.extra.as_ref())?;
    Ok(decision)
}
