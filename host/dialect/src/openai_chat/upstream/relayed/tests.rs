//! What the settings promise holds for bodies of clients too.

use serde_json::{Value, json};

use super::edits;
use crate::envelope::Envelope;
use crate::openai_chat::upstream::encode::OpenAiChatOptions;

fn relayed(options: &OpenAiChatOptions, model: &str, body: &Value, withheld: &[&str]) -> (Value, String) {
    let text = body.to_string();
    let envelope = Envelope::scan(text.as_bytes()).unwrap();
    let mut splice = envelope.splice();
    let edits = edits(options, model, body["stream"] == true);
    let withheld: Vec<String> = withheld.iter().map(|&path| path.to_owned()).collect();
    let edited = splice.apply(&edits, &withheld).unwrap();
    (serde_json::from_str(&splice.finish()).unwrap(), edited.losses().join(", "))
}

fn thought(format: &str) -> Value {
    json!({"role": "assistant", "content": "a", "reasoning_content": "hm",
           "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": format}]})
}

#[test]
fn without_a_setting_the_clients_words_pass() {
    let body = json!({"model": "m", "top_k": 3, "max_tokens": 5, "messages": [
        {"role": "developer", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "a", "reasoning_content": "hm"}, thought("anthropic-claude-v1")]});
    assert_eq!(relayed(&OpenAiChatOptions::default(), "m", &body, &[]), (body.clone(), String::new()));
    let streamed = json!({"stream": true, "messages": []});
    let (sent, _) = relayed(&OpenAiChatOptions::default(), "m", &streamed, &[]);
    assert_eq!(sent["stream_options"], json!({"include_usage": true}));
}

#[test]
fn every_setting_holds() {
    let options = OpenAiChatOptions {
        max_tokens_member: Some("max_tokens".to_owned()),
        developer_role: false,
        extensions: Some(false),
        stream_usage: false,
        prefill: None,
    };
    let body = json!({"model": "m", "top_k": 3, "min_p": 0.1, "max_completion_tokens": 5, "stream": true,
        "stream_options": {"include_usage": true}, "tools": [{"type": "function", "function": {"name": "f"},
        "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
                     thought("openai-responses-v1")]});
    let (sent, losses) = relayed(&options, "m", &body, &[]);
    assert_eq!(
        sent,
        json!({"model": "m", "max_tokens": 5, "stream": true, "tools": [{"type": "function", "function": {"name": "f"}}],
               "messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]},
                            {"role": "assistant", "content": "a"}]})
    );
    assert_eq!(
        losses,
        "cache_control, messages.reasoning_content, messages.reasoning_details, stream_options, top_k, min_p"
    );
    let modern = OpenAiChatOptions {
        max_tokens_member: Some("max_completion_tokens".to_owned()),
        ..OpenAiChatOptions::default()
    };
    let (sent, _) = relayed(&modern, "m", &json!({"max_tokens": 5}), &[]);
    assert_eq!(sent, json!({"max_completion_tokens": 5}));
}

#[test]
fn thoughts_that_another_wire_signed_never_go_up() {
    let body = json!({"messages": [thought("anthropic-messages/claude"), thought("google-gemini-v1")]});
    let (sent, losses) = relayed(&OpenAiChatOptions::default(), "m", &body, &[]);
    assert_eq!(sent["messages"][0], json!({"role": "assistant", "content": "a"}));
    assert_eq!(sent["messages"][1], body["messages"][1]);
    assert_eq!(losses, "messages.reasoning_details, messages.reasoning_content");
    let open = OpenAiChatOptions { extensions: Some(true), ..OpenAiChatOptions::default() };
    let (sent, losses) = relayed(&open, "m", &body, &[]);
    assert_eq!(sent["messages"][0]["reasoning_content"], "hm");
    assert_eq!(losses, "messages.reasoning_details");
}

#[test]
fn a_calls_signature_goes_to_models_that_may_have_signed_it() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"},
                      "extra_content": {"google": {"thought_signature": "c2ln"}}});
    let body = json!({"messages": [{"role": "assistant", "tool_calls": [call]}]});
    for (model, passes) in [
        ("gemini-3-pro", true),
        ("my-model", true),
        ("google/gemini-2.5-flash", true),
        ("gpt-5.2", false),
        ("openai/o3", false),
        ("gpteam", true),
    ] {
        let (sent, losses) = relayed(&OpenAiChatOptions::default(), model, &body, &[]);
        assert_eq!(sent == body, passes, "{model}");
        assert_eq!(losses.is_empty(), passes, "{model}");
    }
    let mut foreign = body.clone();
    foreign["messages"][0]["tool_calls"][0]["extra_content"] =
        json!({"brains": {"thought_signature": "c2ln", "origin": "gemini-generate/gemini"}});
    for extensions in [None, Some(true), Some(false)] {
        let options = OpenAiChatOptions { extensions, ..OpenAiChatOptions::default() };
        let (sent, losses) = relayed(&options, "my-model", &foreign, &[]);
        assert!(
            sent["messages"][0]["tool_calls"][0].get("extra_content").is_none(),
            "{extensions:?}: {sent}"
        );
        assert_eq!(losses, "messages.tool_calls.extra_content", "{extensions:?}");
    }
    let (sent, losses) =
        relayed(&OpenAiChatOptions::default(), "m", &body, &["messages[].tool_calls[].extra_content"]);
    assert!(sent["messages"][0]["tool_calls"][0].get("extra_content").is_none(), "{sent}");
    assert_eq!(losses, "messages.tool_calls.extra_content");
}
