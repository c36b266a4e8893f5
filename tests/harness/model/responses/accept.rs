//! What the vendor of Responses refuses, in its words.

use serde_json::{Value, json};

use super::{ENCRYPTED, SEALED, items};

/// What the vendor says of a request that it refuses.
pub(super) struct Wrong {
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

    pub(super) fn body(&self) -> String {
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
pub(super) fn accept(request: &Value) -> Result<(), Wrong> {
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
        let known = ["type", "name", "description", "parameters", "strict", "defer_loading"];
        let members = tool.as_object().filter(|_| tool["type"] == "function");
        if let Some(name) = members.and_then(|it| it.keys().find(|name| !known.contains(&name.as_str()))) {
            return Err(Wrong::unknown(&format!("tools[{at}].{name}")));
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
    if item["encrypted_content"].as_str().is_some_and(|text| !text.starts_with(ENCRYPTED)) {
        let id = item["id"].as_str().unwrap_or_default();
        return Err(Wrong {
            message: format!("The encrypted content for item {id} could not be verified."),
            param: format!("input[{at}].encrypted_content"),
            code: "invalid_encrypted_content",
        });
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
