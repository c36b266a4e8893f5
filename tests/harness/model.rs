//! What a scripted upstream answers when it plays a model that speaks chat completions: it echoes the last
//! turn, calls tools on request, and keeps to a JSON schema. Written from the published API, not from our codec,
//! so that the two can disagree.

use serde_json::{Value, json};

use crate::upstream::{Reply, Seen};

/// Answers one request as `POST /v1/chat/completions` or `GET /v1/models` would.
pub fn answer(seen: &Seen) -> Reply {
    if seen.path.ends_with("/models") {
        let list = json!({"object": "list", "data": [
            {"id": "scripted-1", "object": "model", "created": 1_700_000_000, "owned_by": "harness"},
            {"id": "scripted-2", "object": "model", "created": 1_700_000_000, "owned_by": "harness"},
        ]});
        return Reply::json(200, list.to_string());
    }
    let request = seen.json();
    if request["stream"] == json!(true) { stream(&request) } else { whole(&request) }
}

fn usage() -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
           "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}})
}

fn whole(request: &Value) -> Reply {
    let (message, finish) = match calls(request) {
        calls if !calls.is_empty() => (
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls}),
            "tool_calls",
        ),
        _ => (json!({"role": "assistant", "content": text(request), "refusal": null}), "stop"),
    };
    let body = json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1_700_000_000, "model": request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": usage(), "service_tier": "default", "x_unknown": {"kept": [1, 2.50, "ü"]},
    });
    Reply::json(200, body.to_string())
}

fn stream(request: &Value) -> Reply {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": request["model"], "x_unknown": true, "choices": choices,
        });
        if !usage.is_null() {
            chunk["usage"] = usage;
        }
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
    };
    let mut frames = vec![": warming up\n\n".to_owned()];
    let calls = calls(request);
    let finish = if calls.is_empty() {
        let text = text(request);
        let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        frames.push(delta(json!({"role": "assistant", "content": ""}), Value::Null));
        frames.push(delta(json!({"content": &text[..middle]}), Value::Null));
        frames.push(delta(json!({"content": &text[middle..]}), Value::Null));
        "stop"
    } else {
        frames.push(delta(json!({"role": "assistant", "content": null}), Value::Null));
        for (index, call) in calls.iter().enumerate() {
            let (name, arguments) =
                (&call["function"]["name"], call["function"]["arguments"].as_str().unwrap_or(""));
            let half = arguments.len() / 2;
            frames.push(delta(
                json!({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}]}),
                Value::Null,
            ));
            for piece in [&arguments[..half], &arguments[half..]] {
                frames.push(delta(
                    json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
                    Value::Null,
                ));
            }
        }
        "tool_calls"
    };
    frames.push(delta(json!({}), json!(finish)));
    if request["stream_options"]["include_usage"] == json!(true) {
        frames.push(chunk(json!([]), usage()));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    Reply::stream(frames)
}

/// The calls that the last user turn asks for (`call NAME({…})`), unless their results are already there.
fn calls(request: &Value) -> Vec<Value> {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let Some(last) = messages.last() else { return Vec::new() };
    if last["role"] != "user" || request["tools"].is_null() {
        return Vec::new();
    }
    let text = plain(&last["content"]);
    text.split("call ")
        .skip(1)
        .enumerate()
        .filter_map(|(index, call)| {
            let (name, rest) = call.split_once('(')?;
            let (arguments, _) = rest.split_once(')')?;
            Some(json!({"id": format!("call_{index}"), "type": "function", "function": {"name": name, "arguments": arguments}}))
        })
        .collect()
}

fn text(request: &Value) -> String {
    let schema = &request["response_format"]["json_schema"]["schema"];
    if let Some(properties) = schema["properties"].as_object() {
        let object: serde_json::Map<String, Value> = properties
            .iter()
            .map(|(name, kind)| {
                let value = if kind["type"] == "integer" { json!(3) } else { json!("word") };
                (name.clone(), value)
            })
            .collect();
        return Value::Object(object).to_string();
    }
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let results: Vec<String> =
        messages.iter().filter(|m| m["role"] == "tool").map(|m| plain(&m["content"])).collect();
    if results.is_empty() {
        format!("scripted: {}", messages.last().map(|m| plain(&m["content"])).unwrap_or_default())
    } else {
        format!("scripted: {}", results.join(", "))
    }
}

fn plain(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts: Vec<&str> = parts
                .iter()
                .map(|part| {
                    if part["type"] == "image_url" { "[image]" } else { part["text"].as_str().unwrap_or("") }
                })
                .collect();
            parts.join(" ")
        }
        _ => String::new(),
    }
}
