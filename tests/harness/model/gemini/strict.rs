//! What the vendor refuses, in its words: members that it does not know, turns out of order, calls without results, signatures
//! that are missing or not its own. Sources, read on 2026-11-30: <https://ai.google.dev/api/generate-content>,
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>, langgenius/dify-official-plugins#2088 and
//! GewoonJaap/gemini-cli-openai#156 for the words.

use serde_json::Value;

use super::{signature, text_signature};

/// What a call may bear that the vendor did not make.
const UNSIGNED: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// What may stand in each place.
const KNOWN: [(&str, &[&str]); 9] = [
    (
        "",
        &[
            "contents",
            "systemInstruction",
            "tools",
            "toolConfig",
            "generationConfig",
            "safetySettings",
            "cachedContent",
        ],
    ),
    (
        "generationConfig",
        &[
            "temperature",
            "topP",
            "topK",
            "maxOutputTokens",
            "stopSequences",
            "seed",
            "presencePenalty",
            "frequencyPenalty",
            "candidateCount",
            "responseMimeType",
            "responseJsonSchema",
            "thinkingConfig",
        ],
    ),
    ("generationConfig.thinkingConfig", &["thinkingLevel", "thinkingBudget", "includeThoughts"]),
    ("content", &["role", "parts"]),
    (
        "part",
        &[
            "text",
            "thought",
            "thoughtSignature",
            "inlineData",
            "fileData",
            "functionCall",
            "functionResponse",
        ],
    ),
    ("functionCall", &["id", "name", "args"]),
    ("functionResponse", &["id", "name", "response", "parts"]),
    ("inlineData", &["mimeType", "data"]),
    ("functionDeclaration", &["name", "description", "parameters", "parametersJsonSchema"]),
];

/// Takes a request to a model, or says why not.
pub fn accept(model: &str, request: &Value) -> Result<(), String> {
    known("", "", request)?;
    let config = &request["generationConfig"];
    known("generationConfig", "generation_config", config)?;
    generation(model, config)?;
    for (at, tool) in items(&request["tools"][0]["functionDeclarations"]).iter().enumerate() {
        known("functionDeclaration", &format!("tools[0].function_declarations[{at}]"), tool)?;
        if tool["parametersJsonSchema"]["type"] != "object" && !tool["parametersJsonSchema"].is_null() {
            return Err(format!(
                "* GenerateContentRequest.tools[0].function_declarations[{at}].parameters: schema must be of type OBJECT"
            ));
        }
    }
    let only = &request["toolConfig"]["functionCallingConfig"];
    if !only["allowedFunctionNames"].is_null() && only["mode"] != "ANY" {
        return Err("* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: should only be set \
                    when mode is ANY."
            .to_owned());
    }
    let contents = items(&request["contents"]);
    if contents.is_empty() {
        return Err("* GenerateContentRequest.contents: contents is not specified".to_owned());
    }
    for (at, content) in contents.iter().enumerate() {
        turn(at, content)?;
    }
    order(&contents)?;
    signed(&contents)
}

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Members that the vendor does not know.
fn known(kind: &str, place: &str, value: &Value) -> Result<(), String> {
    let (_, names) = KNOWN.iter().find(|(known, _)| *known == kind).expect("a kind");
    match value.as_object().into_iter().flatten().find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) if place.is_empty() => {
            Err(format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."))
        }
        Some((name, _)) => Err(format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
        )),
    }
}

fn generation(model: &str, config: &Value) -> Result<(), String> {
    let thinking = &config["thinkingConfig"];
    known("generationConfig.thinkingConfig", "generation_config.thinking_config", thinking)?;
    if !thinking["thinkingLevel"].is_null() && !thinking["thinkingBudget"].is_null() {
        return Err("You can only set only one of thinking budget and thinking level.".to_owned());
    }
    let newest = model.starts_with("gemini-4");
    if newest && !thinking["thinkingBudget"].is_null() {
        return Err(
            "Thinking budget is not supported for this model. Please use thinking level instead.".to_owned()
        );
    }
    if newest && thinking["thinkingLevel"] == "minimal" {
        return Err("Thinking level MINIMAL is not supported for this model.".to_owned());
    }
    let penalised = ["presencePenalty", "frequencyPenalty"].iter().any(|name| !config[name].is_null());
    if newest && penalised {
        return Err("Penalty is not enabled for this model".to_owned());
    }
    if items(&config["stopSequences"]).len() > 5 {
        return Err(
            "* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed"
                .to_owned(),
        );
    }
    if !config["responseJsonSchema"].is_null() && config["responseMimeType"] != "application/json" {
        return Err("* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is \
                    application/json."
            .to_owned());
    }
    Ok(())
}

fn turn(at: usize, content: &Value) -> Result<(), String> {
    known("content", &format!("contents[{at}]"), content)?;
    if content["role"] != "user" && content["role"] != "model" {
        return Err("Please use a valid role: user, model.".to_owned());
    }
    let parts = items(&content["parts"]);
    if parts.is_empty() {
        return Err(format!(
            "* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
        ));
    }
    for (number, part) in parts.iter().enumerate() {
        let place = format!("contents[{at}].parts[{number}]");
        known("part", &place, part)?;
        for member in ["functionCall", "functionResponse", "inlineData"] {
            known(member, &format!("{place}.{member}"), &part[member])?;
        }
        let data = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
        let held = data.iter().filter(|name| !part[name].is_null()).count();
        if held != 1 {
            return Err(format!(
                "* GenerateContentRequest.{place}.data: required oneof field 'data' must have one initialized field"
            ));
        }
        if !part["functionCall"].is_null() && !part["functionCall"]["args"].is_object()
            || !part["functionResponse"].is_null() && !part["functionResponse"]["response"].is_object()
        {
            return Err(format!("Invalid value at '{place}' (type.googleapis.com/google.protobuf.Struct)"));
        }
    }
    Ok(())
}

/// Turns alternate, calls follow the user, and each has its result in the next turn, by its id.
fn order(contents: &[Value]) -> Result<(), String> {
    if contents[0]["role"] != "user" {
        return Err("Please ensure that the first content is of role user.".to_owned());
    }
    if contents.windows(2).any(|pair| pair[0]["role"] == pair[1]["role"]) {
        return Err("Please ensure that multiturn requests alternate between user and model.".to_owned());
    }
    if contents.last().is_some_and(|last| last["role"] != "user") {
        return Err("Please ensure that single turn requests end with a user role.".to_owned());
    }
    let ids = |content: &Value, member: &str| {
        let parts = items(&content["parts"]);
        let named = parts.iter().filter(|part| !part[member].is_null());
        named.map(|part| (part[member]["id"].clone(), part[member]["name"].clone())).collect::<Vec<_>>()
    };
    for at in 0..contents.len() {
        let results = ids(&contents[at], "functionResponse");
        let calls = if at == 0 { Vec::new() } else { ids(&contents[at - 1], "functionCall") };
        if calls.len() != results.len() {
            return Err("Please ensure that the number of function response parts is equal to the number of function call parts \
                        of the function call turn."
                .to_owned());
        }
        if let Some((id, _)) = results.iter().find(|result| !calls.contains(result)) {
            return Err(format!(
                "Function response with id {id} does not match any function call of the turn before it."
            ));
        }
    }
    Ok(())
}

/// In the newest turn of the user's the first call of each step is signed, and a signature is one that was given for it.
fn signed(contents: &[Value]) -> Result<(), String> {
    let asks = |content: &&Value| {
        content["role"] == "user"
            && items(&content["parts"]).iter().any(|part| part["functionResponse"].is_null())
    };
    let newest = contents.iter().rposition(|content| asks(&content)).unwrap_or(0);
    for (at, content) in contents.iter().enumerate() {
        let mut first = true;
        for part in items(&content["parts"]) {
            let (call, said) = (&part["functionCall"], part["thoughtSignature"].as_str());
            if let Some(said) = said {
                let number = call["id"].as_str().and_then(|id| id.strip_prefix("fc_")?.parse().ok());
                let given = number.map_or_else(text_signature, signature);
                let stands_in = call.is_object() && UNSIGNED.contains(&said);
                if said != given && !stands_in {
                    return Err("Corrupted thought signature.".to_owned());
                }
            }
            let leads = call.is_object() && std::mem::take(&mut first);
            if leads && said.is_none() && at > newest {
                return Err(format!(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
                     correctly, and missing thought_signature may lead to degraded model performance. Additional data, \
                     function call `default_api:{}` , position {at}. Please refer to \
                     https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
                    call["name"].as_str().unwrap_or_default()
                ));
            }
        }
    }
    Ok(())
}
