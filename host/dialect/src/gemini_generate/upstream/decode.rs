//! What an upstream of this wire answers, as canonical events. Each frame of a stream is an answer by itself that says what is
//! new; only a reason makes a candidate whole. Members are those of <https://ai.google.dev/api/generate-content>, read on
//! 2026-11-30.

mod citations;
mod reasons;
#[cfg(test)]
mod tests;
mod usage;

use crate::blocks::BlockBuilder;
use crate::canon::{Annotation, Event, Fault, Reasoning, Start, ToolCall, Usage};
use crate::decoder::{FrameDecoder, ReadFrame, payload, read_whole};
use crate::fault::protocol;
use crate::gemini_generate::{OF_TEXT, origin};
use crate::json::{Members, Node, Object, quote};
use citations::Citations;

/// Decodes one answer, frame by frame.
pub type GeminiGenerateDecoder = FrameDecoder<AnswerChunks>;

/// Reads the frames of an answer.
#[derive(Debug)]
pub struct AnswerChunks {
    /// Part of the ids of calls, which older models leave out.
    call_seed: String,
    /// Who signs what is signed in it.
    origin: String,
    started: bool,
    blocks: BlockBuilder,
    citations: Citations,
    /// The newest counts: each frame repeats them.
    usage: Option<Usage>,
    /// Candidates that have ended.
    ended: Vec<u32>,
}

impl GeminiGenerateDecoder {
    /// `call_seed` helps to make ids of calls unique; the request's id does. The answer's own id is the other part: a client may
    /// send the same request id twice.
    pub fn new(call_seed: &str) -> Self {
        Self::of(AnswerChunks::new(call_seed))
    }
}

impl ReadFrame for AnswerChunks {
    const END: &'static str = "a finish reason";

    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut object = payload(data)?;
        let candidates = object.optional("candidates").ok().flatten().and_then(|node| node.array().ok());
        let candidates = candidates.unwrap_or_default();
        let counted = object.optional("usageMetadata").ok().flatten().and_then(|node| usage::read(&node));
        if candidates.is_empty() {
            if let Some(fault) = reasons::blocked(&mut object) {
                return Err(fault);
            }
            if counted.is_none() {
                return Err(protocol("the upstream's answer has no candidates"));
            }
        }
        self.start(&mut object, events);
        for node in candidates {
            let candidate = node.object();
            let candidate =
                candidate.map_err(|_| protocol("a candidate of the upstream's answer is not an object"))?;
            self.candidate(candidate, events)?;
        }
        // What counts the prompt alone says nothing of what has been answered so far.
        let counted = counted.filter(|usage| usage.output > 0 || self.blocks.finished());
        if counted.is_some() && counted != self.usage {
            self.usage.clone_from(&counted);
            events.extend(counted.map(Event::Usage));
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.blocks.finished()
    }
}

/// Decodes a whole answer. `call_seed` as for [`GeminiGenerateDecoder::new`].
pub fn decode_unary(body: &str, call_seed: &str) -> Result<Vec<Event>, Fault> {
    read_whole(AnswerChunks::new(call_seed), body)
}

impl AnswerChunks {
    fn new(call_seed: &str) -> Self {
        Self {
            call_seed: call_seed.chars().filter(char::is_ascii_alphanumeric).take(32).collect(),
            origin: origin("gemini"),
            started: false,
            blocks: BlockBuilder::default(),
            citations: Citations::default(),
            usage: None,
            ended: Vec::new(),
        }
    }

    fn start(&mut self, object: &mut Object<'_>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let mut text = |name: &str| object.string(name).ok().flatten().filter(|text| !text.is_empty());
        let (id, model) = (text("responseId"), text("modelVersion"));
        if let Some(model) = &model {
            self.origin = origin(model);
        }
        self.call_seed
            .extend(id.iter().flat_map(|id| id.chars()).filter(char::is_ascii_alphanumeric).take(24));
        events.push(Event::Start(Start { id, model, extra: None }));
    }

    fn candidate(&mut self, mut candidate: Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let index = candidate.optional("index").ok().flatten().and_then(|node| node.unsigned().ok());
        let index = index.unwrap_or(0);
        if self.ended.contains(&index) {
            return Ok(());
        }
        self.blocks.touch(index);
        let wrong = |_| protocol("the content of the upstream's answer is malformed");
        let mut parts = Vec::new();
        if let Some(content) = candidate.optional("content").map_err(wrong)? {
            parts = content.object().map_err(wrong)?.array("parts").map_err(wrong)?;
        }
        // The signature of a text ends its block, and what the text rests on belongs into it.
        let mut signature = None;
        for part in parts {
            self.sign_text(index, signature.take(), events);
            signature = self.part(index, part.object().map_err(wrong)?, events)?;
        }
        for value in self.citations.read(index, &mut candidate) {
            let block = self.blocks.current(index);
            events.push(Event::Annotation(Annotation { choice: index, index: block, value }));
        }
        self.sign_text(index, signature, events);
        let mut text = |name: &str| candidate.string(name).ok().flatten();
        let (word, message) = (text("finishReason"), text("finishMessage"));
        if let Some(reason) = reasons::read(&word.unwrap_or_default(), message.as_deref())? {
            self.ended.push(index);
            self.blocks.finish(index, reason, events)?;
        }
        Ok(())
    }

    /// Reads a part; gives the signature of a text.
    fn part(
        &mut self,
        choice: u32,
        mut part: Object<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Option<String>, Fault> {
        let wrong = |_| protocol("a part of the upstream's answer is malformed");
        let signature = part.string("thoughtSignature").map_err(wrong)?.filter(|text| !text.is_empty());
        let thought = part.optional("thought").ok().flatten().is_some_and(|node| node.boolean() == Ok(true));
        if let Some(call) = part.optional("functionCall").map_err(wrong)? {
            let call = self.call(call.object().map_err(wrong)?, signature)?;
            self.blocks.whole_call(choice, call, &self.call_seed, events);
            return Ok(None);
        }
        let text = part.string("text").map_err(wrong)?;
        if let Some(data) = part.optional("inlineData").ok().flatten() {
            events.extend(picture(choice, &data));
        } else if text.is_none() && signature.is_none() && !part.is_empty() {
            // What tools of the vendor's own did.
            let rest = part.rest().unwrap_or_default();
            events.push(Event::Other(format!("{{\"choice\":{choice},\"part\":{rest}}}")));
            return Ok(None);
        }
        let text = text.unwrap_or_default();
        if thought {
            if !text.is_empty() {
                self.blocks.reasoning(choice, text, events);
            }
            if signature.is_some() {
                let origin = Some(self.origin.clone());
                let signed = Reasoning { signature, origin, ..Reasoning::default() };
                self.blocks.signed(choice, signed, events);
            }
            return Ok(None);
        }
        if text.is_empty() {
            self.hide(choice, signature, events);
            return Ok(None);
        }
        self.citations.said(choice, &text);
        self.blocks.text(choice, text, events);
        Ok(signature)
    }

    /// Texts have no place for a signature: it travels as a thought that nobody may read.
    fn sign_text(&mut self, choice: u32, signature: Option<String>, events: &mut Vec<Event>) {
        self.hide(choice, signature.map(|signature| format!("{OF_TEXT}{signature}")), events);
    }

    fn hide(&mut self, choice: u32, redacted: Option<String>, events: &mut Vec<Event>) {
        if redacted.is_some() {
            let origin = Some(self.origin.clone());
            self.blocks.signed(choice, Reasoning { redacted, origin, ..Reasoning::default() }, events);
        }
    }

    /// A call comes whole, in one part.
    fn call(&self, mut call: Object<'_>, signature: Option<String>) -> Result<ToolCall, Fault> {
        let wrong = |_| protocol("a function call of the upstream's answer is malformed");
        let id = call.string("id").map_err(wrong)?.unwrap_or_default();
        let name = call.string("name").map_err(wrong)?.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| protocol("a function call of the upstream's answer has no name"))?;
        let arguments = call.optional("args").map_err(wrong)?;
        let arguments = arguments.map_or_else(|| "{}".to_owned(), |node| node.text().to_owned());
        let origin = signature.is_some().then(|| self.origin.clone());
        Ok(ToolCall { id, name, arguments, signature, origin, ..ToolCall::default() })
    }
}

/// A picture that the model drew, as chat completions tell it.
fn picture(choice: u32, data: &Node<'_>) -> Option<Event> {
    let mut data = data.object().ok()?;
    let (kind, data) = (data.string("mimeType").ok()??, data.string("data").ok()??);
    let url = quote(&format!("data:{kind};base64,{data}"));
    let mut other = Members::new();
    let image = format!("[{{\"type\":\"image_url\",\"image_url\":{{\"url\":{url}}}}}]");
    other.plain("choice", choice).raw("images", &image);
    Some(Event::Other(other.finish()))
}
