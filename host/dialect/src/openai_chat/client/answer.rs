//! Canonical events as one `chat.completion` (spec/gateway.md 16.1).

use super::calls;
use crate::canon::{Annotation, BlockEnd, BlockKind, Event, Fault, Json, Reasoning, StopReason, Usage};
use crate::fault::protocol;
use crate::ingress::{AnswerIdentity, RequestEcho};
use crate::json::{Members, Node, quote};
use crate::openai_chat::{finish_word, reasoning, signature, usage};

#[derive(Debug, Default)]
struct Choice {
    number: u32,
    blocks: Vec<Block>,
    logprobs: Vec<Json>,
    annotations: Vec<Json>,
    finish: Option<StopReason>,
}

#[derive(Debug)]
struct Block {
    index: u32,
    kind: BlockKind,
    text: String,
    end: Option<BlockEnd>,
}

/// Writes the completion. Fails when a choice never finished: that is no answer but a piece of one.
pub(super) fn completion(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
    let mut choices: Vec<Choice> = Vec::new();
    let mut counted: Option<&Usage> = None;
    let mut start = None;
    for event in events {
        match event {
            Event::Start(said) => start = said.extra.as_deref(),
            Event::BlockStart(block) => {
                let text = String::new();
                choice(&mut choices, block.choice).blocks.push(Block {
                    index: block.index,
                    kind: block.kind.clone(),
                    text,
                    end: None,
                });
            }
            Event::Delta(delta) => {
                let choice = choice(&mut choices, delta.choice);
                let block = choice.blocks.iter_mut().rev().find(|block| block.index == delta.index);
                let block =
                    block.ok_or_else(|| protocol("the answer has a piece of a block that never began"))?;
                block.text.push_str(&delta.text);
            }
            Event::Annotation(annotation) => {
                if crate::json::check(&annotation.value).is_err() {
                    return Err(protocol("an annotation of the answer is not JSON"));
                }
                choice(&mut choices, annotation.choice).annotate(annotation);
            }
            Event::Finish(finish) => choice(&mut choices, finish.choice).finish = Some(finish.reason.clone()),
            Event::Usage(said) => counted = Some(said),
            Event::BlockEnd(end) => {
                let blocks = &mut choice(&mut choices, end.choice).blocks;
                if let Some(block) = blocks.iter_mut().rev().find(|block| block.index == end.index) {
                    block.end = Some(end.clone());
                }
            }
            Event::Other(_) => {}
        }
    }
    if choices.is_empty() {
        return Err(protocol("the answer is empty"));
    }
    choices.sort_by_key(|choice| choice.number);
    let written = choices.iter().map(|choice| choice.json(&identity.echo)).collect::<Option<Vec<_>>>();
    let written = written.ok_or_else(|| protocol("the answer has no finish reason"))?;
    let mut out = Members::new();
    out.string("id", &identity.id)
        .string("object", "chat.completion")
        .plain("created", identity.created)
        .string("model", &identity.model)
        .raw("choices", &format!("[{}]", written.join(",")));
    // Always there: agents count by it, and read an answer without as a broken one.
    out.raw("usage", &usage::json(&counted.cloned().unwrap_or_default()));
    out.extra(start, &["id", "object", "created", "model", "choices", "usage"]);
    Ok(out.finish())
}

fn choice(choices: &mut Vec<Choice>, number: u32) -> &mut Choice {
    let at = choices.iter().position(|choice| choice.number == number).unwrap_or(choices.len());
    if at == choices.len() {
        choices.push(Choice { number, ..Choice::default() });
    }
    #[expect(clippy::indexing_slicing, reason = "`at` was found or just pushed")]
    &mut choices[at]
}

impl Choice {
    fn annotate(&mut self, annotation: &Annotation) {
        let Ok(mut object) = Node::root(&annotation.value).object() else { return };
        if let Some(node) = object.optional("logprobs").ok().flatten() {
            let content = node.object().ok().and_then(|mut inner| inner.optional("content").ok().flatten());
            let items = content.and_then(|node| node.array().ok()).unwrap_or_default();
            self.logprobs.extend(items.iter().map(|item| item.text().to_owned()));
        } else if let Some(node) = object.optional("annotations").ok().flatten() {
            // Those of another wire are places in documents, of which this one has none.
            self.annotations
                .extend(node.array().unwrap_or_default().iter().map(|item| item.text().to_owned()));
        }
    }

    /// `None` without a finish.
    fn json(&self, echo: &RequestEcho) -> Option<Json> {
        let finish = self.finish.as_ref()?;
        let joined = |wanted: fn(&BlockKind) -> bool| {
            let mut texts = self.blocks.iter().filter(|block| wanted(&block.kind)).peekable();
            texts.peek()?;
            Some(texts.map(|block| block.text.as_str()).collect::<String>())
        };
        let calls: Vec<String> = self.blocks.iter().filter_map(|block| block.tool_call(echo)).collect();
        let refusal = joined(|kind| matches!(kind, BlockKind::Refusal));
        let content = joined(|kind| matches!(kind, BlockKind::Text));
        // An answer with nothing in it is an empty text, not no text.
        let content = content.or_else(|| (calls.is_empty() && refusal.is_none()).then(String::new));
        let text = |value: Option<String>| value.map_or_else(|| "null".to_owned(), |text| quote(&text));
        let mut message = Members::new();
        message.string("role", "assistant").raw("content", &text(content)).raw("refusal", &text(refusal));
        if !calls.is_empty() {
            message.raw("tool_calls", &format!("[{}]", calls.join(",")));
        }
        if !self.annotations.is_empty() {
            message.raw("annotations", &format!("[{}]", self.annotations.join(",")));
        }
        message.maybe_string(
            "reasoning_content",
            joined(|kind| matches!(kind, BlockKind::Reasoning)).as_deref(),
        );
        let thoughts: Vec<Reasoning> = self.blocks.iter().filter_map(Block::thought).collect();
        if thoughts.iter().any(reasoning::is_marked) {
            let details = thoughts.iter().enumerate().map(|(index, it)| reasoning::write(index, it));
            let details: Vec<String> = details.collect();
            message.raw(reasoning::MEMBER, &format!("[{}]", details.join(",")));
        }
        let logprobs = if self.logprobs.is_empty() {
            "null".to_owned()
        } else {
            format!("{{\"content\":[{}],\"refusal\":null}}", self.logprobs.join(","))
        };
        let mut out = Members::new();
        out.plain("index", self.number)
            .raw("message", &message.finish())
            .raw("logprobs", &logprobs)
            .string("finish_reason", finish_word(finish));
        Some(out.finish())
    }
}

impl Block {
    fn thought(&self) -> Option<Reasoning> {
        let mut thought = match &self.kind {
            BlockKind::Reasoning => Reasoning { text: self.text.clone(), ..Reasoning::default() },
            BlockKind::RedactedReasoning(data) => {
                Reasoning { redacted: Some(data.clone()), ..Reasoning::default() }
            }
            BlockKind::Text
            | BlockKind::Refusal
            | BlockKind::ToolCall(_)
            | BlockKind::Media(_)
            | BlockKind::Other(_) => return None,
        };
        if let Some(end) = &self.end {
            thought.sign(end);
        }
        Some(thought)
    }

    fn tool_call(&self, echo: &RequestEcho) -> Option<String> {
        let BlockKind::ToolCall(start) = &self.kind else { return None };
        let (kind, said) = calls::call_members(echo, &start.name);
        // What takes nothing gets an object with nothing in it.
        let text = if self.text.is_empty() && kind == "function" { "{}" } else { &self.text };
        let mut inner = Members::new();
        inner.string("name", &start.name).string(said, text);
        let mut out = Members::new();
        out.string("id", &start.id).string("type", kind).raw(kind, &inner.finish());
        let signature = start.signature.as_ref().or_else(|| self.end.as_ref()?.signature.as_ref());
        if let Some(signature) = signature {
            out.raw(signature::MEMBER, &signature::json(signature, start.origin.as_deref()));
        }
        Some(out.finish())
    }
}
