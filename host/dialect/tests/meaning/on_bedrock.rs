//! The wire `bedrock-converse`, read independently. What a request means is what it means on Messages: each has instructions
//! apart, turns in alternation and results first.

use brains_dialect::canon::{ChatRequest, Content, ToolChoice};
use serde_json::Value;

use crate::facts::{Facts, settings_meant};

/// The same request, its thoughts signed on this wire.
pub(super) fn signed_here(request: &ChatRequest) -> ChatRequest {
    let mut request = request.clone();
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Content::Reasoning(thought) = &mut part.content {
            thought.origin = Some("bedrock-converse/claude".to_owned());
        }
    }
    request
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What a body says.
pub(super) fn read(body: &Value, request: &ChatRequest) -> Facts {
    let mut facts: Facts =
        list(&body["system"]).map(|block| format!("system {:?}", block["text"].as_str().unwrap())).collect();
    for turn in list(&body["messages"]) {
        facts.push(format!("-- user {}", turn["role"] == "user"));
        facts.extend(list(&turn["content"]).map(block));
    }
    // The address says it.
    facts.push(format!("stream {}", request.stream));
    if request.tool_choice == ToolChoice::None && !request.tools.is_empty() {
        // The wire has no such word: the tools are withheld, or named as a loss.
        let mut told = settings_meant(request);
        told.truncate(request.tools.len() + 2);
        facts.extend(told.drain(1..));
    } else {
        let tools = list(&body["toolConfig"]["tools"]).map(|tool| &tool["toolSpec"]);
        // Calls in the conversation bring their tools with them.
        let offered = |tool: &&Value| tool.is_object() && tool["description"] != "Not offered any more.";
        for tool in tools.filter(offered) {
            facts.push(format!(
                "tool {} {:?} {}",
                tool["name"].as_str().unwrap(),
                tool["description"].as_str().unwrap_or(""),
                tool["inputSchema"]["json"]
            ));
        }
    }
    if let Some(schema) = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"].as_str() {
        facts.push(format!("schema {}", serde_json::from_str::<Value>(schema).unwrap()));
    }
    let inference = &body["inferenceConfig"];
    let stop: Vec<&str> = list(&inference["stopSequences"]).map(|stop| stop.as_str().unwrap()).collect();
    facts.push(format!(
        "{:?} {:?} {:?} {stop:?}",
        inference["maxTokens"].as_u64(),
        inference["temperature"].as_f64(),
        body["additionalModelRequestFields"]["top_k"].as_u64()
    ));
    facts
}

fn block(block: &Value) -> String {
    let (kind, inner) = block.as_object().unwrap().iter().next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "text" => format!("text {:?}", text(inner)),
        "image" => format!("image image/{} {}", text(&inner["format"]), text(&inner["source"]["bytes"])),
        "toolUse" => {
            format!("call {} {} {}", text(&inner["toolUseId"]), text(&inner["name"]), inner["input"])
        }
        "toolResult" => {
            // What stands for nothing is nothing.
            let content = list(&inner["content"]).filter(|part| part["text"] != "…");
            let content: Facts = content
                .map(|part| match part["text"].as_str() {
                    Some(text) => format!("{text:?}"),
                    None => self::block(part),
                })
                .collect();
            format!("result {} {content:?}", text(&inner["toolUseId"]))
        }
        "reasoningContent" if inner["redactedContent"].is_string() => {
            let data = Some(text(&inner["redactedContent"]));
            format!("thought {:?} {:?} {data:?}", "", None::<String>)
        }
        "reasoningContent" => {
            let thought = &inner["reasoningText"];
            let signature = Some(text(&thought["signature"]));
            format!("thought {:?} {signature:?} {:?}", text(&thought["text"]), None::<String>)
        }
        other => panic!("{other}"),
    }
}
