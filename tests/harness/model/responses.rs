//! The scripted model on the wire `openai-responses`. As strict as the vendor about what a request must look like: an
//! encoder that sends what the vendor would refuse is refused here, in the vendor's words. It keeps nothing: what a request
//! names instead of saying it is not found.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::script::{Call, Heard, Said, halves};
use crate::upstream::{Reply, Seen};

/// Answers one request as `POST /v1/responses` or `GET /v1/models` would.
pub fn answer(seen: &Seen) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    if path.ends_with("/models") {
        return super::answer(seen);
    }
    if path != "/v1/responses" {
        return Reply::json(404, super::error_body(404, "Invalid URL"));
    }
    if seen.header("authorization").is_none() {
        return Reply::json(401, super::error_body(401, "Missing bearer authentication in header"));
    }
    let mut request = seen.json();
    if let Some(text) = request["input"].as_str() {
        request["input"] = json!([{"role": "user", "content": text}]);
    }
    if let Err(wrong) = accept(&request) {
        return Reply::json(400, wrong.body());
    }
    let said = heard(&request).answer();
    let (model, tools) = (&request["model"], &request["tools"]);
    if request["stream"] == json!(true) {
        Reply::stream(frames(&said, model, tools))
    } else {
        Reply::json(200, response(&fresh_id(), &output(&said, tools), model, "completed").to_string())
    }
}

/// The frames of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), &json!("scripted-1"), &Value::Null)
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    let said = output(&Said::Text(text.to_owned()), &Value::Null);
    response(&fresh_id(), &said, &json!("scripted-1"), "completed").to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    let error = json!({"type": "error", "sequence_number": 9, "code": "server_is_overloaded", "message": message,
                       "param": null});
    format!("event: error\ndata: {error}\n\n")
}

/// Every response has an id of its own.
fn fresh_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("resp_scripted_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn response(id: &str, output: &[Value], model: &Value, status: &str) -> Value {
    let usage = json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0}, "output_tokens": 7,
                       "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18});
    json!({"id": id, "object": "response", "created_at": 1_700_000_000, "status": status, "error": null,
           "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": model, "output": output,
           "parallel_tool_calls": true, "store": false, "temperature": 1.0, "tool_choice": "auto", "tools": [],
           "usage": if status == "completed" { usage } else { Value::Null }, "x_unknown": true})
}

fn output(said: &Said, tools: &Value) -> Vec<Value> {
    match said {
        Said::Text(text) => vec![message(&json!([part(text)]), "completed")],
        Said::Calls(calls) => {
            calls.iter().enumerate().map(|(at, one)| call(at, one, tools, "completed")).collect()
        }
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn message(content: &Value, status: &str) -> Value {
    json!({"id": "msg_scripted", "type": "message", "status": status, "role": "assistant", "content": content})
}

/// A call as the tool of its name is called: those with free text get their text, those of a namespace are named below it.
fn call(at: usize, call: &Call, tools: &Value, status: &str) -> Value {
    let mut item = json!({"id": format!("fc_{at}"), "type": "function_call", "status": status,
                          "call_id": format!("call_{at}"), "name": call.name});
    let tools = tools.as_array().into_iter().flatten();
    if tools.clone().any(|tool| tool["type"] == "custom" && tool["name"] == call.name) {
        item["type"] = json!("custom_tool_call");
        item["input"] = json!(if status == "completed" { free_text(call) } else { String::new() });
        return item;
    }
    item["arguments"] = json!(if status == "completed" { call.arguments.as_str() } else { "" });
    for tool in tools.filter(|tool| tool["type"] == "namespace") {
        let space = tool["name"].as_str().unwrap_or_default();
        if let Some(name) = call.name.strip_prefix(space).and_then(|rest| rest.strip_prefix("__")) {
            item["namespace"] = json!(space);
            item["name"] = json!(name);
        }
    }
    item
}

fn free_text(call: &Call) -> String {
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    arguments["input"].as_str().unwrap_or(&call.arguments).to_owned()
}

fn frames(said: &Said, model: &Value, tools: &Value) -> Vec<String> {
    let id = fresh_id();
    let mut events = vec![
        json!({"type": "response.created", "response": response(&id, &[], model, "in_progress")}),
        json!({"type": "response.in_progress", "response": response(&id, &[], model, "in_progress")}),
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
                let whole = call(index, one, tools, "completed");
                let (stream, member) = match whole["type"].as_str() {
                    Some("custom_tool_call") => ("custom_tool_call_input", "input"),
                    _ => ("function_call_arguments", "arguments"),
                };
                let piece = |kind: &str, name: &str, value: &str| {
                    json!({"type": format!("response.{stream}.{kind}"), "output_index": index,
                           "item_id": format!("fc_{index}"), name: value})
                };
                let text = whole[member].as_str().unwrap_or_default();
                events.push(json!({"type": "response.output_item.added", "output_index": index,
                                   "item": call(index, one, tools, "in_progress")}));
                events.extend(halves(text).map(|half| piece("delta", "delta", half)));
                events.push(piece("done", member, text));
                events
                    .push(json!({"type": "response.output_item.done", "output_index": index, "item": whole}));
            }
        }
    }
    events.push(
        json!({"type": "response.completed", "response": response(&id, &output(said, tools), model, "completed")}),
    );
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = json!(number);
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    });
    numbered.collect()
}

fn heard(request: &Value) -> Heard {
    let items = items(request);
    let last = items.last().cloned().unwrap_or_default();
    let is_result = |kind: &str| kind.ends_with("_call_output");
    let results = items.iter().filter(|item| item["type"].as_str().is_some_and(is_result));
    Heard {
        last: plain(&last["content"]),
        from_user: last["role"] == "user",
        results: results.map(|item| plain(&item["output"])).collect(),
        has_tools: !request["tools"].is_null(),
        schema: request["text"]["format"]["schema"].clone(),
    }
}

/// A text alone is a message of the user.
fn items(request: &Value) -> Vec<Value> {
    match &request["input"] {
        Value::String(text) => vec![json!({"type": "message", "role": "user", "content": text})],
        input => input.as_array().cloned().unwrap_or_default(),
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

const KNOWN: [&str; 29] = [
    "background",
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
    if !request["input"].is_array() && !request["input"].is_string() {
        return Err(Wrong::missing("input"));
    }
    if let Some(id) = request["previous_response_id"].as_str() {
        return Err(Wrong {
            message: format!("Previous response with id '{id}' not found."),
            param: "previous_response_id".to_owned(),
            code: "previous_response_not_found",
        });
    }
    let items = items(request);
    let named = items.iter().find(|item| {
        let unsaid = item["type"] == "reasoning" && !item["encrypted_content"].is_string();
        item["type"] == "item_reference" || unsaid && item["id"].is_string()
    });
    if let Some(item) = named {
        let message = format!(
            "Item with id {} not found. Items are not persisted when `store` is set to false.",
            item["id"]
        );
        return Err(Wrong::value(message, "input"));
    }
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
        _ => return Ok(()),
    };
    if let Some(name) =
        item.as_object().and_then(|item| item.keys().find(|name| !known.contains(&name.as_str())))
    {
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
