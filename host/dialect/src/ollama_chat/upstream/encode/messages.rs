//! The conversation as this wire wants it: one text per message, pictures beside it, results by the tool's name.

use crate::canon::{
    ChatRequest, Content, Fault, Media, MediaSource, Message, Part, ResultPart, Role, ToolCall, ToolResult,
};
use crate::json::{Members, Node, member, quote};
use crate::media::{base64, is_document};
use crate::translation::{Losses, arguments_object};

/// The messages as JSON text.
pub(super) fn write(request: &ChatRequest, losses: &mut Losses) -> Result<Vec<String>, Fault> {
    let mut writer = Writer { losses, called: Vec::new(), written: Vec::new() };
    for message in &request.messages {
        writer.message(message)?;
    }
    Ok(writer.written)
}

struct Writer<'l, 'r> {
    losses: &'l mut Losses,
    /// Every call so far: its id and its tool.
    called: Vec<(&'r str, String)>,
    written: Vec<String>,
}

/// A message being collected.
#[derive(Default)]
struct Said {
    texts: Vec<String>,
    images: Vec<String>,
    thinking: Option<String>,
    calls: Vec<String>,
}

impl<'r> Writer<'_, 'r> {
    fn message(&mut self, message: &'r Message) -> Result<(), Fault> {
        let extra = message.extra.as_deref();
        if member(extra, "role").is_some() {
            return self.losses.cannot("messages.role.function");
        }
        if message.name.is_some() && message.role != Role::Tool {
            self.losses.cannot("messages.name")?;
        }
        self.leftovers("messages", extra)?;
        let mut said = Said::default();
        let mut answered = false;
        for part in &message.parts {
            if let Content::ToolResult(result) = &part.content {
                answered = true;
                self.marks(part)?;
                self.tool_result(result)?;
            } else {
                self.part(part, &mut said)?;
            }
        }
        if answered && said.is_empty() {
            return Ok(());
        }
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        self.written.push(said.json(role));
        Ok(())
    }

    fn part(&mut self, part: &'r Part, said: &mut Said) -> Result<(), Fault> {
        self.marks(part)?;
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => said.texts.push(text.clone()),
            Content::Image(media) => said.images.extend(self.image(media)?),
            Content::Audio(_) => self.losses.cannot("messages.content.input_audio")?,
            Content::File(media) => self.losses.cannot(file(media))?,
            Content::ToolCall(call) => said.calls.push(self.tool_call(call)?),
            Content::Reasoning(thought) => {
                if thought.redacted.is_some() {
                    self.losses.name("messages.reasoning_details");
                }
                said.thinking.get_or_insert_default().push_str(&thought.text);
            }
            Content::ToolResult(_) => {}
            Content::Other(_) => self.losses.cannot("messages.content.other")?,
        }
        Ok(())
    }

    /// What a part carries beyond its content.
    fn marks(&mut self, part: &Part) -> Result<(), Fault> {
        if part.cache.is_some() {
            self.losses.cannot("cache_control")?;
        }
        self.leftovers("messages.content", part.extra.as_deref())
    }

    /// The data of a picture; `None` when it was a loss.
    fn image(&mut self, media: &Media) -> Result<Option<String>, Fault> {
        if media.detail.is_some() {
            self.losses.cannot("messages.content.image_url.detail")?;
        }
        self.leftovers("messages.content.image_url", media.extra.as_deref())?;
        match &media.source {
            MediaSource::Base64(_) | MediaSource::Bytes(_) => Ok(base64(&media.source)),
            MediaSource::Url(_) | MediaSource::FileId(_) => {
                self.losses.cannot("messages.content.image_url.remote")?;
                Ok(None)
            }
        }
    }

    fn tool_call(&mut self, call: &'r ToolCall) -> Result<String, Fault> {
        if member(call.extra.as_deref(), "type").as_deref() == Some("\"custom\"") {
            self.losses.cannot("messages.tool_calls.custom")?;
        }
        self.leftovers("messages.tool_calls", call.extra.as_deref())?;
        if call.signature.is_some() {
            self.losses.cannot("messages.tool_calls.extra_content")?;
        }
        let name = self.losses.qualified(call.namespace.as_deref(), &call.name);
        let mut function = Members::new();
        function.string("name", &name).raw("arguments", &arguments_object(&call.arguments));
        self.called.push((&call.id, name));
        let mut out = Members::new();
        out.string("id", &call.id).raw("function", &function.finish());
        Ok(out.finish())
    }

    fn tool_result(&mut self, result: &ToolResult) -> Result<(), Fault> {
        if result.is_error {
            self.losses.name("tool_result_error_mark");
        }
        self.leftovers("messages", result.extra.as_deref())?;
        let mut said = Said::default();
        for part in &result.content {
            match part {
                ResultPart::Text(text) => said.texts.push(text.clone()),
                ResultPart::Media(media) if is_document(media) => self.losses.cannot(file(media))?,
                ResultPart::Media(media) => said.images.extend(self.image(media)?),
                ResultPart::Other(json) => match member(Some(json), "text") {
                    Some(text) => said.texts.extend(Node::root(&text).string().ok().map(Into::into)),
                    None => self.losses.cannot("messages.content.other")?,
                },
            }
        }
        // The newest call with this id: some clients count from one in every turn.
        let name = self.called.iter().rev().find(|(id, _)| *id == result.call_id);
        let name = name.map_or(result.call_id.as_str(), |(_, name)| name.as_str());
        let mut out = Members::new();
        out.string("role", "tool").string("tool_name", name).string("tool_call_id", &result.call_id);
        said.write(&mut out);
        self.written.push(out.finish());
        Ok(())
    }

    fn leftovers(&mut self, place: &str, extra: Option<&str>) -> Result<(), Fault> {
        self.losses.leftovers(place, extra, &["role", "type", "custom"])
    }
}

/// What it is called.
const fn file(media: &Media) -> &'static str {
    match media.source {
        MediaSource::Url(_) => "messages.content.file.remote",
        MediaSource::Base64(_) | MediaSource::Bytes(_) | MediaSource::FileId(_) => "messages.content.file",
    }
}

impl Said {
    const fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.images.is_empty() && self.thinking.is_none() && self.calls.is_empty()
    }

    fn json(&self, role: &str) -> String {
        let mut out = Members::new();
        out.string("role", role);
        self.write(&mut out);
        out.finish()
    }

    fn write(&self, out: &mut Members) {
        out.string("content", &self.texts.join("\n"));
        out.maybe_string("thinking", self.thinking.as_deref());
        if !self.images.is_empty() {
            let images: Vec<String> = self.images.iter().map(|image| quote(image)).collect();
            out.raw("images", &format!("[{}]", images.join(",")));
        }
        if !self.calls.is_empty() {
            out.raw("tool_calls", &format!("[{}]", self.calls.join(",")));
        }
    }
}
