//! The wire `anthropic-messages`, read independently.

use brains_dialect::canon::{
    ChatRequest, Content, Media, MediaSource, Reasoning, ResultPart, Role, ToolResult,
};
use serde_json::{Value, json};

use crate::facts::{Facts, blank, object, settings_meant};

/// What the request should say there: instructions first, then each side's turns, results first in the user's.
pub(super) fn meant(request: &ChatRequest) -> Facts {
    let mut system = Facts::new();
    let mut turns: Vec<(bool, Facts, Facts)> = Vec::new();
    for message in &request.messages {
        let user = message.role != Role::Assistant;
        for part in &message.parts {
            let (fact, result) = match &part.content {
                Content::Text(text) | Content::Refusal(text) if blank(text) => continue,
                Content::Text(text) if matches!(message.role, Role::System | Role::Developer) => {
                    system.push(format!("system {text:?}"));
                    continue;
                }
                Content::Text(text) | Content::Refusal(text) => (format!("text {text:?}"), false),
                Content::Image(media) => (image(media), false),
                Content::File(media) => (format!("file {:?} {:?}", media.source, media.extra), false),
                Content::ToolCall(call) => {
                    (format!("call {} {} {}", call.id, call.name, object(&call.arguments)), false)
                }
                Content::ToolResult(result) => (result_meant(result), true),
                Content::Reasoning(Reasoning { text, signature, redacted, .. }) => {
                    (format!("thought {text:?} {signature:?} {redacted:?}"), false)
                }
                Content::Audio(_) | Content::Other(_) => panic!("refused elsewhere"),
            };
            if turns.last().is_none_or(|turn| turn.0 != user) {
                turns.push((user, Facts::new(), Facts::new()));
            }
            let turn = turns.last_mut().unwrap();
            if result { turn.1.push(fact) } else { turn.2.push(fact) }
        }
    }
    if turns.first().is_some_and(|turn| !turn.0) {
        turns.insert(0, (true, Facts::new(), vec!["text \"…\"".to_owned()]));
    }
    let mut facts = system;
    for (user, results, said) in turns {
        facts.push(format!("-- user {user}"));
        facts.extend(results);
        facts.extend(said);
    }
    facts.extend(settings_meant(request));
    facts
}

fn image(media: &Media) -> String {
    match &media.source {
        MediaSource::Url(url) => format!("image {url}"),
        MediaSource::Base64(data) => format!("image {} {data}", media.mime),
        other => panic!("{other:?}"),
    }
}

fn result_meant(result: &ToolResult) -> String {
    let content: Facts = result
        .content
        .iter()
        .filter_map(|part| match part {
            ResultPart::Text(text) => {
                Some(text.clone()).filter(|text| !blank(text)).map(|text| format!("{text:?}"))
            }
            ResultPart::Media(media) => Some(image(media)),
            ResultPart::Other(json) => {
                let text = serde_json::from_str::<Value>(json).unwrap()["text"].as_str().unwrap().to_owned();
                Some(text).filter(|text| !blank(text)).map(|text| format!("{text:?}"))
            }
        })
        .collect();
    format!("result {} {content:?}", result.call_id)
}

/// What a body says.
pub(super) fn read(body: &Value, request: &ChatRequest) -> Facts {
    let mut facts: Facts = body["system"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|block| format!("system {:?}", block["text"].as_str().unwrap()))
        .collect();
    for turn in body["messages"].as_array().unwrap() {
        facts.push(format!("-- user {}", turn["role"] == "user"));
        facts.extend(turn["content"].as_array().unwrap().iter().map(block));
    }
    facts.push(format!("stream {}", body["stream"] == json!(true)));
    for tool in body["tools"].as_array().into_iter().flatten() {
        facts.push(format!(
            "tool {} {:?} {}",
            tool["name"].as_str().unwrap(),
            tool["description"].as_str().unwrap_or(""),
            tool["input_schema"]
        ));
    }
    if body["tool_choice"]["type"] == "none" {
        facts.push("no tools".to_owned());
    }
    if body["output_config"]["format"]["type"] == "json_schema" {
        facts.push(format!("schema {}", body["output_config"]["format"]["schema"]));
    }
    // The wire always says a limit; the default stands for none.
    let max = body["max_tokens"].as_u64().unwrap();
    let max = request.sampling.max_output_tokens.map_or((max != 8192).then_some(max), |_| Some(max));
    let temperature = body["temperature"].as_f64();
    let stop: Vec<&str> =
        body["stop_sequences"].as_array().into_iter().flatten().map(|stop| stop.as_str().unwrap()).collect();
    facts.push(format!("{max:?} {temperature:?} {:?} {stop:?}", body["top_k"].as_u64()));
    facts
}

fn block(block: &Value) -> String {
    let text = |name: &str| block[name].as_str().unwrap().to_owned();
    match block["type"].as_str().unwrap() {
        "text" => format!("text {:?}", text("text")),
        "image" if block["source"]["type"] == "url" => {
            format!("image {}", block["source"]["url"].as_str().unwrap())
        }
        "image" => format!(
            "image {} {}",
            block["source"]["media_type"].as_str().unwrap(),
            block["source"]["data"].as_str().unwrap()
        ),
        "document" => {
            let source = &block["source"];
            let source = if source["type"] == "file" {
                MediaSource::FileId(source["file_id"].as_str().unwrap().to_owned())
            } else {
                assert_eq!(source["media_type"], "application/pdf");
                MediaSource::Base64(source["data"].as_str().unwrap().to_owned())
            };
            let extra = block["title"].as_str().map(|name| format!("{{\"filename\":\"{name}\"}}"));
            format!("file {source:?} {extra:?}")
        }
        "tool_use" => format!("call {} {} {}", text("id"), text("name"), block["input"]),
        "tool_result" => {
            let content: Facts = match &block["content"] {
                Value::String(text) if blank(text) => Facts::new(),
                Value::String(text) => vec![format!("{text:?}")],
                Value::Array(blocks) => blocks
                    .iter()
                    .map(|inner| {
                        if inner["type"] == "text" {
                            format!("{:?}", inner["text"].as_str().unwrap())
                        } else {
                            self::block(inner)
                        }
                    })
                    .collect(),
                other => panic!("{other}"),
            };
            format!("result {} {content:?}", text("tool_use_id"))
        }
        "thinking" => {
            let signature = Some(text("signature"));
            format!("thought {:?} {signature:?} {:?}", text("thinking"), None::<String>)
        }
        "redacted_thinking" => format!("thought {:?} {:?} {:?}", "", None::<String>, Some(text("data"))),
        other => panic!("{other}"),
    }
}
