//! The scripted model on the wire `ollama-chat`: newline-delimited JSON, calls without ids, arguments as objects.

use serde_json::{Value, json};

use super::script::{Call, Heard, Said, halves};
use crate::upstream::{Reply, Seen};

/// Answers one request as `POST /api/chat` or `GET /api/tags` would.
pub fn answer(seen: &Seen) -> Reply {
    match seen.path.as_str() {
        "/api/tags" => {
            let model = |name: &str| {
                json!({"name": name, "model": name, "modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": "0",
                       "details": {"format": "gguf", "family": "scripted", "parameter_size": "1B"}})
            };
            Reply::json(200, json!({"models": [model("scripted-1"), model("scripted-2")]}).to_string())
        }
        "/api/chat" => chat(&seen.json()),
        _ => Reply::json(404, "404 page not found"),
    }
}

fn chat(request: &Value) -> Reply {
    if let Err(wrong) = accept(request) {
        return Reply::json(400, error_body(400, &wrong));
    }
    let heard = heard(request);
    let (said, thought) = (heard.answer(), heard.thought());
    // This wire streams unless told not to.
    if request["stream"] == json!(false) {
        Reply::json(200, body(&said, thought, &request["model"]))
    } else {
        Reply::ndjson(frames(&said, thought, &request["model"]))
    }
}

/// The lines of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), None, &json!("scripted-1"))
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    body(&Said::Text(text.to_owned()), None, &json!("scripted-1"))
}

/// The body of an answer that is no success.
pub fn error_body(_status: u16, message: &str) -> String {
    json!({"error": message}).to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    format!("{}\n", json!({"error": message}))
}

fn ended(model: &Value, message: &Value) -> Value {
    json!({"model": model, "created_at": stamp(), "message": message, "done": true, "done_reason": "stop",
           "total_duration": 5, "load_duration": 1, "prompt_eval_count": 11, "prompt_eval_duration": 2,
           "eval_count": 7, "eval_duration": 2})
}

/// Another one each time, as the server's clock gives.
fn stamp() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("2026-01-01T00:00:00.{:09}Z", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn calls(calls: &[Call]) -> Vec<Value> {
    let call = |call: &Call| {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        json!({"function": {"name": call.name, "arguments": arguments}})
    };
    calls.iter().map(call).collect()
}

pub(super) fn body(said: &Said, thought: Option<&str>, model: &Value) -> String {
    let mut message = match said {
        Said::Text(text) => json!({"role": "assistant", "content": text}),
        Said::Calls(made) => json!({"role": "assistant", "content": "", "tool_calls": calls(made)}),
    };
    if let Some(thought) = thought {
        message["thinking"] = json!(thought);
    }
    ended(model, &message).to_string()
}

pub(super) fn frames(said: &Said, thought: Option<&str>, model: &Value) -> Vec<String> {
    let line = |message: Value| {
        format!("{}\n", json!({"model": model, "created_at": stamp(), "message": message, "done": false}))
    };
    let thought = thought.map(|text| line(json!({"role": "assistant", "content": "", "thinking": text})));
    let mut lines: Vec<String> = thought.into_iter().collect();
    lines.extend::<Vec<String>>(match said {
        Said::Text(text) => {
            halves(text).into_iter().map(|half| line(json!({"role": "assistant", "content": half}))).collect()
        }
        Said::Calls(made) => {
            let each = calls(made).into_iter();
            each.map(|call| line(json!({"role": "assistant", "content": "", "tool_calls": [call]}))).collect()
        }
    });
    lines.push(format!("{}\n", ended(model, &json!({"role": "assistant", "content": ""}))));
    lines
}

pub(super) fn heard(request: &Value) -> Heard {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let last = messages.last();
    let schema = if request["format"].is_object() { request["format"].clone() } else { Value::Null };
    let results = messages.iter().filter(|message| message["role"] == "tool");
    Heard {
        last: last.map(plain).unwrap_or_default(),
        from_user: last.is_some_and(|message| message["role"] == "user"),
        results: results.map(plain).collect(),
        has_tools: !request["tools"].is_null(),
        schema,
    }
}

fn plain(message: &Value) -> String {
    let images = message["images"].as_array().map_or(0, Vec::len);
    let text = message["content"].as_str().unwrap_or("").to_owned();
    [text].into_iter().chain((0..images).map(|_| "[image]".to_owned())).collect::<Vec<_>>().join(" ")
}

/// What the server cannot read.
fn accept(request: &Value) -> Result<(), String> {
    for message in request["messages"].as_array().ok_or("messages is required")? {
        if !message["content"].is_string() {
            return Err("json: cannot unmarshal into Go struct field ChatRequest.messages.content".to_owned());
        }
        if !["system", "user", "assistant", "tool"].contains(&message["role"].as_str().unwrap_or("")) {
            return Err(format!("invalid role: {}", message["role"]));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            if !call["function"]["arguments"].is_object() {
                return Err("json: cannot unmarshal string into Go struct field .arguments".to_owned());
            }
        }
        if message["role"] == "tool" && message["tool_name"].as_str().is_none_or(str::is_empty) {
            return Err("a tool's result names no tool".to_owned());
        }
    }
    Ok(())
}
