//! What clients of each wire take for a legal stream, and what they hear in it: read here from the published forms, not by our
//! codecs. A stream that is not legal fails the test with its place.

use std::collections::BTreeMap;

use brains_dialect::ingress::Ingress;
use serde_json::{Value, json};

/// What a client hears, as far as every wire has a place for it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) refusal: String,
    pub(super) thoughts: String,
    /// Whatever stands where a signature or a thought that nobody may read does.
    pub(super) marks: Vec<String>,
    /// The name and the arguments of each.
    pub(super) calls: Vec<(String, Value)>,
    pub(super) ended: String,
    pub(super) output_tokens: u64,
}

pub(super) fn heard(client: Ingress, stream: &str) -> Heard {
    match client {
        Ingress::OpenAiChat => chat(stream),
        Ingress::OpenAiResponses => responses(stream),
        _ => messages(stream),
    }
}

/// The data of each frame, which bears the name of its type where it has one.
fn frames(stream: &str) -> Vec<&str> {
    assert!(stream.ends_with("\n\n"), "a frame has no end");
    let frames = stream.split_terminator("\n\n").map(|frame| {
        let (name, data) = match frame.split_once("\ndata: ") {
            Some((name, data)) => (name.strip_prefix("event: "), data),
            None => (None, frame.strip_prefix("data: ").unwrap_or_else(|| panic!("{frame}"))),
        };
        assert!(!data.contains('\n'), "{frame}");
        if let Some(name) = name {
            assert_eq!(serde_json::from_str::<Value>(data).unwrap()["type"], name, "{frame}");
        }
        data
    });
    frames.collect()
}

fn str_of<'a>(value: &'a Value, what: &Value) -> &'a str {
    value.as_str().unwrap_or_else(|| panic!("no text: {what}"))
}

/// The role first and once; pieces; one reason; the counts; the end.
fn chat(stream: &str) -> Heard {
    let frames = frames(stream);
    let (last, chunks) = frames.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    let mut heard = Heard::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    let (mut finished, mut counted) = (false, false);
    for (at, chunk) in chunks.iter().enumerate() {
        let chunk: Value = serde_json::from_str(chunk).unwrap();
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!((&chunk["id"], &chunk["model"]), (&json!("chatcmpl-01"), &json!("shown")), "{chunk}");
        assert!(!counted, "behind the counts: {chunk}");
        let choices = chunk["choices"].as_array().unwrap();
        if choices.is_empty() {
            assert!(finished, "counts before the reason");
            counted = true;
            heard.output_tokens = chunk["usage"]["completion_tokens"].as_u64().unwrap();
            continue;
        }
        let [choice] = choices.as_slice() else { panic!("{chunk}") };
        assert_eq!(choice["index"], 0);
        assert!(!finished, "behind the reason: {chunk}");
        let delta = &choice["delta"];
        assert_eq!(at == 0, delta["role"] == "assistant", "{chunk}");
        for (member, into) in [
            ("content", &mut heard.text),
            ("refusal", &mut heard.refusal),
            ("reasoning_content", &mut heard.thoughts),
        ] {
            into.push_str(delta[member].as_str().unwrap_or_default());
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if !call["id"].is_null() {
                assert_eq!((index, &call["type"]), (calls.len(), &json!("function")), "{chunk}");
                assert!(!str_of(&call["id"], call).is_empty());
                calls.push((str_of(&call["function"]["name"], call).to_owned(), String::new()));
            }
            let known = calls.get_mut(index).unwrap_or_else(|| panic!("never began: {chunk}"));
            known.1.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        for detail in delta["reasoning_details"].as_array().into_iter().flatten() {
            let mark = detail["signature"].as_str().or_else(|| detail["data"].as_str());
            heard.marks.extend(mark.map(str::to_owned));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            finished = true;
            reason.clone_into(&mut heard.ended);
        }
    }
    assert!(finished && counted, "no end");
    heard.calls = calls.into_iter().map(|(name, text)| (name, object(&text))).collect();
    heard
}

fn object(text: &str) -> Value {
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap_or_else(|_| json!(text)) }
}

/// One message; blocks one after another, each begun, told and ended; the reason and the counts; the end.
fn messages(stream: &str) -> Heard {
    let events: Vec<Value> =
        frames(stream).into_iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let mut heard = Heard::default();
    let (mut open, mut blocks, mut reason) = (None::<Value>, 0_u64, None);
    let mut input = String::new();
    for (at, event) in events.iter().enumerate() {
        let kind = str_of(&event["type"], event);
        assert_eq!(at == 0, kind == "message_start", "{event}");
        assert_eq!(at + 1 == events.len(), kind == "message_stop", "{event}");
        assert!(reason.is_none() || kind == "message_stop", "behind the reason: {event}");
        match kind {
            "message_start" => {
                let message = &event["message"];
                assert_eq!((&message["content"], &message["stop_reason"]), (&json!([]), &Value::Null));
                assert!(message["usage"]["input_tokens"].is_u64(), "{event}");
            }
            "content_block_start" => {
                assert!(open.is_none(), "two are open: {event}");
                assert_eq!(event["index"], blocks, "{event}");
                blocks += 1;
                input.clear();
                let block = event["content_block"].clone();
                match str_of(&block["type"], event) {
                    "tool_use" => assert_eq!(block["input"], json!({})),
                    "redacted_thinking" => heard.marks.push(str_of(&block["data"], event).to_owned()),
                    "text" => assert_eq!(block["text"], ""),
                    "thinking" => {
                        assert_eq!((&block["thinking"], &block["signature"]), (&json!(""), &json!("")));
                    }
                    other => panic!("{other}"),
                }
                open = Some(block);
            }
            "content_block_delta" => {
                let block = open.as_ref().unwrap_or_else(|| panic!("none is open: {event}"));
                assert_eq!(event["index"], blocks - 1, "{event}");
                let delta = &event["delta"];
                match (str_of(&block["type"], event), str_of(&delta["type"], event)) {
                    ("text", "text_delta") => heard.text.push_str(str_of(&delta["text"], event)),
                    ("thinking", "thinking_delta") => {
                        heard.thoughts.push_str(str_of(&delta["thinking"], event));
                    }
                    ("thinking", "signature_delta") => {
                        heard.marks.push(str_of(&delta["signature"], event).to_owned());
                    }
                    ("tool_use", "input_json_delta") => input.push_str(str_of(&delta["partial_json"], event)),
                    wrong => panic!("{wrong:?}"),
                }
            }
            "content_block_stop" => {
                let block = open.take().unwrap_or_else(|| panic!("none is open: {event}"));
                assert_eq!(event["index"], blocks - 1, "{event}");
                if block["type"] == "tool_use" {
                    heard.calls.push((str_of(&block["name"], event).to_owned(), object(&input)));
                }
            }
            "message_delta" => {
                assert!(open.is_none(), "one is open at the end");
                reason = Some(str_of(&event["delta"]["stop_reason"], event).to_owned());
                heard.output_tokens = event["usage"]["output_tokens"].as_u64().unwrap();
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    heard.ended = reason.unwrap();
    heard
}

/// Numbers without a gap; items one after another, each added, told and done; parts likewise; one end, which repeats the items.
fn responses(stream: &str) -> Heard {
    let mut heard = Heard::default();
    let mut items: Vec<Value> = Vec::new();
    let mut open: Option<String> = None;
    let mut said: BTreeMap<(String, String), String> = BTreeMap::new();
    let events: Vec<Value> =
        frames(stream).into_iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        let kind = str_of(&event["type"], event).strip_prefix("response.").unwrap();
        let ends = matches!(kind, "completed" | "incomplete");
        assert_eq!(number + 1 == events.len(), ends, "{event}");
        assert_eq!(number == 0, kind == "created", "{event}");
        assert_eq!(number == 1, kind == "in_progress", "{event}");
        if !event["output_index"].is_null() {
            assert_eq!(event["output_index"], items.len(), "{event}");
        }
        if !event["item_id"].is_null() {
            assert_eq!(event["item_id"].as_str(), open.as_deref(), "not the open item: {event}");
        }
        let part = |event: &Value| (event["content_index"].to_string(), event["summary_index"].to_string());
        let (stream, step) = kind.rsplit_once('.').unwrap_or((kind, ""));
        match (stream, step) {
            ("output_item", "added") => {
                assert!(open.is_none(), "two are open: {event}");
                open = Some(str_of(&event["item"]["id"], event).to_owned());
                said.clear();
            }
            ("output_item", "done") => {
                assert_eq!(open.take().as_deref(), event["item"]["id"].as_str(), "{event}");
                items.push(event["item"].clone());
            }
            ("content_part" | "reasoning_summary_part", "added") => {
                assert!(said.insert(part(event), String::new()).is_none(), "began twice: {event}");
            }
            ("content_part" | "reasoning_summary_part", "done") => {
                let told = said.get(&part(event)).unwrap_or_else(|| panic!("never began: {event}"));
                let whole = event["part"]["text"].as_str().or_else(|| event["part"]["refusal"].as_str());
                assert_eq!(Some(told.as_str()), whole, "{event}");
            }
            ("function_call_arguments", "delta") => {
                said.entry(part(event)).or_default().push_str(str_of(&event["delta"], event));
            }
            (_, "delta") => {
                let told = said.get_mut(&part(event)).unwrap_or_else(|| panic!("never began: {event}"));
                told.push_str(str_of(&event["delta"], event));
            }
            (_, "done") => {
                let whole = ["text", "refusal", "arguments"].iter().find_map(|name| event[name].as_str());
                assert_eq!(said.get(&part(event)).map(String::as_str), whole, "{event}");
            }
            ("created" | "in_progress", "") => assert_eq!(event["response"]["output"], json!([])),
            ("completed" | "incomplete", "") => {
                assert!(open.is_none(), "one is open at the end");
                let response = &event["response"];
                assert_eq!(response["output"], json!(items), "{event}");
                assert_eq!(response["status"], stream);
                let reason = response["incomplete_details"]["reason"].as_str();
                reason.unwrap_or(stream).clone_into(&mut heard.ended);
                heard.output_tokens = response["usage"]["output_tokens"].as_u64().unwrap();
            }
            other => panic!("{other:?}: {event}"),
        }
    }
    for item in &items {
        for part in item["content"].as_array().into_iter().flatten() {
            heard.text.push_str(part["text"].as_str().unwrap_or_default());
            heard.refusal.push_str(part["refusal"].as_str().unwrap_or_default());
        }
        for part in item["summary"].as_array().into_iter().flatten() {
            heard.thoughts.push_str(str_of(&part["text"], item));
        }
        heard.marks.extend(item["encrypted_content"].as_str().map(str::to_owned));
        if item["type"] == "function_call" {
            heard
                .calls
                .push((str_of(&item["name"], item).to_owned(), object(str_of(&item["arguments"], item))));
        }
    }
    heard
}
