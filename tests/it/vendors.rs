//! The scripted upstreams refuse what their vendors refuse, in the vendors' words: a test that passes against them says
//! something about the vendors. Each request here goes to an upstream as it stands, without us between.

use brains_tests::model::refusals::Strict;
use brains_tests::wire::{ANTHROPIC, OLLAMA, UPSTREAM_KEY};
use brains_tests::{Answer, Client, Upstream};
use serde_json::{Value, json};

async fn asked(upstream: &Upstream, path: &str, body: &Value) -> Answer {
    let client = Client::new(upstream.address, "");
    let request = client.request(http::Method::POST, path).header("content-type", "application/json");
    let request = request.header("x-api-key", UPSTREAM_KEY).header("anthropic-version", "2023-06-01");
    // Whoever sends an effort sends its beta.
    let request = request.header("anthropic-beta", "effort-2025-11-24");
    Client::send(request.body(body.to_string())).await
}

/// A body with more members.
fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    body
}

#[expect(clippy::needless_pass_by_value, reason = "a turn is written where it is called")]
fn user(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

/// A turn of the assistant's between two of the user's.
#[expect(clippy::needless_pass_by_value, reason = "a turn is written where it is called")]
fn assistant(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": content},
                        {"role": "user", "content": "y"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_refused_as_their_vendor_refuses_them() {
    let upstream = ANTHROPIC.upstream().await;
    let plain =
        json!({"model": "scripted-1", "max_tokens": 2048, "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(asked(&upstream, "/v1/messages", &plain).await.status, 200);
    let image = |kind: &str, data: &str| {
        user(json!([{"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}]))
    };
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
    let budget = |tokens: u32| json!({"type": "enabled", "budget_tokens": tokens});
    let format =
        |schema: Value| json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let twice = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [call("a")]},
        {"role": "user", "content": [result("a")]}, {"role": "assistant", "content": [call("a")]},
        {"role": "user", "content": [result("a")]}]);
    let rows = [
        (
            "a member that it does not know",
            json!({"top_logprobs": 3}),
            "top_logprobs: Extra inputs are not permitted",
        ),
        (
            "one inside a message",
            json!({"messages": [{"role": "user", "content": "x", "name": "ada"}]}),
            "messages.0.name: Extra inputs",
        ),
        (
            "one inside a block",
            user(json!([{"type": "text", "text": "x", "index": 0}])),
            "messages.0.content.0.text.index: Extra inputs",
        ),
        (
            "one inside a tool",
            json!({"tools": [{"name": "f", "input_schema": {"type": "object"}, "parameters": {}}]}),
            "tools.0.custom.parameters: Extra inputs",
        ),
        (
            "a block of another wire",
            user(json!([{"type": "image_url", "image_url": {"url": "x"}}])),
            "Input tag 'image_url'",
        ),
        (
            "thinking that decides itself, for a model before it",
            json!({"model": "claude-haiku-4-5", "thinking": {"type": "adaptive"}}),
            "adaptive thinking is not supported on this model",
        ),
        (
            "a budget, for a model behind it",
            json!({"model": "claude-opus-4-7", "thinking": budget(1024)}),
            "\"thinking.type.enabled\" is not supported for this model",
        ),
        (
            "no thinking, for a model that always thinks",
            json!({"model": "claude-opus-5-5", "thinking": {"type": "disabled"}}),
            "\"thinking.type.disabled\" is not supported",
        ),
        ("a budget that is too small", json!({"thinking": budget(1000)}), "greater than or equal to 1024"),
        (
            "a budget that leaves nothing",
            json!({"thinking": budget(2048)}),
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ),
        (
            "a word for effort that the model does not know",
            json!({"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}}),
            "does not support the effort parameter",
        ),
        (
            "a forced tool that is thought about",
            json!({"thinking": budget(1024), "tool_choice": {"type": "any"}}),
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (
            "a forced tool, for a model that decides itself",
            json!({"model": "claude-fable-5-2", "tool_choice": {"type": "tool", "name": "f"}}),
            "forced tool use is not supported",
        ),
        (
            "a temperature, for a model without",
            json!({"model": "claude-opus-4-7", "temperature": 0.3}),
            "`temperature` is deprecated for this model.",
        ),
        ("a temperature above one", json!({"temperature": 1.5}), "temperature: range: 0..1"),
        (
            "a temperature beside thinking",
            json!({"thinking": budget(1024), "temperature": 0.3}),
            "`temperature` may only be set to 1 when thinking is enabled",
        ),
        (
            "a turn to go on from, for a model without",
            json!({"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "Once"}]}),
            "does not support assistant message prefill",
        ),
        (
            "an answer longer than the model gives",
            json!({"model": "claude-haiku-4-5", "max_tokens": 65_000}),
            "max_tokens: > 64000",
        ),
        (
            "an open object in the answer's schema",
            format(json!({"type": "object", "properties": {}})),
            "'additionalProperties' must be explicitly set to false",
        ),
        (
            "one further inside",
            format(
                json!({"type": "object", "additionalProperties": false, "properties": {"a": {"type": "object"}}}),
            ),
            "'additionalProperties' must be",
        ),
        (
            "an open object in a strict tool",
            json!({"tools": [{"name": "f", "strict": true, "input_schema": {"type": "object"}}]}),
            "'additionalProperties' must be",
        ),
        (
            "a turn that ends in a thought",
            assistant(json!([{"type": "thinking", "thinking": "hm", "signature": "c2ln"}])),
            "The final block in an assistant message cannot be `thinking`.",
        ),
        (
            "a thought with a foreign signature",
            assistant(
                json!([{"type": "thinking", "thinking": "hm", "signature": "Zm9v"}, {"type": "text", "text": "a"}]),
            ),
            "Invalid `signature` in `thinking` block",
        ),
        ("an id that comes twice", json!({"messages": twice}), "`tool_use` ids must be unique"),
        (
            "an id in other characters",
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": [call("functions.f:0")]}, {"role": "user", "content": [result("functions.f:0")]}]}),
            "String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
        (
            "a call without its result",
            assistant(json!([call("a")])),
            "`tool_use` ids were found without `tool_result` blocks immediately after",
        ),
        (
            "an image of no such type",
            image("image/jpg", "/9j/4AAQ"),
            "source.base64.media_type: Input should be",
        ),
        (
            "parameters in its type",
            image("image/png;charset=utf-8", "iVBORw0K"),
            "source.base64.media_type: Input should be",
        ),
        (
            "an image that is another",
            image("image/png", "/9j/4AAQ"),
            "source.base64.media_type: Input should be",
        ),
        (
            "a PDF as an image",
            image("application/pdf", "JVBERi0x"),
            "source.base64.media_type: Input should be",
        ),
        (
            "data as an address",
            user(json!([{"type": "image", "source": {"type": "url", "url": "data:image/png;base64,AAAA"}}])),
            "Only HTTP URLs are supported",
        ),
        (
            "an e-mail address as the user",
            json!({"metadata": {"user_id": "ada@example.com"}}),
            "metadata.user_id: user_id appears to contain an email address",
        ),
        (
            "text that is blank",
            user(json!([{"type": "text", "text": " "}])),
            "text content blocks must contain non-whitespace text",
        ),
        (
            "two turns of one side",
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}),
            "roles must alternate",
        ),
    ];
    for (what, more, words) in rows {
        let mut body = with(plain.clone(), &more);
        if body["tool_choice"].is_object() {
            body["tools"] = json!([{"name": "f", "input_schema": {"type": "object"}}]);
        }
        let answer = asked(&upstream, "/v1/messages", &body).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["type"]),
            (400, &json!("invalid_request_error")),
            "{what}: {error}"
        );
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{what}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_vendors_of_chat_completions_name_what_they_refuse() {
    let strict =
        Strict { no_stream_options: true, max_tokens_only: true, no_developer: true, ..Strict::default() };
    let upstream = Upstream::start(move |seen| strict.answer(seen)).await;
    let plain = json!({"model": "scripted-1", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(asked(&upstream, "/v1/chat/completions", &plain).await.status, 200);
    let assistant = |more: Value| {
        let turn = with(json!({"role": "assistant", "content": "y"}), &more);
        json!({"messages": [{"role": "user", "content": "x"}, turn, {"role": "user", "content": "z"}]})
    };
    for (more, place) in [
        (json!({"stream_options": {"include_usage": true}}), json!(["body", "stream_options"])),
        (json!({"max_completion_tokens": 5}), json!(["body", "max_completion_tokens"])),
        (json!({"top_k": 5}), json!(["body", "top_k"])),
        (
            json!({"messages": [{"role": "developer", "content": "s"}]}),
            json!(["body", "messages", 0, "role"]),
        ),
        (assistant(json!({"reasoning_content": "hm"})), json!(["body", "messages", 1, "reasoning_content"])),
        (assistant(json!({"reasoning_details": []})), json!(["body", "messages", 1, "reasoning_details"])),
        (
            assistant(json!({"tool_calls": [{"id": "a", "index": 0, "type": "function", "function": {}}]})),
            json!(["body", "messages", 1, "tool_calls", 0, "index"]),
        ),
        (
            user(json!([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}])),
            json!(["body", "messages", 0, "content", 0, "cache_control"]),
        ),
    ] {
        let answer = asked(&upstream, "/v1/chat/completions", &with(plain.clone(), &more)).await;
        let said = &answer.json()["detail"][0];
        assert_eq!((answer.status, &said["type"], &said["loc"]), (422, &json!("extra_forbidden"), &place));
    }
    let reasoning = Strict { reasoning: true, ..Strict::default() };
    let upstream = Upstream::start(move |seen| reasoning.answer(seen)).await;
    assert_eq!(
        asked(&upstream, "/v1/chat/completions", &with(plain.clone(), &json!({"temperature": 1})))
            .await
            .status,
        200
    );
    for (more, param, code, words) in [
        (
            json!({"temperature": 0.3}),
            "temperature",
            "unsupported_value",
            "Only the default (1) value is supported.",
        ),
        (json!({"top_p": 0.3}), "top_p", "unsupported_parameter", "is not supported with this model."),
        (
            json!({"max_tokens": 5}),
            "max_tokens",
            "unsupported_parameter",
            "Use 'max_completion_tokens' instead.",
        ),
    ] {
        let answer = asked(&upstream, "/v1/chat/completions", &with(plain.clone(), &more)).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["param"], &error["code"]), (400, &json!(param), &json!(code)));
        assert!(error["message"].as_str().is_some_and(|message| message.ends_with(words)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_local_models_refuses_what_it_cannot_read() {
    let upstream = OLLAMA.upstream().await;
    let plain =
        json!({"model": "scripted-1", "stream": false, "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(asked(&upstream, "/api/chat", &plain).await.status, 200);
    let turn = |message: Value| json!({"messages": [message]});
    for (more, words) in [
        (user(json!([{"type": "text", "text": "x"}])), "messages.content"),
        (turn(json!({"role": "developer", "content": "x"})), "invalid role"),
        (
            turn(
                json!({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}),
            ),
            "cannot unmarshal string",
        ),
        (turn(json!({"role": "tool", "content": "r"})), "names no tool"),
    ] {
        let answer = asked(&upstream, "/api/chat", &with(plain.clone(), &more)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
}
