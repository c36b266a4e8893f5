//! Checks what crosses the border beyond its types: how much is handed over, and whether an answer is usable. JSON that a
//! component wrote is only checked where it is spliced or passed on as it stands.

use brains_dialect::canon::auth::SignInStep;
use brains_dialect::canon::catalogue::Page;
use brains_dialect::canon::embeddings::Vectors;
use brains_dialect::canon::exchange::{Frame, Payload};
use brains_dialect::canon::relay::{Edit, Lane, Surface};
use brains_dialect::canon::task::{Decision, Verdict};
use brains_dialect::canon::{
    BlockKind, ChatRequest, Content, Event, Fault, FaultKind, MediaSource, ResultPart,
};
use serde::de::IgnoredAny;

use crate::CallFault;
use crate::limits::CallLimits;

const EDITS: usize = 256;
const SURFACES: usize = 64;
const MODELS: usize = 10_000;
const CAPABILITIES: usize = 64;
const PRICING_BYTES: usize = 4_096;
const PICKS: usize = 1_000;
const REASON_BYTES: usize = 4_096;
const LABEL_BYTES: usize = 64;
/// Of a name that a component gives to something: a model, a surface, a loss.
const NAME_BYTES: usize = 256;
const DETAILS: usize = 64;
/// Of what a classifier tells a policy beside its label.
const EXTRA_BYTES: usize = 64 << 10;
const CREDENTIALS: usize = 16;
const CREDENTIAL_BYTES: usize = 16 << 10;
const ATTRIBUTES_BYTES: usize = 64 << 10;
const SCHEMA_BYTES: usize = 256 << 10;

/// What is wrong with an answer.
type Bounded<T> = Result<T, String>;

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
        Content::ToolCall(call) => call.arguments.len() + call.signature.as_ref().map_or(0, String::len),
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

/// What is kept of a sign-in, and what a person is shown.
pub(crate) fn sign_in(step: &SignInStep) -> Bounded<()> {
    match step {
        SignInStep::Fetch(_) | SignInStep::SleepMs(_) => Ok(()),
        SignInStep::Ask(prompt) => {
            let code = prompt.code.as_ref().map_or(0, String::len);
            let long = prompt.url.len().max(prompt.message.len()).max(code) > REASON_BYTES;
            if long { Err("what a person is asked is too long".into()) } else { Ok(()) }
        }
        SignInStep::Done(done) => {
            let is_sound = |(name, text): &(String, String)| {
                (1..=NAME_BYTES).contains(&name.len()) && (1..=CREDENTIAL_BYTES).contains(&text.len())
            };
            if done.credentials.len() > CREDENTIALS || !done.credentials.iter().all(is_sound) {
                return Err("its credentials are too many, too long or empty".into());
            }
            let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&done.attributes);
            if done.attributes.len() > ATTRIBUTES_BYTES || object.is_err() {
                return Err("its attributes are no JSON object, or too large".into());
            }
            Ok(())
        }
    }
}

/// Bytes of a body that may be handed over.
pub(crate) fn body(body: &Payload, limits: &CallLimits) -> Result<usize, CallFault> {
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
pub(crate) fn frames(frames: &[Frame], limits: &CallLimits) -> Result<usize, CallFault> {
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

fn wrong<T>(what: impl Into<String>) -> Bounded<T> {
    Err(what.into())
}

fn many(what: &str, count: usize, limit: usize) -> Bounded<()> {
    if count > limit { wrong(format!("{count} {what}, {limit} are allowed")) } else { Ok(()) }
}

fn short(what: &str, text: &str, limit_bytes: usize) -> Bounded<()> {
    many(&format!("bytes of {what}"), text.len(), limit_bytes)
}

fn json(what: &str, text: &str) -> Bounded<()> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(_) => wrong(format!("{what} is not JSON")),
    }
}

fn leftovers(extra: Option<&String>) -> Bounded<()> {
    extra.map_or(Ok(()), |extra| json("`extra`", extra))
}

fn cut(text: &mut String, limit_bytes: usize) {
    text.truncate(text.floor_char_boundary(limit_bytes));
}

/// Who the component says it is, and its settings schema as it wrote it.
pub(crate) fn introduction(version: &str, schema: &str) -> Bounded<()> {
    short("version", version, LABEL_BYTES)?;
    short("settings schema", schema, SCHEMA_BYTES)
}

/// What the component says is wrong with its settings, as one line.
pub(crate) fn problems(mut problems: Vec<String>) -> String {
    problems.truncate(DETAILS);
    let mut line = problems.join("; ");
    cut(&mut line, REASON_BYTES);
    line
}

pub(crate) fn surfaces(surfaces: &[Surface]) -> Bounded<()> {
    many("surfaces", surfaces.len(), SURFACES)?;
    surfaces.iter().try_for_each(|surface| {
        short("a surface's name", &surface.name, NAME_BYTES)?;
        short("a surface's dialect", &surface.dialect, NAME_BYTES)
    })
}

/// Edits are spliced into the client's body, so they must be what they say.
pub(crate) fn lane(lane: &Lane) -> Bounded<()> {
    let Lane::Relay(outbound) = lane else { return Ok(()) };
    many("edits", outbound.edits.len(), EDITS)?;
    outbound.edits.iter().try_for_each(|edit| match edit {
        Edit::Set(member) | Edit::Add(member) => {
            short_path(&member.path)?;
            json("the value of an edit", &member.value)
        }
        Edit::Remove(selection) | Edit::GiveUp(selection) | Edit::Keep(selection) => {
            short_path(&selection.at)?;
            many("names in an edit", selection.names.len(), EDITS)?;
            selection.when.as_ref().map_or(Ok(()), |when| short_path(&when.path))
        }
        Edit::Rename(renaming) => {
            short_path(&renaming.path)?;
            short("a member's name", &renaming.name, NAME_BYTES)
        }
        Edit::Replace(replacement) => {
            short_path(&replacement.path)?;
            json("the old value of an edit", &replacement.old)?;
            json("the new value of an edit", &replacement.new)
        }
    })
}

fn short_path(path: &str) -> Bounded<()> {
    short("a path", path, NAME_BYTES)
}

/// What a component says that it added.
pub(crate) fn added(paths: &[String]) -> Bounded<()> {
    many("added members", paths.len(), DETAILS)?;
    paths.iter().try_for_each(|path| short_path(path))
}

/// Losses go into a header and into the trace.
pub(crate) fn losses(losses: &mut Vec<String>) {
    losses.truncate(DETAILS);
    for loss in losses {
        cut(loss, NAME_BYTES);
    }
}

/// So many events at once, and JSON where they say that they hold some.
pub(crate) fn events(events: &[Event], limit: usize) -> Bounded<()> {
    many("events at once", events.len(), limit)?;
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

/// A page of models: it is kept, so it is small. What is no use to the host is dropped.
pub(crate) fn page(mut page: Page) -> Bounded<Page> {
    many("models on one page", page.models.len(), MODELS)?;
    short("a cursor", page.next.as_deref().unwrap_or_default(), NAME_BYTES * 16)?;
    for model in &mut page.models {
        if model.id.is_empty() || model.id.contains(char::is_control) {
            return wrong("a model without a usable id");
        }
        short("a model's id", &model.id, NAME_BYTES)?;
        if let Some(pricing) = &model.pricing {
            short("pricing", pricing, PRICING_BYTES)?;
            json("pricing", pricing)?;
        }
        if let Some(label) = &mut model.label {
            cut(label, NAME_BYTES);
        }
        model.caps.truncate(CAPABILITIES);
        for capability in &mut model.caps {
            cut(capability, LABEL_BYTES);
        }
        model.extra = None;
    }
    Ok(page)
}

/// One vector of finite numbers for each text.
pub(crate) fn vectors(vectors: &Vectors, texts: usize) -> Bounded<()> {
    let Vectors { dim, data, .. } = vectors;
    if *dim == 0 || usize::try_from(*dim).ok().and_then(|dim| dim.checked_mul(texts)) != Some(data.len()) {
        return wrong(format!("{} numbers in vectors of {dim} for {texts} texts", data.len()));
    }
    if data.iter().all(|number| number.is_finite()) { Ok(()) } else { wrong("a vector of what is no number") }
}

/// A verdict that the rest can rely on: finite numbers, texts of sane size, JSON that is JSON.
pub(crate) fn verdict(mut verdict: Verdict) -> Bounded<Verdict> {
    let label = &verdict.label;
    if label.is_empty() || label.len() > LABEL_BYTES || label.contains(char::is_control) {
        return wrong("a verdict without a usable label");
    }
    if !verdict.confidence.is_finite() {
        return wrong("a verdict without a usable confidence");
    }
    short("`extra`", verdict.extra.as_deref().unwrap_or_default(), EXTRA_BYTES)?;
    leftovers(verdict.extra.as_ref())?;
    verdict.confidence = verdict.confidence.clamp(0.0, 1.0);
    verdict.scores.retain(|score| score.value.is_finite());
    verdict.scores.truncate(DETAILS);
    for score in &mut verdict.scores {
        cut(&mut score.label, LABEL_BYTES);
    }
    verdict.signals.retain(|signal| signal.weight.is_finite());
    verdict.signals.truncate(DETAILS);
    for signal in &mut verdict.signals {
        cut(&mut signal.name, NAME_BYTES);
        cut(&mut signal.evidence, NAME_BYTES);
    }
    Ok(verdict)
}

/// A decision among so many candidates.
pub(crate) fn decision(decision: Decision, candidates: usize) -> Bounded<Decision> {
    many("picks", decision.picks.len(), PICKS)?;
    short("a reason", &decision.reason, REASON_BYTES)?;
    let beyond =
        decision.picks.iter().find(|pick| pick.index as usize >= candidates || !pick.score.is_finite());
    if let Some(pick) = beyond {
        return wrong(format!("a pick of number {} among {candidates} candidates", pick.index));
    }
    leftovers(decision.extra.as_ref())?;
    Ok(decision)
}
