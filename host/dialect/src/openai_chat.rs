//! The wire `openai-chat`: chat completions, one to one with what its clients and upstreams send.

pub mod client;
mod media;
mod reasoning;
mod signature;
pub mod upstream;
pub(crate) mod usage;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "openai-chat";

/// The data of the frame that ends a stream.
pub const DONE: &str = "[DONE]";

use crate::canon::StopReason;

pub(crate) fn stop_reason(word: &str) -> StopReason {
    match word {
        "stop" => StopReason::EndTurn,
        "length" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "tool_calls" => StopReason::ToolUse,
        "content_filter" | "sensitive" => StopReason::ContentFilter,
        other => StopReason::Other(other.to_owned()),
    }
}

/// Typed clients know four words and a legacy one; others read as `stop`.
pub(crate) fn finish_word(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::MaxTokens => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::ContentFilter | StopReason::Refusal => "content_filter",
        StopReason::Other(word) if word == "function_call" => "function_call",
        StopReason::EndTurn | StopReason::StopSequence | StopReason::Other(_) => "stop",
    }
}
