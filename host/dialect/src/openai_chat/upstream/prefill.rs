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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Prefill;
    use crate::openai_chat::client::decode;
    use crate::openai_chat::upstream::encode::{OpenAiChatOptions, encode};

    fn sent(messages: &Value, prefill: Option<Prefill>) -> Value {
        let body = json!({"model": "m", "messages": messages}).to_string();
        let request = decode(body.as_bytes()).expect("a request");
        let options = OpenAiChatOptions { prefill, ..OpenAiChatOptions::default() };
        serde_json::from_str(&encode(&request, &options).expect("sent").body).expect("JSON")
    }

    #[test]
    fn each_server_is_asked_to_go_on_in_its_own_way() {
        let begun = json!([{"role": "user", "content": "count"}, {"role": "assistant", "content": "One, }"}]);
        let plain = sent(&begun, None);
        assert_eq!(plain, sent(&begun, Some(Prefill::Plain)));
        let mut expected = plain.clone();
        expected["messages"][1]["partial"] = json!(true);
        assert_eq!(sent(&begun, Some(Prefill::Member("partial"))), expected);
        let mut expected = plain;
        expected["add_generation_prompt"] = json!(false);
        expected["continue_final_message"] = json!(true);
        assert_eq!(sent(&begun, Some(Prefill::FinalMessage)), expected);
    }

    #[test]
    fn only_a_text_of_the_assistants_is_gone_on_from() {
        let call = json!([{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        for messages in [
            json!([{"role": "user", "content": "count"}]),
            json!([{"role": "assistant", "content": "One,"}, {"role": "user", "content": "on"}]),
            json!([{"role": "user", "content": "go"}, {"role": "assistant", "content": "x", "tool_calls": call}]),
        ] {
            let plain = sent(&messages, None);
            for way in [Prefill::Plain, Prefill::Member("prefix"), Prefill::FinalMessage] {
                assert_eq!(sent(&messages, Some(way)), plain, "{way:?}");
            }
        }
    }
}
