//! The scripted model on the wire `gemini-generate`: the model and the method in the address, signatures on parts, one answer a
//! frame. As strict as the vendor, in its words: `strict` says what it refuses.

pub mod strict;

use serde_json::{Value, json};

use super::script::{Call, Heard, Said, halves};
use crate::upstream::{Reply, Seen};
use crate::wire::UPSTREAM_KEY;

pub use super::script::SIGNATURE;

/// Answers one request as the vendor would.
pub fn answer(seen: &Seen) -> Reply {
    if let Err(refusal) = key(seen) {
        return refusal;
    }
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let Some(place) = path.strip_prefix("/v1beta/models") else {
        return refused(404, "Requested entity was not found.");
    };
    if place.is_empty() {
        return Reply::json(200, list(query).to_string());
    }
    let Some((model, method)) = place.strip_prefix('/').and_then(|place| place.split_once(':')) else {
        return refused(404, "Requested entity was not found.");
    };
    let streams = match (method, query) {
        ("generateContent", "") => false,
        ("streamGenerateContent", "alt=sse") => true,
        ("batchEmbedContents", "") => return embeddings(model, &seen.json()),
        _ => return refused(404, &format!("Method {method} is not found for {model}.")),
    };
    let request = seen.json();
    if let Err(wrong) = strict::accept(model, &request) {
        return refused(400, &wrong);
    }
    let heard = heard(&request);
    let thought = heard.thought().filter(|_| thinks(&request));
    let said = heard.answer();
    if streams {
        Reply::stream(frames(&said, thought, model))
    } else {
        Reply::json(200, body(&said, thought, model))
    }
}

/// The key stands in a header of its own, and nowhere else.
fn key(seen: &Seen) -> Result<(), Reply> {
    match seen.header("x-goog-api-key") {
        Some(UPSTREAM_KEY) if seen.header("authorization").is_none() && !seen.path.contains("key=") => Ok(()),
        Some(_) => {
            let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}]);
            Err(refusal(400, "API key not valid. Please pass a valid API key.", &details))
        }
        None => Err(refused(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other \
             form of API consumer identity to call this API.",
        )),
    }
}

/// Two models a page, and one that answers to nothing of use.
fn list(query: &str) -> Value {
    let model = |name: &str, methods: &[&str]| {
        json!({"name": format!("models/{name}"), "version": "001", "displayName": name, "inputTokenLimit": 1_048_576,
               "outputTokenLimit": 65536, "supportedGenerationMethods": methods})
    };
    if query.contains("pageToken=second") {
        return json!({"models": [model("scripted-2", &["generateContent", "countTokens"])]});
    }
    json!({"models": [model("scripted-1", &["generateContent", "countTokens"]), model("painter", &["predict"])],
           "nextPageToken": "second"})
}

fn embeddings(model: &str, request: &Value) -> Reply {
    let requests = request["requests"].as_array().cloned().unwrap_or_default();
    if requests.iter().any(|one| one["model"] != format!("models/{model}")) {
        return refused(400, "* BatchEmbedContentsRequest.requests[0].model: unexpected model name");
    }
    let vector = |one: &Value| {
        let text = one["content"]["parts"][0]["text"].as_str().unwrap_or_default();
        json!({"values": [text.len(), 1.0]})
    };
    let vectors: Vec<Value> = requests.iter().map(vector).collect();
    Reply::json(200, json!({"embeddings": vectors, "usageMetadata": {"promptTokenCount": 11}}).to_string())
}

fn thinks(request: &Value) -> bool {
    request["generationConfig"]["thinkingConfig"]["includeThoughts"] == json!(true)
}

/// An answer that is no success.
pub fn refused(status: u16, message: &str) -> Reply {
    Reply::json(status, error_body(status, message))
}

/// The same, with what the vendor says of it beside the message.
pub fn refusal(status: u16, message: &str, details: &Value) -> Reply {
    Reply::json(status, error(status, message, details).to_string())
}

fn error(status: u16, message: &str, details: &Value) -> Value {
    let word = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INVALID_ARGUMENT",
    };
    let mut error = json!({"code": status, "message": message, "status": word});
    if !details.is_null() {
        error["details"] = details.clone();
    }
    json!({ "error": error })
}

/// The body of an answer that is no success.
pub fn error_body(status: u16, message: &str) -> String {
    error(status, message, &Value::Null).to_string()
}

/// A failure told inside a stream.
pub fn error_frame(message: &str) -> String {
    format!("data: {}\n\n", error(503, message, &Value::Null))
}

/// The frames of a streamed answer that says `text`; the last one is its end.
pub fn text_frames(text: &str) -> Vec<String> {
    frames(&Said::Text(text.to_owned()), None, "scripted-1")
}

/// A whole answer that says `text`.
pub fn text_body(text: &str) -> String {
    body(&Said::Text(text.to_owned()), None, "scripted-1")
}

/// What signs the call with this number.
pub fn signature(number: usize) -> String {
    format!("{SIGNATURE}+{number}/==")
}

/// What signs every text.
pub fn text_signature() -> String {
    format!("{SIGNATURE}+text/==")
}

/// The parts of an answer; of calls side by side the first is signed.
fn parts(said: &Said, thought: Option<&str>) -> Vec<Value> {
    let mut parts: Vec<Value> = thought.iter().map(|text| json!({"text": text, "thought": true})).collect();
    match said {
        Said::Text(text) => parts.push(json!({"text": text, "thoughtSignature": text_signature()})),
        Said::Calls(calls) => parts.extend(calls.iter().enumerate().map(|(at, call)| {
            let Call { number, name, arguments, .. } = call;
            let args: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            let mut part =
                json!({"functionCall": {"id": format!("fc_{number}"), "name": name, "args": args}});
            if at == 0 {
                part["thoughtSignature"] = json!(signature(*number));
            }
            part
        })),
    }
    parts
}

fn usage() -> Value {
    json!({"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 18,
           "cachedContentTokenCount": 3, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}]})
}

fn chunk(parts: &[Value], finish: Option<&str>, counted: &Value, model: &str) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({"candidates": [candidate], "usageMetadata": counted, "modelVersion": model, "responseId": stamp()})
}

/// Another one each time, as the vendor gives.
fn stamp() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("scripted-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn body(said: &Said, thought: Option<&str>, model: &str) -> String {
    chunk(&parts(said, thought), Some("STOP"), &usage(), model).to_string()
}

/// A text comes in pieces, and its signature behind it in a part without text.
fn frames(said: &Said, thought: Option<&str>, model: &str) -> Vec<String> {
    let mut all = parts(said, thought);
    if let Said::Text(text) = said {
        all.pop();
        all.extend(halves(text).map(|half| json!({"text": half})));
    }
    let early = json!({"promptTokenCount": 11, "totalTokenCount": 11});
    let frame = |chunk: Value| format!("data: {chunk}\n\n");
    let mut frames: Vec<String> =
        all.iter().map(|part| frame(chunk(std::slice::from_ref(part), None, &early, model))).collect();
    let mut last = json!({"text": ""});
    if matches!(said, Said::Text(_)) {
        last["thoughtSignature"] = json!(text_signature());
    }
    frames.push(frame(chunk(&[last], Some("STOP"), &usage(), model)));
    frames
}

fn heard(request: &Value) -> Heard {
    let contents = request["contents"].as_array().cloned().unwrap_or_default();
    let parts = |content: &Value| content["parts"].as_array().cloned().unwrap_or_default();
    let last = contents.last();
    let results = contents.iter().flat_map(parts).filter_map(|part| {
        let response = part.get("functionResponse")?;
        let said = &response["response"];
        Some(said["output"].as_str().or_else(|| said["error"].as_str()).unwrap_or_default().to_owned())
    });
    let plain = |part: &Value| {
        if part["inlineData"].is_object() || part["fileData"].is_object() {
            return Some("[image]".to_owned());
        }
        part["text"].as_str().map(str::to_owned)
    };
    let text = |content: &Value| parts(content).iter().filter_map(plain).collect::<Vec<_>>().join(" ");
    let asks = |content: &Value| parts(content).iter().any(|part| part["functionResponse"].is_null());
    Heard {
        last: last.map(text).unwrap_or_default(),
        from_user: last.is_some_and(asks),
        results: results.collect(),
        has_tools: !request["tools"].is_null(),
        schema: request["generationConfig"]["responseJsonSchema"].clone(),
    }
}
