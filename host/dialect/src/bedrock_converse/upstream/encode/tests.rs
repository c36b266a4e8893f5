//! What Converse refuses, and what goes out in place of it. The refusals are those of public reports.

use serde_json::{Value, json};

use super::{BedrockConverseOptions, CachePoints, ThinkingWords, TopK, encode};
use crate::anthropic_messages;
use crate::bedrock_converse::PlainToolNames;
use crate::canon::{ChatRequest, FaultKind};
use crate::openai_chat;

fn chat(body: &Value) -> ChatRequest {
    openai_chat::client::decode(body.to_string().as_bytes()).expect("a valid request")
}

fn messages(body: &Value) -> ChatRequest {
    anthropic_messages::client::decode(body.to_string().as_bytes()).expect("a valid request")
}

#[track_caller]
fn written(request: &ChatRequest, options: &BedrockConverseOptions) -> (Value, Vec<String>) {
    let encoded = encode(request, options).expect("encoded");
    (serde_json::from_str(&encoded.body).expect("JSON"), encoded.losses)
}

fn defaults() -> BedrockConverseOptions {
    BedrockConverseOptions::default()
}

fn call(id: &str, name: &str) -> Value {
    json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}]})
}

#[test]
fn a_plain_request_is_what_the_reference_shows() {
    let request = chat(
        &json!({"model": "m", "max_tokens": 512, "temperature": 0.5, "top_p": 0.9, "stop": ["END", " "],
        "messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}]}),
    );
    let (body, losses) = written(&request, &defaults());
    assert_eq!(
        body,
        json!({
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "system": [{"text": "be"}],
            "inferenceConfig": {"maxTokens": 512, "temperature": 0.5, "stopSequences": ["END"]},
        })
    );
    assert_eq!(losses, ["top_p", "stop"]);
}

/// vxcontrol/pentagi#160, patriceckhart/zot#18, langgenius/dify#17545.
#[test]
fn calls_in_the_conversation_bring_their_tools_with_them() {
    let history = json!([{"role": "user", "content": "x"}, call("a", "look"), {"role": "tool", "tool_call_id": "a", "content": "r"}]);
    let (body, losses) = written(&chat(&json!({"model": "m", "messages": history})), &defaults());
    let stub = json!([{"toolSpec": {"name": "look", "description": "Not offered any more.",
                                    "inputSchema": {"json": {"type": "object"}}}}]);
    assert_eq!((&body["toolConfig"], losses.len()), (&json!({"tools": stub}), 0));
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let none = json!({"model": "m", "messages": history, "tools": tools, "tool_choice": "none"});
    let (body, losses) = written(&chat(&none), &defaults());
    assert_eq!(
        (body["toolConfig"]["tools"].as_array().map(Vec::len), losses),
        (Some(1), vec!["tool_choice".to_owned()])
    );
    // Where none was called, none is what it says.
    let none = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": "none"});
    let (body, losses) = written(&chat(&none), &defaults());
    assert_eq!((body.get("toolConfig"), losses.len()), (None, 0));
}

#[test]
fn a_choice_of_tools_is_said_where_it_can_be() {
    let tools =
        json!([{"type": "function", "function": {"name": "a.b", "description": "", "parameters": {}}}]);
    let with = |choice: Value| json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": choice});
    let choice = |choice: Value| written(&chat(&with(choice)), &defaults()).0["toolConfig"].clone();
    assert_eq!(choice(json!("required"))["toolChoice"], json!({"any": {}}));
    assert_eq!(choice(json!("auto")).get("toolChoice"), None);
    let named = choice(json!({"type": "function", "function": {"name": "a.b"}}));
    let name = named["tools"][0]["toolSpec"]["name"].clone();
    assert_eq!(named["toolChoice"], json!({"tool": {"name": name}}), "by the name that goes out");
    assert_eq!(named["tools"][0]["toolSpec"].get("description"), None, "an empty one is refused");
    assert_eq!(named["tools"][0]["toolSpec"]["inputSchema"], json!({"json": {"type": "object"}}));
    let options = BedrockConverseOptions { forced_tools: false, ..defaults() };
    let (body, losses) = written(&chat(&with(json!("required"))), &options);
    assert_eq!((body["toolConfig"].get("toolChoice"), losses), (None, vec!["tool_choice".to_owned()]));
}

#[test]
fn names_that_are_not_taken_come_back() {
    let long = "mcp__a_server_of_some_name__and_a_tool_that_has_one_of_its_own_that_is_long";
    let history = json!([{"role": "user", "content": "x"}, call("call|1", long), {"role": "tool", "tool_call_id": "call|1", "content": "r"}]);
    let request = chat(&json!({"model": "m", "messages": history}));
    let (body, _) = written(&request, &defaults());
    let used = &body["messages"][1]["content"][0]["toolUse"];
    let name = used["name"].as_str().expect("a name").to_owned();
    assert_eq!(name.len(), 64);
    assert_eq!(PlainToolNames::of(&request).own(name), long);
    assert_eq!(PlainToolNames::of(&request).own("other".to_owned()), "other");
    let id = &body["messages"][2]["content"][0]["toolResult"]["toolUseId"];
    assert_eq!((id, id.as_str().map(|id| id.contains('|'))), (&used["toolUseId"], Some(false)));
}

/// boto/botocore#3525, continuedev/continue#9767: nothing blank, nothing empty, and the assistant's last words without space.
#[test]
fn nothing_blank_goes_out() {
    let request = chat(&json!({"model": "m", "messages": [
        {"role": "system", "content": " "}, {"role": "assistant", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}]},
        {"role": "user", "content": "y"}, {"role": "assistant", "content": "\n"},
        {"role": "assistant", "tool_calls": call("a", "f")["tool_calls"]},
        {"role": "tool", "tool_call_id": "a", "content": ""}, {"role": "assistant", "content": "so \n"}]}));
    let (body, losses) = written(&request, &defaults());
    assert_eq!(body.get("system"), None);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"text": "…"}]},
            {"role": "assistant", "content": [{"text": "hello"}]},
            {"role": "user", "content": [{"text": "x"}, {"text": "y"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "…"}]}}]},
            {"role": "assistant", "content": [{"text": "so"}]},
        ])
    );
    assert_eq!(losses, Vec::<String>::new());
    let blank = chat(&json!({"model": "m", "messages": [{"role": "user", "content": " "}]}));
    assert_eq!(encode(&blank, &defaults()).unwrap_err().kind, FaultKind::InvalidRequest);
}

#[test]
fn results_come_first_and_say_that_they_failed() {
    let request = messages(&json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}},
                                          {"type": "tool_use", "id": "b", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "is_error": true, "content": "no"},
            {"type": "text", "text": "and?"},
            {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "image", "source":
                {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]}]}));
    let (body, _) = written(&request, &defaults());
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            {"toolResult": {"toolUseId": "a", "content": [{"text": "no"}], "status": "error"}},
            {"toolResult": {"toolUseId": "b", "content": [{"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}]}},
            {"text": "and?"},
        ])
    );
    let (body, losses) = written(&request, &BedrockConverseOptions { result_status: false, ..defaults() });
    assert_eq!(body["messages"][2]["content"][0]["toolResult"].get("status"), None);
    assert_eq!(losses, ["tool_result_error_mark"]);
}

/// A document wants a text beside it, a name of its own and one of nine words.
#[test]
fn documents_are_what_they_are() {
    let file = |name: &str, mime: &str, data: &str| json!({"type": "file", "file": {"filename": name, "file_data": format!("data:{mime};base64,{data}")}});
    let body = |parts: Value| chat(&json!({"model": "m", "messages": [{"role": "user", "content": parts}]}));
    let parts = json!([
        file("a.pdf", "application/pdf", "JVBERi0xLjQ="),
        file("a.md", "text/plain", "AAAA"),
        file("b.csv", "application/octet-stream", "AAAA")
    ]);
    let (out, _) = written(&body(parts), &defaults());
    let content = out["messages"][0]["content"].as_array().expect("blocks").clone();
    let known: Vec<(&str, &str)> = content[..3]
        .iter()
        .map(|block| &block["document"])
        .map(|it| (it["format"].as_str().unwrap_or_default(), it["name"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(known, [("pdf", "a"), ("md", "a 2"), ("csv", "b")]);
    assert_eq!(content[3], json!({"text": "…"}));
    let odd = encode(&body(json!([file("a.bin", "application/octet-stream", "AAAA")])), &defaults());
    assert!(odd.unwrap_err().message.starts_with("`messages.content.file` "));
    let none = BedrockConverseOptions { documents: false, ..defaults() };
    let refused = encode(&body(json!([file("a.pdf", "application/pdf", "JVBERi0xLjQ=")])), &none);
    assert_eq!(refused.unwrap_err().kind, FaultKind::Unsupported);
}

/// anomalyco/opencode#36517, strands-agents/harness-sdk#1966 and #3677, NousResearch/hermes-agent#97327.
#[test]
fn marks_for_the_cache_stand_where_they_may() {
    let mark = json!({"type": "ephemeral"});
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let request = messages(&json!({"model": "m", "max_tokens": 9,
        "system": [{"type": "text", "text": "be", "cache_control": hour}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": mark}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": mark}]}]}));
    let (body, losses) = written(&request, &defaults());
    let point = json!({"cachePoint": {"type": "default"}});
    assert_eq!(body["system"], json!([{"text": "be"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]));
    assert_eq!(body["messages"][0]["content"], json!([{"text": "x"}, point]));
    assert_eq!((&body["toolConfig"]["tools"][1], losses.len()), (&point, 0));
    let options = BedrockConverseOptions { cache_points: CachePoints::Conversation, ..defaults() };
    let (body, losses) = written(&request, &options);
    assert_eq!(
        (body["toolConfig"]["tools"].as_array().map(Vec::len), &body["system"][1]["cachePoint"]["ttl"]),
        (Some(1), &json!("1h"))
    );
    assert_eq!(losses, ["cache_control"]);
    let options = BedrockConverseOptions { cache_points: CachePoints::Nowhere, ..defaults() };
    let (body, losses) = written(&request, &options);
    assert!(!body.to_string().contains("cachePoint"));
    assert_eq!(losses, ["cache_control"]);
    let document = |kind: &str, data: &str| json!({"type": "file", "cache_control": mark, "file": {"filename": "a.md", "file_data": format!("data:{kind};base64,{data}")}});
    let of = |parts: Value| {
        let request = chat(&json!({"model": "m", "messages": [{"role": "user", "content": parts}]}));
        let (body, losses) = written(&request, &defaults());
        let kinds = body["messages"][0]["content"].as_array().expect("blocks").iter();
        let kinds = kinds.map(|block| block.as_object().expect("one").keys().next().expect("a kind").clone());
        (kinds.collect::<Vec<_>>().join(" "), losses.join(" "))
    };
    let text = json!({"type": "text", "text": "see"});
    let plain = document("text/plain", "AAAA");
    assert_eq!(of(json!([text, document("application/pdf", "JVBERi0xLjQ=")])).0, "text document cachePoint");
    assert_eq!(of(json!([text, plain])).0, "text cachePoint document");
    assert_eq!(of(json!([plain, text])), ("document text".to_owned(), "cache_control".to_owned()));
}

fn asked(more: &Value) -> ChatRequest {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    chat(&body)
}

#[test]
fn thinking_is_told_in_the_words_of_who_made_the_model() {
    let high = json!({"reasoning_effort": "high", "max_tokens": 64_000});
    for (thinking, told) in [
        (
            ThinkingWords::Either,
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ),
        (ThinkingWords::Budget, json!({"thinking": {"type": "enabled", "budget_tokens": 24_576}})),
        (
            ThinkingWords::ReasoningConfig,
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        ),
        (ThinkingWords::ReasoningEffort, json!({"reasoning_effort": "high"})),
    ] {
        let (body, losses) = written(&asked(&high), &BedrockConverseOptions { thinking, ..defaults() });
        assert_eq!((&body["additionalModelRequestFields"], losses.len()), (&told, 0), "{thinking:?}");
    }
    let (body, losses) =
        written(&asked(&high), &BedrockConverseOptions { thinking: ThinkingWords::Off, ..defaults() });
    assert_eq!(
        (body.get("additionalModelRequestFields"), losses),
        (None, vec!["reasoning_effort".to_owned()])
    );
    // Without a limit there is one that the answer has room in.
    let options = BedrockConverseOptions { thinking: ThinkingWords::Budget, ..defaults() };
    let (body, _) = written(&asked(&json!({"reasoning_effort": "low", "temperature": 0.2})), &options);
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 10_240}), "and no temperature");
    // A loop of tools whose first thought is not there is gone on with without thoughts.
    let history = json!([{"role": "user", "content": "x"}, call("a", "f"), {"role": "tool", "tool_call_id": "a", "content": "r"}]);
    let (body, losses) = written(&asked(&json!({"messages": history, "reasoning_effort": "low"})), &options);
    assert_eq!(
        (body.get("additionalModelRequestFields"), losses),
        (None, vec!["reasoning_effort".to_owned()])
    );
}

#[test]
fn what_models_take_otherwise_goes_where_they_take_it() {
    let top_k = json!({"top_k": 30});
    for (place, told) in [
        (TopK::Plain, json!({"top_k": 30})),
        (TopK::InferenceConfig, json!({"inferenceConfig": {"topK": 30}})),
        (TopK::Untold, Value::Null),
    ] {
        let (body, losses) = written(&asked(&top_k), &BedrockConverseOptions { top_k: place, ..defaults() });
        assert_eq!((&body["additionalModelRequestFields"], losses.is_empty()), (&told, !told.is_null()));
    }
    let members = Some(r#"{"performanceConfig":{"latency":"optimized"}}"#.to_owned());
    let options = BedrockConverseOptions { members, sampling: false, ..defaults() };
    let (body, losses) = written(&asked(&json!({"temperature": 0.5, "service_tier": "flex"})), &options);
    assert_eq!(body["performanceConfig"], json!({"latency": "optimized"}));
    assert_eq!((&body["serviceTier"], losses), (&json!({"type": "flex"}), vec!["temperature".to_owned()]));
}

/// A thought goes back to the wire and the family that signed it, and never stands last in a turn.
#[test]
fn thoughts_go_back_to_who_signed_them() {
    let of = |origin: &str| {
        let thought = json!({"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": origin});
        let hidden = json!({"type": "reasoning.encrypted", "data": "aGlk", "format": origin});
        let mut request = asked(&json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": "so", "reasoning_details": [thought, hidden]}, {"role": "user", "content": "y"}]}));
        request.model = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0".to_owned();
        let (body, losses) = written(&request, &defaults());
        (body["messages"][1]["content"].clone(), losses.join(" "))
    };
    let (content, losses) = of("bedrock-converse/claude");
    assert_eq!(
        content,
        json!([{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
               {"reasoningContent": {"redactedContent": "aGlk"}}, {"text": "so"}])
    );
    assert_eq!(losses, "");
    for other in ["anthropic-messages/claude", "bedrock-converse/nova"] {
        assert_eq!(of(other), (json!([{"text": "so"}]), "messages.reasoning_details".to_owned()));
    }
}

#[test]
fn a_schema_is_a_text_of_closed_objects() {
    let format = json!({"type": "json_schema", "json_schema": {"name": "held", "strict": true, "schema": {"type": "object", "properties": {}}}});
    let (body, _) = written(&asked(&json!({"response_format": format})), &defaults());
    let told = &body["outputConfig"]["textFormat"];
    assert_eq!(told["type"], "json_schema");
    assert_eq!(
        told["structure"]["jsonSchema"],
        json!({"schema": r#"{"type":"object","properties":{},"additionalProperties":false}"#, "name": "held"})
    );
    let options = BedrockConverseOptions { structured_outputs: false, ..defaults() };
    let refused = encode(&asked(&json!({"response_format": format})), &options).unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unsupported);
}
