//! The wire `openai-completions`: one text in, texts out, as editors and older SDKs still ask for them. Answers share the words of
//! chat completions: reasons, counts, errors and lists of models.

pub mod client;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "openai-completions";
