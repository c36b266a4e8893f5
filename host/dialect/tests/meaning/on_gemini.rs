//! The wire `gemini-generate`, read independently.

use brains_dialect::canon::{ChatRequest, Content, Media, MediaSource, Reasoning, ResultPart, Role};
use serde_json::Value;

use crate::facts::{Facts, object, settings_meant};

/// What the request should say there: instructions first, then each side's turns, results first in the user's.
pub(super) fn meant(request: &ChatRequest) -> Facts {
    let mut system = Facts::new();
    let mut turns: Vec<(bool, Facts, Facts)> = Vec::new();
    let mut names = Vec::new();
    for message in &request.messages {
        let user = message.role != Role::Assistant;
        for part in &message.parts {
            let (fact, result) = match &part.content {
                Content::Text(text) | Content::Refusal(text) if text.is_empty() => continue,
                Content::Text(text) if matches!(message.role, Role::System | Role::Developer) => {
                    system.push(format!("system {text:?}"));
                    continue;
                }
                Content::Text(text) | Content::Refusal(text) => (format!("text {text:?}"), false),
                Content::Image(media) => (image(media), false),
                Content::ToolCall(call) => {
                    names.push((call.id.clone(), call.name.clone()));
                    (format!("call {} {} {}", call.id, call.name, object(&call.arguments)), false)
                }
                Content::ToolResult(result) => {
                    let name = &names.iter().rev().find(|(id, _)| *id == result.call_id).unwrap().1;
                    (format!("result {} {name} {}", result.call_id, result_content(&result.content)), true)
                }
                Content::Reasoning(Reasoning { text, signature, redacted, .. }) => {
                    (format!("thought {text:?} {:?}", signature.as_ref().or(redacted.as_ref())), false)
                }
                Content::Audio(_) | Content::File(_) | Content::Other(_) => panic!("refused elsewhere"),
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
    // Whether it streams stands in the address.
    facts.extend(settings_meant(request).into_iter().skip(1));
    facts
}

fn image(media: &Media) -> String {
    let MediaSource::Base64(data) = &media.source else { panic!("inline only") };
    format!("image {} {data}", media.mime)
}

fn result_content(content: &[ResultPart]) -> String {
    let (mut texts, mut images) = (Facts::new(), Facts::new());
    for part in content {
        match part {
            ResultPart::Text(text) => texts.push(text.clone()),
            ResultPart::Media(media) => images.push(image(media)),
            ResultPart::Other(json) => {
                let json: Value = serde_json::from_str(json).unwrap();
                texts.push(json["text"].as_str().unwrap().to_owned());
            }
        }
    }
    format!("{:?} {images:?}", texts.join("\n"))
}

/// What a body says.
pub(super) fn read(body: &Value) -> Facts {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut facts: Facts = list(&body["systemInstruction"]["parts"])
        .iter()
        .map(|part| format!("system {:?}", part["text"].as_str().unwrap()))
        .collect();
    for content in list(&body["contents"]) {
        facts.push(format!("-- user {}", content["role"] == "user"));
        facts.extend(list(&content["parts"]).iter().map(part));
    }
    for tool in list(&body["tools"][0]["functionDeclarations"]) {
        facts.push(format!(
            "tool {} {:?} {}",
            tool["name"].as_str().unwrap(),
            tool["description"].as_str().unwrap_or(""),
            tool["parametersJsonSchema"]
        ));
    }
    if body["toolConfig"]["functionCallingConfig"]["mode"] == "NONE" {
        facts.push("no tools".to_owned());
    }
    let config = &body["generationConfig"];
    if config["responseMimeType"] == "application/json" {
        facts.push(format!("schema {}", config["responseJsonSchema"]));
    }
    let stop: Vec<String> =
        list(&config["stopSequences"]).iter().map(|stop| stop.as_str().unwrap().to_owned()).collect();
    facts.push(format!(
        "{:?} {:?} {:?} {stop:?}",
        config["maxOutputTokens"].as_u64(),
        config["temperature"].as_f64(),
        config["topK"].as_u64()
    ));
    facts
}

fn part(part: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let data = |part: &Value| {
        format!("image {} {}", text(&part["inlineData"]["mimeType"]), text(&part["inlineData"]["data"]))
    };
    let (call, response, signature) =
        (&part["functionCall"], &part["functionResponse"], part["thoughtSignature"].as_str());
    if call.is_object() {
        return format!("call {} {} {}", text(&call["id"]), text(&call["name"]), call["args"]);
    }
    if response.is_object() {
        let images: Facts = response["parts"].as_array().into_iter().flatten().map(data).collect();
        let output = text(&response["response"]["output"]);
        return format!("result {} {} {output:?} {images:?}", text(&response["id"]), text(&response["name"]));
    }
    if part["inlineData"].is_object() {
        return data(part);
    }
    match signature {
        Some(_) => format!("thought {:?} {signature:?}", text(&part["text"])),
        None => format!("text {:?}", text(&part["text"])),
    }
}
