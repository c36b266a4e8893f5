//! The canonical request as a body of this wire. What it cannot say is named or refused, as the table of
//! `translation` decides.

mod settings;
#[cfg(test)]
mod tests;
mod turns;

use crate::canon::{ChatRequest, Fault, OutputFormat};
use crate::json::Members;
use crate::translation::{Losses, UpstreamWire};

pub use crate::translation::Encoded;

/// What the upstream wants beyond what requests say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnthropicMessagesOptions {
    /// The longest answer when the client names none: this wire wants a number.
    pub default_max_tokens: u32,
    pub thinking: Thinking,
    /// Whether it holds answers to a schema and tools to theirs.
    pub structured_outputs: bool,
}

/// How an upstream is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// `thinking: adaptive` with an effort.
    #[default]
    Adaptive,
    /// `thinking: enabled` with a budget of tokens.
    Budget,
    /// It knows neither.
    Off,
}

impl Default for AnthropicMessagesOptions {
    fn default() -> Self {
        Self { default_max_tokens: 8192, thinking: Thinking::Adaptive, structured_outputs: true }
    }
}

/// Writes the request, or says what of it this wire refuses.
pub fn encode(request: &ChatRequest, options: &AnthropicMessagesOptions) -> Result<Encoded, Fault> {
    let mut losses = Losses::new(UpstreamWire::AnthropicMessages);
    let conversation = turns::Conversation::of(request, &mut losses)?;
    let mut body = Members::new();
    body.string("model", &request.model);
    settings::SettingsWriter { request, options, losses: &mut losses }.write(&conversation, &mut body)?;
    let mut system = conversation.system;
    if let OutputFormat::JsonObject = request.output {
        // Said in words, as this wire enforces a schema or nothing.
        losses.name("response_format.json_object");
        system.push(r#"{"type":"text","text":"Answer with one JSON object and nothing else."}"#.to_owned());
    }
    if !system.is_empty() {
        body.raw("system", &format!("[{}]", system.join(",")));
    }
    body.raw("messages", &format!("[{}]", conversation.turns.join(",")));
    if request.stream {
        body.plain("stream", true);
    }
    Ok(Encoded { body: body.finish(), losses: losses.into_names() })
}
