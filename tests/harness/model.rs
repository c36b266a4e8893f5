//! What a scripted upstream answers when it plays a model that speaks chat completions; its siblings play the
//! same model on other wires. Written from the published APIs, not from our codecs, so that the two can disagree.

pub mod agent;
pub mod bedrock;
pub mod gemini;
pub mod litellm;
pub mod messages;
pub mod ollama;
pub mod openai;
pub mod refusals;
pub mod responses;
mod script;

use serde_json::{Value, json};

use crate::upstream::{Reply, Seen};
use script::{Call, Heard, Said, halves};

/// Answers one request as `POST /v1/chat/completions` or `GET /v1/models` would.
pub fn answer(seen: &Seen) -> Reply {
    answer_of(seen, true)
}

/// The same, of a vendor that shows what its models think, or not.
fn answer_of(seen: &Seen, shows_thoughts: bool) -> Reply {
    if seen.path.ends_with("/models") {
        let list = json!({"object": "list", "data": [
            {"id": "scripted-1", "object": "model", "created": 1_700_000_000, "owned_by": "harness"},
            {"id": "scripted-2", "object": "model", "created": 1_700_000_000, "owned_by": "harness"},
        ]});
        return Reply::json(200, list.to_string());
    }
    let request = seen.json();
    let heard = heard(&request);
    let (said, thought) = (heard.answer(), heard.thought().filter(|_| shows_thoughts));
    if request["stream"] == json!(true) {
        let with_usage = request["stream_options"]["include_usage"] == json!(true);
        Reply::stream(frames(&said, thought, &request["model"], with_usage))
    } else {
        Reply::json(200, body(&said, thought, &request["model"]))
    }
}

/// The frames of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    let mut frames = frames(&Said::Text(text.to_owned()), None, &json!("scripted-1"), true);
    frames.remove(0);
    frames
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    body(&Said::Text(text.to_owned()), None, &json!("scripted-1"))
}

/// The body of an answer that is no success.
pub fn error_body(status: u16, message: &str) -> String {
    let kind = match status {
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": null}}).to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    format!("data: {}\n\n", json!({"error": {"message": message, "type": "overloaded_error"}}))
}

fn usage() -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
           "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}})
}

fn body(said: &Said, thought: Option<&str>, model: &Value) -> String {
    let (mut message, finish) = match said {
        Said::Calls(calls) => (
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": written(calls)}),
            "tool_calls",
        ),
        Said::Text(text) => (json!({"role": "assistant", "content": text, "refusal": null}), "stop"),
    };
    if let Some(thought) = thought {
        message["reasoning_content"] = json!(thought);
    }
    json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1_700_000_000, "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": usage(), "service_tier": "default", "x_unknown": {"kept": [1, 2.50, "ü"]},
    })
    .to_string()
}

fn written(calls: &[Call]) -> Vec<Value> {
    let call = |call: &Call| {
        json!({"id": format!("call_{}", call.number), "type": "function",
               "function": {"name": call.name, "arguments": call.arguments}})
    };
    calls.iter().map(call).collect()
}

fn frames(said: &Said, thought: Option<&str>, model: &Value, with_usage: bool) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": model, "x_unknown": true, "choices": choices,
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
    let finish = match said {
        Said::Text(text) => {
            frames.push(delta(json!({"role": "assistant", "content": ""}), Value::Null));
            frames.extend(thought.map(|text| delta(json!({"reasoning_content": text}), Value::Null)));
            frames.extend(halves(text).map(|half| delta(json!({"content": half}), Value::Null)));
            "stop"
        }
        Said::Calls(calls) => {
            frames.push(delta(json!({"role": "assistant", "content": null}), Value::Null));
            frames.extend(thought.map(|text| delta(json!({"reasoning_content": text}), Value::Null)));
            for (index, call) in calls.iter().enumerate() {
                frames.push(delta(
                    json!({"tool_calls": [{"index": index, "id": format!("call_{}", call.number), "type": "function",
                                           "function": {"name": call.name, "arguments": ""}}]}),
                    Value::Null,
                ));
                frames.extend(halves(&call.arguments).map(|piece| {
                    let piece = json!([{"index": index, "function": {"arguments": piece}}]);
                    delta(json!({"tool_calls": piece}), Value::Null)
                }));
            }
            "tool_calls"
        }
    };
    frames.push(delta(json!({}), json!(finish)));
    if with_usage {
        frames.push(chunk(json!([]), usage()));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

fn heard(request: &Value) -> Heard {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let last = messages.last();
    Heard {
        last: last.map(|message| plain(&message["content"])).unwrap_or_default(),
        from_user: last.is_some_and(|message| message["role"] == "user"),
        results: messages.iter().filter(|m| m["role"] == "tool").map(|m| plain(&m["content"])).collect(),
        has_tools: !request["tools"].is_null(),
        schema: request["response_format"]["json_schema"]["schema"].clone(),
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
