//! Signatures on their parts, what stands in for one, and what each kind of model is told.

use serde_json::{Value, json};

use super::{GeminiGenerateOptions, ThinkingControl, encode};
use crate::canon::{ChatRequest, Content, Message, Part, Reasoning, Role};
use crate::openai_chat::client::decode;

const MODEL: &str = "gemini-3.1-pro-preview";
const OWN: &str = "gemini-generate/gemini";

fn request(more: &Value) -> ChatRequest {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
    decode(body.to_string().as_bytes()).expect("a valid request")
}

fn encoded(request: &ChatRequest, options: &GeminiGenerateOptions) -> (Value, Vec<String>) {
    let encoded = encode(request, options).expect("encoded");
    (serde_json::from_str(&encoded.body).expect("JSON"), encoded.losses)
}

fn thinking(more: &Value, options: &GeminiGenerateOptions) -> (Value, Vec<String>) {
    let (body, losses) = encoded(&request(more), options);
    (body["generationConfig"]["thinkingConfig"].clone(), losses)
}

#[test]
fn an_effort_is_the_level_that_the_model_has() {
    let levels = |levels: &[&str]| GeminiGenerateOptions {
        levels: levels.iter().map(|&level| level.to_owned()).collect(),
        ..GeminiGenerateOptions::default()
    };
    let (all, two) = (GeminiGenerateOptions::default(), levels(&["low", "high"]));
    for (options, effort, level, exact) in [
        (&all, "minimal", "minimal", true),
        (&all, "medium", "medium", true),
        (&all, "high", "high", true),
        (&all, "max", "high", false),
        (&two, "minimal", "low", false),
        (&two, "medium", "low", false),
        (&two, "high", "high", true),
        (&two, "xhigh", "high", false),
    ] {
        let (told, losses) = thinking(&json!({ "reasoning_effort": effort }), options);
        assert_eq!(told, json!({"thinkingLevel": level, "includeThoughts": true}), "{effort}");
        assert_eq!(losses.is_empty(), exact, "{effort}: {losses:?}");
    }
    // It cannot be told not to think, and the lowest level is hardly more than that.
    let none = json!({ "reasoning_effort": "none" });
    assert_eq!(thinking(&none, &all), (json!({"thinkingLevel": "minimal"}), Vec::new()));
    assert_eq!(thinking(&none, &two), (json!({"thinkingLevel": "low"}), vec!["reasoning_effort".to_owned()]));
    assert_eq!(thinking(&json!({ "reasoning_effort": "odd" }), &all).1, ["reasoning_effort"]);
    assert_eq!(thinking(&json!({}), &all), (Value::Null, Vec::new()));
    let budget = ChatRequest { thinking_budget: Some(8000), ..request(&json!({})) };
    let (body, losses) = encoded(&budget, &all);
    assert_eq!(
        (&body["generationConfig"]["thinkingConfig"]["thinkingLevel"], losses.len()),
        (&json!("medium"), 0)
    );
}

#[test]
fn an_effort_is_a_budget_within_what_the_model_takes() {
    let budget = |budget: [u32; 2]| GeminiGenerateOptions {
        thinking: ThinkingControl::Budget,
        budget,
        ..GeminiGenerateOptions::default()
    };
    let (flash, pro) = (budget([0, 24_576]), budget([128, 32_768]));
    for (options, effort, tokens, exact) in [
        (&flash, "none", 0, true),
        (&pro, "none", 128, false),
        (&flash, "low", 1024, true),
        (&flash, "medium", 8192, true),
        (&pro, "max", 24_576, true),
    ] {
        let (told, losses) = thinking(&json!({ "reasoning_effort": effort }), options);
        assert_eq!(told["thinkingBudget"], tokens, "{effort}");
        assert_eq!(told["includeThoughts"].is_null(), effort == "none", "{effort}");
        assert_eq!(losses.is_empty(), exact, "{effort}: {losses:?}");
    }
    let asked = ChatRequest { thinking_budget: Some(100_000), ..request(&json!({})) };
    let (body, losses) = encoded(&asked, &flash);
    assert_eq!(body["generationConfig"]["thinkingConfig"]["thinkingBudget"], 24_576);
    assert_eq!(losses, ["thinking_budget"]);
    let off = GeminiGenerateOptions { thinking: ThinkingControl::Off, ..GeminiGenerateOptions::default() };
    assert_eq!(
        thinking(&json!({ "reasoning_effort": "low" }), &off),
        (Value::Null, vec!["reasoning_effort".to_owned()])
    );
    assert_eq!(thinking(&json!({ "reasoning_effort": "none" }), &off).1.len(), 0);
}

/// A conversation of a greeting, what the model said, and a question.
fn parts_of(contents: Vec<Content>) -> Value {
    let parts = contents.into_iter().map(Part::plain).collect();
    let answer = Message { role: Role::Assistant, name: None, parts, extra: None };
    let mut asked = request(&json!({}));
    let user = asked.messages[0].clone();
    asked.messages.extend([answer, user]);
    let (body, _) = encoded(&asked, &GeminiGenerateOptions::default());
    body["contents"][1]["parts"].clone()
}

#[test]
fn the_signature_of_a_text_goes_back_onto_the_text() {
    let hidden = |data: &str, origin: &str| {
        let (redacted, origin) = (Some(data.to_owned()), Some(origin.to_owned()));
        Content::Reasoning(Reasoning { redacted, origin, ..Reasoning::default() })
    };
    let text = || Content::Text("a".to_owned());
    let signed = json!([{"text": "a", "thoughtSignature": "c2ln"}]);
    assert_eq!(parts_of(vec![text(), hidden("text:c2ln", OWN)]), signed);
    // Where a client keeps thoughts in front of texts, too.
    assert_eq!(parts_of(vec![hidden("text:c2ln", OWN), text()]), signed);
    assert_eq!(
        parts_of(vec![text(), hidden("c2ln", OWN)]),
        json!([{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}])
    );
    assert_eq!(parts_of(vec![hidden("text:c2ln", OWN)]), json!([{"text": "", "thoughtSignature": "c2ln"}]));
    assert_eq!(parts_of(vec![text(), hidden("text:c2ln", "gemini-generate/gemma")]), json!([{"text": "a"}]));
}

#[test]
fn every_step_has_a_signature_and_stays_as_it_was() {
    let call = |id: &str, signature: Option<&str>| {
        let mut call = json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
        if let Some(signature) = signature {
            call["extra_content"] = json!({"google": {"thought_signature": signature}});
        }
        call
    };
    let turns = json!([{"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [call("a", None), call("b", None)]},
        {"role": "tool", "tool_call_id": "a", "content": "1"}, {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "assistant", "tool_calls": [call("c", Some("c2ln"))]}, {"role": "tool", "tool_call_id": "c", "content": "3"},
        {"role": "user", "content": "y"}]);
    let contents = |turns: &[Value], options: &GeminiGenerateOptions| {
        encoded(&request(&json!({ "messages": turns })), options).0["contents"].clone()
    };
    let all = turns.as_array().expect("turns");
    let newest = GeminiGenerateOptions::default();
    let whole = contents(all, &newest);
    let signatures = |content: &Value| -> Vec<Value> {
        content["parts"]
            .as_array()
            .expect("parts")
            .iter()
            .map(|part| part["thoughtSignature"].clone())
            .collect()
    };
    assert_eq!(signatures(&whole[1]), [json!("skip_thought_signature_validator"), Value::Null]);
    assert_eq!(signatures(&whole[3]), [json!("c2ln")]);
    // What was sent before stands at the beginning of what is sent now, so that it is found in the cache.
    let before = contents(&all[..6], &newest);
    let earlier = before.as_array().expect("contents");
    assert_eq!(&whole.as_array().expect("contents")[..earlier.len() - 1], &earlier[..earlier.len() - 1]);
    let older = GeminiGenerateOptions { signatures: false, ..newest };
    assert_eq!(signatures(&contents(all, &older)[1]), [Value::Null, Value::Null]);
}

#[test]
fn a_turn_of_the_models_at_either_end_is_kept_in_words() {
    let (body, losses) = encoded(
        &request(
            &json!({"messages": [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "x"},
            {"role": "assistant", "content": "Once"}]}),
        ),
        &GeminiGenerateOptions::default(),
    );
    let roles: Vec<&str> =
        body["contents"].as_array().expect("contents").iter().filter_map(|it| it["role"].as_str()).collect();
    assert_eq!(
        (roles, losses),
        (vec!["user", "model", "user", "model", "user"], vec!["messages.prefill".to_owned()])
    );
}

#[test]
fn what_a_model_does_not_take_is_lost_or_refused() {
    let narrow = GeminiGenerateOptions {
        sampling: false,
        penalties: false,
        choices: false,
        media_in_results: false,
        schemas_with_tools: false,
        ..GeminiGenerateOptions::default()
    };
    let stops = ["", "a", "b", "c", "d", "e", "f"];
    let asked = request(&json!({"temperature": 0.5, "top_p": 1, "top_k": 3, "presence_penalty": 0.5,
        "frequency_penalty": 0, "n": 1, "stop": &stops[..3]}));
    let (body, losses) = encoded(&asked, &narrow);
    assert_eq!(body["generationConfig"], json!({"stopSequences": ["a", "b"]}));
    assert_eq!(losses, ["temperature", "top_k", "stop", "presence_penalty"]);
    let mut many = asked;
    many.sampling.stop = stops.map(str::to_owned).to_vec();
    assert_eq!(
        encoded(&many, &narrow).0["generationConfig"]["stopSequences"],
        json!(["a", "b", "c", "d", "e"])
    );
    let refused = |more: &Value| encode(&request(more), &narrow).expect_err("refused").message;
    assert!(refused(&json!({"n": 2})).starts_with("`n` is not supported"));
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let form = json!({"type": "json_object"});
    assert!(
        refused(&json!({"tools": tools, "response_format": form}))
            .starts_with("`response_format.json_object`")
    );
    // A picture that a result cannot hold stands beside it.
    let url = "data:image/png;base64,iVBORw0KGgo=";
    let (body, _) = encoded(
        &request(&json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "image_url", "image_url": {"url": url}}]}]})),
        &narrow,
    );
    assert_eq!(
        body["contents"][2]["parts"],
        json!([{"functionResponse": {"id": "a", "name": "f", "response": {"output": ""}}},
               {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}])
    );
    let id = json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]);
    assert!(refused(&json!({ "messages": id })).starts_with("`messages.content.file` is not supported"));
}
