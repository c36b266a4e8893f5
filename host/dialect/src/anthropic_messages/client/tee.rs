//! What the relay lane learns from an answer that it forwards untouched: usage, why it stopped, errors, whether
//! it ended as it should. Reads each frame once and keeps nothing of its text.

#[cfg(test)]
mod tests;

use crate::anthropic_messages::stop_reason;
use crate::anthropic_messages::upstream::decode::usage::Counted;
use crate::canon::Fault;
use crate::fault::protocol;
use crate::ingress::{FrameOutcome, ObservedAnswer, WireTee};
use crate::json::{JsonKind, Node, Object, Reader, Syntax, nonfinite_as_null};
use crate::{finish, refusal, said};

const STOP: &str = "message_stop";

/// Watches one answer.
#[derive(Debug, Default)]
pub struct AnthropicMessagesTee {
    observed: ObservedAnswer,
    counted: Counted,
    malformed: bool,
}

/// What stands in a frame, or in a whole answer.
#[derive(Debug, Default)]
struct Payload<'a> {
    kind: String,
    message: Option<&'a str>,
    block: Option<&'a str>,
    delta: Option<&'a str>,
    usage: Option<&'a str>,
    error: Option<&'a str>,
}

/// Whether a frame of this data ends a stream.
pub(super) fn is_stop(data: &str) -> bool {
    data.contains(STOP) && read(data).is_ok_and(|payload| payload.kind == STOP)
}

impl WireTee for AnthropicMessagesTee {
    fn observed(&self) -> &ObservedAnswer {
        &self.observed
    }

    fn frame(&mut self, data: Option<&str>) -> FrameOutcome {
        let Some(data) = data.map(str::trim).filter(|data| !data.is_empty()) else {
            return FrameOutcome::Forward;
        };
        if let Ok(payload) = read(data) {
            return self.judge(&payload, data).unwrap_or(FrameOutcome::Forward);
        }
        let mended = nonfinite_as_null(data).unwrap_or_default();
        let Ok(payload) = read(&mended) else {
            self.malformed = true;
            return FrameOutcome::Malformed;
        };
        // Clients pass over frames that do not say which event they are.
        let frame = format!("event: {}\ndata: {}\n\n", payload.kind, mended.replace('\n', " "));
        self.judge(&payload, &mended).unwrap_or(FrameOutcome::Rewritten(frame))
    }

    /// Whether the answer has begun: something was said, or that there is nothing to say. `message_start` is a promise.
    fn begun(&self) -> bool {
        self.observed.content || self.observed.finish.is_some()
    }

    /// Whether the stream is a whole answer: it said why it stopped, and nothing went wrong.
    fn ended(&self) -> bool {
        self.observed.error.is_none() && !self.malformed && self.observed.finish.is_some()
    }

    /// Looks at a whole answer: a JSON object with content.
    fn whole(&mut self, body: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(body).map_err(|_| protocol("the upstream's answer is not UTF-8"))?;
        let payload = read(text).map_err(|_| protocol("the upstream's answer is not a JSON object"))?;
        if payload.error.is_some() || payload.kind == "error" {
            return Err(self.failed(&payload, text));
        }
        let mut object =
            Node::root(text).object().map_err(|_| protocol("the upstream's answer is not an object"))?;
        let content = object.optional("content").ok().flatten().and_then(|node| node.array().ok());
        let Some(content) = content else {
            let otherwise = "the upstream's answer has no content";
            return Err(refusal::in_place_of_an_answer(&Node::root(text), otherwise));
        };
        self.observed.content |= !content.is_empty();
        self.observed.said_bytes = said::bytes(text);
        self.message(&mut object);
        self.stopped(&mut object);
        self.observed.error.clone().map_or(Ok(()), Err)
    }
}

impl AnthropicMessagesTee {
    /// What is to be done with a frame; none when it goes on.
    fn judge(&mut self, payload: &Payload<'_>, data: &str) -> Option<FrameOutcome> {
        if payload.error.is_some() || payload.kind == "error" {
            return Some(FrameOutcome::Failed(self.failed(payload, data)));
        }
        match payload.kind.as_str() {
            "message_start" => {
                if let Ok(mut message) = Node::root(payload.message?).object() {
                    self.message(&mut message);
                }
            }
            "content_block_start" => self.hear(payload.block),
            "content_block_delta" => self.hear(payload.delta),
            "message_delta" => {
                if let Some(usage) = payload.usage {
                    self.count(&Node::root(usage));
                }
                if let Ok(mut delta) = Node::root(payload.delta?).object() {
                    self.stopped(&mut delta);
                }
                return self.observed.error.clone().map(FrameOutcome::Error);
            }
            STOP => {
                self.observed.done = true;
                return Some(FrameOutcome::Done);
            }
            _ => {}
        }
        None
    }

    /// A block begins, or a piece of one came.
    fn hear(&mut self, piece: Option<&str>) {
        let bytes = piece.map_or(0, said::bytes);
        self.observed.said_bytes += bytes;
        self.observed.content |= bytes > 0 || piece.is_some_and(speaks);
    }

    fn failed(&mut self, payload: &Payload<'_>, data: &str) -> Fault {
        let fault = refusal::inside(&Node::root(payload.error.unwrap_or(data)));
        self.observed.error = Some(fault.clone());
        fault
    }

    /// What a message says beside its content.
    fn message(&mut self, message: &mut Object<'_>) {
        let mut text = |name: &str| message.string(name).ok().flatten().filter(|text| !text.is_empty());
        let (id, model) = (text("id"), text("model"));
        self.observed.id = self.observed.id.take().or(id);
        self.observed.model = self.observed.model.take().or(model);
        if let Some(usage) = message.optional("usage").ok().flatten() {
            self.count(&usage);
        }
    }

    fn count(&mut self, usage: &Node<'_>) {
        if !usage.is_null() {
            self.counted.add(usage);
            self.observed.usage = Some(self.counted.usage());
        }
    }

    fn stopped(&mut self, object: &mut Object<'_>) {
        let word = object.string("stop_reason").ok().flatten().unwrap_or_default();
        match finish::reason(&word) {
            Ok(Some(word)) => self.observed.finish = Some(stop_reason(word)),
            Ok(None) => {}
            Err(fault) => self.observed.error = Some(fault),
        }
    }
}

/// Reads one payload in one pass.
fn read(text: &str) -> Result<Payload<'_>, Syntax> {
    let mut payload = Payload::default();
    let mut reader = Reader::new(text);
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("type", JsonKind::String) => payload.kind = reader.string()?.into_owned(),
            ("message", JsonKind::Object) => payload.message = Some(reader.skip()?),
            ("content_block", JsonKind::Object) => payload.block = Some(reader.skip()?),
            ("delta", JsonKind::Object) => payload.delta = Some(reader.skip()?),
            ("usage", JsonKind::Object) => payload.usage = Some(reader.skip()?),
            ("error", _) if kind != JsonKind::Null => payload.error = Some(reader.skip()?),
            _ => drop(reader.skip()?),
        }
        Ok(())
    })?;
    reader.end()?;
    Ok(payload)
}

/// Whether a block or a piece of one holds more than its kind and empty text.
fn speaks(object: &str) -> bool {
    let mut something = false;
    let read = Reader::new(object).object(|reader, key| {
        let kind = key.name() == "type";
        let value = reader.skip()?;
        something |= !kind && !matches!(value, "\"\"" | "null" | "[]" | "{}");
        Ok(())
    });
    read.is_ok() && something
}
