//! What an upstream of this wire answers, as canonical events. Lenient about what upstreams leave out, strict
//! about the end: an answer that never said why it stopped is a fault, not a short answer.

mod plain;
#[cfg(test)]
mod tests;

use crate::blocks::{BlockBuilder, CallPiece};
use crate::canon::{Annotation, Event, Fault, Start, StopReason, Usage};
use crate::decoder::{FrameDecoder, ReadFrame, payload};
use crate::fault::protocol;
use crate::json::{JsonKind, Members, Node, Object, nonfinite_as_null};
use crate::openai_chat::{DONE, reasoning, signature, stop_reason, usage};
use crate::{finish, refusal};

/// Decodes one streamed answer.
pub type OpenAiChatDecoder = FrameDecoder<CompletionChunks>;

/// Reads the chunks of a stream.
#[derive(Debug)]
pub struct CompletionChunks {
    /// Part of the ids of calls that came without one.
    call_seed: String,
    started: bool,
    done: bool,
    blocks: BlockBuilder,
}

impl OpenAiChatDecoder {
    /// `call_seed` makes ids of tool calls that the upstream left out unique; the request's id does.
    pub fn new(call_seed: &str) -> Self {
        Self::of(CompletionChunks::new(call_seed))
    }
}

impl ReadFrame for CompletionChunks {
    const END: &'static str = "a finish reason";

    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        if data.trim() == DONE {
            self.done = true;
        }
        if self.done { Ok(()) } else { self.chunk(data, events) }
    }

    fn is_whole(&self) -> bool {
        self.blocks.finished()
    }
}

impl CompletionChunks {
    fn new(call_seed: &str) -> Self {
        let call_seed = call_seed.chars().filter(char::is_ascii_alphanumeric).collect();
        Self { call_seed, started: false, done: false, blocks: BlockBuilder::default() }
    }

    fn chunk(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        match plain::read(data) {
            Some(piece) if self.started => {
                self.blocks.touch(piece.choice);
                if !piece.text.is_empty() {
                    self.blocks.text(piece.choice, piece.text.into_owned(), events);
                }
                Ok(())
            }
            Some(_) | None => self.any_chunk(data, events),
        }
    }

    fn any_chunk(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut object = payload(data)?;
        let choices = object.optional("choices").ok().flatten().and_then(|node| node.array().ok());
        let choices = choices.unwrap_or_default();
        self.start(&mut object, choices.is_empty(), events);
        for node in choices {
            let mut choice =
                node.object().map_err(|_| protocol("a choice of the stream is not an object"))?;
            let index = index(&mut choice);
            let delta = choice.optional("delta").ok().flatten().and_then(|node| node.object().ok());
            if let Some(delta) = delta {
                self.delta(index, delta, events)?;
            }
            annotate(&mut choice, index, self.blocks.current(index), events);
            if let Some(reason) = reason(&mut choice)? {
                self.blocks.finish(index, reason, events)?;
            }
        }
        events.extend(usage_of(&mut object).map(Event::Usage));
        Ok(())
    }

    /// `bare`: there is no choice. Azure begins with a frame about the prompt alone, whose id and model are empty: the
    /// answer begins behind it.
    fn start(&mut self, object: &mut Object<'_>, bare: bool, events: &mut Vec<Event>) {
        if self.started {
            return;
        }
        let id = object.string("id").ok().flatten().filter(|id| !id.is_empty());
        let model = object.string("model").ok().flatten().filter(|model| !model.is_empty());
        if bare && id.is_none() && model.is_none() {
            return;
        }
        self.started = true;
        let mut extra = Members::new();
        for name in ["system_fingerprint", "service_tier"] {
            if let Some(node) = object.optional(name).ok().flatten() {
                extra.raw(name, node.text());
            }
        }
        let extra = Some(extra.finish()).filter(|text| text != "{}");
        events.push(Event::Start(Start { id, model, extra }));
    }

    /// Serves streams and, as a message is one large delta, whole answers.
    fn delta(&mut self, choice: u32, mut delta: Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        self.blocks.touch(choice);
        self.thoughts(choice, &mut delta, events);
        if let Some(node) = delta.optional("content").ok().flatten() {
            let text = content_text(&node);
            if !text.is_empty() {
                self.blocks.text(choice, text, events);
            }
        }
        if let Some(text) = delta.string("refusal").ok().flatten().filter(|text| !text.is_empty()) {
            self.blocks.refusal(choice, text, events);
        }
        if let Some(node) = delta.optional("tool_calls").ok().flatten() {
            let calls = node
                .array()
                .map_err(|_| protocol("`tool_calls` of the upstream's answer is not an array"))?;
            for (position, call) in calls.iter().enumerate() {
                self.tool_call(choice, position, call, events)?;
            }
        }
        if let Some(node) = delta.optional("annotations").ok().flatten().filter(|node| node.text() != "[]") {
            let value = format!("{{\"annotations\":{}}}", node.text());
            events.push(Event::Annotation(Annotation { choice, index: self.blocks.current(choice), value }));
        }
        for name in ["audio", "images", "function_call"] {
            if let Some(node) = delta.optional(name).ok().flatten() {
                let mut other = Members::new();
                other.plain("choice", choice).raw(name, node.text());
                events.push(Event::Other(other.finish()));
            }
        }
        Ok(())
    }

    /// Text, and what vendors say of it beyond: at the end of each thought of a stream, or for all of a whole
    /// answer at once.
    fn thoughts(&mut self, choice: u32, delta: &mut Object<'_>, events: &mut Vec<Event>) {
        let mut text = |name: &str| delta.string(name).ok().flatten().filter(|text| !text.is_empty());
        let plain = text("reasoning_content").or_else(|| text("reasoning"));
        let node = delta.optional(reasoning::MEMBER).ok().flatten();
        let details = node.and_then(|node| reasoning::read(&node)).unwrap_or_default();
        let repeated: String = details.iter().map(|thought| thought.text.as_str()).collect();
        let whole = plain.as_ref() == Some(&repeated);
        if let Some(text) = plain.filter(|_| !whole) {
            self.blocks.reasoning(choice, text, events);
        }
        for thought in details {
            if whole && !thought.text.is_empty() {
                self.blocks.reasoning(choice, thought.text.clone(), events);
            }
            self.blocks.signed(choice, thought, events);
        }
    }

    fn tool_call(
        &mut self,
        choice: u32,
        position: usize,
        node: &Node<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let wrong = |_| protocol("a tool call of the upstream's answer is malformed");
        let mut call = node.object().map_err(wrong)?;
        let index = call.optional("index").map_err(wrong)?.and_then(|node| node.unsigned().ok());
        let id = call.string("id").map_err(wrong)?.filter(|id| !id.is_empty());
        let (signature, origin) = match signature::take(&mut call).map_err(wrong)? {
            // The vendor whose place it stands in needs no mark.
            Some(it) => (Some(it.text), Some(it.origin).filter(|origin| origin != signature::GOOGLE)),
            None => (None, None),
        };
        let inner = match call.optional("function").map_err(wrong)? {
            Some(node) => Some((node, "arguments")),
            None => call.optional("custom").map_err(wrong)?.map(|node| (node, "input")),
        };
        let (mut name, mut arguments) = (None, String::new());
        if let Some((inner, input)) = inner {
            let mut inner = inner.object().map_err(wrong)?;
            name = inner.string("name").map_err(wrong)?.filter(|name| !name.is_empty());
            if let Some(node) = inner.optional(input).map_err(wrong)? {
                // Some servers send the arguments as an object instead of its text.
                arguments = if node.kind().map_err(wrong)? == JsonKind::String {
                    node.string().map_err(wrong)?.into_owned()
                } else {
                    node.text().to_owned()
                };
            }
        }
        let piece = CallPiece { index, position, id, name, arguments, signature, origin };
        self.blocks.tool_call(choice, piece, &self.call_seed, events);
        Ok(())
    }
}

/// Decodes a whole answer. `call_seed` as for [`OpenAiChatDecoder::new`].
pub fn decode_unary(body: &str, call_seed: &str) -> Result<Vec<Event>, Fault> {
    let mut decoder = CompletionChunks::new(call_seed);
    let mut events = Vec::new();
    let mended = nonfinite_as_null(body);
    let mut object = payload(mended.as_deref().unwrap_or(body))?;
    decoder.start(&mut object, false, &mut events);
    for node in choices(&mut object)? {
        let mut choice =
            node.object().map_err(|_| protocol("a choice of the upstream's answer is not an object"))?;
        let index = index(&mut choice);
        let message = choice.optional("message").ok().flatten().and_then(|node| node.object().ok());
        let message = message.ok_or_else(|| protocol("a choice of the upstream's answer has no message"))?;
        decoder.delta(index, message, &mut events)?;
        annotate(&mut choice, index, decoder.blocks.current(index), &mut events);
        let reason = reason(&mut choice)?;
        let reason = reason.ok_or_else(|| protocol("the upstream's answer has no finish reason"))?;
        decoder.blocks.finish(index, reason, &mut events)?;
    }
    events.extend(usage_of(&mut object).map(Event::Usage));
    Ok(events)
}

/// The choices of a whole answer: an array with something in it.
fn choices<'a>(object: &mut Object<'a>) -> Result<Vec<Node<'a>>, Fault> {
    let choices = object.optional("choices").ok().flatten().and_then(|node| node.array().ok());
    choices.filter(|items| !items.is_empty()).ok_or_else(|| protocol("the upstream's answer has no choices"))
}

/// Why a choice ended, once it has. Fails when it says that it broke.
fn reason(choice: &mut Object<'_>) -> Result<Option<StopReason>, Fault> {
    if let Some(error) = choice.optional("error").ok().flatten() {
        return Err(refusal::inside(&error));
    }
    let Some(word) = choice.string("finish_reason").ok().flatten() else { return Ok(None) };
    Ok(finish::reason(&word)?.map(stop_reason))
}

fn usage_of(object: &mut Object<'_>) -> Option<Usage> {
    object.optional("usage").ok().flatten().and_then(|node| usage::parse(&node))
}

fn index(choice: &mut Object<'_>) -> u32 {
    choice.optional("index").ok().flatten().and_then(|node| node.unsigned().ok()).unwrap_or(0)
}

fn annotate(choice: &mut Object<'_>, index: u32, block: u32, events: &mut Vec<Event>) {
    if let Some(node) = choice.optional("logprobs").ok().flatten() {
        let value = format!("{{\"logprobs\":{}}}", node.text());
        events.push(Event::Annotation(Annotation { choice: index, index: block, value }));
    }
}

/// A string, or the text parts of an array.
fn content_text(node: &Node<'_>) -> String {
    if let Ok(text) = node.string() {
        return text.into_owned();
    }
    let mut out = String::new();
    for part in node.array().unwrap_or_default() {
        if let Some(text) = part.object().ok().and_then(|mut part| part.string("text").ok().flatten()) {
            out.push_str(&text);
        }
    }
    out
}
