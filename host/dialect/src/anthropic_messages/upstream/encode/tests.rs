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
    check(&json!({"max_tokens": 5000}), &budget(), &enabled(3750), 5000, &[]);
    check(&json!({"max_tokens": 1600}), &budget(), &enabled(1088), 1600, &[]);
    check(&json!({"max_tokens": 1500}), &budget(), &Value::Null, 1500, &["reasoning_effort"]);
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

/// stdapi-ai/stdapi.ai#284.
#[test]
fn a_model_that_cannot_be_made_to_call_decides_itself() {
    let free = AnthropicMessagesOptions { forced_tools: false, ..AnthropicMessagesOptions::default() };
    let named = json!({"type": "function", "function": {"name": "f"}});
    for (choice, alone, said, lost) in [
        (json!("required"), Value::Null, Value::Null, &["tool_choice"][..]),
        (named.clone(), Value::Null, Value::Null, &["tool_choice"]),
        (named, json!(false), json!({"type": "auto", "disable_parallel_tool_use": true}), &["tool_choice"]),
        (json!("none"), Value::Null, json!({"type": "none"}), &[]),
        (json!("auto"), Value::Null, Value::Null, &[]),
    ] {
        let more = json!({"tools": tools(), "tool_choice": choice, "parallel_tool_calls": alone});
        let (body, losses) = encoded(&effortful(&more), &free);
        assert_eq!(body["tool_choice"], said, "{choice}");
        assert_eq!(losses, lost, "{choice}");
        // What is not forced may be thought about.
        assert_eq!(body["thinking"], json!({"type": "adaptive"}), "{choice}");
    }
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

/// docker/docker-agent#3381, RooCodeInc/Roo-Code#12162, BerriAI/litellm#26246.
#[test]
fn each_model_is_told_what_it_can_be_told() {
    let asked = json!({"temperature": 0.2, "top_p": 0.5, "top_k": 3});
    let fixed = AnthropicMessagesOptions { sampling: false, ..AnthropicMessagesOptions::default() };
    let mut plain = effortful(&asked);
    plain["reasoning_effort"] = Value::Null;
    let (body, lost) = encoded(&plain, &fixed);
    assert_eq!([&body["temperature"], &body["top_p"], &body["top_k"]], [&Value::Null; 3]);
    assert_eq!(lost, ["temperature", "top_p", "top_k"]);
    plain["temperature"] = json!(1);
    plain["top_p"] = json!(1.0);
    plain["top_k"] = Value::Null;
    assert_eq!(encoded(&plain, &fixed).1, Vec::<String>::new(), "what it does anyway is no loss");

    let weaker = AnthropicMessagesOptions {
        efforts: vec!["low".into(), "high".into()],
        ..AnthropicMessagesOptions::default()
    };
    for (asked, given, lost) in
        [("xhigh", json!("high"), 1), ("medium", json!("low"), 1), ("high", json!("high"), 0)]
    {
        let (body, losses) = encoded(&effortful(&json!({"reasoning_effort": asked})), &weaker);
        assert_eq!((&body["output_config"]["effort"], losses.len()), (&given, lost), "{asked}");
    }
    let short = AnthropicMessagesOptions { max_output: Some(4096), ..AnthropicMessagesOptions::default() };
    assert_eq!(encoded(&effortful(&json!({})), &short).0["max_tokens"], 4096);
    let short = AnthropicMessagesOptions { max_output: Some(32_000), ..budget() };
    let (body, _) = encoded(&effortful(&json!({"reasoning_effort": "max"})), &short);
    assert_eq!((&body["max_tokens"], &body["thinking"]["budget_tokens"]), (&json!(32_000), &json!(24_000)));
}

#[test]
fn a_model_that_takes_no_prefill_is_asked_to_go_on_in_words() {
    let asked = json!({"model": "claude-x", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "Once "}]});
    let (body, lost) = encoded(&asked, &AnthropicMessagesOptions::default());
    assert_eq!((body["messages"].as_array().expect("turns").len(), lost.len()), (2, 0));
    let none = AnthropicMessagesOptions { prefill: false, ..AnthropicMessagesOptions::default() };
    let (body, lost) = encoded(&asked, &none);
    assert_eq!((&body["messages"][2]["role"], lost), (&json!("user"), vec!["messages.prefill".to_owned()]));
    let mut thinking = asked;
    thinking["reasoning_effort"] = json!("low");
    let (body, lost) = encoded(&thinking, &AnthropicMessagesOptions::default());
    assert_eq!((&body["messages"][2]["role"], lost), (&json!("user"), vec!["messages.prefill".to_owned()]));
}

/// tailcallhq/forgecode#2107, anthropics/claude-code#11514.
#[test]
fn no_turn_of_the_assistants_ends_in_a_thought() {
    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-messages/claude"}]);
    let asked = json!({"model": "claude-x", "messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "reasoning_details": details}, {"role": "user", "content": "b"},
        {"role": "assistant", "reasoning_details": details, "content": "said"}, {"role": "user", "content": "c"}]});
    let (body, lost) = encoded(&asked, &AnthropicMessagesOptions::default());
    assert_eq!(lost, ["messages.reasoning_details"]);
    let turns = body["messages"].as_array().expect("turns");
    assert_eq!(turns.len(), 3, "turns of one side are one: {body:#}");
    assert_eq!(turns[0]["content"], json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]));
    assert_eq!(turns[1]["content"][0]["type"], "thinking");
    assert_eq!(turns[1]["content"][1]["text"], "said");
}

#[test]
fn media_are_what_they_are() {
    let image = |url: &str| {
        let asked = json!({"model": "claude-x", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]});
        let request = decode(asked.to_string().as_bytes()).map_err(|invalid| invalid.message)?;
        let encoded =
            encode(&request, &AnthropicMessagesOptions::default()).map_err(|fault| fault.message)?;
        let body: Value = serde_json::from_str(&encoded.body).expect("JSON");
        Ok::<Value, String>(body["messages"][0]["content"][0].clone())
    };
    let source = |kind: &str, data: &str| json!({"type": "base64", "media_type": kind, "data": data});
    assert_eq!(image("data:image/jpg;base64,AAAA").unwrap()["source"], source("image/jpeg", "AAAA"));
    assert_eq!(
        image("DATA:image/PNG;charset=utf-8;base64,AAAA").unwrap()["source"],
        source("image/png", "AAAA")
    );
    let document = image("data:application/pdf;base64,JVBERi0=").unwrap();
    assert_eq!(
        (&document["type"], &document["source"]),
        (&json!("document"), &source("application/pdf", "JVBERi0="))
    );
    for (url, wrong) in [
        ("data:image/svg+xml;base64,AAAA", "`messages.content.image_url` is not supported"),
        ("data:text/plain;base64,AAAA", "`messages[0].content[0].image_url.url`: expected an image or a PDF"),
        ("data:image/png;base64,", "`messages[0].content[0].image_url.url`: the data is empty"),
        ("data:image/png,AAAA", "`messages[0].content[0].image_url.url`: a `data:` URL must be in base64"),
    ] {
        let said = image(url).unwrap_err();
        assert!(said.starts_with(wrong), "{url}: {said}");
    }
}

/// maximhq/bifrost#1935.
#[test]
fn marks_for_the_cache_hold_wherever_they_stand() {
    let mark = json!({"type": "ephemeral"});
    let call = json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let asked = json!({"model": "claude-x", "messages": [
        {"role": "system", "content": "s", "cache_control": mark},
        {"role": "user", "content": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"role": "assistant", "tool_calls": call},
        {"role": "tool", "tool_call_id": "a", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}, "cache_control": mark},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}}]},
    ]});
    let (body, lost) = encoded(&asked, &AnthropicMessagesOptions::default());
    assert_eq!(lost, Vec::<String>::new());
    assert_eq!(body["system"][0]["cache_control"], mark);
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    let result = &body["messages"][2]["content"][0];
    assert_eq!(result["cache_control"], mark);
    assert_eq!([&result["content"][0]["type"], &result["content"][1]["type"]], ["image", "document"]);
    assert_eq!(result["content"][1]["title"], "a.pdf");
}

#[test]
fn strict_tools_have_closed_schemas() {
    let mut strict = tools();
    strict[0]["function"]["strict"] = json!(true);
    strict[0]["function"]["parameters"] =
        json!({"type": "object", "properties": {"a": {"type": "object", "additionalProperties": true}}});
    let (body, lost) = encoded(&effortful(&json!({"tools": strict})), &AnthropicMessagesOptions::default());
    assert_eq!(
        body["tools"][0]["input_schema"],
        json!({"type": "object", "properties": {"a": {"type": "object", "additionalProperties": false}}, "additionalProperties": false})
    );
    assert_eq!(lost, ["tools.parameters.additionalProperties"]);
    strict[0]["function"]["strict"] = json!(false);
    let (body, lost) = encoded(&effortful(&json!({"tools": strict})), &AnthropicMessagesOptions::default());
    assert_eq!(body["tools"][0]["input_schema"], strict[0]["function"]["parameters"]);
    assert!(lost.is_empty(), "{lost:?}");
}
