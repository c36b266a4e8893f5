//! The canonical request as a body of this wire. What it cannot say is named or refused, as the table of
//! `translation` decides.

mod media;
mod settings;
#[cfg(test)]
mod tests;
mod thinking;
mod turns;
mod user;

use crate::canon::{ChatRequest, Fault, OutputFormat};
use crate::json::Members;
use crate::translation::{Losses, UpstreamWire};

pub use crate::translation::Encoded;

/// What the upstream wants beyond what requests say, and what the model can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a model can do or not")]
pub struct AnthropicMessagesOptions {
    /// The longest answer when the client names none: this wire wants a number.
    pub default_max_tokens: u32,
    pub thinking: Thinking,
    /// The words that it takes for how hard to think, of `low`, `medium`, `high`, `xhigh` and `max`.
    pub efforts: Vec<String>,
    /// Whether it takes `temperature`, `top_p` and `top_k`.
    pub sampling: bool,
    /// Whether it goes on from a turn of the assistant's at the end.
    pub prefill: bool,
    /// Whether it can be made to call a tool.
    pub forced_tools: bool,
    /// Whether it reads documents.
    pub documents: bool,
    /// Whether it holds answers to a schema and tools to theirs.
    pub structured_outputs: bool,
    /// The longest answer that it gives.
    pub max_output: Option<u32>,
}

/// How an upstream is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// `thinking: adaptive` with an effort, or `thinking: enabled` where a budget is named.
    #[default]
    Either,
    /// `thinking: adaptive` with an effort, and nothing else.
    Adaptive,
    /// `thinking: enabled` with a budget of tokens.
    Budget,
    /// It knows neither.
    Off,
}

impl Default for AnthropicMessagesOptions {
    fn default() -> Self {
        Self {
            default_max_tokens: 8192,
            thinking: Thinking::Either,
            efforts: crate::effort::EFFORTS.map(str::to_owned).to_vec(),
            sampling: true,
            prefill: true,
            forced_tools: true,
            documents: true,
            structured_outputs: true,
            max_output: None,
        }
    }
}

/// Writes the request, or says what of it this wire refuses.
pub fn encode(request: &ChatRequest, options: &AnthropicMessagesOptions) -> Result<Encoded, Fault> {
    let mut losses = Losses::new(UpstreamWire::AnthropicMessages);
    let mut conversation = turns::Conversation::of(request, options, &mut losses)?;
    let mut body = Members::new();
    body.string("model", &request.model);
    let thinks =
        settings::SettingsWriter { request, options, losses: &mut losses }.write(&conversation, &mut body)?;
    if conversation.prefilled && (thinks || !options.prefill) {
        losses.name("messages.prefill");
        conversation.go_on();
    }
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
