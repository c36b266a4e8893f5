//! What a body says to an upstream of each wire, as a conversation again: read here from the published forms, not by our codecs.

use brains_dialect::translation::UpstreamWire;
use serde_json::{Value, json};

use crate::conversations::{Called, Conversation, Given, Offered, Turn};

pub(super) fn read(wire: UpstreamWire, body: &Value) -> Conversation {
    match wire {
        UpstreamWire::OpenAiChat => chat(body),
        UpstreamWire::OpenAiResponses => responses(body),
        UpstreamWire::AnthropicMessages => messages(body),
        UpstreamWire::OllamaChat => ollama(body),
        UpstreamWire::GeminiGenerate => gemini(body),
        UpstreamWire::BedrockConverse => bedrock(body),
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The turn of this side that is going on, or the next.
fn turn(turns: &mut Vec<Turn>, user: bool) -> &mut Turn {
    if turns.last().is_none_or(|last| last.user != user) {
        turns.push(Turn { user, ..Turn::default() });
    }
    turns.last_mut().unwrap()
}

/// The only member of the schema that the answer is held to.
fn held(schema: &Value) -> Option<String> {
    assert!(schema.is_null() || schema["additionalProperties"] == false, "{schema}");
    Some(schema["properties"].as_object()?.keys().next()?.clone())
}

fn arguments(value: &Value) -> Value {
    serde_json::from_str(&string(value)).unwrap()
}

/// What stands behind the head of a `data:` URL.
fn inline(url: &Value) -> String {
    string(url).split_once(";base64,").unwrap_or_else(|| panic!("{url}")).1.to_owned()
}

fn tools(list: &[Value], name: &str, schema: &str, outer: Option<&str>) -> Vec<Offered> {
    let tools = list.iter().map(|tool| {
        let tool = outer.map_or(tool, |outer| &tool[outer]);
        Offered {
            name: string(&tool[name]),
            description: string(&tool["description"]),
            schema: tool[schema].clone(),
        }
    });
    tools.collect()
}

fn chat(body: &Value) -> Conversation {
    let mut read = Conversation {
        tools: tools(&list(&body["tools"]), "name", "parameters", Some("function")),
        limit: body["max_completion_tokens"].as_u64(),
        held: held(&body["response_format"]["json_schema"]["schema"]),
        ..Conversation::default()
    };
    let part =
        |part: &Value, texts: &mut Vec<String>, images: &mut Vec<String>, files: &mut Vec<String>| match part
            ["type"]
            .as_str()
        {
            Some("text") => texts.push(string(&part["text"])),
            Some("image_url") => images.push(inline(&part["image_url"]["url"])),
            Some("file") => files.push(inline(&part["file"]["file_data"])),
            _ => panic!("{part}"),
        };
    for message in list(&body["messages"]) {
        let content = match &message["content"] {
            Value::String(text) => vec![json!({"type": "text", "text": text})],
            content => list(content),
        };
        let mut rest = Vec::new();
        match message["role"].as_str() {
            Some("system") => read.system.extend(content.iter().map(|part| string(&part["text"]))),
            Some("tool") => {
                let mut given =
                    Given { id: string(&message["tool_call_id"]), texts: Vec::new(), images: Vec::new() };
                for it in &content {
                    part(it, &mut given.texts, &mut given.images, &mut rest);
                }
                turn(&mut read.turns, true).given.push(given);
            }
            role => {
                let turn = turn(&mut read.turns, role == Some("user"));
                for it in &content {
                    part(it, &mut turn.texts, &mut turn.images, &mut turn.files);
                }
                turn.refusal = message["refusal"].as_str().map(str::to_owned);
                for call in list(&message["tool_calls"]) {
                    let (id, name) = (string(&call["id"]), string(&call["function"]["name"]));
                    turn.called.push(Called { id, name, input: arguments(&call["function"]["arguments"]) });
                }
            }
        }
        assert!(rest.is_empty());
    }
    read
}

fn responses(body: &Value) -> Conversation {
    let mut read = Conversation {
        system: body["instructions"].as_str().map(str::to_owned).into_iter().collect(),
        tools: tools(&list(&body["tools"]), "name", "parameters", None),
        limit: body["max_output_tokens"].as_u64(),
        held: held(&body["text"]["format"]["schema"]),
        ..Conversation::default()
    };
    let image = |part: &Value| inline(&part["image_url"]);
    for item in list(&body["input"]) {
        match item["type"].as_str() {
            Some("reasoning") => {
                let text = list(&item["summary"]).first().map(|part| string(&part["text"]));
                turn(&mut read.turns, false).thoughts.push((text, string(&item["encrypted_content"])));
            }
            Some("function_call") => {
                let (id, name) = (string(&item["call_id"]), string(&item["name"]));
                let called = Called { id, name, input: arguments(&item["arguments"]) };
                turn(&mut read.turns, false).called.push(called);
            }
            Some("function_call_output") => {
                let mut given = Given { id: string(&item["call_id"]), texts: Vec::new(), images: Vec::new() };
                given
                    .texts
                    .extend(item["output"].as_str().filter(|text| !text.is_empty()).map(str::to_owned));
                for part in list(&item["output"]) {
                    match part["type"].as_str() {
                        Some("input_text") => given.texts.push(string(&part["text"])),
                        _ => given.images.push(image(&part)),
                    }
                }
                turn(&mut read.turns, true).given.push(given);
            }
            _ => {
                let turn = turn(&mut read.turns, item["role"] == "user");
                for part in list(&item["content"]) {
                    match part["type"].as_str() {
                        Some("input_text" | "output_text") => turn.texts.push(string(&part["text"])),
                        Some("refusal") => turn.refusal = Some(string(&part["refusal"])),
                        Some("input_file") => turn.files.push(inline(&part["file_data"])),
                        _ => turn.images.push(image(&part)),
                    }
                }
            }
        }
    }
    read
}

fn messages(body: &Value) -> Conversation {
    let mut read = Conversation {
        system: list(&body["system"]).iter().map(|block| string(&block["text"])).collect(),
        tools: tools(&list(&body["tools"]), "name", "input_schema", None),
        limit: body["max_tokens"].as_u64(),
        held: held(&body["output_config"]["format"]["schema"]),
        ..Conversation::default()
    };
    for message in list(&body["messages"]) {
        let turn = turn(&mut read.turns, message["role"] == "user");
        for block in list(&message["content"]) {
            let data = |block: &Value| string(&block["source"]["data"]);
            match block["type"].as_str() {
                Some("text") => turn.texts.push(string(&block["text"])),
                Some("image") => turn.images.push(data(&block)),
                Some("document") => turn.files.push(data(&block)),
                Some("thinking") => {
                    turn.thoughts.push((Some(string(&block["thinking"])), string(&block["signature"])));
                }
                Some("redacted_thinking") => turn.thoughts.push((None, string(&block["data"]))),
                Some("tool_use") => {
                    let (id, name) = (string(&block["id"]), string(&block["name"]));
                    turn.called.push(Called { id, name, input: block["input"].clone() });
                }
                Some("tool_result") => {
                    let mut given =
                        Given { id: string(&block["tool_use_id"]), texts: Vec::new(), images: Vec::new() };
                    given
                        .texts
                        .extend(block["content"].as_str().filter(|it| !it.is_empty()).map(str::to_owned));
                    for part in list(&block["content"]) {
                        match part["type"].as_str() {
                            Some("text") => given.texts.push(string(&part["text"])),
                            _ => given.images.push(data(&part)),
                        }
                    }
                    turn.given.push(given);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    read
}

fn ollama(body: &Value) -> Conversation {
    let mut read = Conversation {
        tools: tools(&list(&body["tools"]), "name", "parameters", Some("function")),
        limit: body["options"]["num_predict"].as_u64(),
        held: held(&body["format"]),
        ..Conversation::default()
    };
    let texts = |message: &Value| {
        let text = string(&message["content"]);
        (!text.is_empty()).then_some(text)
    };
    let images = |message: &Value| list(&message["images"]).iter().map(string).collect::<Vec<_>>();
    for message in list(&body["messages"]) {
        match message["role"].as_str() {
            Some("system") => read.system.extend(texts(&message)),
            Some("tool") => {
                let id = string(&message["tool_call_id"]);
                let calls = read.turns.iter().flat_map(|turn| &turn.called);
                let named = calls.clone().any(|call| call.id == id && call.name == message["tool_name"]);
                assert!(named, "{message}");
                let given =
                    Given { id, texts: texts(&message).into_iter().collect(), images: images(&message) };
                turn(&mut read.turns, true).given.push(given);
            }
            role => {
                let turn = turn(&mut read.turns, role == Some("user"));
                turn.texts.extend(texts(&message));
                turn.images.extend(images(&message));
                for call in list(&message["tool_calls"]) {
                    let (id, name) = (string(&call["id"]), string(&call["function"]["name"]));
                    turn.called.push(Called { id, name, input: call["function"]["arguments"].clone() });
                }
            }
        }
    }
    read
}

fn gemini(body: &Value) -> Conversation {
    let config = &body["generationConfig"];
    let mut read = Conversation {
        system: list(&body["systemInstruction"]["parts"]).iter().map(|part| string(&part["text"])).collect(),
        tools: tools(&list(&body["tools"][0]["functionDeclarations"]), "name", "parametersJsonSchema", None),
        limit: config["maxOutputTokens"].as_u64(),
        held: held(&config["responseJsonSchema"]),
        ..Conversation::default()
    };
    for content in list(&body["contents"]) {
        let user = content["role"] == "user";
        assert!(read.turns.last().is_none_or(|turn| turn.user != user), "turns alternate: {body}");
        let mut signed = false;
        for part in list(&content["parts"]) {
            let (text, signature) = (part["text"].as_str(), part["thoughtSignature"].as_str());
            let (response, call) = (&part["functionResponse"], &part["functionCall"]);
            if response.is_object() {
                let id = string(&response["id"]);
                let mut calls = read.turns.iter().flat_map(|turn| &turn.called);
                assert!(calls.any(|call| call.id == id && call.name == response["name"]), "{part}");
                let output = string(&response["response"]["output"]);
                let texts = (!output.is_empty()).then_some(output).into_iter().collect();
                let images = list(&response["parts"]);
                let images = images.iter().map(|part| string(&part["inlineData"]["data"])).collect();
                turn(&mut read.turns, true).given.push(Given { id, texts, images });
                continue;
            }
            let turn = turn(&mut read.turns, user);
            if call.is_object() {
                // Of calls side by side the first is signed.
                assert_eq!(signature.is_some(), !signed, "{content}");
                signed = true;
                let (id, name) = (string(&call["id"]), string(&call["name"]));
                turn.called.push(Called { id, name, input: call["args"].clone() });
            } else if part["thought"] == true {
                turn.thoughts.push((text.map(str::to_owned), string(&part["thoughtSignature"])));
            } else if let Some(text) = text {
                match signature {
                    Some(signature) if text.is_empty() => turn.thoughts.push((None, signature.to_owned())),
                    _ => turn.texts.push(text.to_owned()),
                }
            } else {
                let data = string(&part["inlineData"]["data"]);
                let image = string(&part["inlineData"]["mimeType"]).starts_with("image/");
                if image { turn.images.push(data) } else { turn.files.push(data) }
            }
        }
    }
    read
}

fn bedrock(body: &Value) -> Conversation {
    let schema = &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"];
    let schema: Value = schema.as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    let tools = list(&body["toolConfig"]["tools"]);
    let tools = tools.iter().map(|tool| &tool["toolSpec"]).map(|tool| Offered {
        name: string(&tool["name"]),
        description: string(&tool["description"]),
        schema: tool["inputSchema"]["json"].clone(),
    });
    let mut read = Conversation {
        system: list(&body["system"]).iter().map(|block| string(&block["text"])).collect(),
        // The wire wants some where calls stand in the conversation.
        tools: tools.filter(|tool| tool.description != "Not offered any more.").collect(),
        limit: body["inferenceConfig"]["maxTokens"].as_u64(),
        held: held(&schema),
        ..Conversation::default()
    };
    let data = |media: &Value| string(&media["source"]["bytes"]);
    for message in list(&body["messages"]) {
        let turn = turn(&mut read.turns, message["role"] == "user");
        for block in list(&message["content"]) {
            let (kind, inner) = block.as_object().unwrap().iter().next().unwrap();
            match kind.as_str() {
                "text" => turn.texts.push(string(inner)),
                "image" => turn.images.push(data(inner)),
                "document" => turn.files.push(data(inner)),
                "reasoningContent" if inner["redactedContent"].is_string() => {
                    turn.thoughts.push((None, string(&inner["redactedContent"])));
                }
                "reasoningContent" => {
                    let thought = &inner["reasoningText"];
                    turn.thoughts.push((Some(string(&thought["text"])), string(&thought["signature"])));
                }
                "toolUse" => {
                    let (id, name) = (string(&inner["toolUseId"]), string(&inner["name"]));
                    turn.called.push(Called { id, name, input: inner["input"].clone() });
                }
                "toolResult" => {
                    let mut given =
                        Given { id: string(&inner["toolUseId"]), texts: Vec::new(), images: Vec::new() };
                    for part in list(&inner["content"]) {
                        match part["text"].as_str() {
                            // What stands for nothing.
                            Some("…") => {}
                            Some(text) => given.texts.push(text.to_owned()),
                            None => given.images.push(data(&part["image"])),
                        }
                    }
                    turn.given.push(given);
                }
                other => panic!("{other}"),
            }
        }
    }
    read
}
