//! The conversation as this wire wants it: instructions in front, then turns of user and assistant in alternation,
//! tool results at the head of the user's turn, nothing blank.

use super::AnthropicMessagesOptions;
use crate::anthropic_messages::{DIALECT, call_id, origin};
use crate::canon::{
    ChatRequest, Content, Fault, Message, Part, Reasoning, ResultPart, Role, ToolCall, ToolResult,
};
use crate::fault::invalid;
use crate::json::{Members, Node, member, quote};
use crate::media::is_document;
use crate::translation::Losses;

/// What the conversation has become, as JSON text.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) system: Vec<String>,
    pub(super) turns: Vec<String>,
    /// The newest turn answers calls that were made without a signed thought before them.
    pub(super) thoughtless_loop: bool,
    /// The last turn is the assistant's, and the model is to go on from it.
    pub(super) prefilled: bool,
}

#[derive(Debug)]
struct Turn {
    user: bool,
    /// Results, which come first.
    results: Vec<String>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
enum Block {
    /// With its mark for the cache.
    Text(String, Option<String>),
    Thought(String),
    Call(String),
    Json(String),
}

impl Conversation {
    pub(super) fn of(
        request: &ChatRequest,
        options: &AnthropicMessagesOptions,
        losses: &mut Losses,
    ) -> Result<Self, Fault> {
        let (origin, documents) = (origin(&request.model), options.documents);
        let mut reader = TurnsReader { losses, documents, origin, system: Vec::new(), turns: Vec::new() };
        for message in &request.messages {
            reader.message(message)?;
        }
        let TurnsReader { losses, system, mut turns, .. } = reader;
        if end_on_what_is_said(&mut turns) {
            losses.name("messages.reasoning_details");
        }
        if turns.is_empty() {
            return Err(invalid("`messages` holds nothing but instructions and blank texts"));
        }
        if turns.first().is_some_and(|turn| !turn.user) {
            // The wire begins with the user; the assistant's greeting is kept behind a turn that says nothing.
            turns.insert(0, Turn::new(true));
            if let Some(turn) = turns.first_mut() {
                turn.blocks.push(Block::Text("…".to_owned(), None));
            }
        }
        trim_end(&mut turns);
        Ok(Self {
            system,
            thoughtless_loop: thoughtless(&turns),
            prefilled: turns.last().is_some_and(|turn| !turn.user),
            turns: turns.iter().map(Turn::json).collect(),
        })
    }
}

impl Conversation {
    /// Asks in words for what a turn of the assistant's at the end would ask by itself.
    pub(super) fn go_on(&mut self) {
        let text = "Go on exactly where your last message ends, without repeating any of it.";
        let turn = Turn { blocks: vec![Block::Text(text.to_owned(), None)], ..Turn::new(true) };
        self.turns.push(turn.json());
    }
}

/// A turn of the assistant's must not end in a thought, and one that is nothing else is none: turns beside it are one then.
/// Says whether anything went.
fn end_on_what_is_said(turns: &mut Vec<Turn>) -> bool {
    let mut dropped = false;
    for turn in turns.iter_mut() {
        let said = turn.blocks.iter().rposition(|block| !matches!(block, Block::Thought(_)));
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
    if let Some(Block::Text(text, _)) = last {
        text.truncate(text.trim_end().len());
    }
}

fn thoughtless(turns: &[Turn]) -> bool {
    let [.., calling, answering] = turns else { return false };
    !answering.results.is_empty()
        && calling.blocks.iter().any(|block| matches!(block, Block::Call(_)))
        && !matches!(calling.blocks.first(), Some(Block::Thought(_)))
}

pub(super) struct TurnsReader<'l> {
    pub(super) losses: &'l mut Losses,
    /// The model reads them.
    pub(super) documents: bool,
    origin: String,
    system: Vec<String>,
    turns: Vec<Turn>,
}

impl TurnsReader<'_> {
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
        self.system.push(text_block(text, part.cache.as_deref()));
        Ok(())
    }

    fn said(&mut self, user: bool, part: &Part) -> Result<(), Fault> {
        self.leftovers("messages.content", part.extra.as_deref())?;
        let cache = part.cache.as_deref();
        let block = match &part.content {
            Content::Text(text) | Content::Refusal(text) if text.trim().is_empty() => return Ok(()),
            Content::Text(text) | Content::Refusal(text) => match own(part) {
                Some(own) => Block::Json(with(&text_block(text, cache), &own)),
                None => Block::Text(text.clone(), cache.map(str::to_owned)),
            },
            Content::Image(media) => Block::Json(self.image(media, cache)?),
            Content::File(media) => match self.document(media, cache)? {
                Some(json) => Block::Json(own(part).map_or(json.clone(), |own| with(&json, &own))),
                None => return Ok(()),
            },
            Content::Audio(_) => return self.losses.cannot("messages.content.input_audio"),
            Content::ToolCall(call) => Block::Call(self.tool_use(call, cache)?),
            Content::ToolResult(result) => {
                let json = self.tool_result(result, cache)?;
                self.turn(user).results.push(json);
                return Ok(());
            }
            Content::Reasoning(thought) => match self.thought(thought) {
                Some(json) => Block::Thought(json),
                None => return self.losses.cannot("messages.reasoning_content"),
            },
            Content::Other(json) => match member(Some(json), DIALECT) {
                Some(own) => Block::Json(own),
                None => return self.losses.cannot("messages.content.other"),
            },
        };
        self.turn(user).blocks.push(block);
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

    fn tool_use(&mut self, call: &ToolCall, cache: Option<&str>) -> Result<String, Fault> {
        if member(call.extra.as_deref(), "type").as_deref() == Some("\"custom\"") {
            self.losses.cannot("messages.tool_calls.custom")?;
        }
        self.leftovers("messages.tool_calls", call.extra.as_deref())?;
        if call.signature.is_some() {
            self.losses.cannot("messages.tool_calls.extra_content")?;
        }
        let mut out = Members::new();
        out.string("type", "tool_use").string("id", &call_id(&call.id));
        out.string("name", &self.losses.qualified(call.namespace.as_deref(), &call.name));
        out.raw("input", &arguments(&call.arguments));
        cached(cache, &mut out);
        Ok(out.finish())
    }

    fn tool_result(&mut self, result: &ToolResult, cache: Option<&str>) -> Result<String, Fault> {
        self.leftovers("messages", result.extra.as_deref())?;
        let mut blocks = Vec::new();
        for part in &result.content {
            match part {
                ResultPart::Text(text) if text.trim().is_empty() => {}
                ResultPart::Text(text) => blocks.push(text_block(text, None)),
                ResultPart::Media(media) if is_document(media) => blocks.extend(self.document(media, None)?),
                ResultPart::Media(media) => blocks.push(self.image(media, None)?),
                ResultPart::Other(json) => blocks.extend(self.odd_result(json)?),
            }
        }
        let mut out = Members::new();
        out.string("type", "tool_result").string("tool_use_id", &call_id(&result.call_id));
        match result.content.as_slice() {
            [ResultPart::Text(text)] => out.string("content", text),
            _ => out.raw("content", &format!("[{}]", blocks.join(","))),
        };
        if result.is_error {
            out.plain("is_error", true);
        }
        cached(cache, &mut out);
        Ok(out.finish())
    }

    /// A part of a result that carries more than its content: its text, and its mark for the cache.
    fn odd_result(&mut self, json: &str) -> Result<Option<String>, Fault> {
        if let Some(own) = member(Some(json), DIALECT) {
            return Ok(Some(own));
        }
        let text =
            member(Some(json), "text").and_then(|text| Some(Node::root(&text).string().ok()?.into_owned()));
        let Some(text) = text else {
            self.losses.cannot("messages.content.other")?;
            return Ok(None);
        };
        let ttl = member(Some(json), "cache_control").map(|mark| {
            let ttl =
                member(Some(&mark), "ttl").and_then(|ttl| Some(Node::root(&ttl).string().ok()?.into_owned()));
            ttl.unwrap_or_else(|| "5m".to_owned())
        });
        Ok((!text.trim().is_empty()).then(|| text_block(&text, ttl.as_deref())))
    }

    /// A thought goes back to who signed it and to nobody else.
    fn thought(&self, thought: &Reasoning) -> Option<String> {
        if thought.origin.as_deref() != Some(&self.origin) {
            return None;
        }
        let mut out = Members::new();
        match (&thought.redacted, &thought.signature) {
            (Some(data), _) => out.string("type", "redacted_thinking").string("data", data),
            (None, Some(signature)) => out
                .string("type", "thinking")
                .string("thinking", &thought.text)
                .string("signature", signature),
            (None, None) => return None,
        };
        Some(out.finish())
    }

    pub(super) fn leftovers(&mut self, place: &str, extra: Option<&str>) -> Result<(), Fault> {
        let read = ["role", "type", "filename", "custom"];
        let own = if place == "messages.content" { DIALECT } else { "" };
        self.losses.leftovers(place, extra, &[&read[..], &[own]].concat())
    }
}

/// What a client of this wire said of a part beyond the canonical form.
fn own(part: &Part) -> Option<String> {
    member(part.extra.as_deref(), DIALECT)
}

fn with(block: &str, own: &str) -> String {
    let mut out = Members::new();
    out.extra(Some(block), &[]).extra(Some(own), &[]);
    out.finish()
}

impl Turn {
    const fn new(user: bool) -> Self {
        Self { user, results: Vec::new(), blocks: Vec::new() }
    }

    fn json(&self) -> String {
        let role = if self.user { "user" } else { "assistant" };
        let blocks = self.blocks.iter().map(|block| match block {
            Block::Text(text, cache) => text_block(text, cache.as_deref()),
            Block::Thought(json) | Block::Call(json) | Block::Json(json) => json.clone(),
        });
        let content: Vec<String> = self.results.iter().cloned().chain(blocks).collect();
        format!(r#"{{"role":"{role}","content":[{}]}}"#, content.join(","))
    }
}

fn text_block(text: &str, cache: Option<&str>) -> String {
    typed("text", "text", &quote(text), cache)
}

pub(super) fn typed(kind: &str, member: &str, value: &str, cache: Option<&str>) -> String {
    let mut out = Members::new();
    out.string("type", kind).raw(member, value);
    cached(cache, &mut out);
    out.finish()
}

pub(super) fn cached(ttl: Option<&str>, out: &mut Members) {
    match ttl {
        Some("5m") => {
            out.raw("cache_control", r#"{"type":"ephemeral"}"#);
        }
        Some(ttl) => {
            out.raw("cache_control", &format!(r#"{{"type":"ephemeral","ttl":{}}}"#, quote(ttl)));
        }
        None => {}
    }
}

/// Arguments as the object that this wire wants.
fn arguments(text: &str) -> String {
    crate::translation::arguments_object(text)
}
