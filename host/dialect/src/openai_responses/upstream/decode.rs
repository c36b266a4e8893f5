//! What an upstream of this wire answers, as canonical events. Lenient about what servers leave out or say twice, strict
//! about the end: an answer without its last event is a fault, not a short answer.

mod item;
mod items;
mod plain;
#[cfg(test)]
mod tests;

use crate::canon::{Event, Fault, Finish, Start, StopReason};
use crate::decoder::{FrameDecoder, ReadFrame, payload};
use crate::fault::protocol;
use crate::json::{Members, Node, Object};
use crate::openai_responses::usage;
use crate::refusal;
use item::{ItemPiece, ItemPlace};
use items::Items;

/// Decodes one streamed answer.
pub type OpenAiResponsesDecoder = FrameDecoder<ResponseEvents>;

/// Reads the events of a stream.
#[derive(Debug)]
pub struct ResponseEvents {
    started: bool,
    finished: bool,
    items: Items,
}

impl OpenAiResponsesDecoder {
    /// `call_seed` makes ids of tool calls that the upstream left out unique; the request's id does.
    pub fn new(call_seed: &str) -> Self {
        Self::of(ResponseEvents::new(call_seed))
    }
}

impl ReadFrame for ResponseEvents {
    const END: &'static str = "`response.completed`";

    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.finished || data.trim() == DONE { Ok(()) } else { self.event(data, events) }
    }

    fn is_whole(&self) -> bool {
        self.finished
    }
}

/// What servers that speak chat completions too send behind the end.
const DONE: &str = "[DONE]";

impl ResponseEvents {
    fn new(call_seed: &str) -> Self {
        let seed = call_seed.chars().filter(char::is_ascii_alphanumeric).collect();
        Self { started: false, finished: false, items: Items::new(seed) }
    }

    fn event(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        match plain::read(data) {
            Some(piece) if self.items.say_more(&piece, events) => Ok(()),
            Some(_) | None => self.any_event(data, events),
        }
    }

    fn any_event(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut object = payload(data)?;
        let kind = object.string("type").ok().flatten();
        let kind = kind.ok_or_else(|| protocol("an event of the upstream's stream has no type"))?;
        if kind == "error" {
            return Err(refusal::inside(&Node::root(data)));
        }
        let response = object.optional("response").ok().flatten().and_then(|node| node.object().ok());
        if !self.started && (response.is_some() || kind.starts_with("response.")) {
            self.start(response.clone(), events);
        }
        match (kind.as_str(), response) {
            ("response.completed" | "response.done", response) => {
                self.end("completed", response.unwrap_or(object), events)
            }
            ("response.incomplete", response) => self.end("incomplete", response.unwrap_or(object), events),
            ("response.failed", response) => self.end("failed", response.unwrap_or(object), events),
            ("response.cancelled", response) => self.end("cancelled", response.unwrap_or(object), events),
            (kind, _) => self.piece(kind, &mut object, events),
        }
    }

    fn start(&mut self, response: Option<Object<'_>>, events: &mut Vec<Event>) {
        self.started = true;
        let mut response = response;
        let mut text = |name: &str| {
            let text = response.as_mut().and_then(|response| response.string(name).ok().flatten());
            text.filter(|text| !text.is_empty())
        };
        let (id, model) = (text("id"), text("model"));
        self.items.encrypted_by(model.as_deref().unwrap_or_default());
        events.push(Event::Start(Start { id, model, extra: None }));
    }

    /// A piece of an item, or all of one.
    fn piece(&mut self, kind: &str, object: &mut Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let kind = kind.strip_prefix("response.").unwrap_or(kind);
        let place = ItemPlace::of(object);
        if let Some(step) = kind.strip_prefix("output_item.") {
            let node = object.optional("item").ok().flatten();
            let node = node.ok_or_else(|| protocol("an item of the upstream's answer is missing"))?;
            return match step {
                "added" => self.items.open(&place, &node, events),
                "done" => self.items.whole(&place, &node, events),
                _ => Ok(()),
            };
        }
        if kind == "output_text.annotation.added" {
            if let Some(node) = object.optional("annotation").ok().flatten() {
                self.items.annotate(&place, &node, events)?;
            }
            return Ok(());
        }
        let (stream, step) = kind.rsplit_once('.').unwrap_or((kind, ""));
        let Some((piece, member)) = ItemPiece::named(stream) else { return Ok(()) };
        let text = |object: &mut Object<'_>, name: &str| {
            let text = object.string(name);
            text.map_err(|_| protocol("a piece of the upstream's answer is malformed"))
        };
        match step {
            "delta" => {
                let said = text(object, "delta")?.unwrap_or_default();
                self.items.say(&place, piece, said, events)?;
                if let Some(node) = object.optional("logprobs").ok().flatten() {
                    self.items.probabilities(&place, &node, events);
                }
                Ok(())
            }
            "done" => {
                if let Some(name) = text(object, "name")? {
                    self.items.name(&place, piece, name, events);
                }
                if let Some(said) = text(object, member)? {
                    self.items.say_rest(&place, piece, said, events);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The answer has ended, as its last event or its status says.
    fn end(&mut self, event: &str, mut response: Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let status = response.string("status").ok().flatten().unwrap_or_else(|| event.to_owned());
        // Both say it; the one that says that something is missing counts.
        let status = if status == "completed" { event } else { status.as_str() };
        let reason = match status {
            "completed" => StopReason::EndTurn,
            "incomplete" => incomplete(&mut response),
            _ => {
                let error = response.optional("error").ok().flatten();
                return Err(error.map_or_else(|| refusal::failed(status), |node| refusal::inside(&node)));
            }
        };
        let output = response.optional("output").ok().flatten().and_then(|node| node.array().ok());
        for (index, node) in (0..).zip(output.iter().flatten()) {
            self.items.whole(&ItemPlace::at(index, node), node, events)?;
        }
        self.items.close_all(events)?;
        let reason = reason.with_calls(self.items.called());
        if reason == StopReason::ToolUse {
            self.items.check_arguments()?;
        }
        if let Some(node) = response.optional("usage").ok().flatten() {
            events.extend(usage::parse(&node).map(Event::Usage));
        }
        self.finished = true;
        events.push(Event::Finish(Finish { choice: 0, reason, stop_sequence: None }));
        Ok(())
    }
}

/// Why an answer is not complete.
fn incomplete(response: &mut Object<'_>) -> StopReason {
    let details = response.optional("incomplete_details").ok().flatten().and_then(|node| node.object().ok());
    let reason = details.and_then(|mut details| details.string("reason").ok().flatten());
    match reason.as_deref() {
        Some("content_filter") => StopReason::ContentFilter,
        Some("max_output_tokens" | "max_tokens") | None => StopReason::MaxTokens,
        Some(other) => StopReason::Other(other.to_owned()),
    }
}

/// Decodes a whole answer. `call_seed` as for [`OpenAiResponsesDecoder::new`].
pub fn decode_unary(body: &str, call_seed: &str) -> Result<Vec<Event>, Fault> {
    let mended = crate::json::nonfinite_as_null(body);
    let mut object = payload(mended.as_deref().unwrap_or(body))?;
    let mut decoder = ResponseEvents::new(call_seed);
    let mut events = Vec::new();
    decoder.start(Some(object.clone()), &mut events);
    let status = object.clone().string("status").ok().flatten();
    if matches!(status.as_deref(), Some("queued" | "in_progress")) {
        return Err(protocol("the upstream's answer is not finished"));
    }
    let failed = matches!(status.as_deref(), Some("failed" | "cancelled"));
    let output = object.optional("output").ok().flatten();
    let output = match output.filter(|node| node.array().is_ok()) {
        Some(node) => node,
        None if failed => Node::root("[]"),
        None => {
            let node = Node::root(body);
            return Err(refusal::in_place_of_an_answer(&node, "the upstream's answer has no output"));
        }
    };
    object.put_back("output", output);
    decoder.end("completed", object, &mut events)?;
    Ok(events)
}

/// A member of the end of a block.
fn marked(name: &str, value: &str) -> String {
    let mut extra = Members::new();
    extra.string(name, value);
    extra.finish()
}
