//! Canonical events as a stream of this wire's events (spec/gateway.md 16.3). Items are told one after another: what arrives
//! of another block meanwhile waits, as readers take a piece to belong to the item that began last.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::call::SaidCall;
use super::compaction;
use super::error;
use super::events::{EventPlace, Sequence};
use super::message::{self, PartKind, SaidPart};
use super::object::{ResponseProgress, response};
use super::resume::OpenMessage;
use super::thought;
use crate::canon::{Annotation, BlockEnd, BlockKind, Event, Fault, Json, Reasoning, StopReason, Usage};
use crate::fault::protocol;
use crate::ingress::{AnswerCut, AnswerIdentity, ErrorReport, WireWriter};
use crate::json::{Members, Node, array, quote};

/// Writes one streamed answer, event by event.
#[derive(Debug)]
pub struct OpenAiResponsesWriter {
    identity: AnswerIdentity,
    sequence: Sequence,
    begun: bool,
    /// In the order in which they began; the first is being told.
    blocks: VecDeque<Block>,
    open: Option<Item>,
    /// Items that have ended.
    items: Vec<Json>,
    /// What was said where a summary is asked for.
    summary: String,
    usage: Option<Usage>,
    finish: Option<StopReason>,
}

#[derive(Debug)]
struct Block {
    index: u32,
    kind: BlockKind,
    is_told: bool,
    /// What waits to be told.
    text: String,
    annotations: Vec<Json>,
    end: Option<BlockEnd>,
}

/// The item that is being told.
#[derive(Debug)]
enum Item {
    /// Texts that follow one another are parts of one.
    Message {
        id: String,
        parts: Vec<Json>,
        part: Option<SaidPart>,
    },
    Thought {
        id: String,
        text: Option<String>,
    },
    Call(SaidCall),
    /// A piece of what takes the conversation's place.
    Summary,
    /// Nothing that this wire can show.
    Hidden,
}

impl OpenAiResponsesWriter {
    pub(super) fn new(identity: &AnswerIdentity) -> Self {
        Self {
            identity: identity.clone(),
            sequence: Sequence::default(),
            begun: false,
            blocks: VecDeque::new(),
            open: None,
            items: Vec::new(),
            summary: String::new(),
            usage: None,
            finish: None,
        }
    }

    /// In the middle of a text, which is block 0 of an answer that has begun.
    pub(super) fn resumed(identity: &AnswerIdentity, open: OpenMessage) -> Self {
        let OpenMessage { id, text, next } = open;
        let block = Block {
            index: 0,
            kind: BlockKind::Text,
            is_told: true,
            text: String::new(),
            annotations: Vec::new(),
            end: None,
        };
        let part = SaidPart { text, ..SaidPart::new(PartKind::Text) };
        Self {
            sequence: Sequence::from(next),
            begun: true,
            blocks: VecDeque::from([block]),
            open: Some(Item::Message { id, parts: Vec::new(), part: Some(part) }),
            ..Self::new(identity)
        }
    }

    /// Of an answer whose events nobody reads.
    pub(super) fn unread(identity: &AnswerIdentity) -> Self {
        Self { sequence: Sequence::unread(), ..Self::new(identity) }
    }

    /// The event that ends the answer, and the response in it. Fails when it never finished.
    pub(super) fn ended(&mut self) -> Result<(&'static str, Json), Fault> {
        let reason = self.finish.as_ref();
        let reason = reason.ok_or_else(|| protocol("the answer ended without a finish reason"))?;
        let incomplete = incomplete(reason);
        if self.identity.echo.compacts && self.items.is_empty() && incomplete.is_none() {
            return Err(protocol("the model wrote no summary"));
        }
        let counted = self.usage.clone().unwrap_or_default();
        let status = if incomplete.is_some() { "incomplete" } else { "completed" };
        let output = array(&self.items);
        let progress =
            ResponseProgress { status, error: None, incomplete, output: &output, usage: Some(&counted) };
        let event = if incomplete.is_some() { "response.incomplete" } else { "response.completed" };
        Ok((event, response(&self.identity, &progress)))
    }
}

impl WireWriter for OpenAiResponsesWriter {
    fn push(&mut self, event: &Event, out: &mut String) -> Result<(), Fault> {
        self.begin(out);
        match event {
            // One answer per request: the wire has no way to ask for more.
            Event::BlockStart(block) if block.choice == 0 => {
                if self.finish.is_some() {
                    return Err(protocol("the answer goes on behind its end"));
                }
                self.blocks.push_back(Block {
                    index: block.index,
                    kind: block.kind.clone(),
                    is_told: false,
                    text: String::new(),
                    annotations: Vec::new(),
                    end: None,
                });
                self.advance(out);
            }
            Event::Delta(delta) if delta.choice == 0 => {
                let block = self.blocks.iter_mut().rev().find(|block| block.index == delta.index);
                let block =
                    block.ok_or_else(|| protocol("the answer has a piece of a block that never began"))?;
                block.text.push_str(&delta.text);
                self.advance(out);
            }
            Event::Annotation(annotation) if annotation.choice == 0 => self.annotate(annotation, out)?,
            Event::BlockEnd(end) if end.choice == 0 => {
                let open = |block: &&mut Block| block.index == end.index && block.end.is_none();
                if let Some(block) = self.blocks.iter_mut().find(open) {
                    block.end = Some(end.clone());
                }
                self.advance(out);
            }
            Event::Finish(finish) if finish.choice == 0 => {
                for block in self.blocks.iter_mut().filter(|block| block.end.is_none()) {
                    block.end =
                        Some(BlockEnd { choice: 0, index: block.index, signature: None, extra: None });
                }
                self.advance(out);
                let whole = incomplete(&finish.reason).is_none();
                self.end_item(if whole { "completed" } else { "incomplete" }, out);
                self.finish = Some(finish.reason.clone());
            }
            Event::Usage(said) => self.usage = Some(said.clone()),
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

    fn finish(&mut self, out: &mut String) -> Result<(), Fault> {
        let (event, response) = self.ended()?;
        self.sequence.event(event, &[("response", &response)], out);
        Ok(())
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// Keeps the items that were said whole.
    fn failure(&mut self, report: &ErrorReport<'_>) -> Option<String> {
        let mut out = String::new();
        self.begin(&mut out);
        error::failed(report, &self.identity, &array(&self.items), &mut self.sequence, &mut out);
        Some(out)
    }

    fn kept(&mut self) -> Option<Json> {
        self.ended().ok().map(|(_, response)| response)
    }

    fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        self.begun.then(|| error::cut(cut, &self.identity, &array(&self.items), self.usage.as_ref()))
    }
}

impl OpenAiResponsesWriter {
    fn begin(&mut self, out: &mut String) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        if self.sequence.is_unread() {
            return;
        }
        let progress =
            ResponseProgress { status: "in_progress", output: "[]", ..ResponseProgress::default() };
        let response = response(&self.identity, &progress);
        for event in ["response.created", "response.in_progress"] {
            self.sequence.event(event, &[("response", &response)], out);
        }
    }

    /// Tells what can be told: all of the first block so far, and the blocks behind it once it has ended.
    fn advance(&mut self, out: &mut String) {
        while let Some(mut block) = self.blocks.pop_front() {
            if !std::mem::replace(&mut block.is_told, true) {
                self.open_block(&block, out);
            }
            let text = std::mem::take(&mut block.text);
            if !text.is_empty() {
                self.say(&text, out);
            }
            for annotation in std::mem::take(&mut block.annotations) {
                self.mark(&annotation, out);
            }
            let Some(end) = block.end.take() else {
                self.blocks.push_front(block);
                return;
            };
            self.close_block(&block, &end, out);
        }
    }

    fn open_block(&mut self, block: &Block, out: &mut String) {
        if self.identity.echo.compacts {
            self.open = Some(if block.kind == BlockKind::Text { Item::Summary } else { Item::Hidden });
            return;
        }
        let kind = match block.kind {
            BlockKind::Text => PartKind::Text,
            BlockKind::Refusal => PartKind::Refusal,
            BlockKind::Reasoning
            | BlockKind::RedactedReasoning(_)
            | BlockKind::ToolCall(_)
            | BlockKind::Media(_)
            | BlockKind::Other(_) => return self.open_item(block, out),
        };
        if !matches!(self.open, Some(Item::Message { .. })) {
            self.end_item("completed", out);
            let id = self.item_id("msg");
            let output = self.items.len();
            let item = message::item(&id, "in_progress", &[]);
            self.sequence.item("response.output_item.added", output, &item, out);
            self.open = Some(Item::Message { id, parts: Vec::new(), part: None });
        }
        let output = self.items.len();
        if let Some(Item::Message { id, parts, part }) = &mut self.open {
            let said = SaidPart::new(kind);
            said.begin(content_place(id, output, parts.len()), &mut self.sequence, out);
            *part = Some(said);
        }
    }

    /// Opens what is an item by itself.
    fn open_item(&mut self, block: &Block, out: &mut String) {
        self.end_item("completed", out);
        let item = match &block.kind {
            BlockKind::Reasoning | BlockKind::RedactedReasoning(_) => {
                let id = self.item_id("rs");
                let item = thought_item(&id, None, None);
                self.sequence.item("response.output_item.added", self.items.len(), &item, out);
                Item::Thought { id, text: None }
            }
            BlockKind::ToolCall(start) => {
                if let Some(signature) = &start.signature {
                    self.sign_call(&start.id, signature, start.origin.as_deref(), out);
                }
                let unique = self.unique();
                let call = SaidCall::new(start, &self.identity.echo, &unique);
                call.begin(self.items.len(), &mut self.sequence, out);
                Item::Call(call)
            }
            BlockKind::Text | BlockKind::Refusal | BlockKind::Media(_) | BlockKind::Other(_) => Item::Hidden,
        };
        self.open = Some(item);
    }

    fn say(&mut self, text: &str, out: &mut String) {
        let output = self.items.len();
        match &mut self.open {
            Some(Item::Message { id, parts, part: Some(part) }) => {
                part.say(text, content_place(id, output, parts.len()), &mut self.sequence, out);
            }
            Some(Item::Thought { id, text: said }) => {
                let place = summary_place(id, output);
                if said.is_none() {
                    let part = summary_part("");
                    self.sequence.part(
                        "response.reasoning_summary_part.added",
                        place,
                        &[("part", &part)],
                        out,
                    );
                }
                said.get_or_insert_default().push_str(text);
                let delta = quote(text);
                self.sequence.part("response.reasoning_summary_text.delta", place, &[("delta", &delta)], out);
            }
            Some(Item::Call(call)) => call.say(text, output, &mut self.sequence, out),
            Some(Item::Summary) => self.summary.push_str(text),
            Some(Item::Message { part: None, .. } | Item::Hidden) | None => {}
        }
    }

    fn close_block(&mut self, block: &Block, end: &BlockEnd, out: &mut String) {
        let output = self.items.len();
        match self.open.take() {
            // More of it may follow.
            Some(Item::Message { id, mut parts, part }) => {
                if let Some(part) = part {
                    part.end(content_place(&id, output, parts.len()), &mut self.sequence, out);
                    parts.push(part.json());
                }
                self.open = Some(Item::Message { id, parts, part: None });
            }
            Some(Item::Thought { id, text }) => {
                let redacted = match &block.kind {
                    BlockKind::RedactedReasoning(data) => Some(data.clone()),
                    _ => None,
                };
                let mut thought = Reasoning { redacted, ..Reasoning::default() };
                thought.sign(end);
                self.end_thought(&id, text.as_deref(), thought::sealed(&thought).as_deref(), out);
            }
            Some(Item::Call(call)) => {
                let call_id = call.call_id.clone();
                let item = call.end(output, &mut self.sequence, out);
                self.items.push(item);
                if let Some(signature) = &end.signature {
                    self.sign_call(&call_id, signature, end.origin().as_deref(), out);
                }
            }
            Some(Item::Summary | Item::Hidden) | None => {}
        }
    }

    /// Ends the message that is open, or the summary.
    fn end_item(&mut self, status: &str, out: &mut String) {
        if !self.summary.trim().is_empty() {
            let item = compaction::item(&self.item_id("cmp"), self.summary.trim());
            compaction::tell(&item, self.items.len(), &mut self.sequence, out);
            self.items.push(item);
            self.summary.clear();
        }
        if let Some(Item::Message { id, parts, .. }) = self.open.take() {
            let item = message::item(&id, status, &parts);
            self.sequence.item("response.output_item.done", self.items.len(), &item, out);
            self.items.push(item);
        }
    }

    /// The signature of a call, as a thought that says nothing.
    fn sign_call(&mut self, call: &str, signature: &str, origin: Option<&str>, out: &mut String) {
        let id = self.item_id("rs");
        let item = thought_item(&id, None, None);
        self.sequence.item("response.output_item.added", self.items.len(), &item, out);
        self.end_thought(&id, None, Some(&thought::sealed_call(call, signature, origin)), out);
    }

    fn end_thought(&mut self, id: &str, text: Option<&str>, sealed: Option<&str>, out: &mut String) {
        let output = self.items.len();
        if let Some(text) = text {
            let place = summary_place(id, output);
            let (said, part) = (quote(text), summary_part(text));
            self.sequence.part("response.reasoning_summary_text.done", place, &[("text", &said)], out);
            self.sequence.part("response.reasoning_summary_part.done", place, &[("part", &part)], out);
        }
        let item = thought_item(id, text, sealed);
        self.sequence.item("response.output_item.done", output, &item, out);
        self.items.push(item);
    }

    fn annotate(&mut self, annotation: &Annotation, out: &mut String) -> Result<(), Fault> {
        if crate::json::check(&annotation.value).is_err() {
            return Err(protocol("an annotation of the answer is not JSON"));
        }
        if let Some(block) = self.blocks.iter_mut().rev().find(|block| block.index == annotation.index) {
            block.annotations.push(annotation.value.clone());
            self.advance(out);
        }
        Ok(())
    }

    /// Log probabilities and places that a text rests on, as chat completions and this wire have them.
    fn mark(&mut self, value: &str, out: &mut String) {
        let output = self.items.len();
        let Some(Item::Message { id, parts, part: Some(part) }) = &mut self.open else { return };
        let Ok(mut object) = Node::root(value).object() else { return };
        let list = |node: Option<Node<'_>>| -> Vec<Json> {
            let items = node.and_then(|node| node.array().ok()).unwrap_or_default();
            items.iter().map(|item| item.text().to_owned()).collect()
        };
        if let Some(node) = object.optional("logprobs").ok().flatten() {
            let content = node.object().ok().and_then(|mut inner| inner.optional("content").ok().flatten());
            part.logprobs.extend(list(content).iter().map(|entry| probable(entry)));
            return;
        }
        for annotation in list(object.optional("annotations").ok().flatten()) {
            if let Some(annotation) = cited(&annotation) {
                let place = content_place(id, output, parts.len());
                part.annotate(annotation, place, &mut self.sequence, out);
            }
        }
    }

    fn item_id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.unique())
    }

    /// What tells items of this answer from all others.
    fn unique(&self) -> String {
        let own = self.identity.id.strip_prefix(super::ANSWER_PREFIX).unwrap_or(&self.identity.id);
        format!("{own}_{}", self.items.len())
    }
}

/// Why an answer for this reason is not whole.
const fn incomplete(reason: &StopReason) -> Option<&'static str> {
    match reason {
        StopReason::MaxTokens => Some("max_output_tokens"),
        StopReason::ContentFilter | StopReason::Refusal => Some("content_filter"),
        StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse | StopReason::Other(_) => None,
    }
}

const fn content_place(item: &str, output: usize, part: usize) -> EventPlace<'_> {
    EventPlace { item, output, part: Some(("content_index", part)) }
}

const fn summary_place(item: &str, output: usize) -> EventPlace<'_> {
    EventPlace { item, output, part: Some(("summary_index", 0)) }
}

fn summary_part(text: &str) -> Json {
    let mut out = Members::new();
    out.string("type", "summary_text").string("text", text);
    out.finish()
}

fn thought_item(id: &str, text: Option<&str>, sealed: Option<&str>) -> Json {
    let summary = text.map(summary_part).unwrap_or_default();
    let mut out = Members::new();
    out.string("id", id)
        .string("type", "reasoning")
        .raw("summary", &format!("[{summary}]"))
        .maybe_string("encrypted_content", sealed);
    out.finish()
}

/// A log probability; readers want all its members, not every vendor of chat completions writes them.
fn probable(entry: &str) -> Json {
    let said = |name| crate::json::member(Some(entry), name);
    let mut out = Members::new();
    out.extra(Some(entry), &["bytes", "top_logprobs"])
        .raw("bytes", said("bytes").as_deref().unwrap_or("[]"))
        .raw("top_logprobs", said("top_logprobs").as_deref().unwrap_or("[]"));
    out.finish()
}

/// A place that a text rests on; chat completions put what is said of it one level deeper.
fn cited(annotation: &str) -> Option<Json> {
    let mut object = Node::root(annotation).object().ok()?;
    let kind = object.string("type").ok()??;
    let Some(inner) = object.optional(&kind).ok()? else {
        return (kind == "url_citation").then(|| annotation.to_owned());
    };
    let mut out = Members::new();
    out.string("type", &kind).extra(Some(inner.text()), &["type"]);
    Some(out.finish())
}
