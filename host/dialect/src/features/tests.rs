//! How a conversation begins is the same in each of its turns, and on each wire.

use crate::envelope::Envelope;
use crate::ingress::Ingress;

fn opening(ingress: Ingress, body: &str) -> Vec<String> {
    let turns = ingress.turns(&Envelope::scan(body.as_bytes()).unwrap()).unwrap();
    turns.opening().parts().map(str::to_owned).collect()
}

const CHAT: &str = r#"{"model":"m","messages":[{"role":"system","content":"You are an agent.\nWork with care."},
    {"role":"user","content":[{"type":"text","text":"<system-reminder>Monday</system-reminder>"},{"type":"text","text":"Good morning."}]}REST],
    "tools":[{"type":"function","function":{"name":"look","parameters":{}}}]}"#;
const MESSAGES: &str = r#"{"model":"m","system":[{"type":"text","text":"You are an agent."},{"type":"text","text":"Work with care.","cache_control":{"type":"ephemeral"}}],
    "messages":[{"role":"user","content":[{"type":"text","text":"<system-reminder>Tuesday</system-reminder>"},{"type":"text","text":"Good morning."}]}REST],
    "tools":[{"name":"look","input_schema":{}}]}"#;
const RESPONSES: &str = r#"{"model":"m","instructions":"You are an agent.","input":[{"role":"developer","content":"Work with care."},
    {"role":"user","content":"<environment_context>here</environment_context>"},
    {"role":"user","content":"Good morning."}REST],
    "tools":[{"type":"function","name":"look","parameters":{}}]}"#;

#[test]
fn a_conversation_begins_alike_on_each_wire_and_in_each_turn() {
    let begun = ["You are an agent.", "Work with care.", "\n", "look", "\n", "Good morning."];
    let later = r#",{"role":"assistant","content":"Good morning!"},{"role":"user","content":"And now?"},{"role":"system","content":"Mind the time."}"#;
    for (ingress, body) in [
        (Ingress::OpenAiChat, CHAT),
        (Ingress::AnthropicMessages, MESSAGES),
        (Ingress::OpenAiResponses, RESPONSES),
        (Ingress::OpenAiCompaction, RESPONSES),
    ] {
        for rest in ["", later] {
            assert_eq!(opening(ingress, &body.replace("REST", rest)), begun, "{ingress:?} {rest}");
        }
    }
    assert_ne!(opening(Ingress::OpenAiChat, &CHAT.replace("REST", "").replace("morning", "evening")), begun);
    assert_ne!(opening(Ingress::OpenAiChat, &CHAT.replace("REST", "").replace("look", "seek")), begun);
}

#[test]
fn a_conversation_of_nothing_of_its_own_begins_with_what_was_put_in() {
    let put_in = r#"{"model":"m","messages":[{"role":"user","content":"<user_info>x</user_info>"}]}"#;
    assert_eq!(opening(Ingress::OpenAiChat, put_in), ["\n", "\n", "<user_info>x</user_info>"]);
    assert_eq!(opening(Ingress::OpenAiChat, r#"{"model":"m","messages":[]}"#), ["\n", "\n", ""]);
    assert_eq!(opening(Ingress::OpenAiCompletions, r#"{"model":"m","prompt":"x"}"#), ["\n", "\n", "x"]);
}
