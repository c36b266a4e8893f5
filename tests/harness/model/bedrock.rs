//! The scripted model on the wire `bedrock-converse`, as strict as Converse about what a request must look like, and in its
//! words. Events are written a line each, as the reference has them; [`framed`] puts them into the framing of AWS.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{Call, Heard, SIGNATURE, Said, halves};
use crate::upstream::{Reply, Seen};

/// What streams are called.
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// Answers one request as Converse, `ConverseStream` or the lists of models would.
pub fn answer(seen: &Seen) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    match path {
        "/foundation-models" => return Reply::json(200, models().to_string()),
        "/inference-profiles" => return Reply::json(200, profiles().to_string()),
        _ => {}
    }
    let Some((model, action)) = path.strip_prefix("/model/").and_then(|rest| rest.split_once('/')) else {
        return refusal(404, "UnknownOperationException", "");
    };
    if model.contains("unknown") {
        return refusal(400, "ValidationException", "The provided model identifier is invalid.");
    }
    let request = seen.json();
    if let Err(wrong) = accept(&request) {
        return refusal(400, "ValidationException", &wrong);
    }
    let heard = heard(&request);
    let (said, thought) = (heard.answer(), heard.thought());
    match action {
        "converse" => Reply::json(200, body(&said, thought)),
        "converse-stream" => stream(frames(&said, thought)),
        _ => refusal(404, "UnknownOperationException", ""),
    }
}

/// A streamed answer of these lines.
pub fn stream<B: Into<Bytes>>(lines: impl IntoIterator<Item = B>) -> Reply {
    let chunks: Vec<Bytes> = lines.into_iter().map(|line| framed(&line.into())).collect();
    Reply {
        headers: vec![("content-type".into(), EVENT_STREAM.into())],
        ..Reply::stream(chunks.into_iter().filter(|chunk| !chunk.is_empty()))
    }
}

/// What refuses a request, by its name.
pub fn refusal(status: u16, exception: &str, message: &str) -> Reply {
    let named = format!("{exception}:http://internal.amazon.com/coral/com.amazon.bedrock/");
    Reply::json(status, error_body(status, message)).header("x-amzn-errortype", &named)
}

/// The lines of a streamed answer that says `text`; the last one tells what was counted.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), None)
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    body(&Said::Text(text.to_owned()), None)
}

/// The body of an answer that is no success.
pub fn error_body(_status: u16, message: &str) -> String {
    json!({"message": message}).to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    format!("{}\n", json!({"serviceUnavailableException": {"message": message}}))
}

/// Each line that is an event as a message of AWS's framing; what is none stays as it is.
pub fn framed(text: &[u8]) -> Bytes {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let message = |line: &[u8]| match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(event)) if event.len() == 1 => {
            let (name, payload) = event.iter().next().expect("one");
            message(name, &payload.to_string())
        }
        _ => line.to_vec(),
    };
    lines.flat_map(message).collect()
}

fn message(name: &str, payload: &str) -> Vec<u8> {
    let exception = name.ends_with("Exception");
    let (kind, naming) = if exception { ("exception", ":exception-type") } else { ("event", ":event-type") };
    let mut headers = Vec::new();
    for (header, value) in [(naming, name), (":content-type", "application/json"), (":message-type", kind)] {
        headers.push(u8::try_from(header.len()).expect("short"));
        headers.extend_from_slice(header.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let total = u32::try_from(16 + headers.len() + payload.len()).expect("small");
    let mut out = total.to_be_bytes().to_vec();
    out.extend(u32::try_from(headers.len()).expect("small").to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend(headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out
}

/// Bit by bit, as its definition has it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |rest, byte| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _| (rest >> 1) ^ (0xedb8_8320 * (rest & 1)))
    })
}

fn models() -> Value {
    let model = |id: &str| {
        json!({"modelArn": format!("arn:aws:bedrock:eu-central-1::foundation-model/{id}"), "modelId": id, "modelName": id,
               "providerName": "Harness", "inputModalities": ["TEXT", "IMAGE"], "outputModalities": ["TEXT"],
               "responseStreamingSupported": true, "customizationsSupported": [], "inferenceTypesSupported": ["ON_DEMAND"],
               "modelLifecycle": {"status": "ACTIVE"}})
    };
    json!({"modelSummaries": [model("scripted-1"), model("scripted-2")]})
}

fn profiles() -> Value {
    let id = "eu.anthropic.claude-scripted-v1:0";
    json!({"inferenceProfileSummaries": [{"inferenceProfileId": id, "inferenceProfileName": "EU Scripted", "status": "ACTIVE",
        "type": "SYSTEM_DEFINED", "inferenceProfileArn": format!("arn:aws:bedrock:eu-central-1:1:inference-profile/{id}"), "models": []}]})
}

fn usage() -> Value {
    json!({"inputTokens": 8, "outputTokens": 7, "totalTokens": 18, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 0})
}

fn signature() -> String {
    format!("YnI{SIGNATURE}")
}

fn input(call: &Call) -> Value {
    serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}))
}

pub(super) fn body(said: &Said, thought: Option<&str>) -> String {
    let thought = thought
        .map(|text| json!({"reasoningContent": {"reasoningText": {"text": text, "signature": signature()}}}));
    let (said, reason): (Vec<Value>, _) = match said {
        Said::Text(text) => (vec![json!({"text": text})], "end_turn"),
        Said::Calls(calls) => {
            let call = |call: &Call| {
                let id = format!("tooluse_{}", call.number);
                json!({"toolUse": {"toolUseId": id, "name": call.name, "input": input(call)}})
            };
            (calls.iter().map(call).collect(), "tool_use")
        }
    };
    let content: Vec<Value> = thought.into_iter().chain(said).collect();
    json!({"metrics": {"latencyMs": 7}, "output": {"message": {"content": content, "role": "assistant"}},
           "stopReason": reason, "usage": usage()})
    .to_string()
}

pub(super) fn frames(said: &Said, thought: Option<&str>) -> Vec<String> {
    let mut events = vec![json!({"messageStart": {"role": "assistant", "p": "abcdefgh"}})];
    let delta = |index: usize, delta: Value| json!({"contentBlockDelta": {"contentBlockIndex": index, "delta": delta, "p": "abcd"}});
    let stop = |index: usize| json!({"contentBlockStop": {"contentBlockIndex": index, "p": "ab"}});
    if let Some(text) = thought {
        events.push(delta(0, json!({"reasoningContent": {"text": text}})));
        events.push(delta(0, json!({"reasoningContent": {"signature": signature()}})));
        events.push(stop(0));
    }
    let first = usize::from(thought.is_some());
    let reason = match said {
        Said::Text(text) => {
            events.extend(halves(text).map(|half| delta(first, json!({"text": half}))));
            events.push(stop(first));
            "end_turn"
        }
        Said::Calls(calls) => {
            for (at, call) in (first..).zip(calls) {
                let start =
                    json!({"toolUse": {"toolUseId": format!("tooluse_{}", call.number), "name": call.name}});
                events.push(json!({"contentBlockStart": {"contentBlockIndex": at, "start": start}}));
                let pieces =
                    halves(&call.arguments).map(|half| delta(at, json!({"toolUse": {"input": half}})));
                events.extend(pieces);
                events.push(stop(at));
            }
            "tool_use"
        }
    };
    events.push(json!({"messageStop": {"stopReason": reason}}));
    events.push(json!({"metadata": {"usage": usage(), "metrics": {"latencyMs": 7}}}));
    events.iter().map(|event| format!("{event}\n")).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

pub(super) fn heard(request: &Value) -> Heard {
    let messages = list(&request["messages"]);
    let last = messages.last().map(|message| list(&message["content"])).unwrap_or_default();
    let blocks = messages.iter().flat_map(|message| list(&message["content"]));
    let schema = request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"].as_str();
    let said = last.iter().filter(|block| block["toolResult"].is_null());
    Heard {
        last: said.clone().map(plain).collect::<Vec<_>>().join(" "),
        from_user: said.count() > 0,
        results: blocks
            .filter(|block| !block["toolResult"].is_null())
            .map(|block| {
                list(&block["toolResult"]["content"]).iter().map(plain).collect::<Vec<_>>().join(" ")
            })
            .collect(),
        has_tools: !request["toolConfig"].is_null(),
        schema: schema.map_or(Value::Null, |text| serde_json::from_str(text).expect("a schema")),
    }
}

fn plain(block: &Value) -> String {
    if block["image"].is_object() {
        "[image]".to_owned()
    } else {
        block["text"].as_str().unwrap_or("").to_owned()
    }
}

/// What Converse refuses with a `ValidationException`.
fn accept(request: &Value) -> Result<(), String> {
    const KNOWN: [&str; 9] = [
        "messages",
        "system",
        "inferenceConfig",
        "toolConfig",
        "guardrailConfig",
        "additionalModelRequestFields",
        "performanceConfig",
        "serviceTier",
        "outputConfig",
    ];
    for name in request.as_object().ok_or("expected an object")?.keys() {
        if !KNOWN.contains(&name.as_str()) {
            return Err(format!(
                "Malformed input request: #: extraneous key [{name}] is not permitted, please reformat your input and try again."
            ));
        }
    }
    if request["inferenceConfig"]["temperature"].as_f64().is_some_and(|value| value > 1.0) {
        return Err("1 validation error detected: Value at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1".to_owned());
    }
    for (at, block) in list(&request["system"]).iter().enumerate() {
        if block["text"].as_str().is_some_and(|text| text.trim().is_empty()) {
            return Err(format!(
                "The text field in the ContentBlock object at system.{at} is blank. Add text to the text field, and try again."
            ));
        }
    }
    let messages = list(&request["messages"]);
    if messages.first().is_none_or(|first| first["role"] != "user") {
        return Err("A conversation must start with a user message. Try again with a conversation that starts with a user message.".to_owned());
    }
    let mut named = Vec::new();
    let mut waiting: Vec<Value> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let expected = if at.is_multiple_of(2) { "user" } else { "assistant" };
        if message["role"] != expected {
            return Err("A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.".to_owned());
        }
        let content = list(&message["content"]);
        if content.is_empty() {
            return Err(format!(
                "The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to the content field and try again."
            ));
        }
        blocks(at, &content, &mut named)?;
        let given: Vec<Value> = content
            .iter()
            .filter(|block| block["toolResult"].is_object())
            .map(|block| block["toolResult"]["toolUseId"].clone())
            .collect();
        if given.len() > waiting.len() {
            return Err(format!(
                "The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of previous turn."
            ));
        }
        let missing: Vec<String> =
            waiting.iter().filter(|id| !given.contains(id)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Err(format!(
                "Expected toolResult blocks at messages.{at}.content for the following Ids: {}",
                missing.join(", ")
            ));
        }
        let uses = content.iter().filter(|block| block["toolUse"].is_object());
        waiting = uses.map(|block| block["toolUse"]["toolUseId"].clone()).collect();
        if (!waiting.is_empty() || !given.is_empty()) && request["toolConfig"].is_null() {
            return Err(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
                    .to_owned(),
            );
        }
    }
    let last = messages.last().filter(|last| last["role"] == "assistant");
    let last = last.map(|message| list(&message["content"])).and_then(|content| content.last().cloned());
    if last
        .is_some_and(|block| block["text"].as_str().is_some_and(|text| text.ends_with(char::is_whitespace)))
    {
        return Err("The model returned the following errors: messages: final assistant content cannot end with trailing whitespace".to_owned());
    }
    tools(&request["toolConfig"])
}

/// What is wrong with the blocks of one message.
fn blocks(at: usize, content: &[Value], named: &mut Vec<Value>) -> Result<(), String> {
    let texts = content.iter().filter(|block| block["text"].is_string()).count();
    let mut before = "";
    for (index, block) in content.iter().enumerate() {
        let place = format!("messages.{at}.content.{index}");
        let members = block.as_object().map(|block| block.keys().collect::<Vec<_>>()).unwrap_or_default();
        let [kind] = members.as_slice() else {
            return Err(format!("The value at {place} must have exactly one member."));
        };
        let inner = &block[kind.as_str()];
        match kind.as_str() {
            "text" if inner.as_str().is_none_or(|text| text.trim().is_empty()) => {
                return Err(format!(
                    "The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try again."
                ));
            }
            "cachePoint" if before == "reasoningContent" => {
                return Err("Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again.".to_owned());
            }
            "cachePoint" if index == 0 => return Err("There is nothing available to cache.".to_owned()),
            "document" => {
                let name = inner["name"].as_str().unwrap_or_default();
                let taken =
                    |character: char| character.is_ascii_alphanumeric() || " -()[]".contains(character);
                if name.is_empty() || !name.chars().all(taken) || name.contains("  ") {
                    return Err("The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.".to_owned());
                }
                if named.contains(&inner["name"]) || texts == 0 {
                    return Err("The model returned the following errors: document names must be unique, and a text stands beside them".to_owned());
                }
                named.push(inner["name"].clone());
            }
            "toolUse"
                if !inner["input"].is_object()
                    || !is_name(&inner["name"])
                    || !is_name(&inner["toolUseId"]) =>
            {
                return Err(pattern(&format!("{place}.toolUse.name")));
            }
            "toolResult" if list(&inner["content"]).is_empty() || !is_name(&inner["toolUseId"]) => {
                return Err(pattern(&format!("{place}.toolResult")));
            }
            "reasoningContent" if inner["reasoningText"]["signature"] != signature() => {
                return Err(format!(
                    "The model returned the following errors: {place}: Invalid `signature` in `thinking` block"
                ));
            }
            _ => {}
        }
        before = match kind.as_str() {
            "reasoningContent" => "reasoningContent",
            _ => "",
        };
    }
    Ok(())
}

fn tools(config: &Value) -> Result<(), String> {
    for (at, tool) in list(&config["tools"]).iter().enumerate() {
        let place = format!("toolConfig.tools.{at}.member.toolSpec");
        let spec = &tool["toolSpec"];
        if tool["cachePoint"].is_object() {
            continue;
        }
        if !is_name(&spec["name"]) || spec["description"] == "" {
            return Err(pattern(&format!("{place}.name")));
        }
        if spec["inputSchema"]["json"]["type"] != "object" {
            return Err(format!(
                "The value at {place}.inputSchema.json.type must be one of the following: object."
            ));
        }
    }
    let empty = config.is_object() && list(&config["tools"]).is_empty();
    if empty {
        Err("Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1".to_owned())
    } else {
        Ok(())
    }
}

fn is_name(value: &Value) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    value.as_str().is_some_and(|name| (1..=64).contains(&name.len()) && name.bytes().all(plain))
}

fn pattern(place: &str) -> String {
    format!(
        "1 validation error detected: Value at '{place}' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    )
}
