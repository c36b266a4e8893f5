//! The vendor of chat completions itself: what it refuses with 400, in its words, before the scripted model answers. Written
//! from its published schema and from public reports, not from our codecs.

use serde_json::{Value, json};

use crate::upstream::{Reply, Seen};

/// Answers as the scripted model, or refuses.
pub fn answer(seen: &Seen) -> Reply {
    if seen.path.ends_with("/chat/completions")
        && let Err(wrong) = accept(&seen.json())
    {
        return Reply::json(400, wrong.body());
    }
    super::answer_of(seen, false)
}

/// What it says of a request that it refuses.
struct Wrong {
    message: String,
    param: String,
    code: &'static str,
}

impl Wrong {
    fn body(&self) -> String {
        json!({"error": {"message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code}})
            .to_string()
    }
}

fn unknown(param: &str) -> Wrong {
    let message = format!("Unknown parameter: '{param}'.");
    Wrong { message, param: param.to_owned(), code: "unknown_parameter" }
}

fn wrong(param: &str, message: &str) -> Wrong {
    Wrong { message: message.to_owned(), param: param.to_owned(), code: "invalid_value" }
}

fn empty_array(param: &str) -> Wrong {
    let message = format!(
        "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    );
    Wrong { message, param: param.to_owned(), code: "empty_array" }
}

const REQUEST: [&str; 33] = [
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];
const MESSAGE: [&str; 8] =
    ["role", "content", "name", "refusal", "audio", "tool_calls", "tool_call_id", "function_call"];

fn stranger(object: &Value, known: &[&str]) -> Option<String> {
    object.as_object()?.keys().find(|name| !known.contains(&name.as_str())).cloned()
}

fn accept(request: &Value) -> Result<(), Wrong> {
    if let Some(name) = stranger(request, &REQUEST) {
        return Err(unknown(&name));
    }
    let tools = request["tools"].as_array();
    if tools.is_some_and(Vec::is_empty) {
        return Err(empty_array("tools"));
    }
    for name in ["tool_choice", "parallel_tool_calls"] {
        if tools.is_none() && !request[name].is_null() {
            return Err(wrong(name, &format!("'{name}' is only allowed when 'tools' are specified.")));
        }
    }
    if request["stream"] != json!(true) && !request["stream_options"].is_null() {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(wrong("stream_options", message));
    }
    for (at, tool) in tools.into_iter().flatten().enumerate() {
        let place = format!("tools[{at}]");
        if let Some(name) = stranger(tool, &["type", "function", "custom"]) {
            return Err(unknown(&format!("{place}.{name}")));
        }
        if let Some(name) = stranger(&tool["function"], &["name", "description", "parameters", "strict"]) {
            return Err(unknown(&format!("{place}.function.{name}")));
        }
        if tool["type"] == "function" {
            named(&format!("{place}.function.name"), &tool["function"]["name"])?;
        }
    }
    let messages = request["messages"].as_array().ok_or_else(|| unknown("messages"))?;
    for (at, message) in messages.iter().enumerate() {
        accept_message(&format!("messages[{at}]"), message)?;
    }
    paired(messages)
}

fn named(place: &str, name: &Value) -> Result<(), Wrong> {
    let name = name.as_str().unwrap_or_default();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if (1..=64).contains(&name.len()) && plain {
        return Ok(());
    }
    let message = format!(
        "Invalid '{place}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    );
    Err(wrong(place, &message))
}

fn accept_message(place: &str, message: &Value) -> Result<(), Wrong> {
    if let Some(name) = stranger(message, &MESSAGE) {
        return Err(unknown(&format!("{place}.{name}")));
    }
    let role = message["role"].as_str().unwrap_or_default();
    if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
        let message = format!(
            "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
        );
        return Err(wrong(&format!("{place}.role"), &message));
    }
    let content = &message["content"];
    let speaks = role == "assistant" && (message["tool_calls"].is_array() || message["refusal"].is_string());
    if content.is_null() && !speaks {
        let message = format!(
            "Invalid value for '{place}.content': expected one of a string or array of objects, but got null instead."
        );
        return Err(wrong(&format!("{place}.content"), &message));
    }
    if content.as_array().is_some_and(Vec::is_empty) {
        return Err(empty_array(&format!("{place}.content")));
    }
    let kinds: &[&str] = match role {
        "user" => &["text", "image_url", "input_audio", "file"],
        "assistant" => &["text", "refusal"],
        // A picture in a result is more than the schema knows, and taken.
        "tool" => &["text", "image_url", "file"],
        _ => &["text"],
    };
    for (at, part) in content.as_array().into_iter().flatten().enumerate() {
        let kind = part["type"].as_str().unwrap_or_default();
        if !kinds.contains(&kind) {
            let message = format!("Invalid value: '{kind}'. Supported values are: {kinds:?}.");
            return Err(wrong(&format!("{place}.content[{at}].type"), &message));
        }
        if let Some(name) = stranger(part, &["type", kind]) {
            return Err(unknown(&format!("{place}.content[{at}].{name}")));
        }
    }
    if message["tool_calls"].as_array().is_some_and(Vec::is_empty) {
        return Err(empty_array(&format!("{place}.tool_calls")));
    }
    for (at, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let place = format!("{place}.tool_calls[{at}]");
        if let Some(name) = stranger(call, &["id", "type", "function", "custom"]) {
            return Err(unknown(&format!("{place}.{name}")));
        }
        if call["type"] == "function" {
            named(&format!("{place}.function.name"), &call["function"]["name"])?;
            if !call["function"]["arguments"].is_string() {
                let message = format!("Invalid type for '{place}.function.arguments': expected a string.");
                return Err(wrong(&format!("{place}.function.arguments"), &message));
            }
        }
    }
    Ok(())
}

/// Every call has its result right behind it, and every result its call before it.
fn paired(messages: &[Value]) -> Result<(), Wrong> {
    let mut waiting: Vec<&str> = Vec::new();
    for message in messages {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(at) = waiting.iter().position(|known| *known == id) else {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(wrong("messages", message));
            };
            waiting.remove(at);
            continue;
        }
        unanswered(&waiting)?;
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        waiting = calls.filter_map(|call| call["id"].as_str()).collect();
    }
    unanswered(&waiting)
}

fn unanswered(waiting: &[&str]) -> Result<(), Wrong> {
    if waiting.is_empty() {
        return Ok(());
    }
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        waiting.join(", ")
    );
    Err(wrong("messages", &message))
}
