//! How servers of this wire are asked to go on exactly from a turn of the assistant's at the end. The vendor's own has no way for
//! it; each of the others that do has one of these.

use crate::canon::{ChatRequest, Content, Role};
use crate::json::Members;

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefill {
    /// It does so unasked.
    Plain,
    /// By a member of that turn: `prefix: true` or `partial: true`.
    Member(&'static str),
    /// By `continue_final_message`, and no prompt for a new turn.
    FinalMessage,
}

impl Prefill {
    /// Asks for it where the last message, which was written as `turn`, is a text of the assistant's.
    pub(super) fn go_on(self, request: &ChatRequest, turn: &mut String, body: &mut Members) {
        let is_text = request.messages.last().is_some_and(|message| {
            let is_text = |content: &Content| matches!(content, Content::Text(_) | Content::Reasoning(_));
            message.role == Role::Assistant && message.parts.iter().all(|part| is_text(&part.content))
        });
        match self {
            Self::Member(name) if is_text && turn.ends_with('}') => {
                turn.pop();
                for piece in [",\"", name, "\":true}"] {
                    turn.push_str(piece);
                }
            }
            Self::FinalMessage if is_text => {
                body.plain("add_generation_prompt", false).plain("continue_final_message", true);
            }
            Self::Plain | Self::Member(_) | Self::FinalMessage => {}
        }
    }
}
