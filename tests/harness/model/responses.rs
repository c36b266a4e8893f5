//! The scripted model on the wire `openai-responses`. As strict as the vendor about what a request must look like: an
//! encoder that sends what the vendor would refuse is refused here, in the vendor's words. It keeps nothing: what a request
//! names instead of saying it is not found.

mod accept;

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::script::{Call, Heard, SIGNATURE, Said, halves};
use crate::upstream::{Reply, Seen};
use accept::accept;

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
    let mut request = seen.json();
    if let Some(text) = request["input"].as_str() {
        request["input"] = json!([{"role": "user", "content": text}]);
    }
    if let Err(wrong) = accept(&request) {
        return Reply::json(400, wrong.body());
    }
    if path == COMPACT {
        let mut output = request["input"].as_array().cloned().unwrap_or_default();
        output.retain(|item| item["role"] == "user");
        output.push(compaction());
        let whole = response(&fresh_id(), &output, &request["model"], "completed");
        let body = json!({"id": "resp_scripted", "object": "response.compaction", "created_at": 1_700_000_000,
                          "output": output, "usage": whole["usage"]});
        return Reply::json(200, body.to_string());
    }
    let shortened = request["input"].as_array().and_then(|items| items.last());
    if shortened.is_some_and(|last| last["type"] == "compaction_trigger") {
        return shorter(&request);
    }
    let heard = heard(&request);
    let (said, thought) = (heard.answer(), heard.thought());
    if request["stream"] == json!(true) {
        Reply::stream(frames(&said, thought, &request))
    } else {
        Reply::json(200, body(&said, thought, &request))
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
    let (id, model) = (fresh_id(), &request["model"]);
    let whole = response(&id, &[compaction()], model, "completed");
    if request["stream"] != json!(true) {
        return Reply::json(200, whole.to_string());
    }
    let item = |kind: &str| json!({"type": format!("response.output_item.{kind}"), "output_index": 0, "item": compaction()});
    Reply::stream(numbered(vec![
        json!({"type": "response.created", "response": response(&id, &[], model, "in_progress")}),
        item("added"),
        item("done"),
        json!({"type": "response.completed", "response": whole}),
    ]))
}

/// The frames of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), None, &json!({"model": "scripted-1"}))
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    body(&Said::Text(text.to_owned()), None, &json!({"model": "scripted-1"}))
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

/// A whole answer to `request`.
pub(super) fn body(said: &Said, thought: Option<&str>, request: &Value) -> String {
    response(&fresh_id(), &output(said, thought, &request["tools"]), &request["model"], "completed")
        .to_string()
}

fn response(id: &str, output: &[Value], model: &Value, status: &str) -> Value {
    let usage = json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0}, "output_tokens": 7,
                       "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18});
    json!({"id": id, "object": "response", "created_at": 1_700_000_000, "status": status, "error": null,
           "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": model, "output": output,
           "parallel_tool_calls": true, "store": false, "temperature": 1.0, "tool_choice": "auto", "tools": [],
           "usage": if status == "completed" { usage } else { Value::Null }, "x_unknown": true})
}

fn output(said: &Said, thought: Option<&str>, tools: &Value) -> Vec<Value> {
    let said: Vec<Value> = match said {
        Said::Text(text) => vec![message(&json!([part(text)]), "completed")],
        Said::Calls(calls) => calls.iter().map(|one| call(one, tools, "completed")).collect(),
    };
    thought.map(reasoning).into_iter().chain(said).collect()
}

/// What the model thought, as it encrypts it.
fn reasoning(text: &str) -> Value {
    json!({"id": "rs_scripted", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}],
           "encrypted_content": format!("{ENCRYPTED}{SIGNATURE}")})
}

/// How everything begins that this vendor encrypts.
const ENCRYPTED: &str = "gAAAA";

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn message(content: &Value, status: &str) -> Value {
    json!({"id": "msg_scripted", "type": "message", "status": status, "role": "assistant", "content": content})
}

/// A call as the tool of its name is called: those with free text get their text, those of a namespace are named below it.
fn call(call: &Call, tools: &Value, status: &str) -> Value {
    let mut item = json!({"id": format!("fc_{}", call.number), "type": "function_call", "status": status,
                          "call_id": format!("call_{}", call.number), "name": call.name});
    let tools = tools.as_array().into_iter().flatten();
    if tools.clone().any(|tool| tool["type"] == "custom" && tool["name"] == call.name) {
        item["type"] = json!("custom_tool_call");
        item["input"] = json!(if status == "completed" { free_text(call) } else { String::new() });
        return item;
    }
    item["arguments"] = json!(if status == "completed" { call.arguments.as_str() } else { "" });
    if let Some(namespace) = &call.namespace {
        item["namespace"] = json!(namespace);
        return item;
    }
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

/// The frames of a streamed answer to `request`.
pub(super) fn frames(said: &Said, thought: Option<&str>, request: &Value) -> Vec<String> {
    let (id, model, tools) = (fresh_id(), &request["model"], &request["tools"]);
    let mut events = vec![
        json!({"type": "response.created", "response": response(&id, &[], model, "in_progress")}),
        json!({"type": "response.in_progress", "response": response(&id, &[], model, "in_progress")}),
    ];
    if let Some(text) = thought {
        let whole = reasoning(text);
        let place = |kind: &str, name: &str, value: Value| {
            json!({"type": format!("response.reasoning_summary_{kind}"), "item_id": "rs_scripted", "output_index": 0,
                   "summary_index": 0, name: value})
        };
        let begun = json!({"id": "rs_scripted", "type": "reasoning", "summary": []});
        events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": begun}));
        events.push(place("part.added", "part", json!({"type": "summary_text", "text": ""})));
        events.push(place("text.delta", "delta", json!(text)));
        events.push(place("text.done", "text", json!(text)));
        events.push(place("part.done", "part", whole["summary"][0].clone()));
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": whole}));
    }
    let first = usize::from(thought.is_some());
    match said {
        Said::Text(text) => {
            let at = |kind: &str| json!({"type": kind, "item_id": "msg_scripted", "output_index": first, "content_index": 0});
            let with = |kind: &str, name: &str, value: Value| {
                let mut event = at(kind);
                event[name] = value;
                event
            };
            events.push(json!({"type": "response.output_item.added", "output_index": first,
                               "item": message(&json!([]), "in_progress")}));
            events.push(with("response.content_part.added", "part", part("")));
            let deltas = halves(text).map(|half| with("response.output_text.delta", "delta", json!(half)));
            events.extend(deltas);
            events.push(with("response.output_text.done", "text", json!(text)));
            events.push(with("response.content_part.done", "part", part(text)));
            events.push(json!({"type": "response.output_item.done", "output_index": first,
                               "item": message(&json!([part(text)]), "completed")}));
        }
        Said::Calls(calls) => {
            for (index, one) in (first..).zip(calls) {
                let whole = call(one, tools, "completed");
                let (stream, member) = match whole["type"].as_str() {
                    Some("custom_tool_call") => ("custom_tool_call_input", "input"),
                    _ => ("function_call_arguments", "arguments"),
                };
                let piece = |kind: &str, name: &str, value: &str| {
                    json!({"type": format!("response.{stream}.{kind}"), "output_index": index,
                           "item_id": format!("fc_{}", one.number), name: value})
                };
                let text = whole[member].as_str().unwrap_or_default();
                events.push(json!({"type": "response.output_item.added", "output_index": index,
                                   "item": call(one, tools, "in_progress")}));
                events.extend(halves(text).map(|half| piece("delta", "delta", half)));
                events.push(piece("done", member, text));
                events
                    .push(json!({"type": "response.output_item.done", "output_index": index, "item": whole}));
            }
        }
    }
    events.push(
        json!({"type": "response.completed", "response": response(&id, &output(said, thought, tools), model, "completed")}),
    );
    numbered(events)
}

fn numbered(events: Vec<Value>) -> Vec<String> {
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = json!(number);
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    });
    numbered.collect()
}

pub(super) fn heard(request: &Value) -> Heard {
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
