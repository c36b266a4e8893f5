//! The scripted model on the wire `openai-responses`. As strict as the vendor about what a request must look like: an
//! encoder that sends what the vendor would refuse is refused here, in the vendor's words.

use serde_json::{Value, json};

use super::script::{Call, Heard, Said, halves};
use crate::upstream::{Reply, Seen};

/// Answers one request as `POST /v1/responses` or `GET /v1/models` would.
pub fn answer(seen: &Seen) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    if path.ends_with("/models") {
        return super::answer(seen);
    }
    if path == "/v1/responses/input_tokens" {
        let body = json!({"object": "response.input_tokens", "input_tokens": seen.body.len()});
        return Reply::json(200, body.to_string());
    }
    if path != "/v1/responses" && path != COMPACT {
        return Reply::json(404, super::error_body(404, "Invalid URL"));
    }
    if seen.header("authorization").is_none() {
        return Reply::json(401, super::error_body(401, "Missing bearer authentication in header"));
    }
    let request = seen.json();
    if let Err(wrong) = accept(&request) {
        return Reply::json(400, wrong.body());
    }
    if path == COMPACT {
        let mut output = request["input"].as_array().cloned().unwrap_or_default();
        output.retain(|item| item["role"] == "user");
        output.push(compaction());
        let whole = response(&output, &request["model"], "completed");
        let body = json!({"id": "resp_scripted", "object": "response.compaction", "created_at": 1_700_000_000,
                          "output": output, "usage": whole["usage"]});
        return Reply::json(200, body.to_string());
    }
    let shortened = request["input"].as_array().and_then(|items| items.last());
    if shortened.is_some_and(|last| last["type"] == "compaction_trigger") {
        return shorter(&request);
    }
    let said = heard(&request).answer();
    if request["stream"] == json!(true) {
        Reply::stream(frames(&said, &request["model"]))
    } else {
        Reply::json(200, response(&output(&said), &request["model"], "completed").to_string())
    }
}

const COMPACT: &str = "/v1/responses/compact";

/// What only this upstream can read.
pub const SEALED: &str = "gAAAAscripted";

fn compaction() -> Value {
    json!({"id": "cmp_scripted", "type": "compaction", "encrypted_content": SEALED})
}

/// The conversation made shorter.
fn shorter(request: &Value) -> Reply {
    let whole = response(&[compaction()], &request["model"], "completed");
    if request["stream"] != json!(true) {
        return Reply::json(200, whole.to_string());
    }
    let item = |kind: &str| json!({"type": format!("response.output_item.{kind}"), "output_index": 0, "item": compaction()});
    Reply::stream(numbered(vec![
        json!({"type": "response.created", "response": response(&[], &request["model"], "in_progress")}),
        item("added"),
        item("done"),
        json!({"type": "response.completed", "response": whole}),
    ]))
}

/// The frames of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), &json!("scripted-1"))
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    response(&output(&Said::Text(text.to_owned())), &json!("scripted-1"), "completed").to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    let error = json!({"type": "error", "sequence_number": 9, "code": "server_is_overloaded", "message": message,
                       "param": null});
    format!("event: error\ndata: {error}\n\n")
}

fn response(output: &[Value], model: &Value, status: &str) -> Value {
    let usage = json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 7,
                       "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18});
    json!({"id": "resp_scripted", "object": "response", "created_at": 1_700_000_000, "status": status, "error": null,
           "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": model, "output": output,
           "parallel_tool_calls": true, "store": false, "temperature": 1.0, "tool_choice": "auto", "tools": [],
           "usage": if status == "completed" { usage } else { Value::Null }, "x_unknown": true})
}

fn output(said: &Said) -> Vec<Value> {
    match said {
        Said::Text(text) => vec![message(&json!([part(text)]), "completed")],
        Said::Calls(calls) => calls.iter().enumerate().map(|(at, one)| call(at, one, "completed")).collect(),
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn message(content: &Value, status: &str) -> Value {
    json!({"id": "msg_scripted", "type": "message", "status": status, "role": "assistant", "content": content})
}

fn call(at: usize, call: &Call, status: &str) -> Value {
    let arguments = if status == "completed" { call.arguments.as_str() } else { "" };
    json!({"id": format!("fc_{at}"), "type": "function_call", "status": status, "call_id": format!("call_{at}"),
           "name": call.name, "arguments": arguments})
}

fn frames(said: &Said, model: &Value) -> Vec<String> {
    let mut events = vec![
        json!({"type": "response.created", "response": response(&[], model, "in_progress")}),
        json!({"type": "response.in_progress", "response": response(&[], model, "in_progress")}),
    ];
    match said {
        Said::Text(text) => {
            let at = |kind: &str| json!({"type": kind, "item_id": "msg_scripted", "output_index": 0, "content_index": 0});
            let with = |kind: &str, name: &str, value: Value| {
                let mut event = at(kind);
                event[name] = value;
                event
            };
            events.push(json!({"type": "response.output_item.added", "output_index": 0,
                               "item": message(&json!([]), "in_progress")}));
            events.push(with("response.content_part.added", "part", part("")));
            let deltas = halves(text).map(|half| with("response.output_text.delta", "delta", json!(half)));
            events.extend(deltas);
            events.push(with("response.output_text.done", "text", json!(text)));
            events.push(with("response.content_part.done", "part", part(text)));
            events.push(json!({"type": "response.output_item.done", "output_index": 0,
                               "item": message(&json!([part(text)]), "completed")}));
        }
        Said::Calls(calls) => {
            for (index, one) in calls.iter().enumerate() {
                let piece = |kind: &str, name: &str, value: &str| {
                    json!({"type": format!("response.function_call_arguments.{kind}"), "output_index": index,
                           "item_id": format!("fc_{index}"), name: value})
                };
                events.push(json!({"type": "response.output_item.added", "output_index": index,
                                   "item": call(index, one, "in_progress")}));
                events.extend(halves(&one.arguments).map(|half| piece("delta", "delta", half)));
                events.push(piece("done", "arguments", &one.arguments));
                events.push(json!({"type": "response.output_item.done", "output_index": index,
                                   "item": call(index, one, "completed")}));
            }
        }
    }
    events
        .push(json!({"type": "response.completed", "response": response(&output(said), model, "completed")}));
    numbered(events)
}

fn numbered(events: Vec<Value>) -> Vec<String> {
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = json!(number);
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    });
    numbered.collect()
}

fn heard(request: &Value) -> Heard {
    let items = request["input"].as_array().cloned().unwrap_or_default();
    let last = items.last().cloned().unwrap_or_default();
    let results = items.iter().filter(|item| item["type"] == "function_call_output");
    Heard {
        last: plain(&last["content"]),
        from_user: last["role"] == "user",
        results: results.map(|item| plain(&item["output"])).collect(),
        has_tools: !request["tools"].is_null(),
        schema: request["text"]["format"]["schema"].clone(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(plain).collect::<Vec<_>>().join(" "),
        part if part["type"] == "input_image" => "[image]".to_owned(),
        part => part["text"].as_str().unwrap_or("").to_owned(),
    }
}

/// What the vendor says of a request that it refuses.
struct Wrong {
    message: String,
    param: String,
    code: &'static str,
}

impl Wrong {
    fn unknown(param: &str) -> Self {
        Self {
            message: format!("Unknown parameter: '{param}'."),
            param: param.to_owned(),
            code: "unknown_parameter",
        }
    }

    fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self { message, param: param.to_owned(), code: "missing_required_parameter" }
    }

    fn value(message: String, param: &str) -> Self {
        Self { message, param: param.to_owned(), code: "invalid_value" }
    }

    fn body(&self) -> String {
        json!({"error": {"message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code}})
            .to_string()
    }
}

const KNOWN: [&str; 30] = [
    "background",
    "client_metadata",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "context_management",
];

/// What the vendor refuses with 400.
fn accept(request: &Value) -> Result<(), Wrong> {
    let members = request.as_object().ok_or_else(|| Wrong::missing("model"))?;
    if let Some(name) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(Wrong::unknown(name));
    }
    if request["max_output_tokens"].as_u64().is_some_and(|limit| limit < 16) {
        let message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16";
        return Err(Wrong::value(message.to_owned(), "max_output_tokens"));
    }
    if request["stream"] != json!(true) && !request["stream_options"].is_null() {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.".to_owned();
        return Err(Wrong::value(message, "stream_options"));
    }
    for (at, tool) in request["tools"].as_array().into_iter().flatten().enumerate() {
        if !tool["function"].is_null() {
            return Err(Wrong::unknown(&format!("tools[{at}].function")));
        }
        if tool["type"] == "function" && !tool["name"].is_string() {
            return Err(Wrong::missing(&format!("tools[{at}].name")));
        }
    }
    let items = request["input"].as_array().ok_or_else(|| Wrong::missing("input"))?;
    let ids = |kinds: [&str; 2]| -> Vec<Value> {
        let of_kind = items.iter().filter(|item| kinds.iter().any(|kind| item["type"] == *kind));
        of_kind.map(|item| item["call_id"].clone()).collect()
    };
    let called = ids(["function_call", "custom_tool_call"]);
    let answered = ids(["function_call_output", "custom_tool_call_output"]);
    if let Some(id) = answered.iter().find(|id| !called.contains(id)) {
        return Err(Wrong::value(
            format!("No tool call found for function call output with call_id {id}."),
            "input",
        ));
    }
    if let Some(id) = called.iter().find(|id| !answered.contains(id)) {
        return Err(Wrong::value(format!("No tool output found for function call {id}."), "input"));
    }
    items.iter().enumerate().try_for_each(|(at, item)| accept_item(at, item))
}

fn accept_item(at: usize, item: &Value) -> Result<(), Wrong> {
    let known: &[&str] = match item["type"].as_str().unwrap_or("message") {
        "message" => &["type", "id", "role", "content", "status", "phase"],
        "function_call" => &["type", "id", "call_id", "name", "namespace", "arguments", "status"],
        "custom_tool_call" => &["type", "id", "call_id", "name", "namespace", "input", "status"],
        "function_call_output" | "custom_tool_call_output" => &["type", "id", "call_id", "output", "status"],
        "reasoning" => &["type", "id", "summary", "content", "encrypted_content", "status"],
        "compaction" if item["encrypted_content"] != SEALED => {
            let param = format!("input[{at}].encrypted_content");
            return Err(Wrong::value("The encrypted content could not be verified.".to_owned(), &param));
        }
        _ => return Ok(()),
    };
    // What Codex says of an item to the vendor alone.
    let is_known = |name: &str| name == "internal_chat_message_metadata_passthrough" || known.contains(&name);
    if let Some(name) = item.as_object().and_then(|item| item.keys().find(|name| !is_known(name))) {
        return Err(Wrong::unknown(&format!("input[{at}].{name}")));
    }
    if item["call_id"].as_str().is_some_and(|id| id.len() > 64) {
        let param = format!("input[{at}].call_id");
        return Err(Wrong::value(
            format!("Invalid '{param}': string too long. Expected a string with maximum length 64"),
            &param,
        ));
    }
    if item["type"] == "reasoning" && !item["summary"].is_array() {
        return Err(Wrong::missing(&format!("input[{at}].summary")));
    }
    let kinds: &[&str] = match item["role"].as_str() {
        Some("assistant") => &["output_text", "refusal"],
        None | Some("user" | "system" | "developer") => &["input_text", "input_image", "input_file"],
        Some(role) => {
            let param = format!("input[{at}].role");
            let message = format!(
                "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
            );
            return Err(Wrong::value(message, &param));
        }
    };
    let parts = item["content"].as_array().or_else(|| item["output"].as_array());
    for (number, part) in parts.into_iter().flatten().enumerate() {
        let kind = part["type"].as_str().unwrap_or_default();
        if item["type"] != "reasoning" && !kinds.contains(&kind) {
            let param = format!("input[{at}].content[{number}]");
            return Err(Wrong::value(
                format!("Invalid value: '{kind}'. Supported values are: {kinds:?}."),
                &param,
            ));
        }
    }
    Ok(())
}
