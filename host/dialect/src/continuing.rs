//! What a model says that goes on with the text of another, as pieces of the answer that broke off: its first text is more of the
//! one that is open, whatever else it says comes behind it, and no word and no space stands there twice. Vendors refuse a turn to
//! go on from that ends in space, so that is held back; a model that begins with it repeats what the client has.

#[cfg(test)]
mod tests;

use crate::canon::{Annotation, BlockEnd, BlockKind, BlockStart, Delta, Event, Fault, Usage};
use crate::fault::protocol;

/// The loss of an upstream that does not go on exactly from a turn of the assistant's at the end.
pub const NOT_EXACT: &str = "messages.prefill";

/// The text that a model may be sent to go on from; none where nothing was said.
pub fn prefix(text: &str) -> Option<&str> {
    Some(text.trim_end()).filter(|text| !text.is_empty())
}

/// The block of the text that broke off.
const OPEN: u32 = 0;

/// Turns events of the model that goes on into those of the answer.
#[derive(Debug)]
pub struct Continuing {
    /// Space at the end of the text that the client has and the model did not see.
    held_back: String,
    /// The block in which the model goes on.
    text: Option<u32>,
    /// The text has ended.
    is_ended: bool,
    /// What the beginning of the answer used.
    before: Usage,
    /// What the model that goes on used.
    counted: Option<Usage>,
}

impl Continuing {
    /// Goes on from the whole of `text`; `before` is what that used.
    pub fn new(text: &str, before: Usage) -> Self {
        let held_back = text.get(text.trim_end().len()..).unwrap_or_default().to_owned();
        Self { held_back, text: None, is_ended: false, before, counted: None }
    }

    /// What the model that goes on has counted.
    pub const fn counted(&self) -> Option<&Usage> {
        self.counted.as_ref()
    }

    /// The events as the answer has them. Fails where the model does not go on but begins anew, with a thought.
    pub fn events(&mut self, events: Vec<Event>) -> Result<Vec<Event>, Fault> {
        let mut out = Vec::with_capacity(events.len());
        for event in events {
            self.event(event, &mut out)?;
        }
        Ok(out)
    }

    fn event(&mut self, event: Event, out: &mut Vec<Event>) -> Result<(), Fault> {
        match event {
            Event::BlockStart(start) if start.choice == 0 => return self.begin(start, out),
            Event::Delta(delta) if delta.choice == 0 => {
                let Delta { choice, index, text } = delta;
                if self.text != Some(index) {
                    out.push(Event::Delta(Delta { choice, index: behind(index), text }));
                } else if let Some(text) = self.unheard(&text) {
                    out.push(Event::Delta(Delta { choice, index: OPEN, text: text.to_owned() }));
                }
            }
            Event::BlockEnd(end) if end.choice == 0 => {
                if self.text == Some(end.index) {
                    self.end(out);
                } else {
                    out.push(Event::BlockEnd(BlockEnd { index: behind(end.index), ..end }));
                }
            }
            // Places in a text of which this is the rest are other ones.
            Event::Annotation(annotation)
                if annotation.choice == 0 && self.text != Some(annotation.index) =>
            {
                let index = behind(annotation.index);
                out.push(Event::Annotation(Annotation { index, ..annotation }));
            }
            Event::Usage(usage) => {
                out.push(Event::Usage(together(&self.before, &usage)));
                self.counted = Some(usage);
            }
            Event::Finish(finish) if finish.choice == 0 => {
                self.end(out);
                out.push(Event::Finish(finish));
            }
            // The answer has begun, and there is one.
            Event::Start(_)
            | Event::BlockStart(_)
            | Event::Delta(_)
            | Event::Annotation(_)
            | Event::BlockEnd(_)
            | Event::Finish(_)
            | Event::Other(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, start: BlockStart, out: &mut Vec<Event>) -> Result<(), Fault> {
        match start.kind {
            BlockKind::Text if self.text.is_none() && !self.is_ended => self.text = Some(start.index),
            BlockKind::Reasoning | BlockKind::RedactedReasoning(_) | BlockKind::Refusal
                if self.text.is_none() && !self.is_ended =>
            {
                return Err(protocol("the model does not go on with the text but begins anew"));
            }
            BlockKind::Text
            | BlockKind::Reasoning
            | BlockKind::RedactedReasoning(_)
            | BlockKind::Refusal
            | BlockKind::ToolCall(_)
            | BlockKind::Media(_)
            | BlockKind::Other(_) => {
                self.end(out);
                out.push(Event::BlockStart(BlockStart { index: behind(start.index), ..start }));
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.is_ended, true) {
            self.text = None;
            out.push(Event::BlockEnd(BlockEnd { choice: 0, index: OPEN, signature: None, extra: None }));
        }
    }

    /// The part of a piece that the client has not got.
    fn unheard<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        while let Some(space) = self.held_back.chars().next() {
            match rest.strip_prefix(space) {
                Some(shorter) => {
                    rest = shorter;
                    self.held_back.remove(0);
                }
                None if rest.is_empty() => return None,
                None => self.held_back.clear(),
            }
        }
        Some(rest).filter(|rest| !rest.is_empty())
    }
}

/// The number of a block behind the text.
const fn behind(index: u32) -> u32 {
    index.saturating_add(1)
}

/// What the answer used as its client sees it: one prompt, and all that was said.
fn together(before: &Usage, rest: &Usage) -> Usage {
    let first = if before.input > 0 { before } else { rest };
    Usage {
        input: first.input,
        output: before.output.saturating_add(rest.output),
        cached_input: first.cached_input,
        cache_write: first.cache_write,
        reasoning: before.reasoning.saturating_add(rest.reasoning),
        ..Usage::default()
    }
}
