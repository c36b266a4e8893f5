//! The settings that depend on one another; what each member alone becomes is held by the table's tests and goldens.

use serde_json::{Value, json};

use super::{AnthropicMessagesOptions, Thinking, encode};
use crate::openai_chat::client::decode;

fn encoded(body: &Value, options: &AnthropicMessagesOptions) -> (Value, Vec<String>) {
    let request = decode(body.to_string().as_bytes()).expect("a valid request");
    let encoded = encode(&request, options).expect("encoded");
    (serde_json::from_str(&encoded.body).expect("JSON"), encoded.losses)
}

/// A request that asks for an effort, with more members.
fn effortful(more: &Value) -> Value {
    let mut body = json!({"model": "claude-x", "reasoning_effort": "high", "messages": [{"role": "user", "content": "x"}]});
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    body
}

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "f"}}])
}

fn budget() -> AnthropicMessagesOptions {
    AnthropicMessagesOptions { thinking: Thinking::Budget, ..AnthropicMessagesOptions::default() }
}

#[track_caller]
fn check(
    more: &Value,
    options: &AnthropicMessagesOptions,
    thinking: &Value,
    max_tokens: u32,
    losses: &[&str],
) {
    let (body, lost) = encoded(&effortful(more), options);
    assert_eq!((&body["thinking"], &body["max_tokens"]), (thinking, &json!(max_tokens)), "{body:#}");
    assert_eq!(lost, losses);
}

#[test]
fn an_effort_is_adaptive_or_a_budget() {
    let enabled = |tokens: u32| json!({"type": "enabled", "budget_tokens": tokens});
    check(&json!({}), &AnthropicMessagesOptions::default(), &json!({"type": "adaptive"}), 8192, &[]);
    check(&json!({}), &budget(), &enabled(24_576), 8192 + 24_576, &[]);
    check(&json!({"reasoning_effort": "low"}), &budget(), &enabled(2048), 8192 + 2048, &[]);
    check(&json!({"reasoning_effort": "none"}), &budget(), &Value::Null, 8192, &[]);
    check(&json!({"reasoning_effort": "odd"}), &budget(), &Value::Null, 8192, &["reasoning_effort"]);
    // The client's limit holds for thoughts and answer together.
    check(&json!({"max_tokens": 5000}), &budget(), &enabled(4999), 5000, &[]);
    check(&json!({"max_tokens": 1000}), &budget(), &Value::Null, 1000, &["reasoning_effort"]);
    let off = AnthropicMessagesOptions { thinking: Thinking::Off, ..AnthropicMessagesOptions::default() };
    check(&json!({}), &off, &Value::Null, 8192, &["reasoning_effort"]);
}

#[test]
fn a_forced_tool_is_not_thought_about() {
    let forced = json!({"tools": tools(), "tool_choice": "required"});
    check(&forced, &AnthropicMessagesOptions::default(), &Value::Null, 8192, &[]);
    check(&forced, &budget(), &Value::Null, 8192, &["reasoning_effort"]);
}

#[test]
fn a_budget_does_not_begin_inside_a_loop_without_its_first_thought() {
    let call = json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let signed = json!([{"type": "reasoning.text", "index": 0, "text": "hmm", "signature": "s", "format": "anthropic-messages/claude"}]);
    let looped = |details: &Value| {
        json!({"tools": tools(), "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": call, "reasoning_details": details},
            {"role": "tool", "tool_call_id": "a", "content": "r"}]})
    };
    check(&looped(&Value::Null), &budget(), &Value::Null, 8192, &["reasoning_effort"]);
    check(
        &looped(&Value::Null),
        &AnthropicMessagesOptions::default(),
        &json!({"type": "adaptive"}),
        8192,
        &[],
    );
    let enabled = json!({"type": "enabled", "budget_tokens": 24_576});
    check(&looped(&signed), &budget(), &enabled, 8192 + 24_576, &[]);
}

#[test]
fn sampling_gives_way_to_thinking_and_to_itself() {
    let (body, lost) = encoded(
        &effortful(&json!({"temperature": 0.2, "top_p": 0.5, "top_k": 3})),
        &AnthropicMessagesOptions::default(),
    );
    assert_eq!([&body["temperature"], &body["top_p"], &body["top_k"]], [&Value::Null; 3]);
    assert_eq!(lost, ["temperature", "top_p", "top_k"]);
    let plain = |more: &Value| {
        let mut body = effortful(more);
        body["reasoning_effort"] = Value::Null;
        encoded(&body, &AnthropicMessagesOptions::default())
    };
    let (body, lost) = plain(&json!({"temperature": 1, "top_p": 1}));
    assert_eq!((&body["temperature"], &body["top_p"], lost.len()), (&json!(1), &Value::Null, 0));
    let (body, lost) = plain(&json!({"temperature": 0.5, "top_p": 0.5}));
    assert_eq!((&body["temperature"], &body["top_p"]), (&json!(0.5), &Value::Null));
    assert_eq!(lost, ["top_p"]);
    let (body, lost) = plain(&json!({"top_p": 0.5}));
    assert_eq!((&body["top_p"], lost.len()), (&json!(0.5), 0));
}

#[test]
fn a_vendor_without_structured_outputs_refuses_a_schema() {
    let options =
        AnthropicMessagesOptions { structured_outputs: false, ..AnthropicMessagesOptions::default() };
    let mut strict = tools();
    strict[0]["function"]["strict"] = json!(true);
    let (body, lost) = encoded(&effortful(&json!({"tools": strict})), &options);
    assert_eq!(body["tools"][0].get("strict"), None);
    assert_eq!(lost, ["tools.strict"]);
    let format = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}});
    let body = effortful(&json!({"response_format": format}));
    let request = decode(body.to_string().as_bytes()).expect("a valid request");
    let refused = encode(&request, &options).expect_err("refused");
    assert!(refused.message.starts_with("`response_format` "), "{}", refused.message);
}
