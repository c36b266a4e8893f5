//! The scripted model on the wire `anthropic-messages`. As strict as the vendor about what a request must look
//! like: an encoder that sends what the vendor would refuse is refused here.

use serde_json::{Value, json};

use super::script::{Call, Heard, SIGNATURE, Said, halves};
use crate::upstream::{Reply, Seen};

/// Answers one request as `POST /v1/messages` or `GET /v1/models` would.
pub fn answer(seen: &Seen) -> Reply {
    if seen.header("x-api-key").is_none() {
        return Reply::json(401, error_body(401, "x-api-key header is required"));
    }
    if seen.header("anthropic-version").is_none() {
        return Reply::json(400, error_body(400, "anthropic-version: header is required"));
    }
    let path = seen.path.split('?').next().unwrap_or_default();
    if path == "/v1/models" {
        let model = |id: &str| {
            json!({"type": "model", "id": id, "display_name": "Scripted", "created_at": "2026-01-01T00:00:00Z",
                   "max_input_tokens": 200_000, "max_tokens": 64_000})
        };
        let list = json!({"data": [model("scripted-1"), model("scripted-2")], "has_more": false,
                          "first_id": "scripted-1", "last_id": "scripted-2"});
        return Reply::json(200, list.to_string());
    }
    if path != "/v1/messages" {
        return Reply::json(404, error_body(404, "not found"));
    }
    let request = seen.json();
    let beta = |word: &str| seen.header("anthropic-beta").is_some_and(|betas| betas.contains(word));
    // A member without its beta is one that the vendor does not know.
    for (member, word) in PAIRS {
        let said = member.split('.').fold(&request, |value, name| &value[name]);
        if !said.is_null() && !beta(word) {
            return Reply::json(400, error_body(400, &format!("{member}: Extra inputs are not permitted")));
        }
    }
    let instructed = request["messages"].as_array().into_iter().flatten().any(|one| one["role"] == "system");
    if instructed && !beta("mid-conversation") {
        let wrong = "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.";
        return Reply::json(400, error_body(400, wrong));
    }
    if let Err(wrong) = accept(&request) {
        return Reply::json(400, error_body(400, &wrong));
    }
    let heard = heard(&request);
    let (said, thought) = (heard.answer(), heard.thought());
    if request["stream"] == json!(true) {
        Reply::stream(frames(&said, thought, &request["model"]))
    } else {
        Reply::json(200, body(&said, thought, &request["model"]))
    }
}

/// The frames of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), None, &json!("scripted-1"))
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    body(&Said::Text(text.to_owned()), None, &json!("scripted-1"))
}

/// The body of an answer that is no success.
pub fn error_body(status: u16, message: &str) -> String {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"})
        .to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": message}});
    format!("event: error\ndata: {error}\n\n")
}

fn usage() -> Value {
    json!({"input_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 7})
}

/// What the model thought, as it signs it.
fn thinking(text: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": format!("c2ln{SIGNATURE}")})
}

fn block(call: &Call) -> Value {
    let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
    json!({"type": "tool_use", "id": format!("toolu_{}", call.number), "name": call.name, "input": input})
}

pub(super) fn body(said: &Said, thought: Option<&str>, model: &Value) -> String {
    let (said, reason): (Vec<Value>, _) = match said {
        Said::Text(text) => (vec![json!({"type": "text", "text": text})], "end_turn"),
        Said::Calls(calls) => (calls.iter().map(block).collect(), "tool_use"),
    };
    let content: Vec<Value> = thought.map(thinking).into_iter().chain(said).collect();
    json!({"id": "msg_scripted", "type": "message", "role": "assistant", "model": model, "content": content,
           "stop_reason": reason, "stop_sequence": null, "usage": usage(), "x_unknown": true})
    .to_string()
}

pub(super) fn frames(said: &Said, thought: Option<&str>, model: &Value) -> Vec<String> {
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or(""));
    let message = json!({"id": "msg_scripted", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 1}});
    let mut frames =
        vec![frame(&json!({"type": "message_start", "message": message})), frame(&json!({"type": "ping"}))];
    let mut open = |index: usize, block: Value, deltas: Vec<Value>| {
        frames.push(frame(&json!({"type": "content_block_start", "index": index, "content_block": block})));
        frames.extend(
            deltas
                .iter()
                .map(|delta| frame(&json!({"type": "content_block_delta", "index": index, "delta": delta}))),
        );
        frames.push(frame(&json!({"type": "content_block_stop", "index": index})));
    };
    if let Some(text) = thought {
        let whole = thinking(text);
        let deltas = vec![
            json!({"type": "thinking_delta", "thinking": text}),
            json!({"type": "signature_delta", "signature": whole["signature"]}),
        ];
        open(0, json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    let first = usize::from(thought.is_some());
    let reason = match said {
        Said::Text(text) => {
            let deltas = halves(text).map(|half| json!({"type": "text_delta", "text": half}));
            open(first, json!({"type": "text", "text": ""}), deltas.to_vec());
            "end_turn"
        }
        Said::Calls(calls) => {
            for (index, call) in calls.iter().enumerate() {
                let mut opener = block(call);
                opener["input"] = json!({});
                let mut deltas = vec![json!({"type": "input_json_delta", "partial_json": ""})];
                deltas.extend(
                    halves(&call.arguments)
                        .map(|half| json!({"type": "input_json_delta", "partial_json": half})),
                );
                open(first + index, opener, deltas);
            }
            "tool_use"
        }
    };
    frames.push(frame(
        &json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
                "usage": {"output_tokens": 7}}),
    ));
    frames.push(frame(&json!({"type": "message_stop"})));
    frames
}

pub(super) fn heard(request: &Value) -> Heard {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let blocks = |message: &Value| -> Vec<Value> {
        match &message["content"] {
            Value::Array(blocks) => blocks.clone(),
            text => vec![json!({"type": "text", "text": text})],
        }
    };
    let last = messages.last().map(blocks).unwrap_or_default();
    let results = messages.iter().flat_map(blocks).filter(|block| block["type"] == "tool_result");
    Heard {
        last: last
            .iter()
            .filter(|block| block["type"] != "tool_result")
            .map(plain)
            .collect::<Vec<_>>()
            .join(" "),
        from_user: last.iter().any(|block| block["type"] != "tool_result"),
        results: results.map(|block| plain(&block["content"])).collect(),
        has_tools: !request["tools"].is_null(),
        schema: request["output_config"]["format"]["schema"].clone(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(plain).collect::<Vec<_>>().join(" "),
        block if block["type"] == "image" => "[image]".to_owned(),
        block => block["text"].as_str().unwrap_or("").to_owned(),
    }
}

/// Members that are refused without a word in `anthropic-beta`, as Claude Code 2.1.332 sends them together.
const PAIRS: [(&str, &str); 4] = [
    ("output_config.effort", "effort-2025-11-24"),
    ("context_management", "context-management-2025-06-27"),
    ("fallbacks", "server-side-fallback-"),
    ("tags", "request-tags-2026-08-21"),
];

/// What the vendor refuses with 400.
fn accept(request: &Value) -> Result<(), String> {
    const KNOWN: [&str; 18] = [
        "context_management",
        "fallbacks",
        "tags",
        "model",
        "messages",
        "max_tokens",
        "system",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "thinking",
        "metadata",
        "service_tier",
        "output_config",
    ];
    for name in request.as_object().ok_or("expected an object")?.keys() {
        if !KNOWN.contains(&name.as_str()) {
            return Err(format!("{name}: Extra inputs are not permitted"));
        }
    }
    if request["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        return Err("max_tokens: Field required".to_owned());
    }
    if request["temperature"].as_f64().is_some_and(|value| value > 1.0) {
        return Err("temperature: range: 0..1".to_owned());
    }
    let messages = request["messages"].as_array().ok_or("messages: Field required")?;
    if messages.first().is_none_or(|first| first["role"] != "user") {
        return Err("messages: first message must use the \"user\" role".to_owned());
    }
    // Instructions may stand between the turns.
    let messages: Vec<&Value> = messages.iter().filter(|message| message["role"] != "system").collect();
    for pair in messages.windows(2) {
        if pair[0]["role"] == pair[1]["role"] {
            return Err("messages: roles must alternate between \"user\" and \"assistant\"".to_owned());
        }
    }
    let blocks = |message: &Value| message["content"].as_array().cloned().unwrap_or_default();
    let mut waiting: Vec<Value> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let content = blocks(message);
        if content.is_empty() && message["content"].as_str().is_none_or(|text| text.trim().is_empty()) {
            return Err(format!("messages.{at}: content must be non-empty"));
        }
        if content.iter().any(|block| block["type"] == "text" && plain(block).trim().is_empty()) {
            return Err("messages: text content blocks must contain non-whitespace text".to_owned());
        }
        let results = content.iter().take_while(|block| block["type"] == "tool_result");
        let given: Vec<Value> = results.map(|block| block["tool_use_id"].clone()).collect();
        let later = content.iter().skip(given.len()).any(|block| block["type"] == "tool_result");
        if later
            || waiting.iter().any(|id| !given.contains(id))
            || given.iter().any(|id| !waiting.contains(id))
        {
            return Err(format!(
                "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after"
            ));
        }
        let uses = content.iter().filter(|block| block["type"] == "tool_use");
        if uses.clone().any(|block| !block["input"].is_object()) {
            return Err(format!("messages.{at}: input: Input should be a valid dictionary"));
        }
        waiting = uses.map(|block| block["id"].clone()).collect();
    }
    let tools = request["tools"].as_array().cloned().unwrap_or_default();
    if tools.iter().any(|tool| tool["input_schema"]["type"] != "object") {
        return Err("tools.0.input_schema.type: Field required".to_owned());
    }
    super::refusals::messages(request)
}
