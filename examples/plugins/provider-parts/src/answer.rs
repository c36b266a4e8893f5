//! Answers of this wire as events. A whole answer looks like the one frame of a short stream.

use brains_sdk::canon::{CallContext, Event, Fault, FaultKind, StopReason, ToolCall, Usage};
use brains_sdk::wire::{BlockBuilder, Node, ReadFrame, error_message, misread, object, reported};

/// What has come of an answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// Part of the ids of calls, which the vendor may leave out.
    seed: String,
    blocks: BlockBuilder,
}

impl Answer {
    pub(crate) fn new(ctx: &CallContext) -> Self {
        Self { seed: ctx.call_seed(), ..Self::default() }
    }

    fn part(&mut self, part: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut part = part.object().map_err(misread)?;
        if let Some(text) = part.string("text").map_err(misread)? {
            self.blocks.text(0, text, events);
        }
        if let Some(node) = part.optional("call").map_err(misread)? {
            let mut call = node.object().map_err(misread)?;
            let call = ToolCall {
                id: call.string("id").map_err(misread)?.unwrap_or_default(),
                name: call.required_string("name").map_err(misread)?,
                arguments: call.required("args").map_err(misread)?.text().to_owned(),
                signature: part.string("thoughtSignature").map_err(misread)?,
                ..ToolCall::default()
            };
            self.blocks.whole_call(0, call, &self.seed, events);
        }
        Ok(())
    }
}

impl ReadFrame for Answer {
    const END: &'static str = "an `end`";

    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(message) = error_message(data) {
            return Err(reported(FaultKind::Upstream, Some(&message)));
        }
        let mut frame = object(data)?;
        for part in frame.array("parts").map_err(misread)? {
            self.part(&part, events)?;
        }
        if let Some(node) = frame.optional("usage").map_err(misread)? {
            let mut usage = node.object().map_err(misread)?;
            let mut count = |name| usage.optional(name).ok().flatten().map_or(0, |node| node.count());
            events.push(Event::Usage(Usage { input: count("in"), output: count("out"), ..Usage::default() }));
        }
        let reason = match frame.string("end").map_err(misread)?.as_deref() {
            None => return Ok(()),
            Some("stop") => StopReason::EndTurn,
            Some("length") => StopReason::MaxTokens,
            Some(other) => StopReason::Other(other.to_owned()),
        };
        self.blocks.finish(0, reason, events)
    }

    fn is_whole(&self) -> bool {
        self.blocks.finished()
    }
}
