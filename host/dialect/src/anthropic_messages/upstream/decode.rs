//! What an upstream of this wire answers, as canonical events. Strict about its grammar: a block that never
//! began, or an answer without `message_stop`, is a fault and never a shorter answer.

mod blocks;
mod plain;
#[cfg(test)]
mod tests;
pub(in crate::anthropic_messages) mod usage;

use crate::anthropic_messages::stop_reason;
use crate::canon::{Event, Fault, Finish, Start, StopReason};
use crate::decoder::{FrameDecoder, ReadFrame, payload};
use crate::fault::protocol;
use crate::finish;
use crate::json::{Node, Object};
use blocks::OpenBlocks;
use usage::Counted;

/// Decodes one streamed answer.
pub type AnthropicMessagesDecoder = FrameDecoder<MessageEvents>;

/// Reads the events of a stream.
#[derive(Debug, Default)]
pub struct MessageEvents {
    started: bool,
    finished: bool,
    blocks: OpenBlocks,
    counted: Counted,
    reason: Option<(StopReason, Option<String>)>,
}

impl AnthropicMessagesDecoder {
    pub fn new() -> Self {
        Self::default()
    }
}

impl ReadFrame for MessageEvents {
    const END: &'static str = "`message_stop`";

    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.finished { Ok(()) } else { self.event(data, events) }
    }

    fn is_whole(&self) -> bool {
        self.finished
    }
}

impl MessageEvents {
    fn event(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        match plain::read(data) {
            Some(piece) if self.started && self.blocks.say_more(&piece, events) => Ok(()),
            Some(_) | None => self.any_event(data, events),
        }
    }

    fn any_event(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut object = payload(data)?;
        let kind = object.string("type").ok().flatten();
        let kind = kind.ok_or_else(|| protocol("an event of the upstream's stream has no type"))?;
        if !matches!(kind.as_str(), "message_start" | "ping")
            && kind.starts_with("content_block")
            && !self.started
        {
            return Err(protocol("the upstream's stream has content before `message_start`"));
        }
        match kind.as_str() {
            "message_start" => {
                let mut message = member(&mut object, "message")?;
                self.start(&mut message, events);
            }
            "content_block_start" => {
                let index = index(&mut object)?;
                let node = required(&mut object, "content_block")?;
                self.blocks.open(index, &node, events)?;
            }
            "content_block_delta" => {
                let index = index(&mut object)?;
                let mut delta = member(&mut object, "delta")?;
                self.blocks.delta(index, &mut delta, events)?;
            }
            "content_block_stop" => self.blocks.close(index(&mut object)?, events)?,
            "message_delta" => {
                let mut delta = member(&mut object, "delta")?;
                self.stopped(&mut delta)?;
                self.count(&mut object, events);
            }
            "message_stop" => self.end(events)?,
            // `ping`, and what is not invented yet.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, message: &mut Object<'_>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |message: &mut Object<'_>, name: &str| {
            message.string(name).ok().flatten().filter(|text| !text.is_empty())
        };
        let (id, model) = (text(message, "id"), text(message, "model"));
        self.blocks.signed_by(model.as_deref().unwrap_or_default());
        events.push(Event::Start(Start { id, model, extra: None }));
        self.count(message, events);
    }

    fn count(&mut self, object: &mut Object<'_>, events: &mut Vec<Event>) {
        if let Some(node) = object.optional("usage").ok().flatten() {
            self.counted.add(&node);
            events.push(Event::Usage(self.counted.usage()));
        }
    }

    fn stopped(&mut self, object: &mut Object<'_>) -> Result<(), Fault> {
        let word = object.string("stop_reason").ok().flatten().unwrap_or_default();
        if let Some(word) = finish::reason(&word)? {
            let sequence = object.string("stop_sequence").ok().flatten();
            self.reason = Some((stop_reason(word), sequence));
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        let reason = self.reason.take();
        let (reason, stop_sequence) =
            reason.ok_or_else(|| protocol("the upstream's answer ended without a stop reason"))?;
        self.blocks.close_all(events);
        let reason = reason.with_calls(self.blocks.called());
        if reason == StopReason::ToolUse {
            self.blocks.check_arguments()?;
        }
        self.finished = true;
        events.push(Event::Finish(Finish { choice: 0, reason, stop_sequence }));
        Ok(())
    }
}

/// Decodes a whole answer.
pub fn decode_unary(body: &str) -> Result<Vec<Event>, Fault> {
    let mut decoder = MessageEvents::default();
    let mut events = Vec::new();
    let mut object = payload(body)?;
    decoder.start(&mut object, &mut events);
    let content = object.optional("content").ok().flatten().and_then(|node| node.array().ok());
    let content = content.ok_or_else(|| protocol("the upstream's answer has no content"))?;
    for (index, node) in (0..).zip(&content) {
        decoder.blocks.open(index, node, &mut events)?;
        decoder.blocks.close(index, &mut events)?;
    }
    decoder.stopped(&mut object)?;
    decoder.end(&mut events)?;
    Ok(events)
}

fn required<'a>(object: &mut Object<'a>, name: &str) -> Result<Node<'a>, Fault> {
    let node = object.optional(name).ok().flatten();
    node.ok_or_else(|| protocol("an event of the upstream's stream lacks what its type promises"))
}

fn member<'a>(object: &mut Object<'a>, name: &str) -> Result<Object<'a>, Fault> {
    let node = required(object, name)?;
    node.object().map_err(|_| protocol("an event of the upstream's stream is malformed"))
}

fn index(object: &mut Object<'_>) -> Result<u32, Fault> {
    let node = required(object, "index")?;
    node.unsigned().map_err(|_| protocol("a block of the upstream's answer has no number"))
}
