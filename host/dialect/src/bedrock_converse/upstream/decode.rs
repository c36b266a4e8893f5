//! What an upstream of this wire answers, as canonical events. A stream is one of events in AWS's framing; each is read as the
//! reference has it, an object with one member. An answer is whole once `messageStop` said why it ended.

mod blocks;
#[cfg(test)]
mod tests;

use crate::bedrock_converse::{PlainToolNames, origin};
use crate::canon::{Event, Fault, Finish, Start, StopReason, Usage};
use crate::decoder::payload;
use crate::event_stream::{EventMessage, EventMessages};
use crate::fault::protocol;
use crate::finish;
use crate::json::{Members, Node, Object, nonfinite_as_null};
use crate::refusal as every_wire;
use crate::sse::MAX_FRAME_BYTES;
use blocks::ConverseBlocks;

use super::refusal;

/// Decodes one streamed answer.
#[derive(Debug)]
pub struct BedrockConverseDecoder {
    messages: EventMessages,
    answer: AnswerReader,
    /// What came in place of a stream: text, to be looked at as a whole.
    text: Option<Vec<u8>>,
    begun: bool,
    /// What went wrong behind events that had to go out first.
    failed: Option<Fault>,
}

impl BedrockConverseDecoder {
    /// Of an answer by `model`, whose tools go by `names`.
    pub fn new(model: &str, names: PlainToolNames) -> Self {
        Self {
            messages: EventMessages::default(),
            answer: AnswerReader::new(model, names),
            text: None,
            begun: false,
            failed: None,
        }
    }

    /// Every event that the bytes complete. A fault is given when all events before it have been.
    pub fn push_bytes(&mut self, chunk: &[u8]) -> Result<Vec<Event>, Fault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        // No message of such a stream begins with anything else: it would be too long.
        let is_first = !self.begun && self.messages.is_between_messages();
        if self.text.is_none() && is_first && chunk.first().is_some_and(|byte| *byte != 0) {
            self.text = Some(Vec::new());
        }
        if let Some(text) = &mut self.text {
            text.extend_from_slice(chunk);
            if text.len() > MAX_FRAME_BYTES {
                return Err(protocol("the upstream's answer is larger than an answer may be"));
            }
            return Ok(Vec::new());
        }
        let (messages, wrong) = self.messages.push(chunk);
        let mut events = Vec::new();
        for message in messages {
            self.begun = true;
            self.failed = self.answer.message(&message, &mut events).err();
            if self.failed.is_some() {
                break;
            }
        }
        // What comes behind the end changes nothing any more.
        let wrong = wrong.filter(|_| !self.answer.finished);
        self.failed = self.failed.take().or_else(|| wrong.map(|wrong| protocol(&wrong.to_string())));
        match &self.failed {
            Some(fault) if events.is_empty() => Err(fault.clone()),
            Some(_) | None => Ok(events),
        }
    }

    /// The stream is over; `clean` says that the transport ended as it should. Fails when the answer did not.
    pub fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        if let Some(text) = self.text.take().filter(|_| clean) {
            let names = std::mem::take(&mut self.answer.names);
            return decode_unary(&String::from_utf8_lossy(&text), &self.answer.model, names);
        }
        if self.answer.finished {
            return Ok(Vec::new());
        }
        Err(match (clean, self.begun) {
            (false, _) => protocol("the upstream's stream broke off"),
            (true, _) if !self.messages.is_between_messages() => {
                protocol("the upstream's stream ended inside of a message")
            }
            (true, false) => protocol("the upstream's stream held no answer"),
            (true, true) => protocol("the upstream's stream ended without `messageStop`"),
        })
    }
}

/// Decodes a whole answer, also one that came as a stream.
pub fn decode_whole(body: &[u8], model: &str, names: PlainToolNames) -> Result<Vec<Event>, Fault> {
    if body.first() != Some(&0) {
        return decode_unary(&String::from_utf8_lossy(body), model, names);
    }
    let mut decoder = BedrockConverseDecoder::new(model, names);
    let mut events = decoder.push_bytes(body)?;
    events.extend(decoder.finish(true)?);
    Ok(events)
}

/// Decodes a whole answer.
pub fn decode_unary(body: &str, model: &str, names: PlainToolNames) -> Result<Vec<Event>, Fault> {
    let mut reader = AnswerReader::new(model, names);
    let mut events = Vec::new();
    let mended = nonfinite_as_null(body);
    let body = mended.as_deref().unwrap_or(body);
    let mut object = payload(body)?;
    let message = object.optional("output").ok().flatten().and_then(|node| node.object().ok());
    let message = message.and_then(|mut output| output.optional("message").ok().flatten());
    let content = message.and_then(|node| node.object().ok());
    let content = content.and_then(|mut message| message.optional("content").ok().flatten());
    let Some(content) = content.and_then(|node| node.array().ok()) else {
        return Err(every_wire::in_place_of_an_answer(
            &Node::root(body),
            "the upstream's answer has no message",
        ));
    };
    reader.start(&mut events);
    for (index, node) in (0..).zip(&content) {
        reader.blocks.whole(index, node, &reader.names, &mut events)?;
    }
    usage(&mut object, &mut events);
    reader.stop(&mut object, &mut events)?;
    Ok(events)
}

/// Reads the events of an answer.
#[derive(Debug)]
struct AnswerReader {
    model: String,
    names: PlainToolNames,
    started: bool,
    finished: bool,
    blocks: ConverseBlocks,
}

impl AnswerReader {
    fn new(model: &str, names: PlainToolNames) -> Self {
        let blocks = ConverseBlocks::signed_by(origin(model));
        Self { model: model.to_owned(), names, started: false, finished: false, blocks }
    }

    fn message(&mut self, message: &EventMessage, events: &mut Vec<Event>) -> Result<(), Fault> {
        let text = std::str::from_utf8(&message.payload)
            .map_err(|_| protocol("an event of the upstream's stream is not text"))?;
        match message.header(":message-type") {
            Some("event") => {}
            Some("exception") => {
                return Err(refusal::inside(message.header(":exception-type").unwrap_or_default(), text));
            }
            Some("error") => {
                let code = message.header(":error-code").unwrap_or_default();
                return Err(refusal::inside(code, message.header(":error-message").unwrap_or(text)));
            }
            Some(_) | None => return Err(protocol("a message of the upstream's stream has no type")),
        }
        let Some(kind) = message.header(":event-type") else {
            return Err(protocol("an event of the upstream's stream has no type"));
        };
        let mended = nonfinite_as_null(text);
        self.event(kind, mended.as_deref().unwrap_or(text), events)
    }

    fn event(&mut self, kind: &str, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut object = payload(data)?;
        if self.finished {
            if kind == "metadata" {
                usage(&mut object, events);
            }
            return Ok(());
        }
        match kind {
            "messageStart" => self.start(events),
            "contentBlockStart" => {
                self.start(events);
                let index = index(&mut object)?;
                let mut start = member(&mut object, "start")?;
                self.blocks.begin(index, &mut start, &self.names, events)?;
            }
            "contentBlockDelta" => {
                self.start(events);
                let index = index(&mut object)?;
                let mut delta = member(&mut object, "delta")?;
                self.blocks.delta(index, &mut delta, events)?;
            }
            "contentBlockStop" => self.blocks.close(index(&mut object)?, events),
            "messageStop" => {
                self.start(events);
                self.stop(&mut object, events)?;
            }
            "metadata" => usage(&mut object, events),
            // Exceptions that a proxy sends as events, and what is not invented yet.
            kind if kind.ends_with("Exception") => return Err(refusal::inside(kind, data)),
            _ => {}
        }
        Ok(())
    }

    /// The wire tells neither an id nor the model, which is the one that was asked.
    fn start(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start(Start::default()));
        }
    }

    fn stop(&mut self, object: &mut Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let word = object.string("stopReason").ok().flatten().unwrap_or_default();
        let Some(word) = finish::reason(&word)? else {
            return Err(protocol("the upstream's answer ended without a stop reason"));
        };
        let reason = match word {
            "end_turn" => StopReason::EndTurn,
            "tool_use" => StopReason::ToolUse,
            "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
            "stop_sequence" => StopReason::StopSequence,
            "guardrail_intervened" | "content_filtered" => StopReason::ContentFilter,
            "refusal" => StopReason::Refusal,
            // The model said what nobody can read: `malformed_model_output`, `malformed_tool_use`.
            word if word.starts_with("malformed_") => return Err(every_wire::failed(word)),
            other => StopReason::Other(other.to_owned()),
        };
        self.blocks.close_all(events);
        let reason = reason.with_calls(self.blocks.called());
        if reason == StopReason::ToolUse {
            self.blocks.check_arguments()?;
        }
        self.finished = true;
        events.push(Event::Finish(Finish { choice: 0, reason, stop_sequence: None }));
        Ok(())
    }
}

/// What was counted, where the event says it.
fn usage(object: &mut Object<'_>, events: &mut Vec<Event>) {
    let node = object.optional("usage").ok().flatten();
    events.extend(node.and_then(|node| counted(&node)).map(Event::Usage));
}

/// Counts as this wire has them: input without what came from or went into the cache.
fn counted(node: &Node<'_>) -> Option<Usage> {
    let mut usage = node.object().ok()?;
    let lasting = usage.array("cacheDetails").unwrap_or_default();
    let mut count = |name: &str| usage.optional(name).ok().flatten().map_or(0, |node| node.count());
    let (input, output) = (count("inputTokens"), count("outputTokens"));
    let (cached_input, cache_write) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    let written_for = |ttl: &str| {
        let of = |detail: &Node<'_>| {
            let mut detail = detail.object().ok()?;
            let is_meant = detail.string("ttl").ok().flatten().as_deref() == Some(ttl);
            Some(detail.optional("inputTokens").ok().flatten()?.count()).filter(|_| is_meant)
        };
        lasting.iter().filter_map(of).sum::<u64>()
    };
    let extra = (!lasting.is_empty()).then(|| {
        let mut told = Members::new();
        told.plain("ephemeral_5m_input_tokens", written_for("5m"));
        told.plain("ephemeral_1h_input_tokens", written_for("1h"));
        format!(r#"{{"cache_creation":{}}}"#, told.finish())
    });
    Some(Usage {
        input: input.saturating_add(cached_input).saturating_add(cache_write),
        output,
        cached_input,
        cache_write,
        extra,
        ..Usage::default()
    })
}

fn member<'a>(object: &mut Object<'a>, name: &str) -> Result<Object<'a>, Fault> {
    let node = object.optional(name).ok().flatten();
    let node =
        node.ok_or_else(|| protocol("an event of the upstream's stream lacks what its type promises"))?;
    node.object().map_err(|_| protocol("an event of the upstream's stream is malformed"))
}

fn index(object: &mut Object<'_>) -> Result<u32, Fault> {
    let node = object.optional("contentBlockIndex").ok().flatten();
    let number = node.and_then(|node| node.unsigned().ok());
    number.ok_or_else(|| protocol("a block of the upstream's answer has no number"))
}
