//! What the relay lane learns from an answer that it forwards untouched: usage, why it stopped, errors, whether it ended as it
//! should. Reads each event once and keeps nothing of its text, unless the answer is to be kept.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::events::Sequence;
use super::{error, state, usage};
use crate::canon::{Fault, Json, StopReason};
use crate::envelope::Envelope;
use crate::fault::protocol;
use crate::ingress::{AnswerCut, AnswerIdentity, ErrorReport, FrameOutcome, ObservedAnswer, WireTee};
use crate::json::{JsonKind, Members, Node, Reader, Syntax, array, nonfinite_as_null};
use crate::{refusal, said};

/// Watches one answer.
#[derive(Debug, Default)]
pub struct OpenAiResponsesTee {
    observed: ObservedAnswer,
    malformed: bool,
    /// Seconds since the epoch, as the upstream said.
    created: i64,
    /// The number of the event that would come next.
    next: u64,
    kept: Option<KeptPieces>,
}

/// What an answer that is to be kept has said so far.
#[derive(Debug, Default)]
struct KeptPieces {
    /// The response that it goes on from.
    previous: Option<String>,
    /// The response as it began.
    begun: Option<Json>,
    /// Items that have ended.
    items: Vec<Json>,
    /// The response as it ended.
    whole: Option<Json>,
}

/// What an event says, as far as it is looked at.
#[derive(Debug, Default)]
struct Payload<'a> {
    kind: String,
    response: Option<&'a str>,
    error: Option<&'a str>,
    item: Option<&'a str>,
    delta: Option<&'a str>,
    number: Option<&'a str>,
}

/// Whether an event of this data ends a stream.
pub(super) fn is_terminal(data: &str) -> bool {
    read(data).is_ok_and(|payload| ends(&payload.kind) || payload.kind == "response.failed")
}

/// The response that an event ends a stream with.
pub(super) fn terminal_response(data: &str) -> Option<Json> {
    let payload = read(data).ok().filter(|payload| ends(&payload.kind))?;
    payload.response.map(str::to_owned)
}

fn ends(kind: &str) -> bool {
    matches!(kind, "response.completed" | "response.incomplete")
}

impl WireTee for OpenAiResponsesTee {
    fn observed(&self) -> &ObservedAnswer {
        &self.observed
    }

    fn frame(&mut self, data: Option<&str>) -> FrameOutcome {
        let data = data.map(str::trim).filter(|data| !data.is_empty());
        // Some end every stream as chat completions do.
        let Some(data) = data.filter(|data| *data != crate::openai_chat::DONE) else {
            return FrameOutcome::Forward;
        };
        if let Ok(payload) = read(data) {
            let outcome = self.judge(&payload, data);
            return self.told_as_kept(&payload, data, outcome);
        }
        let mended = nonfinite_as_null(data).unwrap_or_default();
        let Ok(payload) = read(&mended) else {
            self.malformed = true;
            return FrameOutcome::Malformed;
        };
        let outcome = self.judge(&payload, &mended);
        match self.told_as_kept(&payload, &mended, outcome) {
            FrameOutcome::Forward => FrameOutcome::Rewritten(event(&payload.kind, &mended)),
            other => other,
        }
    }

    /// Whether something was said. That an item begins is a promise, unless it is more than a place for words.
    fn begun(&self) -> bool {
        self.observed.content || self.observed.done
    }

    /// Only the event that ends it makes an answer whole: readers wait for it, and it holds the counts.
    fn ended(&self) -> bool {
        self.observed.done && self.observed.error.is_none() && !self.malformed
    }

    fn whole(&mut self, body: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(body).map_err(|_| protocol("the upstream's answer is not UTF-8"))?;
        let wrong = |_| protocol("the upstream's answer is not a JSON object");
        crate::json::check(text.trim())
            .map_err(|_| protocol("the upstream's answer is not a JSON object"))?;
        let mut object = Node::root(text).object().map_err(wrong)?;
        let error = object.optional("error").map_err(wrong)?;
        let status = object.string("status").ok().flatten();
        if let Some(error) = &error {
            return self.fail(refusal::inside(error));
        }
        if status.as_deref() == Some("failed") {
            return self.fail(refusal::failed("failed"));
        }
        let output = object.optional("output").ok().flatten().and_then(|node| node.array().ok());
        if output.is_none() {
            let otherwise = "the upstream's answer has no output";
            return self.fail(refusal::in_place_of_an_answer(&Node::root(text), otherwise));
        }
        self.note(text);
        self.observed.content = true;
        self.observed.said_bytes = said::bytes(text);
        Ok(())
    }

    fn failure(&self, report: &ErrorReport<'_>) -> Option<String> {
        if let (Some(kept), Some(response)) = (&self.kept, self.cut(AnswerCut::Failed(report))) {
            let response = state::shown(&response, kept.previous.as_deref());
            let mut out = String::new();
            Sequence::from(self.next).event("response.failed", &[("response", &response)], &mut out);
            return Some(out);
        }
        let seen = &self.observed;
        let identity = AnswerIdentity {
            id: seen.id.clone()?,
            created: self.created,
            model: seen.model.clone().unwrap_or_default(),
            echo: Arc::default(),
        };
        let mut out = String::new();
        error::failed(report, &identity, "[]", &mut Sequence::from(self.next), &mut out);
        Some(out)
    }

    fn keep(&mut self, previous: Option<&str>) {
        self.kept = Some(KeptPieces { previous: previous.map(str::to_owned), ..KeptPieces::default() });
    }

    fn kept(&self) -> Option<Json> {
        self.kept.as_ref()?.whole.clone()
    }

    fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        let kept = self.kept.as_ref()?;
        let (status, error) = error::outcome(cut);
        let changed = ["status", "error", "incomplete_details", "output", "usage"];
        let mut out = Members::new();
        out.extra(Some(kept.begun.as_deref()?), &changed)
            .string("status", status)
            .raw("error", error.as_deref().unwrap_or("null"))
            .raw("incomplete_details", "null")
            .raw("output", &array(&kept.items))
            .raw("usage", &self.observed.usage.as_ref().map_or_else(|| "null".to_owned(), usage::json));
        Some(out.finish())
    }
}

impl OpenAiResponsesTee {
    fn fail(&mut self, fault: Fault) -> Result<(), Fault> {
        self.observed.error = Some(fault.clone());
        Err(fault)
    }

    /// The upstream was told to keep nothing, and knows of nothing before: what says so is told as it is.
    fn told_as_kept(&self, payload: &Payload<'_>, data: &str, outcome: FrameOutcome) -> FrameOutcome {
        let (Some(kept), Some(response)) = (&self.kept, payload.response) else { return outcome };
        let told = || {
            let envelope = Envelope::scan_text(data).ok()?;
            let mut splice = envelope.splice();
            splice.set_sound("response", state::shown(response, kept.previous.as_deref())).ok()?;
            Some(event(&payload.kind, &splice.finish()))
        };
        match outcome {
            FrameOutcome::Forward => told().map_or(FrameOutcome::Forward, FrameOutcome::Rewritten),
            FrameOutcome::Done => told().map_or(FrameOutcome::Done, FrameOutcome::DoneAs),
            other => other,
        }
    }

    fn judge(&mut self, payload: &Payload<'_>, data: &str) -> FrameOutcome {
        if let Some(number) = payload.number.and_then(|text| text.parse::<u64>().ok()) {
            self.next = number.saturating_add(1);
        }
        if let Some(response) = payload.response {
            self.note(response);
        }
        if let Some(kept) = &mut self.kept {
            kept.note(payload);
        }
        match payload.kind.as_str() {
            kind if ends(kind) && payload.response.is_some() => {
                self.observed.done = true;
                FrameOutcome::Done
            }
            "response.failed" => {
                let error = crate::json::member(payload.response, "error");
                let fault = match &error {
                    Some(error) => refusal::inside(&Node::root(error)),
                    None => refusal::failed("failed"),
                };
                self.observed.error = Some(fault.clone());
                FrameOutcome::Failed(fault)
            }
            kind if kind == "error" || payload.error.is_some() && !kind.starts_with("response.") => {
                let fault = refusal::inside(&Node::root(payload.error.unwrap_or(data)));
                self.observed.error = Some(fault.clone());
                if kind == "error" { FrameOutcome::Failed(fault) } else { FrameOutcome::Error(fault) }
            }
            kind => {
                self.observed.content |= speaks(kind, payload);
                if is_delta(kind) {
                    self.observed.said_bytes += payload.delta.map_or(0, said::string_bytes);
                }
                FrameOutcome::Forward
            }
        }
    }

    /// What a response says of itself.
    fn note(&mut self, response: &str) {
        let Ok(mut object) = Node::root(response).object() else { return };
        let mut text = |name: &str| object.string(name).ok().flatten().filter(|text| !text.is_empty());
        let (id, model, status) = (text("id"), text("model"), text("status"));
        self.observed.id = self.observed.id.take().or(id);
        self.observed.model = self.observed.model.take().or(model);
        if let Some(counted) = object.optional("usage").ok().flatten().and_then(|node| usage::parse(&node)) {
            self.observed.usage = Some(counted);
        }
        let created = object.optional("created_at").ok().flatten();
        self.created = created.map_or(self.created, |node| i64::try_from(node.count()).unwrap_or(0));
        let details = object.optional("incomplete_details").ok().flatten();
        match status.as_deref() {
            Some("incomplete") => {
                let reason = crate::json::member(details.map(|node| node.text()), "reason");
                let filtered = reason.as_deref() == Some("\"content_filter\"");
                self.observed.finish =
                    Some(if filtered { StopReason::ContentFilter } else { StopReason::MaxTokens });
            }
            Some("completed") => {
                let items = object.array("output").unwrap_or_default();
                self.observed.finish = Some(StopReason::EndTurn.with_calls(items.iter().any(calls)));
            }
            _ => {}
        }
    }
}

impl KeptPieces {
    fn note(&mut self, payload: &Payload<'_>) {
        match (payload.kind.as_str(), payload.response, payload.item) {
            (kind, Some(response), _) if ends(kind) => self.whole = Some(response.to_owned()),
            (_, Some(response), _) => {
                self.begun.get_or_insert_with(|| response.to_owned());
            }
            ("response.output_item.done", _, Some(item)) => self.items.push(item.to_owned()),
            _ => {}
        }
    }
}

/// The frame of an event.
fn event(kind: &str, data: &str) -> String {
    format!("event: {kind}\ndata: {}\n\n", data.replace(['\n', '\r'], " "))
}

fn kind_of(item: &Node<'_>) -> Option<String> {
    item.object().ok()?.string("type").ok().flatten()
}

fn calls(item: &Node<'_>) -> bool {
    matches!(kind_of(item).as_deref(), Some("function_call" | "custom_tool_call"))
}

fn is_delta(kind: &str) -> bool {
    kind.rsplit('.').next() == Some("delta")
}

/// Whether an event says something of the answer.
fn speaks(kind: &str, payload: &Payload<'_>) -> bool {
    if is_delta(kind) {
        return payload.delta.is_some_and(|delta| !matches!(delta, "\"\"" | "null" | "{}"));
    }
    let item = payload.item.and_then(|item| kind_of(&Node::root(item)));
    match kind {
        "response.output_item.added" => {
            item.is_some_and(|kind| !matches!(kind.as_str(), "message" | "reasoning"))
        }
        "response.output_item.done" => item.is_some(),
        _ => false,
    }
}

fn read(text: &str) -> Result<Payload<'_>, Syntax> {
    let mut payload = Payload::default();
    let mut reader = Reader::new(text);
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("type", JsonKind::String) => payload.kind = reader.string()?.into_owned(),
            ("response", JsonKind::Object) => payload.response = Some(reader.skip()?),
            ("item", JsonKind::Object) => payload.item = Some(reader.skip()?),
            ("error", _) if kind != JsonKind::Null => payload.error = Some(reader.skip()?),
            ("sequence_number", JsonKind::Number) => payload.number = Some(reader.skip()?),
            ("delta", _) => payload.delta = Some(reader.skip()?),
            _ => drop(reader.skip()?),
        }
        Ok(())
    })?;
    reader.end()?;
    Ok(payload)
}
