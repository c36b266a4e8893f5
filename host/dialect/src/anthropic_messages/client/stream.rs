//! Canonical events as a stream of this wire (spec/gateway.md 16.4). One block is told at a time: what belongs to those
//! that begin before it ends waits its turn.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::STOP_FRAME;
use super::answer::{end_reason, text};
use super::blocks::{MessageBlock, Signatures, frame};
use super::usage;
use crate::anthropic_messages::stop_word;
use crate::canon::{BlockEnd, BlockKind, Event, Fault, Finish, Json, Usage};
use crate::fault::protocol;
use crate::ingress::{AnswerIdentity, WireWriter};
use crate::json::{Members, quote};
use crate::translation::arguments_object;

/// Writes one streamed answer, event by event, as whole SSE frames.
#[derive(Debug)]
pub struct AnthropicMessagesWriter {
    /// The answer's id and model, as JSON.
    id: Json,
    model: Json,
    begun: bool,
    /// How many blocks were told; the one that is being told is the last of them.
    told: u32,
    /// The first one is being told.
    blocks: VecDeque<Telling>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    /// A refusal is among the blocks.
    refuses: bool,
}

#[derive(Debug)]
struct Telling {
    block: MessageBlock,
    /// Its number on this wire, once it was told that it begins.
    number: Option<u32>,
    /// Something was said in it.
    said: bool,
}

impl AnthropicMessagesWriter {
    pub(super) fn new(identity: &AnswerIdentity) -> Self {
        Self {
            id: quote(&identity.id),
            model: quote(&identity.model),
            begun: false,
            told: 0,
            blocks: VecDeque::new(),
            usage: None,
            finish: None,
            refuses: false,
        }
    }

    /// In the middle of a text, which is block 0 of an answer that has begun and goes by this number on the wire.
    pub(super) fn resumed(identity: &AnswerIdentity, number: u32) -> Self {
        let text = Telling {
            block: MessageBlock::new(0, BlockKind::Text, Signatures::Marked),
            number: Some(number),
            said: true,
        };
        let (begun, told) = (true, number.saturating_add(1));
        Self { begun, told, blocks: VecDeque::from([text]), ..Self::new(identity) }
    }

    /// The answer begins when something of it is said: by then the counts of the request may be known.
    fn begin(&mut self, out: &mut String) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let mut message = Members::new();
        message
            .raw("id", &self.id)
            .string("type", "message")
            .string("role", "assistant")
            .raw("model", &self.model)
            .raw("content", "[]")
            .raw("stop_reason", "null")
            .raw("stop_sequence", "null")
            .raw("usage", &usage::json(&self.usage.clone().unwrap_or_default()));
        frame("message_start", &[("message", &message.finish())], out);
    }

    fn block(&mut self, index: u32) -> Option<&mut MessageBlock> {
        let mut blocks = self.blocks.iter_mut().map(|telling| &mut telling.block);
        blocks.rfind(|block| block.index == index && block.end.is_none())
    }

    /// Tells what is due: of the first block all that was said, and those behind it once it has ended.
    fn tell(&mut self, out: &mut String) {
        while let Some(first) = self.blocks.front_mut() {
            first.tell(&mut self.told, out);
            if first.block.end.is_none() {
                return;
            }
            self.blocks.pop_front();
        }
    }
}

impl WireWriter for AnthropicMessagesWriter {
    fn push(&mut self, event: &Event, out: &mut String) -> Result<(), Fault> {
        match event {
            Event::BlockStart(start) if start.choice == 0 => {
                self.begin(out);
                self.refuses |= start.kind == BlockKind::Refusal;
                let block = MessageBlock::new(start.index, start.kind.clone(), Signatures::Marked);
                self.blocks.extend(block.seal().map(Telling::new));
                self.blocks.push_back(Telling::new(block));
            }
            Event::Delta(delta) if delta.choice == 0 => {
                let block = self.block(delta.index);
                let block =
                    block.ok_or_else(|| protocol("the answer has a piece of a block that never began"))?;
                block.text.push_str(&delta.text);
            }
            Event::Annotation(annotation) if annotation.choice == 0 => {
                if crate::json::check(&annotation.value).is_err() {
                    return Err(protocol("an annotation of the answer is not JSON"));
                }
                if let Some(block) = self.block(annotation.index) {
                    block.cite(&annotation.value);
                }
            }
            Event::BlockEnd(end) if end.choice == 0 => {
                let open =
                    |telling: &Telling| telling.block.index == end.index && telling.block.end.is_none();
                if let Some(at) = self.blocks.iter().rposition(open)
                    && let Some(telling) = self.blocks.get_mut(at)
                {
                    let was_sealed = telling.block.seal().is_some();
                    telling.block.end = Some(end.clone());
                    // A signature that came late.
                    if let Some(seal) = telling.block.seal().filter(|_| !was_sealed) {
                        self.blocks.insert(at + 1, Telling::new(seal));
                    }
                }
            }
            Event::Finish(finish) if finish.choice == 0 => {
                self.begin(out);
                for Telling { block, .. } in &mut self.blocks {
                    let (choice, index) = (0, block.index);
                    block.end.get_or_insert(BlockEnd { choice, index, signature: None, extra: None });
                }
                self.finish = Some(finish.clone());
            }
            Event::Usage(said) => self.usage = Some(said.clone()),
            // One answer is all that this wire has.
            Event::Start(_)
            | Event::BlockStart(_)
            | Event::Delta(_)
            | Event::Annotation(_)
            | Event::BlockEnd(_)
            | Event::Finish(_)
            | Event::Other(_) => {}
        }
        self.tell(out);
        Ok(())
    }

    /// Appends why the answer ended, the counts, and the end.
    fn finish(&mut self, out: &mut String) -> Result<(), Fault> {
        let finish = self.finish.as_ref();
        let finish = finish.ok_or_else(|| protocol("the answer ended without a finish reason"))?;
        let mut delta = Members::new();
        delta
            .string("stop_reason", stop_word(&end_reason(&finish.reason, self.refuses)))
            .raw("stop_sequence", &text(finish.stop_sequence.as_deref()));
        let counted = usage::json(&self.usage.clone().unwrap_or_default());
        frame("message_delta", &[("delta", &delta.finish()), ("usage", &counted)], out);
        out.push_str(STOP_FRAME);
        Ok(())
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }
}

impl Telling {
    const fn new(block: MessageBlock) -> Self {
        Self { block, number: None, said: false }
    }

    /// Tells what was said since the last time, and the end when it has come.
    fn tell(&mut self, told: &mut u32, out: &mut String) {
        let block = &mut self.block;
        if self.number.is_none() {
            if !block.speaks() {
                return;
            }
            self.number = Some(*told);
            let index = told.to_string();
            frame("content_block_start", &[("index", &index), ("content_block", &block.opener())], out);
            *told += 1;
        }
        let Some(index) = self.number.map(|number| number.to_string()) else { return };
        let mut delta = |json: &str| frame("content_block_delta", &[("index", &index), ("delta", json)], out);
        let mut text = std::mem::take(&mut block.text);
        // What is no object by its first letter is told when all of it is there, as the object that the wire wants.
        if matches!(block.kind, BlockKind::ToolCall(_)) && !self.said && !text.trim_start().starts_with('{') {
            if block.end.is_none() {
                block.text = text;
                return;
            }
            text = arguments_object(&text);
        }
        if !text.is_empty() {
            self.said = true;
            delta(&block.delta(&text));
        }
        for citation in block.citations.drain(..) {
            delta(&format!("{{\"type\":\"citations_delta\",\"citation\":{citation}}}"));
        }
        if block.end.is_none() {
            return;
        }
        if block.kind == BlockKind::Reasoning {
            let signature = quote(&block.signature());
            delta(&format!("{{\"type\":\"signature_delta\",\"signature\":{signature}}}"));
        }
        frame("content_block_stop", &[("index", &index)], out);
    }
}
