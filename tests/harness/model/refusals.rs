//! What vendors refuse with 400 or 422 beyond the shape of a request, as their documents and public reports have it: so that
//! what is right today stays right. Written from those, not from our codecs.

use serde_json::{Value, json};

use super::{answer, error_body};
use crate::upstream::{Reply, Seen};

/// A vendor of chat completions, as strict as the strictest.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a vendor knows or not")]
pub struct Strict {
    /// It does not know `stream_options` (cline/cline#582, BerriAI/litellm#8978).
    pub no_stream_options: bool,
    /// It knows `max_tokens` only.
    pub max_tokens_only: bool,
    /// It does not know the role `developer` (alibaba/higress#3479).
    pub no_developer: bool,
    /// Its model reasons: no sampling, and a limit by its newer name (getzep/graphiti#874, softwaremill/sttp-ai#490).
    pub reasoning: bool,
}

impl Strict {
    /// Answers as the scripted model, or with the 422 of a server that checks its input.
    pub fn answer(self, seen: &Seen) -> Reply {
        if seen.path.ends_with("/models") {
            return answer(seen);
        }
        if self.reasoning
            && let Some(body) = unreasonable(&seen.json())
        {
            return Reply::json(400, body);
        }
        match self.unknown(&seen.json()) {
            Some(place) => Reply::json(422, forbidden(&place)),
            None => answer(seen),
        }
    }

    fn unknown(self, request: &Value) -> Option<Vec<Value>> {
        let mut known = vec![
            "model",
            "messages",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "response_format",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "frequency_penalty",
            "presence_penalty",
            "n",
            "stream",
            "user",
            "reasoning_effort",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "store",
            "metadata",
            "service_tier",
            "max_tokens",
        ];
        known.extend((!self.no_stream_options).then_some("stream_options"));
        known.extend((!self.max_tokens_only).then_some("max_completion_tokens"));
        if let Some(name) = stranger(request, &known) {
            return Some(vec![json!(name)]);
        }
        let parts = ["type", "text", "image_url", "input_audio", "file", "refusal"];
        let calls = ["id", "type", "function"];
        for (at, message) in request["messages"].as_array()?.iter().enumerate() {
            let place = |inner: Vec<Value>| Some([vec![json!("messages"), json!(at)], inner].concat());
            let members = ["role", "content", "name", "refusal", "tool_calls", "tool_call_id"];
            if let Some(name) = stranger(message, &members) {
                return place(vec![json!(name)]);
            }
            if self.no_developer && message["role"] == "developer" {
                return place(vec![json!("role")]);
            }
            for (list, members) in [("content", &parts[..]), ("tool_calls", &calls)] {
                for (index, entry) in message[list].as_array().into_iter().flatten().enumerate() {
                    if let Some(name) = stranger(entry, members) {
                        return place(vec![json!(list), json!(index), json!(name)]);
                    }
                }
            }
        }
        for (at, tool) in request["tools"].as_array().into_iter().flatten().enumerate() {
            if let Some(name) = stranger(tool, &["type", "function"]) {
                return Some(vec![json!("tools"), json!(at), json!(name)]);
            }
        }
        None
    }
}

fn stranger(object: &Value, known: &[&str]) -> Option<String> {
    object.as_object()?.keys().find(|name| !known.contains(&name.as_str())).cloned()
}

/// What a model that reasons refuses, as OpenAI says it.
fn unreasonable(request: &Value) -> Option<String> {
    let refuse = |param: &str, code: &str, message: String| {
        json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})
            .to_string()
    };
    let not = |name: &str| format!("Unsupported parameter: '{name}' is not supported with this model.");
    if request["temperature"].as_f64().is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
        let value = &request["temperature"];
        return Some(refuse(
            "temperature",
            "unsupported_value",
            format!(
                "Unsupported value: 'temperature' does not support {value} with this model. Only the default (1) value is supported."
            ),
        ));
    }
    if !request["max_tokens"].is_null() {
        let message = format!("{} Use 'max_completion_tokens' instead.", not("max_tokens"));
        return Some(refuse("max_tokens", "unsupported_parameter", message));
    }
    let names = ["top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"];
    let name = names.into_iter().find(|name| !request[name].is_null())?;
    Some(refuse(name, "unsupported_parameter", not(name)))
}

/// As a server says it that checks its input with pydantic.
fn forbidden(place: &[Value]) -> String {
    let loc = [vec![json!("body")], place.to_vec()].concat();
    json!({"detail": [{"type": "extra_forbidden", "loc": loc, "msg": "Extra inputs are not permitted", "input": null}]})
        .to_string()
}

/// What a vendor of Messages refuses of a request of the right shape.
pub(super) fn messages(request: &Value) -> Result<(), String> {
    let model = Model::named(request["model"].as_str().unwrap_or_default());
    let thinks = !request["thinking"].is_null();
    thinking(&model, request)?;
    for name in ["temperature", "top_p", "top_k"] {
        if !model.sampling && !request[name].is_null() {
            return Err(format!("`{name}` is deprecated for this model."));
        }
    }
    if thinks && request["temperature"].as_f64().is_some_and(|value| value < 1.0) {
        return Err("`temperature` may only be set to 1 when thinking is enabled".to_owned());
    }
    let turns = request["messages"].as_array().cloned().unwrap_or_default();
    let prefilled = turns.last().is_some_and(|turn| turn["role"] == "assistant");
    if prefilled && (thinks || !model.prefill) {
        return Err("This model does not support assistant message prefill. The conversation must end with a user message.".to_owned());
    }
    if request["max_tokens"].as_u64() > Some(model.max_output) {
        return Err(format!("max_tokens: > {}, which is the maximum allowed", model.max_output));
    }
    if let Some(user) = request["metadata"]["user_id"].as_str()
        && (user.len() > 256 || user.contains(['@', ' ', '+']))
    {
        return Err("metadata.user_id: user_id appears to contain an email address".to_owned());
    }
    let mut ids = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        no_extra(&format!("messages.{at}"), turn, &["role", "content"])?;
        let blocks = turn["content"].as_array().cloned().unwrap_or_default();
        let last = blocks.last().map(|block| block["type"].clone()).unwrap_or_default();
        if turn["role"] == "assistant" && (last == "thinking" || last == "redacted_thinking") {
            return Err(format!(
                "messages.{at}: The final block in an assistant message cannot be `thinking`."
            ));
        }
        for (index, block) in blocks.iter().enumerate() {
            one_block(&format!("messages.{at}.content.{index}"), block, &mut ids)?;
        }
    }
    let tools = request["tools"].as_array().cloned().unwrap_or_default();
    for (at, tool) in tools.iter().enumerate() {
        let members = ["type", "name", "description", "input_schema", "strict", "cache_control"];
        no_extra(&format!("tools.{at}.custom"), tool, &members)?;
    }
    let strict = tools.iter().filter(|tool| tool["strict"] == true).map(|tool| &tool["input_schema"]);
    let format = &request["output_config"]["format"]["schema"];
    strict.chain((!format.is_null()).then_some(format)).try_for_each(closed)
}

/// Thinking and what goes with it: an effort, a forced tool.
fn thinking(model: &Model, request: &Value) -> Result<(), String> {
    match request["thinking"]["type"].as_str() {
        Some("adaptive") if !model.adaptive => {
            return Err("adaptive thinking is not supported on this model".to_owned());
        }
        Some(kind @ ("enabled" | "disabled")) if !model.budget => {
            return Err(format!(
                "\"thinking.type.{kind}\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."
            ));
        }
        Some("enabled") => {
            let budget = request["thinking"]["budget_tokens"].as_u64().unwrap_or(0);
            if budget < 1024 {
                return Err("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
                    .to_owned());
            }
            if budget >= request["max_tokens"].as_u64().unwrap_or(0) {
                return Err("`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size".to_owned());
            }
        }
        _ => {}
    }
    let forced = matches!(request["tool_choice"]["type"].as_str(), Some("any" | "tool"));
    if forced && !request["thinking"].is_null() {
        return Err("Thinking may not be enabled when tool_choice forces tool use.".to_owned());
    }
    if forced && !model.forced {
        return Err("tool_choice: forced tool use is not supported on this model".to_owned());
    }
    let effort = &request["output_config"]["effort"];
    if !effort.is_null() && !model.efforts.iter().any(|known| effort == known) {
        return Err("This model does not support the effort parameter.".to_owned());
    }
    Ok(())
}

fn no_extra(place: &str, object: &Value, known: &[&str]) -> Result<(), String> {
    match stranger(object, known) {
        Some(name) => Err(format!("{place}.{name}: Extra inputs are not permitted")),
        None => Ok(()),
    }
}

fn one_block(place: &str, block: &Value, ids: &mut Vec<Value>) -> Result<(), String> {
    let kind = block["type"].as_str().unwrap_or_default();
    let members: &[&str] = match kind {
        "text" => &["text", "citations"],
        "image" => &["source"],
        "document" => &["source", "title", "context", "citations"],
        "thinking" => &["thinking", "signature"],
        "redacted_thinking" => &["data"],
        "tool_use" => &["id", "name", "input"],
        "tool_result" => &["tool_use_id", "content", "is_error"],
        _ => {
            return Err(format!(
                "{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
            ));
        }
    };
    let marked: &[&str] = if kind.ends_with("thinking") { &["type"] } else { &["type", "cache_control"] };
    no_extra(&format!("{place}.{kind}"), block, &[members, marked].concat())?;
    match kind {
        "thinking" if !block["signature"].as_str().is_some_and(|text| text.starts_with("c2ln")) => {
            Err(format!("{place}: Invalid `signature` in `thinking` block"))
        }
        "tool_use" | "tool_result" => {
            let member = if kind == "tool_use" { "id" } else { "tool_use_id" };
            let id = block[member].as_str().unwrap_or_default();
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            {
                return Err(format!(
                    "{place}.{kind}.{member}: String should match pattern '^[a-zA-Z0-9_-]+$'"
                ));
            }
            if kind == "tool_use" {
                if ids.contains(&block["id"]) {
                    return Err(format!("{place}: `tool_use` ids must be unique"));
                }
                ids.push(block["id"].clone());
            }
            let inner = block["content"].as_array().cloned().unwrap_or_default();
            inner.iter().try_for_each(|block| one_block(&format!("{place}.{kind}.content"), block, ids))
        }
        "image" => media(place, block, &["image/jpeg", "image/png", "image/gif", "image/webp"]),
        "document" => media(place, block, &["application/pdf"]),
        _ => Ok(()),
    }
}

fn media(place: &str, block: &Value, kinds: &[&str]) -> Result<(), String> {
    let source = &block["source"];
    match source["type"].as_str() {
        Some("base64") => {
            let kind = source["media_type"].as_str().unwrap_or_default();
            let data = source["data"].as_str().unwrap_or_default();
            let begins = [
                ("iVBOR", "image/png"),
                ("/9j/", "image/jpeg"),
                ("R0lG", "image/gif"),
                ("JVBER", "application/pdf"),
            ];
            let wrong = begins.iter().any(|(begin, real)| data.starts_with(begin) && *real != kind);
            if !kinds.contains(&kind) || data.is_empty() || !data.len().is_multiple_of(4) || wrong {
                return Err(format!("{place}.source.base64.media_type: Input should be one of {kinds:?}"));
            }
            Ok(())
        }
        Some("url") if !source["url"].as_str().is_some_and(|url| url.starts_with("http")) => {
            Err(format!("{place}.source.url: Only HTTP URLs are supported"))
        }
        _ => Ok(()),
    }
}

/// Every object of a schema must be closed.
fn closed(schema: &Value) -> Result<(), String> {
    if schema["type"] == "object" && schema["additionalProperties"] != false {
        return Err(
            "output_format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
                .to_owned(),
        );
    }
    match schema {
        Value::Object(members) => members.values().try_for_each(closed),
        Value::Array(entries) => entries.iter().try_for_each(closed),
        _ => Ok(()),
    }
}

/// What a model of this vendor takes.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a model takes or not")]
struct Model {
    adaptive: bool,
    budget: bool,
    sampling: bool,
    prefill: bool,
    forced: bool,
    efforts: &'static [&'static str],
    max_output: u64,
}

impl Model {
    fn named(name: &str) -> Self {
        const ALL: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
        let any = Self {
            adaptive: true,
            budget: true,
            sampling: true,
            prefill: true,
            forced: true,
            efforts: &ALL,
            max_output: u64::MAX,
        };
        let old = Self { adaptive: false, efforts: &[], ..any };
        let fixed = Self { budget: false, sampling: false, prefill: false, max_output: 128_000, ..any };
        match name {
            "claude-3-haiku-20240307" => Self { budget: false, max_output: 4096, ..old },
            "claude-haiku-4-5" | "claude-haiku-4-5-20251001" | "claude-sonnet-4-5" => {
                Self { max_output: 64_000, ..old }
            }
            "claude-opus-4-6" | "claude-sonnet-4-6" => {
                Self { prefill: false, efforts: &["low", "medium", "high", "max"], ..any }
            }
            "claude-opus-4-7" | "claude-sonnet-5" | "claude-haiku-5-5" => fixed,
            "claude-opus-5-5" | "claude-fable-5-2" | "claude-opus-6" => Self { forced: false, ..fixed },
            _ => any,
        }
    }
}

/// The refusal of a vendor that does not know a member, in the words of chat completions.
pub fn unrecognised(member: &str) -> String {
    error_body(400, &format!("Unrecognized request argument supplied: {member}"))
}
