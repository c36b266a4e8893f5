//! The canonical request as a body of this wire. What it cannot say is named or refused, as the table of `translation`
//! decides. Model and streaming stand in the address.

mod media;
mod settings;
#[cfg(test)]
mod tests;
mod thinking;
mod turns;

use crate::canon::{ChatRequest, Fault, Json, OutputFormat};
use crate::json::Members;
use crate::translation::{Losses, UpstreamWire};

pub use crate::translation::Encoded;

/// What the upstream is told beyond what requests say, and what the model can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a model can do or not")]
pub struct BedrockConverseOptions {
    /// The longest answer when the client names none and a budget for thinking stands beside it.
    pub default_max_tokens: u32,
    pub thinking: ThinkingWords,
    /// The words that it takes for how hard to think, of `low`, `medium`, `high`, `xhigh` and `max`.
    pub efforts: Vec<String>,
    /// Whether it takes `temperature`, `topP` and its like.
    pub sampling: bool,
    pub top_k: TopK,
    /// Whether it goes on from a turn of the assistant's at the end.
    pub prefill: bool,
    /// Whether it can be made to call a tool.
    pub forced_tools: bool,
    /// Whether it reads documents.
    pub documents: bool,
    /// Whether it holds answers to a schema and tools to theirs.
    pub structured_outputs: bool,
    /// Where it takes marks for the cache.
    pub cache_points: CachePoints,
    /// Whether a tool's result may say that it failed.
    pub result_status: bool,
    /// The longest answer that it gives.
    pub max_output: Option<u32>,
    /// Members of every body, such as `guardrailConfig`.
    pub members: Option<Json>,
}

/// How a model is told to think; Converse has no words of its own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThinkingWords {
    /// `thinking: adaptive` with an effort, or `thinking: enabled` where a budget is named.
    #[default]
    Either,
    /// `thinking: adaptive` with an effort, and nothing else.
    Adaptive,
    /// `thinking: enabled` with a budget of tokens.
    Budget,
    /// `reasoningConfig`.
    ReasoningConfig,
    /// `reasoning_effort`.
    ReasoningEffort,
    /// It cannot be told.
    Off,
}

/// Where a model is told how many words to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopK {
    /// `top_k`.
    #[default]
    Plain,
    /// `inferenceConfig.topK`.
    InferenceConfig,
    /// It cannot be told.
    Untold,
}

/// Where a model takes marks for the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CachePoints {
    Nowhere,
    /// In instructions and messages.
    Conversation,
    /// Behind tools, too.
    #[default]
    Everywhere,
}

impl Default for BedrockConverseOptions {
    fn default() -> Self {
        Self {
            default_max_tokens: 8192,
            thinking: ThinkingWords::default(),
            efforts: crate::effort::EFFORTS.map(str::to_owned).to_vec(),
            sampling: true,
            top_k: TopK::default(),
            prefill: true,
            forced_tools: true,
            documents: true,
            structured_outputs: true,
            cache_points: CachePoints::default(),
            result_status: true,
            max_output: None,
            members: None,
        }
    }
}

/// Writes the request, or says what of it this wire refuses.
pub fn encode(request: &ChatRequest, options: &BedrockConverseOptions) -> Result<Encoded, Fault> {
    let mut losses = Losses::new(UpstreamWire::BedrockConverse);
    let mut conversation = turns::ConverseMessages::of(request, options, &mut losses)?;
    let mut rest = Members::new();
    let thinks = settings::ConverseSettings { request, options, losses: &mut losses }
        .write(&conversation, &mut rest)?;
    if conversation.prefilled && (thinks || !options.prefill) {
        losses.name("messages.prefill");
        conversation.go_on();
    }
    let mut system = conversation.system;
    if let OutputFormat::JsonObject = request.output {
        // Said in words, as this wire enforces a schema or nothing.
        losses.name("response_format.json_object");
        system.push(r#"{"text":"Answer with one JSON object and nothing else."}"#.to_owned());
    }
    let mut body = Members::new();
    body.raw("messages", &format!("[{}]", conversation.turns.join(",")));
    if !system.is_empty() {
        body.raw("system", &format!("[{}]", system.join(",")));
    }
    body.extra(Some(&rest.finish()), &[]).extra(options.members.as_deref(), &[]);
    Ok(Encoded { body: body.finish(), losses: losses.into_names() })
}
