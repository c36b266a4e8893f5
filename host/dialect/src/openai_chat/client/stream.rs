//! Canonical events as a stream of `chat.completion.chunk` frames (spec/gateway.md 16.2).

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{DONE_FRAME, calls};
use crate::canon::{BlockEnd, BlockKind, Event, Fault, Reasoning, Usage};
use crate::fault::protocol;
use crate::ingress::{AnswerIdentity, RequestEcho, WireWriter};
use crate::json::{Members, Node, quote};
use crate::openai_chat::{finish_word, reasoning, signature, usage};

/// Writes one streamed answer, event by event, as whole SSE frames.
#[derive(Debug)]
pub struct OpenAiChatWriter {
    /// `"id":…,"object":…,"created":…,"model":…`, the same on every chunk.
    head: String,
    include_usage: bool,
    echo: Arc<RequestEcho>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Choice {
    number: u32,
    blocks: Vec<(u32, Flow)>,
    /// The thoughts that are open, by their block; a signature comes last and is told with its text.
    thoughts: Vec<(u32, Reasoning)>,
    /// Thoughts that have ended, and how many of them were written: all as soon as one is marked.
    ended: Vec<Reasoning>,
    written: usize,
    calls: u32,
    /// Something was said of it; its role alone is told as soon as the answer begins.
    touched: bool,
    finished: bool,
}

#[derive(Debug, Clone, Copy)]
enum Flow {
    Text,
    Reasoning,
    Refusal,
    /// The call's number among the choice's calls, and the words for what it says.
    Call(u32, (&'static str, &'static str)),
    /// Nothing that this wire can show.
    Hidden,
}

impl Choice {
    const fn new(number: u32) -> Self {
        Self {
            number,
            blocks: Vec::new(),
            thoughts: Vec::new(),
            ended: Vec::new(),
            written: 0,
            calls: 0,
            touched: false,
            finished: false,
        }
    }

    fn think(&mut self, index: u32, text: &str) {
        if let Some((_, thought)) = self.thoughts.iter_mut().find(|(block, _)| *block == index) {
            thought.text.push_str(text);
        }
    }

    /// The number of the call that a block is.
    fn call(&self, block: u32) -> Option<u32> {
        let found = self.blocks.iter().rev().find(|(index, _)| *index == block);
        found.and_then(|(_, flow)| if let Flow::Call(number, _) = flow { Some(*number) } else { None })
    }

    /// The entries that are due when a thought has ended.
    fn thought(&mut self, end: &BlockEnd) -> Option<String> {
        let at = self.thoughts.iter().position(|(block, _)| *block == end.index)?;
        let (_, mut thought) = self.thoughts.remove(at);
        thought.sign(end);
        self.ended.push(thought);
        if !self.ended.iter().any(reasoning::is_marked) {
            return None;
        }
        let due = self.ended.iter().enumerate().skip(self.written);
        let due: Vec<String> = due.map(|(index, thought)| reasoning::write(index, thought)).collect();
        self.written = self.ended.len();
        Some(due.join(","))
    }
}

impl OpenAiChatWriter {
    pub(super) fn new(identity: &AnswerIdentity, include_usage: bool) -> Self {
        let head = format!(
            "\"id\":{},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{}",
            quote(&identity.id),
            identity.created,
            quote(&identity.model)
        );
        let echo = Arc::clone(&identity.echo);
        Self { head, include_usage, echo, choices: Vec::new(), usage: None }
    }

    /// In the middle of a text, which is block 0 of an answer that has begun.
    pub(super) fn resumed(identity: &AnswerIdentity, include_usage: bool) -> Self {
        let text = Choice { blocks: vec![(0, Flow::Text)], touched: true, ..Choice::new(0) };
        Self { choices: vec![text], ..Self::new(identity, include_usage) }
    }
}

impl WireWriter for OpenAiChatWriter {
    fn push(&mut self, event: &Event, out: &mut String) -> Result<(), Fault> {
        match event {
            Event::Start(_) => self.open(0, out),
            Event::BlockStart(block) => {
                self.open(block.choice, out);
                let echo = Arc::clone(&self.echo);
                let choice = self.choice(block.choice)?;
                let mut opener = None;
                let redacted = match &block.kind {
                    BlockKind::RedactedReasoning(data) => Some(data.clone()),
                    _ => None,
                };
                if redacted.is_some() || block.kind == BlockKind::Reasoning {
                    choice.thoughts.push((block.index, Reasoning { redacted, ..Reasoning::default() }));
                }
                let flow = match &block.kind {
                    BlockKind::Text => Flow::Text,
                    BlockKind::Reasoning => Flow::Reasoning,
                    BlockKind::Refusal => Flow::Refusal,
                    BlockKind::ToolCall(start) => {
                        let number = choice.calls;
                        choice.calls += 1;
                        let words @ (kind, said) = calls::call_members(&echo, &start.name);
                        opener = Some(format!(
                            "{{\"tool_calls\":[{{\"index\":{number},\"id\":{},\"type\":\"{kind}\",\"{kind}\":{{\"name\":{},\"{said}\":\"\"}}{}}}]}}",
                            quote(&start.id),
                            quote(&start.name),
                            start
                                .signature
                                .as_deref()
                                .map(|it| signed(it, start.origin.as_deref()))
                                .unwrap_or_default()
                        ));
                        Flow::Call(number, words)
                    }
                    BlockKind::RedactedReasoning(_) | BlockKind::Media(_) | BlockKind::Other(_) => {
                        Flow::Hidden
                    }
                };
                choice.blocks.push((block.index, flow));
                if let Some(delta) = opener {
                    self.chunk(block.choice, &delta, None, out);
                }
            }
            Event::Delta(delta) => {
                let choice = self.choice(delta.choice)?;
                let flow = choice
                    .blocks
                    .iter()
                    .rev()
                    .find(|(index, _)| *index == delta.index)
                    .map(|(_, flow)| *flow);
                let flow =
                    flow.ok_or_else(|| protocol("the answer has a piece of a block that never began"))?;
                if matches!(flow, Flow::Reasoning) {
                    choice.think(delta.index, &delta.text);
                }
                let text = quote(&delta.text);
                let json = match flow {
                    Flow::Text => format!("{{\"content\":{text}}}"),
                    Flow::Reasoning => format!("{{\"reasoning_content\":{text}}}"),
                    Flow::Refusal => format!("{{\"refusal\":{text}}}"),
                    Flow::Call(number, (kind, said)) => {
                        format!(
                            "{{\"tool_calls\":[{{\"index\":{number},\"{kind}\":{{\"{said}\":{text}}}}}]}}"
                        )
                    }
                    Flow::Hidden => return Ok(()),
                };
                self.chunk(delta.choice, &json, None, out);
            }
            Event::Annotation(annotation) => {
                if crate::json::check(&annotation.value).is_err() {
                    return Err(protocol("an annotation of the answer is not JSON"));
                }
                let mut object = Node::root(&annotation.value).object().ok();
                let logprobs = object.as_mut().and_then(|object| object.optional("logprobs").ok().flatten());
                self.open(annotation.choice, out);
                self.choice(annotation.choice)?;
                if let Some(node) = logprobs {
                    self.write(annotation.choice, "{}", Some(node.text()), None, out);
                    return Ok(());
                }
                // Those of another wire are places in documents, of which this one has none.
                let list = object.as_mut().and_then(|object| object.optional("annotations").ok().flatten());
                if let Some(list) = list {
                    let delta = format!("{{\"annotations\":{}}}", list.text());
                    self.chunk(annotation.choice, &delta, None, out);
                }
            }
            Event::Usage(said) => self.usage = Some(said.clone()),
            Event::Finish(finish) => {
                self.open(finish.choice, out);
                self.choice(finish.choice)?.finished = true;
                self.chunk(finish.choice, "{}", Some(finish_word(&finish.reason)), out);
            }
            Event::BlockEnd(end) => {
                let number = self.choice(end.choice).ok().and_then(|choice| choice.call(end.index));
                if let (Some(number), Some(signature)) = (number, &end.signature) {
                    let origin = end.origin();
                    let piece = format!(
                        "{{\"tool_calls\":[{{\"index\":{number}{}}}]}}",
                        signed(signature, origin.as_deref())
                    );
                    self.chunk(end.choice, &piece, None, out);
                }
                let details = self.choice(end.choice).ok().and_then(|choice| choice.thought(end));
                if let Some(details) = details {
                    self.chunk(end.choice, &format!("{{\"{}\":[{details}]}}", reasoning::MEMBER), None, out);
                }
            }
            Event::Other(_) => {}
        }
        Ok(())
    }

    /// Appends the usage chunk, when asked for, and the end.
    fn finish(&mut self, out: &mut String) -> Result<(), Fault> {
        let unfinished = self.choices.iter().any(|choice| choice.touched && !choice.finished);
        if unfinished || !self.choices.iter().any(|choice| choice.finished) {
            return Err(protocol("the answer ended without a finish reason"));
        }
        if self.include_usage {
            let counted = self.usage.clone().unwrap_or_default();
            let json = usage::json(&counted);
            self.frame(&[",\"choices\":[],\"usage\":", &json], out);
        }
        out.push_str(DONE_FRAME);
        Ok(())
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }
}

impl OpenAiChatWriter {
    /// A choice's first chunk names its role.
    fn open(&mut self, number: u32, out: &mut String) {
        if self.choices.iter().any(|choice| choice.number == number) {
            return;
        }
        self.choices.push(Choice::new(number));
        self.chunk(number, "{\"role\":\"assistant\",\"content\":\"\"}", None, out);
    }

    fn choice(&mut self, number: u32) -> Result<&mut Choice, Fault> {
        let choice = self.choices.iter_mut().find(|choice| choice.number == number);
        let choice = choice.ok_or_else(|| protocol("the answer has a piece of a choice that never began"))?;
        choice.touched = true;
        Ok(choice)
    }

    fn chunk(&self, number: u32, delta: &str, finish: Option<&str>, out: &mut String) {
        self.write(number, delta, None, finish, out);
    }

    fn write(
        &self,
        number: u32,
        delta: &str,
        logprobs: Option<&str>,
        finish: Option<&str>,
        out: &mut String,
    ) {
        let mut choice = Members::new();
        choice.plain("index", number).raw("delta", delta).raw("logprobs", logprobs.unwrap_or("null"));
        match finish {
            Some(word) => choice.string("finish_reason", word),
            None => choice.raw("finish_reason", "null"),
        };
        let usage = if self.include_usage { ",\"usage\":null" } else { "" };
        self.frame(&[",\"choices\":[", &choice.finish(), "]", usage], out);
    }

    /// One frame. JSON that came from elsewhere may be spread over lines, which would end the frame's data.
    fn frame(&self, pieces: &[&str], out: &mut String) {
        out.push_str("data: {");
        out.push_str(&self.head);
        for piece in pieces {
            if piece.contains(['\n', '\r']) {
                out.push_str(&piece.replace(['\n', '\r'], " "));
            } else {
                out.push_str(piece);
            }
        }
        out.push_str("}\n\n");
    }
}

/// The member that a signature is, behind others.
fn signed(signature: &str, origin: Option<&str>) -> String {
    format!(",\"{}\":{}", signature::MEMBER, signature::json(signature, origin))
}
