//! Who asked for a request: the person, or the agent on its own, which sends what a tool answered or what it added itself.
//! Some vendors are told, and whether there is a picture in it.

use crate::canon::{ChatRequest, Content, Message, ResultPart, Role};
use crate::features::injected;

/// What is told of the newest turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnFacts {
    /// A person said the last thing in it.
    pub by_user: bool,
    /// A picture is anywhere in the request, also in what a tool answered.
    pub has_images: bool,
}

impl TurnFacts {
    pub fn of(request: &ChatRequest) -> Self {
        let said = |message: &&Message| !matches!(message.role, Role::System | Role::Developer);
        let last = request.messages.iter().rev().find(said);
        Self { by_user: last.is_some_and(is_of_user), has_images: request.messages.iter().any(has_images) }
    }
}

/// Whether the last thing that counts in a message was said by a person, behind what a tool answered as well.
fn is_of_user(message: &Message) -> bool {
    let said = message.parts.iter().rev().map(|part| &part.content).find_map(|content| match content {
        Content::Text(text) => (!injected(text).trim().is_empty()).then_some(true),
        Content::Image(_) | Content::Audio(_) | Content::File(_) => Some(true),
        Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::Reasoning(_)
        | Content::Refusal(_)
        | Content::Other(_) => Some(false),
    });
    message.role == Role::User && said == Some(true)
}

fn has_images(message: &Message) -> bool {
    message.parts.iter().any(|part| match &part.content {
        Content::Image(_) => true,
        Content::ToolResult(result) => result
            .content
            .iter()
            .any(|part| matches!(part, ResultPart::Media(media) if is_image(&media.mime))),
        _ => false,
    })
}

/// A picture whose kind nobody named is one.
fn is_image(mime: &str) -> bool {
    mime.is_empty() || mime.starts_with("image")
}

#[cfg(test)]
mod tests {
    use super::TurnFacts;
    use crate::envelope::Envelope;
    use crate::ingress::Ingress;

    #[track_caller]
    fn facts(ingress: Ingress, body: &str) -> (bool, bool) {
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        let TurnFacts { by_user, has_images } = TurnFacts::of(&ingress.decode(&envelope).unwrap());
        (by_user, has_images)
    }

    #[test]
    fn a_person_has_asked_when_the_last_thing_said_is_theirs() {
        let chat = |messages: &str| {
            facts(Ingress::OpenAiChat, &format!(r#"{{"model":"m","messages":[{messages}]}}"#))
        };
        let call = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
        let (user, result) =
            (r#"{"role":"user","content":"hi"}"#, r#"{"role":"tool","tool_call_id":"c","content":"42"}"#);
        assert_eq!(chat(user), (true, false));
        assert_eq!(chat(&format!("{user},{call},{result}")), (false, false));
        assert_eq!(chat(&format!("{user},{call},{result},{user}")), (true, false));
        assert_eq!(chat(&format!(r#"{user},{{"role":"system","content":"s"}}"#)), (true, false));
        let reminder = r#"{"role":"user","content":"<system-reminder>x</system-reminder>"}"#;
        assert_eq!(chat(&format!("{user},{reminder}")), (false, false), "nobody said that");
    }

    #[test]
    fn what_a_tool_answered_is_the_agents_with_its_pictures() {
        let messages = |last: &str| {
            let body = format!(
                r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"look"}},
                {{"role":"assistant","content":[{{"type":"tool_use","id":"a","name":"f","input":{{}}}}]}},
                {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a","content":[
                {{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"AAAA"}}}}]}}{last}]}}]}}"#
            );
            facts(Ingress::AnthropicMessages, &body)
        };
        assert_eq!(messages(""), (false, true));
        assert_eq!(
            messages(r#",{"type":"text","text":"<system-reminder>x</system-reminder>"}"#),
            (false, true)
        );
        assert_eq!(messages(r#",{"type":"text","text":"and now?"}"#), (true, true));
    }
}
