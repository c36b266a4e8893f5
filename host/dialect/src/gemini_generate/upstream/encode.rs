//! The canonical request as a body of this wire. What it cannot say is named or refused, as the table of `translation` decides.
//! Members are those of <https://ai.google.dev/api/generate-content>, read on 2026-11-30.

mod contents;
mod media;
mod settings;
#[cfg(test)]
mod tests;
mod thinking;

use crate::canon::{ChatRequest, Fault};
use crate::json::{Members, array};
use crate::translation::{Losses, UpstreamWire};

pub use crate::translation::Encoded;

/// What the model can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a model can do or not")]
pub struct GeminiGenerateOptions {
    pub thinking: ThinkingControl,
    /// The words that it takes for how hard to think, the lowest first, of `minimal`, `low`, `medium` and `high`.
    pub levels: Vec<String>,
    /// The least and the most tokens that it can be told to think for. From zero on it can be told not to think.
    pub budget: [u32; 2],
    /// Whether it heeds `temperature`, `topP` and `topK`.
    pub sampling: bool,
    /// Whether it takes penalties.
    pub penalties: bool,
    /// Whether it gives several answers.
    pub choices: bool,
    /// Whether it refuses calls that come back without a signature.
    pub signatures: bool,
    /// Whether results hold pictures and documents; else they stand beside them.
    pub media_in_results: bool,
    /// Whether it holds answers to a form although there are tools.
    pub schemas_with_tools: bool,
}

/// How a model is told how hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThinkingControl {
    /// By a word.
    #[default]
    Level,
    /// By a number of tokens.
    Budget,
    /// It does not think.
    Off,
}

impl Default for GeminiGenerateOptions {
    fn default() -> Self {
        Self {
            thinking: ThinkingControl::Level,
            levels: thinking::LEVELS.map(str::to_owned).to_vec(),
            budget: [0, 32_768],
            sampling: true,
            penalties: true,
            choices: true,
            signatures: true,
            media_in_results: true,
            schemas_with_tools: true,
        }
    }
}

/// Writes the request, or says what of it this wire refuses. The model and whether it streams stand in the address.
pub fn encode(request: &ChatRequest, options: &GeminiGenerateOptions) -> Result<Encoded, Fault> {
    let mut losses = Losses::new(UpstreamWire::GeminiGenerate);
    let conversation = contents::Contents::of(request, options, &mut losses)?;
    let mut body = Members::new();
    body.raw("contents", &array(&conversation.contents));
    if !conversation.system.is_empty() {
        body.raw("systemInstruction", &format!("{{\"parts\":{}}}", array(&conversation.system)));
    }
    settings::GenerationSettings { request, options, losses: &mut losses }.write(&mut body)?;
    Ok(Encoded { body: body.finish(), losses: losses.into_names() })
}
