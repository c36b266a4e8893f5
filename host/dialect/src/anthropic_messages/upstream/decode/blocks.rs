//! The blocks of one answer: which are open, what may come for each, and what closes them.

use super::plain::PlainTextDelta;
use crate::anthropic_messages::origin;
use crate::canon::{Annotation, BlockEnd, BlockKind, BlockStart, Delta, Event, Fault, ToolStart};
use crate::fault::protocol;
use crate::json::{Members, Node, Object};

#[derive(Debug, Default)]
pub(super) struct OpenBlocks {
    open: Vec<Block>,
    /// Every index below was used.
    next: u32,
    origin: String,
    /// A tool was called.
    called: bool,
    /// The input of a call was not one object.
    broken: bool,
}

#[derive(Debug)]
struct Block {
    index: u32,
    flow: Flow,
    /// Nothing has been said in it.
    blank: bool,
    signature: String,
    /// What a call began with. Servers that send it mostly send it again in pieces, which count then.
    begun_with: String,
    /// The input of a call, as far as it came in pieces.
    input: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Text,
    Thinking,
    Redacted,
    ToolUse,
    /// A kind that only the vendor knows.
    Other,
}

impl OpenBlocks {
    /// The model whose signatures these are.
    pub(super) fn signed_by(&mut self, model: &str) {
        self.origin = origin(model);
    }

    /// A block begins. In a whole answer it holds everything, in a stream mostly nothing yet.
    pub(super) fn open(&mut self, index: u32, node: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        if index < self.next {
            return Err(protocol("a block of the upstream's answer began twice"));
        }
        self.next = index.saturating_add(1);
        let wrong = |_| protocol("a block of the upstream's answer is malformed");
        let mut object = node.object().map_err(wrong)?;
        let kind = object.required("type").map_err(wrong)?.string().map_err(wrong)?;
        let mut text = |name: &str| object.string(name).map_err(wrong).map(Option::unwrap_or_default);
        let (flow, kind, said) = match kind.as_ref() {
            "text" => (Flow::Text, BlockKind::Text, text("text")?),
            "thinking" => (Flow::Thinking, BlockKind::Reasoning, text("thinking")?),
            "redacted_thinking" => {
                (Flow::Redacted, BlockKind::RedactedReasoning(text("data")?), String::new())
            }
            "tool_use" => {
                let (id, name) = (text("id")?, text("name")?);
                if id.is_empty() || name.is_empty() {
                    return Err(protocol("a tool call of the upstream's answer has no id or no name"));
                }
                let input = object.optional("input").map_err(wrong)?;
                let said = input.map(|node| node.text().to_owned()).filter(|text| !is_empty_object(text));
                let start = ToolStart { id, name, namespace: None, signature: None, origin: None };
                (Flow::ToolUse, BlockKind::ToolCall(start), said.unwrap_or_default())
            }
            _ => (Flow::Other, BlockKind::Other(node.text().to_owned()), String::new()),
        };
        let mut block = Block {
            index,
            flow,
            blank: true,
            signature: String::new(),
            begun_with: String::new(),
            input: String::new(),
        };
        events.push(Event::BlockStart(BlockStart { choice: 0, index, kind }));
        if flow == Flow::ToolUse {
            self.called = true;
            block.begun_with = said;
        } else {
            block.say(said, events);
        }
        if flow == Flow::Thinking {
            block.signature = object.string("signature").map_err(wrong)?.unwrap_or_default();
        }
        if flow == Flow::Text {
            let citations = object.optional("citations").map_err(wrong)?;
            for citation in citations.and_then(|node| node.array().ok()).unwrap_or_default() {
                block.cite(&citation, events);
            }
        }
        self.open.push(block);
        Ok(())
    }

    /// More of a text whose block is open; false when it belongs elsewhere, and nothing has been done.
    pub(super) fn say_more(&mut self, piece: &PlainTextDelta<'_>, events: &mut Vec<Event>) -> bool {
        let block = self.open.iter_mut().find(|block| block.index == piece.index);
        let Some(block) = block.filter(|block| block.flow == Flow::Text) else { return false };
        block.say(piece.text.as_ref().to_owned(), events);
        true
    }

    pub(super) fn delta(
        &mut self,
        index: u32,
        delta: &mut Object<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let block = self.open.iter_mut().find(|block| block.index == index);
        let block =
            block.ok_or_else(|| protocol("the upstream's answer has a piece of a block that never began"))?;
        let wrong = |_| protocol("a piece of the upstream's answer is malformed");
        let kind = delta.required("type").map_err(wrong)?.string().map_err(wrong)?.into_owned();
        let (flow, member) = match kind.as_str() {
            "text_delta" => (Flow::Text, "text"),
            "thinking_delta" => (Flow::Thinking, "thinking"),
            "signature_delta" => (Flow::Thinking, "signature"),
            "input_json_delta" => (Flow::ToolUse, "partial_json"),
            "citations_delta" => (Flow::Text, "citation"),
            // Not invented yet.
            _ => return Ok(()),
        };
        if block.flow == Flow::Other {
            return Ok(());
        }
        if block.flow != flow {
            return Err(protocol("a piece of the upstream's answer does not fit its block"));
        }
        let node = delta.required(member).map_err(wrong)?;
        if member == "citation" {
            block.cite(&node, events);
            return Ok(());
        }
        let text = node.string().map_err(wrong)?.into_owned();
        if member == "signature" {
            block.signature.push_str(&text);
        } else {
            if block.flow == Flow::ToolUse {
                block.input.push_str(&text);
            }
            block.say(text, events);
        }
        Ok(())
    }

    /// Whether a tool was called.
    pub(super) const fn called(&self) -> bool {
        self.called
    }

    /// Fails when the input of a call that is meant to be run is not one object.
    pub(super) fn check_arguments(&self) -> Result<(), Fault> {
        if self.broken {
            return Err(protocol("the input of a tool call of the upstream's answer is not one JSON object"));
        }
        Ok(())
    }

    pub(super) fn close(&mut self, index: u32, events: &mut Vec<Event>) -> Result<(), Fault> {
        let at = self.open.iter().position(|block| block.index == index);
        let at = at.ok_or_else(|| protocol("a block of the upstream's answer ended that never began"))?;
        let block = self.open.remove(at);
        self.broken |= block.end(&self.origin, events);
        Ok(())
    }

    /// What the upstream left open when it said that the answer is whole.
    pub(super) fn close_all(&mut self, events: &mut Vec<Event>) {
        for block in self.open.drain(..) {
            self.broken |= block.end(&self.origin, events);
        }
    }
}

impl Block {
    fn say(&mut self, text: String, events: &mut Vec<Event>) {
        if !text.is_empty() {
            self.blank = false;
            events.push(Event::Delta(Delta { choice: 0, index: self.index, text }));
        }
    }

    fn cite(&self, node: &Node<'_>, events: &mut Vec<Event>) {
        let value = node.text().to_owned();
        events.push(Event::Annotation(Annotation { choice: 0, index: self.index, value }));
    }

    /// Ends it, and says whether it is a call whose input is not one object.
    fn end(mut self, origin: &str, events: &mut Vec<Event>) -> bool {
        let mut broken = false;
        if self.flow == Flow::ToolUse {
            if self.blank {
                self.input = std::mem::take(&mut self.begun_with);
                if self.input.is_empty() {
                    self.input.push_str("{}");
                }
                self.say(self.input.clone(), events);
            }
            broken = !is_object(&self.input);
        }
        let signed = !self.signature.is_empty() || self.flow == Flow::Redacted;
        let extra = signed.then(|| {
            let mut extra = Members::new();
            extra.string("origin", origin);
            extra.finish()
        });
        let signature = Some(self.signature).filter(|text| !text.is_empty());
        events.push(Event::BlockEnd(BlockEnd { choice: 0, index: self.index, signature, extra }));
        broken
    }
}

fn is_object(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && crate::json::check(text).is_ok()
}

fn is_empty_object(text: &str) -> bool {
    Node::root(text).object().is_ok_and(|object| object.is_empty())
}
