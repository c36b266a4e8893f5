//! The wire `ollama-chat`, read independently.

use brains_dialect::canon::{ChatRequest, Content, Media, MediaSource, ResultPart, Role, ToolChoice};
use serde_json::{Value, json};

use crate::facts::{Facts, object, settings_meant};

pub(super) fn meant(request: &ChatRequest) -> Facts {
    let mut facts = Facts::new();
    let mut names = Vec::new();
    for message in &request.messages {
        let (mut texts, mut images, mut thinking, mut calls) =
            (Facts::new(), Facts::new(), Facts::new(), Facts::new());
        for part in &message.parts {
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => texts.push(text.clone()),
                Content::Image(media) => images.push(data(media)),
                Content::Reasoning(thought) => thinking.push(thought.text.clone()),
                Content::ToolCall(call) => {
                    names.push((call.id.clone(), call.name.clone()));
                    calls.push(format!("{} {}", call.name, object(&call.arguments)));
                }
                Content::ToolResult(result) => {
                    let name = &names.iter().rev().find(|(id, _)| *id == result.call_id).unwrap().1;
                    let (mut texts, mut images) = (Facts::new(), Facts::new());
                    for part in &result.content {
                        match part {
                            ResultPart::Text(text) => texts.push(text.clone()),
                            ResultPart::Media(media) => images.push(data(media)),
                            ResultPart::Other(json) => texts.push(
                                serde_json::from_str::<Value>(json).unwrap()["text"]
                                    .as_str()
                                    .unwrap()
                                    .to_owned(),
                            ),
                        }
                    }
                    facts.push(format!("result {name} {:?} {images:?}", texts.join("\n")));
                }
                Content::Audio(_) | Content::File(_) | Content::Other(_) => panic!("refused elsewhere"),
            }
        }
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => continue,
        };
        facts.push(format!("{role} {:?} {images:?} {:?} {calls:?}", texts.join("\n"), thinking.concat()));
    }
    facts.extend(settings_meant(request));
    facts
}

fn data(media: &Media) -> String {
    let MediaSource::Base64(data) = &media.source else { panic!("inline only") };
    data.clone()
}

pub(super) fn read(body: &Value, request: &ChatRequest) -> Facts {
    let mut facts = Facts::new();
    for message in body["messages"].as_array().unwrap() {
        let images: Vec<&str> =
            message["images"].as_array().into_iter().flatten().map(|image| image.as_str().unwrap()).collect();
        let text = message["content"].as_str().unwrap();
        if message["role"] == "tool" {
            facts.push(format!("result {} {text:?} {images:?}", message["tool_name"].as_str().unwrap()));
            continue;
        }
        let calls: Facts = message["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| {
                format!("{} {}", call["function"]["name"].as_str().unwrap(), call["function"]["arguments"])
            })
            .collect();
        let thinking = message["thinking"].as_str().unwrap_or("");
        facts.push(format!(
            "{} {text:?} {images:?} {thinking:?} {calls:?}",
            message["role"].as_str().unwrap()
        ));
    }
    facts.push(format!("stream {}", body["stream"] == json!(true)));
    let tools = body["tools"].as_array();
    for tool in tools.into_iter().flatten() {
        let tool = &tool["function"];
        facts.push(format!(
            "tool {} {:?} {}",
            tool["name"].as_str().unwrap(),
            tool["description"].as_str().unwrap(),
            tool["parameters"]
        ));
    }
    if request.tool_choice == ToolChoice::None && !request.tools.is_empty() {
        // The wire has no such word: the tools are withheld, which is what it means.
        assert!(tools.is_none());
        let mut told = settings_meant(request);
        told.truncate(request.tools.len() + 2);
        facts.extend(told.drain(1..));
    }
    if body["format"].is_object() {
        facts.push(format!("schema {}", body["format"]));
    }
    let options = &body["options"];
    let stop: Vec<&str> =
        options["stop"].as_array().into_iter().flatten().map(|stop| stop.as_str().unwrap()).collect();
    facts.push(format!(
        "{:?} {:?} {:?} {stop:?}",
        options["num_predict"].as_u64(),
        options["temperature"].as_f64(),
        options["top_k"].as_u64()
    ));
    facts
}
