//! The conversation as this wire wants it: instructions apart, then contents of user and model in alternation, results of tools
//! at the head of the user's, signatures on the parts that they came on.

use super::GeminiGenerateOptions;
use super::media::MediaWriter;
use crate::canon::{
    ChatRequest, Content, Fault, Message, Part, Reasoning, ResultPart, Role, ToolCall, ToolResult,
};
use crate::fault::invalid;
use crate::gemini_generate::{OF_TEXT, origin};
use crate::json::{Members, Node, array, member};
use crate::translation::{Losses, arguments_object};

/// What the vendor has in place of a signature for calls that its models did not make, as those of another vendor's earlier
/// in the conversation (<https://ai.google.dev/gemini-api/docs/thought-signatures>, FAQ, read on 2026-11-30).
const UNSIGNED: &str = "skip_thought_signature_validator";

/// Whose signature a call bears when it came through the vendor's own chat completions.
const VENDOR: &str = "google";

/// What the conversation has become, as JSON text.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) system: Vec<String>,
    pub(super) contents: Vec<String>,
}

#[derive(Debug)]
struct Turn {
    user: bool,
    /// Results, which come first.
    results: Vec<String>,
    pieces: Vec<Piece>,
}

/// A part, and what may be signed later.
#[derive(Debug)]
enum Piece {
    Text(String, Option<String>),
    Call(String, Option<String>),
    Json(String),
}

impl Contents {
    pub(super) fn of(
        request: &ChatRequest,
        options: &GeminiGenerateOptions,
        losses: &mut Losses,
    ) -> Result<Self, Fault> {
        let origin = origin(&request.model);
        let (system, turns, called) = (Vec::new(), Vec::new(), Vec::new());
        let mut reader = TurnsReader { losses, options, origin, system, turns, called, of_text: None };
        for message in &request.messages {
            reader.message(message)?;
        }
        let TurnsReader { losses, system, mut turns, .. } = reader;
        match turns.first().map(|turn| turn.user) {
            None => return Err(invalid("`messages` holds nothing but instructions and empty texts")),
            // The wire begins with the user; the model's greeting is kept behind a turn that says nothing.
            Some(false) => turns.insert(0, Turn::saying("…")),
            Some(true) => {}
        }
        if turns.last().is_some_and(|turn| !turn.user) {
            losses.name("messages.prefill");
            let words = "Go on exactly where your last message ends, without repeating any of it.";
            turns.push(Turn::saying(words));
        }
        if options.signatures {
            turns.iter_mut().for_each(Turn::stand_in);
        }
        Ok(Self { system, contents: turns.iter().map(Turn::json).collect() })
    }
}

struct TurnsReader<'l, 'r> {
    losses: &'l mut Losses,
    options: &'l GeminiGenerateOptions,
    origin: String,
    system: Vec<String>,
    turns: Vec<Turn>,
    /// Every call so far: its id and its tool.
    called: Vec<(&'r str, String)>,
    /// The signature of a text that has not come yet: some clients keep thoughts apart from texts.
    of_text: Option<String>,
}

impl<'r> TurnsReader<'_, 'r> {
    fn message(&mut self, message: &'r Message) -> Result<(), Fault> {
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
        if let Some(signature) = self.of_text.take() {
            self.turn(false).pieces.push(Piece::Text(String::new(), Some(signature)));
        }
        Ok(())
    }

    fn instruction(&mut self, part: &Part) -> Result<(), Fault> {
        self.marks(part)?;
        let Content::Text(text) = &part.content else { return self.losses.cannot("messages.content.other") };
        if text.is_empty() {
            return Ok(());
        }
        if !self.turns.is_empty() {
            self.losses.cannot("messages.system_position")?;
        }
        self.system.push(text_part(text, None));
        Ok(())
    }

    fn said(&mut self, user: bool, part: &'r Part) -> Result<(), Fault> {
        self.marks(part)?;
        let piece = match &part.content {
            Content::Text(text) | Content::Refusal(text) if text.is_empty() => return Ok(()),
            Content::Text(text) | Content::Refusal(text) => {
                let signature = if user { None } else { self.of_text.take() };
                Piece::Text(text.clone(), signature)
            }
            Content::Image(media) => Piece::Json(self.media().image(media)?),
            Content::Audio(media) => Piece::Json(self.media().sound(media)?),
            Content::File(media) => Piece::Json(self.media().file(media)?),
            Content::ToolCall(call) => self.call(call)?,
            Content::ToolResult(result) => {
                let parts = self.result(result)?;
                self.turn(user).results.extend(parts);
                return Ok(());
            }
            Content::Reasoning(thought) => match self.thought(thought)? {
                Some(json) => Piece::Json(json),
                None => return Ok(()),
            },
            Content::Other(_) => return self.losses.cannot("messages.content.other"),
        };
        self.turn(user).pieces.push(piece);
        Ok(())
    }

    /// The turn that this side is speaking in.
    fn turn(&mut self, user: bool) -> &mut Turn {
        if self.turns.last().is_none_or(|turn| turn.user != user) {
            self.turns.push(Turn { user, results: Vec::new(), pieces: Vec::new() });
        }
        let last = self.turns.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is a last turn: it was there or just pushed")]
        &mut self.turns[last]
    }

    const fn media(&mut self) -> MediaWriter<'_> {
        MediaWriter { losses: self.losses }
    }

    /// What a part carries beyond its content.
    fn marks(&mut self, part: &Part) -> Result<(), Fault> {
        if part.cache.is_some() {
            self.losses.cannot("cache_control")?;
        }
        self.leftovers("messages.content", part.extra.as_deref())
    }

    fn call(&mut self, call: &'r ToolCall) -> Result<Piece, Fault> {
        if member(call.extra.as_deref(), "type").as_deref() == Some("\"custom\"") {
            self.losses.cannot("messages.tool_calls.custom")?;
        }
        self.leftovers("messages.tool_calls", call.extra.as_deref())?;
        let name = self.losses.qualified(call.namespace.as_deref(), &call.name);
        let mut inner = Members::new();
        inner.string("id", &call.id).string("name", &name).raw("args", &arguments_object(&call.arguments));
        self.called.push((&call.id, name));
        let foreign = call.origin.as_deref().is_some_and(|it| it != VENDOR && it != self.origin);
        if foreign && call.signature.is_some() {
            self.losses.name("messages.tool_calls.extra_content");
        }
        Ok(Piece::Call(inner.finish(), call.signature.clone().filter(|_| !foreign)))
    }

    /// A result, and behind it what it cannot hold.
    fn result(&mut self, result: &ToolResult) -> Result<Vec<String>, Fault> {
        self.leftovers("messages", result.extra.as_deref())?;
        let (mut texts, mut inside, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        for part in &result.content {
            match part {
                ResultPart::Text(text) => texts.push(text.clone()),
                ResultPart::Media(media) => {
                    let json = self.media().in_result(media)?;
                    let held = self.options.media_in_results && json.starts_with("{\"inlineData\"");
                    if held { inside.push(json) } else { beside.push(json) }
                }
                ResultPart::Other(json) => match member(Some(json), "text") {
                    Some(text) => texts.extend(Node::root(&text).string().ok().map(Into::into)),
                    None => self.losses.cannot("messages.content.other")?,
                },
            }
        }
        // The newest call with this id: some clients count from one in every turn.
        let name = self.called.iter().rev().find(|(id, _)| *id == result.call_id);
        let name = name.map_or(result.call_id.as_str(), |(_, name)| name.as_str());
        let (mut answer, mut inner) = (Members::new(), Members::new());
        answer.string(if result.is_error { "error" } else { "output" }, &texts.join("\n"));
        inner.string("id", &result.call_id).string("name", name).raw("response", &answer.finish());
        if !inside.is_empty() {
            inner.raw("parts", &array(&inside));
        }
        beside.insert(0, format!("{{\"functionResponse\":{}}}", inner.finish()));
        Ok(beside)
    }

    /// A thought goes back to who signed it and to nobody else; the signature of a text goes back onto the text.
    fn thought(&mut self, thought: &Reasoning) -> Result<Option<String>, Fault> {
        let own = thought.origin.as_deref() == Some(self.origin.as_str());
        match (&thought.redacted, &thought.signature) {
            (Some(data), _) if own => {
                let Some(signature) = data.strip_prefix(OF_TEXT) else {
                    return Ok(Some(text_part("", Some(data))));
                };
                match self.turn(false).pieces.last_mut() {
                    Some(Piece::Text(_, unsigned @ None)) => *unsigned = Some(signature.to_owned()),
                    _ => self.of_text = Some(signature.to_owned()),
                }
                Ok(None)
            }
            (None, Some(signature)) if own => {
                let mut out = Members::new();
                out.string("text", &thought.text).plain("thought", true);
                out.string("thoughtSignature", signature);
                Ok(Some(out.finish()))
            }
            (None, None) => self.losses.cannot("messages.reasoning_content").map(|()| None),
            _ => self.losses.cannot("messages.reasoning_details").map(|()| None),
        }
    }

    fn leftovers(&mut self, place: &str, extra: Option<&str>) -> Result<(), Fault> {
        self.losses.leftovers(place, extra, &["role", "type", "filename", "custom"])
    }
}

impl Turn {
    fn saying(text: &str) -> Self {
        Self { user: true, results: Vec::new(), pieces: vec![Piece::Text(text.to_owned(), None)] }
    }

    /// Of calls side by side the vendor signs the first. Every turn of the conversation gets what stands in for a signature, not
    /// the newest alone, although the vendor looks at no other: what was sent once stays as it was, and so does what is cached.
    fn stand_in(&mut self) {
        let mut calls = self.pieces.iter_mut();
        let first = calls
            .find_map(|piece| if let Piece::Call(_, signature) = piece { Some(signature) } else { None });
        if let Some(signature) = first {
            signature.get_or_insert_with(|| UNSIGNED.to_owned());
        }
    }

    fn json(&self) -> String {
        let parts = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text, signature) => text_part(text, signature.as_deref()),
            Piece::Call(call, signature) => {
                let mut out = Members::new();
                out.raw("functionCall", call).maybe_string("thoughtSignature", signature.as_deref());
                out.finish()
            }
            Piece::Json(json) => json.clone(),
        });
        let parts: Vec<String> = self.results.iter().cloned().chain(parts).collect();
        let role = if self.user { "user" } else { "model" };
        format!(r#"{{"role":"{role}","parts":{}}}"#, array(&parts))
    }
}

fn text_part(text: &str, signature: Option<&str>) -> String {
    let mut out = Members::new();
    out.string("text", text).maybe_string("thoughtSignature", signature);
    out.finish()
}
