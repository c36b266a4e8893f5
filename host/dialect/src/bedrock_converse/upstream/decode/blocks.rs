//! The blocks of one answer. Calls begin with an event of their own, texts and thoughts with their first piece; where a block
//! goes over into another kind it is two.

use crate::bedrock_converse::PlainToolNames;
use crate::canon::{BlockEnd, BlockKind, BlockStart, Delta, Event, Fault, ToolStart};
use crate::fault::protocol;
use crate::json::{Members, Node, Object};

#[derive(Debug, Default)]
pub(super) struct ConverseBlocks {
    open: Option<Block>,
    /// Every number below was used.
    next: u32,
    origin: String,
    /// A tool was called.
    called: bool,
    /// The input of a call was not one object.
    broken: bool,
}

#[derive(Debug)]
struct Block {
    /// Its number on the wire, and in the events.
    wire_index: u32,
    index: u32,
    flow: Flow,
    /// What was said in it: the input of a call, or a thought that nobody may read.
    said: String,
    signature: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Text,
    Thought,
    /// It is told once it is whole.
    Hidden,
    Call,
}

fn wrong<T>(_: T) -> Fault {
    protocol("a piece of the upstream's answer is malformed")
}

impl ConverseBlocks {
    pub(super) fn signed_by(origin: String) -> Self {
        Self { origin, ..Self::default() }
    }

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

    /// A block begins with an event of its own.
    pub(super) fn begin(
        &mut self,
        wire_index: u32,
        start: &mut Object<'_>,
        names: &PlainToolNames,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        match start.optional("toolUse").map_err(wrong)? {
            Some(node) => {
                let mut call = node.object().map_err(wrong)?;
                self.call(wire_index, &mut call, names, events)
            }
            // What is not invented yet.
            None => Ok(()),
        }
    }

    fn call(
        &mut self,
        wire_index: u32,
        call: &mut Object<'_>,
        names: &PlainToolNames,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let mut text = |name: &str| call.string(name).map_err(wrong).map(Option::unwrap_or_default);
        let (id, name) = (text("toolUseId")?, text("name")?);
        if id.is_empty() || name.is_empty() {
            return Err(protocol("a tool call of the upstream's answer has no id or no name"));
        }
        self.called = true;
        let name = names.own(name);
        let start = ToolStart { id, name, namespace: None, signature: None, origin: None };
        self.open(wire_index, Flow::Call, BlockKind::ToolCall(start), events);
        Ok(())
    }

    pub(super) fn delta(
        &mut self,
        wire_index: u32,
        delta: &mut Object<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if let Some(text) = delta.string("text").map_err(wrong)? {
            self.flow(wire_index, Flow::Text, events);
            self.say(text, events);
        } else if let Some(call) = delta.optional("toolUse").map_err(wrong)? {
            let input = call.object().map_err(wrong)?.string("input").map_err(wrong)?.unwrap_or_default();
            let is_open = |block: &Block| block.wire_index == wire_index && block.flow == Flow::Call;
            if !self.open.as_ref().is_some_and(is_open) {
                return Err(protocol("the upstream's answer has a piece of a tool call that never began"));
            }
            self.say(input, events);
        } else if let Some(thought) = delta.optional("reasoningContent").map_err(wrong)? {
            self.thought(wire_index, &mut thought.object().map_err(wrong)?, events)?;
        }
        // Sources, and what is not invented yet.
        Ok(())
    }

    fn thought(
        &mut self,
        wire_index: u32,
        thought: &mut Object<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if let Some(text) = thought.string("text").map_err(wrong)? {
            self.flow(wire_index, Flow::Thought, events);
            self.say(text, events);
        }
        if let Some(signature) = thought.string("signature").map_err(wrong)? {
            self.flow(wire_index, Flow::Thought, events);
            if let Some(block) = &mut self.open {
                block.signature.push_str(&signature);
            }
        }
        if let Some(data) = thought.string("redactedContent").map_err(wrong)? {
            self.flow(wire_index, Flow::Hidden, events);
            if let Some(block) = &mut self.open {
                block.said.push_str(&data);
            }
        }
        Ok(())
    }

    /// A block of a whole answer.
    pub(super) fn whole(
        &mut self,
        wire_index: u32,
        node: &Node<'_>,
        names: &PlainToolNames,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let mut object = node.object().map_err(wrong)?;
        if let Some(call) = object.optional("toolUse").map_err(wrong)? {
            let mut call = call.object().map_err(wrong)?;
            self.call(wire_index, &mut call, names, events)?;
            if let Some(input) = call.optional("input").map_err(wrong)? {
                self.say(input.text().to_owned(), events);
            }
        } else if let Some(thought) = object.optional("reasoningContent").map_err(wrong)? {
            let mut thought = thought.object().map_err(wrong)?;
            match thought.optional("reasoningText").map_err(wrong)? {
                Some(text) => self.thought(wire_index, &mut text.object().map_err(wrong)?, events)?,
                None => self.thought(wire_index, &mut thought, events)?,
            }
        } else if let Some(text) = object.string("text").map_err(wrong)? {
            self.flow(wire_index, Flow::Text, events);
            self.say(text, events);
        } else if let Some(cited) = object.optional("citationsContent").map_err(wrong)? {
            let mut cited = cited.object().map_err(wrong)?;
            self.flow(wire_index, Flow::Text, events);
            for part in cited.array("content").unwrap_or_default() {
                let text = part.object().ok().and_then(|mut part| part.string("text").ok().flatten());
                self.say(text.unwrap_or_default(), events);
            }
        }
        self.close(wire_index, events);
        Ok(())
    }

    /// The block of this number and kind, which is begun when another is open.
    fn flow(&mut self, wire_index: u32, flow: Flow, events: &mut Vec<Event>) {
        let is_open = |block: &Block| block.wire_index == wire_index && block.flow == flow;
        if self.open.as_ref().is_some_and(is_open) {
            return;
        }
        let kind = match flow {
            Flow::Text => BlockKind::Text,
            Flow::Thought => BlockKind::Reasoning,
            // Begun once it is whole.
            Flow::Hidden | Flow::Call => BlockKind::RedactedReasoning(String::new()),
        };
        self.open(wire_index, flow, kind, events);
    }

    fn open(&mut self, wire_index: u32, flow: Flow, kind: BlockKind, events: &mut Vec<Event>) {
        self.close_all(events);
        let index = self.next;
        self.next += 1;
        if flow != Flow::Hidden {
            events.push(Event::BlockStart(BlockStart { choice: 0, index, kind }));
        }
        self.open = Some(Block { wire_index, index, flow, said: String::new(), signature: String::new() });
    }

    fn say(&mut self, text: String, events: &mut Vec<Event>) {
        let Some(block) = &mut self.open else { return };
        if text.is_empty() {
            return;
        }
        if block.flow == Flow::Call {
            block.said.push_str(&text);
        }
        events.push(Event::Delta(Delta { choice: 0, index: block.index, text }));
    }

    /// The block of this number has ended. Some models say so of blocks in which nothing was said.
    pub(super) fn close(&mut self, wire_index: u32, events: &mut Vec<Event>) {
        if self.open.as_ref().is_some_and(|block| block.wire_index == wire_index) {
            self.close_all(events);
        }
    }

    /// What is open has ended.
    pub(super) fn close_all(&mut self, events: &mut Vec<Event>) {
        let Some(Block { index, flow, mut said, signature, .. }) = self.open.take() else { return };
        match flow {
            Flow::Call => {
                if said.trim().is_empty() {
                    "{}".clone_into(&mut said);
                    events.push(Event::Delta(Delta { choice: 0, index, text: said.clone() }));
                }
                self.broken |= !is_object(&said);
            }
            Flow::Hidden => {
                let kind = BlockKind::RedactedReasoning(said);
                events.push(Event::BlockStart(BlockStart { choice: 0, index, kind }));
            }
            Flow::Text | Flow::Thought => {}
        }
        let signed = !signature.is_empty() || flow == Flow::Hidden;
        let extra = signed.then(|| {
            let mut extra = Members::new();
            extra.string("origin", &self.origin);
            extra.finish()
        });
        let signature = Some(signature).filter(|text| !text.is_empty());
        events.push(Event::BlockEnd(BlockEnd { choice: 0, index, signature, extra }));
    }
}

fn is_object(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && crate::json::check(text).is_ok()
}
