//! The conversation as this wire wants it: instructions apart, then turns of user and assistant in alternation, tool results
//! at the head of the user's turn, nothing blank.

use super::media::DocumentNames;
use super::{BedrockConverseOptions, CachePoints};
use crate::bedrock_converse::{origin, plain_name};
use crate::canon::{
    ChatRequest, Content, Fault, Message, Part, Reasoning, ResultPart, Role, ToolCall, ToolResult,
};
use crate::fault::invalid;
use crate::json::{Members, Node, member, quote};
use crate::media::is_document;
use crate::translation::{Losses, arguments_object};

/// What stands where this wire wants something and nobody said anything.
const NOTHING: &str = "…";

/// What the conversation has become, as JSON text.
#[derive(Debug)]
pub(super) struct ConverseMessages {
    pub(super) system: Vec<String>,
    pub(super) turns: Vec<String>,
    /// Tools that were called in it, by the names that go out.
    pub(super) called: Vec<String>,
    /// The newest turn answers calls that were made without a signed thought before them.
    pub(super) thoughtless_loop: bool,
    /// The last turn is the assistant's, and the model is to go on from it.
    pub(super) prefilled: bool,
}

#[derive(Debug)]
struct Turn {
    user: bool,
    /// Results, which come first.
    results: Vec<Block>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    kind: BlockSort,
    /// Its JSON; of a text the text itself.
    text: String,
    /// Its mark for the cache.
    cache: Option<String>,
}

/// What matters of a block to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockSort {
    Text,
    Thought,
    Call,
    /// A document whose mark for the cache must stand before it: strands-agents/harness-sdk#1966.
    PlainDocument,
    Pdf,
    Other,
}

impl ConverseMessages {
    pub(super) fn of(
        request: &ChatRequest,
        options: &BedrockConverseOptions,
        losses: &mut Losses,
    ) -> Result<Self, Fault> {
        let mut reader = ConverseReader {
            losses,
            options,
            origin: origin(&request.model),
            names: DocumentNames::default(),
            system: Vec::new(),
            turns: Vec::new(),
            called: Vec::new(),
        };
        for message in &request.messages {
            reader.message(message)?;
        }
        let ConverseReader { losses, system, mut turns, called, .. } = reader;
        if end_on_what_is_said(&mut turns) {
            losses.name("messages.reasoning_details");
        }
        if turns.is_empty() {
            return Err(invalid("`messages` holds nothing but instructions and blank texts"));
        }
        if turns.first().is_some_and(|turn| !turn.user) {
            // The wire begins with the user; the assistant's greeting is kept behind a turn that says nothing.
            turns.insert(0, Turn { blocks: vec![Block::text(NOTHING)], ..Turn::new(true) });
        }
        for turn in turns.iter_mut().filter(|turn| turn.shows_without_a_word()) {
            turn.blocks.push(Block::text(NOTHING));
        }
        trim_end(&mut turns);
        Ok(Self {
            system,
            called,
            thoughtless_loop: thoughtless(&turns),
            prefilled: turns.last().is_some_and(|turn| !turn.user),
            turns: turns.iter().map(|turn| turn.json(losses)).collect(),
        })
    }

    /// Asks in words for what a turn of the assistant's at the end would ask by itself.
    pub(super) fn go_on(&mut self) {
        let text = "Go on exactly where your last message ends, without repeating any of it.";
        self.turns.push(format!(r#"{{"role":"user","content":[{{"text":{}}}]}}"#, quote(text)));
    }
}

/// A turn of the assistant's must not end in a thought, and one that is nothing else is none: turns beside it are one then.
/// Says whether anything went.
fn end_on_what_is_said(turns: &mut Vec<Turn>) -> bool {
    let mut dropped = false;
    for turn in turns.iter_mut() {
        let said = turn.blocks.iter().rposition(|block| block.kind != BlockSort::Thought);
        let length = said.map_or(0, |at| at + 1);
        dropped |= length < turn.blocks.len();
        turn.blocks.truncate(length);
    }
    turns.retain(|turn| !turn.blocks.is_empty() || !turn.results.is_empty());
    let mut joined: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns.drain(..) {
        match joined.last_mut().filter(|last| last.user == turn.user) {
            Some(last) => {
                last.results.extend(turn.results);
                last.blocks.extend(turn.blocks);
            }
            None => joined.push(turn),
        }
    }
    *turns = joined;
    dropped
}

/// An answer that the model is to continue must not end in space.
fn trim_end(turns: &mut [Turn]) {
    let last = turns.last_mut().filter(|turn| !turn.user).and_then(|turn| turn.blocks.last_mut());
    if let Some(Block { kind: BlockSort::Text, text, .. }) = last {
        text.truncate(text.trim_end().len());
    }
}

fn thoughtless(turns: &[Turn]) -> bool {
    let [.., calling, answering] = turns else { return false };
    !answering.results.is_empty()
        && calling.blocks.iter().any(|block| block.kind == BlockSort::Call)
        && calling.blocks.first().is_none_or(|block| block.kind != BlockSort::Thought)
}

pub(super) struct ConverseReader<'l> {
    pub(super) losses: &'l mut Losses,
    pub(super) options: &'l BedrockConverseOptions,
    pub(super) names: DocumentNames,
    origin: String,
    system: Vec<String>,
    turns: Vec<Turn>,
    called: Vec<String>,
}

impl ConverseReader<'_> {
    fn message(&mut self, message: &Message) -> Result<(), Fault> {
        let extra = message.extra.as_deref();
        if member(extra, "role").is_some() {
            return self.losses.cannot("messages.role.function");
        }
        if message.name.is_some() && message.role != Role::Tool {
            self.losses.cannot("messages.name")?;
        }
        self.leftovers("messages", extra)?;
        for part in &message.parts {
            match message.role {
                Role::System | Role::Developer => self.instruction(part)?,
                Role::User | Role::Tool => self.said(true, part)?,
                Role::Assistant => self.said(false, part)?,
            }
        }
        Ok(())
    }

    fn instruction(&mut self, part: &Part) -> Result<(), Fault> {
        let Content::Text(text) = &part.content else { return self.losses.cannot("messages.content.other") };
        if text.trim().is_empty() {
            return Ok(());
        }
        if !self.turns.is_empty() {
            self.losses.cannot("messages.system_position")?;
        }
        self.leftovers("messages.content", part.extra.as_deref())?;
        self.system.push(format!(r#"{{"text":{}}}"#, quote(text)));
        if let Some(ttl) = self.cache(part) {
            self.system.push(cache_point(&ttl));
        }
        Ok(())
    }

    /// A part's mark for the cache, where the model takes one.
    fn cache(&mut self, part: &Part) -> Option<String> {
        let takes = self.options.cache_points != CachePoints::Nowhere;
        if part.cache.is_some() && !takes {
            self.losses.name("cache_control");
        }
        part.cache.clone().filter(|_| takes)
    }

    fn said(&mut self, user: bool, part: &Part) -> Result<(), Fault> {
        self.leftovers("messages.content", part.extra.as_deref())?;
        let (kind, text) = match &part.content {
            Content::Text(text) | Content::Refusal(text) if text.trim().is_empty() => return Ok(()),
            Content::Text(text) | Content::Refusal(text) => (BlockSort::Text, text.clone()),
            Content::Image(media) => (BlockSort::Other, self.image(media)?),
            Content::File(media) => {
                let document = self.document(media)?;
                (if document.is_pdf { BlockSort::Pdf } else { BlockSort::PlainDocument }, document.json)
            }
            Content::Audio(_) => return self.losses.cannot("messages.content.input_audio"),
            Content::ToolCall(call) => (BlockSort::Call, self.tool_use(call)?),
            Content::ToolResult(result) => {
                let (text, cache) = (self.tool_result(result)?, self.cache(part));
                self.turn(user).results.push(Block { kind: BlockSort::Other, text, cache });
                return Ok(());
            }
            Content::Reasoning(thought) => match self.thought(thought) {
                Some(json) => (BlockSort::Thought, json),
                None if thought.signature.is_some() || thought.redacted.is_some() => {
                    return self.losses.cannot("messages.reasoning_details");
                }
                None => return self.losses.cannot("messages.reasoning_content"),
            },
            Content::Other(_) => return self.losses.cannot("messages.content.other"),
        };
        let cache = self.cache(part);
        self.turn(user).blocks.push(Block { kind, text, cache });
        Ok(())
    }

    /// The turn that this side is speaking in.
    fn turn(&mut self, user: bool) -> &mut Turn {
        if self.turns.last().is_none_or(|turn| turn.user != user) {
            self.turns.push(Turn::new(user));
        }
        let last = self.turns.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is a last turn: it was there or just pushed")]
        &mut self.turns[last]
    }

    fn tool_use(&mut self, call: &ToolCall) -> Result<String, Fault> {
        if member(call.extra.as_deref(), "type").as_deref() == Some("\"custom\"") {
            self.losses.cannot("messages.tool_calls.custom")?;
        }
        self.leftovers("messages.tool_calls", call.extra.as_deref())?;
        if call.signature.is_some() {
            self.losses.cannot("messages.tool_calls.extra_content")?;
        }
        let name = plain_name(&self.losses.qualified(call.namespace.as_deref(), &call.name));
        let mut out = Members::new();
        out.string("toolUseId", &plain_name(&call.id)).string("name", &name);
        out.raw("input", &arguments_object(&call.arguments));
        if !self.called.contains(&name) {
            self.called.push(name);
        }
        Ok(format!(r#"{{"toolUse":{}}}"#, out.finish()))
    }

    fn tool_result(&mut self, result: &ToolResult) -> Result<String, Fault> {
        self.leftovers("messages", result.extra.as_deref())?;
        let mut blocks = Vec::new();
        for part in &result.content {
            match part {
                ResultPart::Text(text) => blocks.extend(text_block(text)),
                ResultPart::Media(media) if is_document(media) => blocks.push(self.document(media)?.json),
                ResultPart::Media(media) => blocks.push(self.image(media)?),
                ResultPart::Other(json) => blocks.extend(self.odd_result(json)?),
            }
        }
        if blocks.is_empty() {
            // A result without content is refused, as is a blank one.
            blocks.extend(text_block(NOTHING));
        }
        let mut out = Members::new();
        out.string("toolUseId", &plain_name(&result.call_id));
        out.raw("content", &format!("[{}]", blocks.join(",")));
        if result.is_error && self.options.result_status {
            out.string("status", "error");
        } else if result.is_error {
            self.losses.name("tool_result_error_mark");
        }
        Ok(format!(r#"{{"toolResult":{}}}"#, out.finish()))
    }

    /// A part of a result that carries more than its content: its text.
    fn odd_result(&mut self, json: &str) -> Result<Option<String>, Fault> {
        let text =
            member(Some(json), "text").and_then(|text| Some(Node::root(&text).string().ok()?.into_owned()));
        let Some(text) = text else {
            self.losses.cannot("messages.content.other")?;
            return Ok(None);
        };
        if member(Some(json), "cache_control").is_some() {
            self.losses.name("cache_control");
        }
        Ok(text_block(&text))
    }

    /// A thought goes back to who signed it and to nobody else.
    fn thought(&self, thought: &Reasoning) -> Option<String> {
        if thought.origin.as_deref() != Some(&self.origin) {
            return None;
        }
        let mut out = Members::new();
        match (&thought.redacted, &thought.signature) {
            (Some(data), _) => out.string("redactedContent", data),
            (None, Some(signature)) => {
                let mut text = Members::new();
                text.string("text", &thought.text).string("signature", signature);
                out.raw("reasoningText", &text.finish())
            }
            (None, None) => return None,
        };
        Some(format!(r#"{{"reasoningContent":{}}}"#, out.finish()))
    }

    pub(super) fn leftovers(&mut self, place: &str, extra: Option<&str>) -> Result<(), Fault> {
        self.losses.leftovers(place, extra, &["role", "type", "filename", "custom"])
    }
}

/// A text as a block, unless it is blank.
fn text_block(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| format!(r#"{{"text":{}}}"#, quote(text)))
}

/// A mark for the cache; five minutes is what one means that says nothing.
pub(super) fn cache_point(ttl: &str) -> String {
    let mut out = Members::new();
    out.string("type", "default").maybe_string("ttl", Some(ttl).filter(|ttl| *ttl != "5m"));
    format!(r#"{{"cachePoint":{}}}"#, out.finish())
}

impl Block {
    fn text(text: &str) -> Self {
        Self { kind: BlockSort::Text, text: text.to_owned(), cache: None }
    }

    fn json(&self) -> String {
        match self.kind {
            BlockSort::Text => format!(r#"{{"text":{}}}"#, quote(&self.text)),
            _ => self.text.clone(),
        }
    }
}

impl Turn {
    const fn new(user: bool) -> Self {
        Self { user, results: Vec::new(), blocks: Vec::new() }
    }

    /// A document wants a text beside it.
    fn shows_without_a_word(&self) -> bool {
        let is = |wanted: &[BlockSort]| self.blocks.iter().any(|block| wanted.contains(&block.kind));
        is(&[BlockSort::Pdf, BlockSort::PlainDocument]) && !is(&[BlockSort::Text])
    }

    fn json(&self, losses: &mut Losses) -> String {
        let role = if self.user { "user" } else { "assistant" };
        let mut content: Vec<String> = Vec::new();
        // Where a mark may stand at the latest, if anywhere.
        let mut mark_at = None;
        for block in self.results.iter().chain(&self.blocks) {
            content.push(block.json());
            match block.kind {
                BlockSort::PlainDocument => {}
                // Refused behind a thought: anomalyco/opencode#36517.
                BlockSort::Thought => mark_at = None,
                BlockSort::Text | BlockSort::Call | BlockSort::Pdf | BlockSort::Other => {
                    mark_at = Some(content.len());
                }
            }
            if let Some(ttl) = &block.cache {
                match mark_at.take() {
                    Some(at) => content.insert(at, cache_point(ttl)),
                    None => losses.name("cache_control"),
                }
            }
        }
        format!(r#"{{"role":"{role}","content":[{}]}}"#, content.join(","))
    }
}
