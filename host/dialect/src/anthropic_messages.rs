//! The wire `anthropic-messages`: Messages, one to one with what its clients and upstreams send.

pub mod client;
pub mod pairs;
mod signature;
pub mod upstream;

use std::fmt::Write as _;

use crate::canon::StopReason;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "anthropic-messages";

/// What `anthropic-version` says unless the client says otherwise.
pub const VERSION: &str = "2023-06-01";

/// Whose signature a thought bears: the wire and the family of models, which is what a signature is good for.
pub fn origin(model: &str) -> String {
    let name = model.rsplit(['/', '.']).find(|part| part.contains('-')).unwrap_or(model);
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    format!("{DIALECT}/{}", family.to_ascii_lowercase())
}

fn stop_reason(word: &str) -> StopReason {
    match word {
        "end_turn" => StopReason::EndTurn,
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refusal,
        other => StopReason::Other(other.to_owned()),
    }
}

/// The word for a reason. One that this wire does not have says no more than that the turn has ended.
fn stop_word(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal | StopReason::ContentFilter => "refusal",
        StopReason::Other(word) if word == "pause_turn" => "pause_turn",
        StopReason::EndTurn | StopReason::Other(_) => "end_turn",
    }
}

/// An id in the characters that this wire takes; the same id always becomes the same one.
fn call_id(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for character in id.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '-') {
            out.push(character);
        } else {
            let _written = write!(out, "_{:x}_", u32::from(character));
        }
    }
    if out.is_empty() { "_".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_the_wire_and_the_family() {
        for (model, family) in [
            ("claude-sonnet-4-6", "claude"),
            ("anthropic/claude-opus-4.7", "claude"),
            ("eu.anthropic.claude-haiku-4-5-v1:0", "claude"),
            ("Kimi-K2", "kimi"),
            ("m", "m"),
            ("", ""),
        ] {
            assert_eq!(origin(model), format!("anthropic-messages/{family}"), "{model}");
        }
    }
}
