#![expect(clippy::needless_pass_by_value, reason = "what is passed is written where it is passed")]

use serde_json::{Value, json};

use crate::anthropic_messages::client::decode;
use crate::canon::{
    ChatRequest, Content, MediaSource, OutputFormat, Part, ResultPart, Role, Tool, ToolChoice,
};

fn request(members: Value) -> ChatRequest {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    decode(body.to_string().as_bytes()).unwrap()
}

fn parts_of(content: Value) -> Vec<Part> {
    let request = request(json!({"messages": [{"role": "user", "content": content}]}));
    request.messages.into_iter().flat_map(|message| message.parts).collect()
}

#[track_caller]
fn wrong(members: Value, param: &str) {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let invalid = decode(body.to_string().as_bytes()).unwrap_err();
    assert_eq!(invalid.param.as_deref(), Some(param), "{invalid}");
}

#[test]
fn settings_go_to_their_places() {
    let read = request(json!({
        "max_tokens": 5, "temperature": 0.5, "top_p": 0.25, "top_k": 3, "stop_sequences": ["END"], "stream": true,
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true}, "metadata": {"user_id": "u"},
        "service_tier": "standard_only", "output_config": {"effort": "low", "format": {"type": "json_schema", "schema":
            {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false}}},
        "thinking": {"type": "adaptive", "display": "omitted"}, "context_management": {"edits": []}, "x_new": 1,
    }));
    let sampling = &read.sampling;
    assert_eq!(
        (sampling.max_output_tokens, sampling.top_k, sampling.temperature),
        (Some(5), Some(3), Some(0.5))
    );
    assert_eq!(sampling.stop, ["END"]);
    assert_eq!((read.tool_choice, read.parallel_tools), (ToolChoice::Required, Some(false)));
    assert_eq!((read.user.as_deref(), read.effort.as_deref(), read.stream), (Some("u"), Some("low"), true));
    assert!(matches!(read.output, OutputFormat::JsonSchema(format) if format.strict));
    let extra: Value = serde_json::from_str(&read.extra.unwrap()).unwrap();
    assert_eq!(
        extra,
        json!({"service_tier": "default", "anthropic-messages": {"thinking": {"display": "omitted"},
            "context_management": {"edits": []}, "x_new": 1}})
    );
}

#[test]
fn a_model_is_told_to_think_as_it_was_said() {
    let thinks = |thinking: Value| {
        let read = request(json!({"thinking": thinking}));
        assert_eq!(read.extra, None);
        (read.thinking_budget, read.effort)
    };
    assert_eq!(thinks(json!({"type": "enabled", "budget_tokens": 2048})), (Some(2048), None));
    assert_eq!(thinks(json!({"type": "adaptive"})), (None, Some("high".to_owned())));
    assert_eq!(thinks(json!({"type": "disabled"})), (None, None));
    wrong(json!({"thinking": {"type": "enabled"}}), "thinking.budget_tokens");
    wrong(json!({"thinking": {"type": "hard"}}), "thinking.type");
}

#[test]
fn results_come_first_and_each_is_a_message() {
    let read = request(json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1.50}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}}]},
        {"role": "user", "content": [{"type": "text", "text": "so"},
            {"type": "tool_result", "tool_use_id": "a", "is_error": true, "content": "no", "cache_control": {"type": "ephemeral"}},
            {"type": "tool_result", "tool_use_id": "b"}]},
        {"role": "system", "content": "And kind."},
    ]}));
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool, Role::User, Role::System]);
    let Content::ToolResult(result) = &read.messages[2].parts[0].content else { panic!() };
    assert_eq!((result.call_id.as_str(), result.is_error), ("a", true));
    assert_eq!(read.messages[2].parts[0].cache.as_deref(), Some("5m"));
    let Content::ToolResult(result) = &read.messages[3].parts[0].content else { panic!() };
    assert_eq!(result.content, [ResultPart::Text(String::new())]);
}

#[test]
fn documents_whose_text_is_at_hand_are_text() {
    let texts = |content: Value| {
        let texts = parts_of(content).into_iter().map(|part| match part.content {
            Content::Text(text) => text,
            other => format!("{other:?}"),
        });
        texts.collect::<Vec<_>>()
    };
    let document = |source: Value| json!([{"type": "document", "title": "T", "source": source}]);
    assert_eq!(texts(document(json!({"type": "text", "media_type": "text/plain", "data": "d"}))), ["T\n\nd"]);
    let content = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(texts(document(json!({"type": "content", "content": content}))), ["T\n\na", "b"]);
    let found =
        json!([{"type": "search_result", "title": "T", "source": "https://a.example", "content": content}]);
    assert_eq!(texts(found), ["T\nhttps://a.example\na\nb"]);
}

#[test]
fn media_by_every_way() {
    let source = |part: Part| match part.content {
        Content::Image(media) => ("image", media.mime, media.source),
        Content::File(media) => ("file", media.mime, media.source),
        other => panic!("{other:?}"),
    };
    let one = |block: Value| source(parts_of(json!([block])).remove(0));
    assert_eq!(
        one(
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": "AAAA"}})
        ),
        ("image", "image/jpeg".to_owned(), MediaSource::Base64("AAAA".to_owned()))
    );
    assert_eq!(
        one(json!({"type": "image", "source": {"type": "url", "url": "https://a.example/i.png"}})),
        ("image", String::new(), MediaSource::Url("https://a.example/i.png".to_owned()))
    );
    assert_eq!(
        one(json!({"type": "document", "source": {"type": "file", "file_id": "f"}})),
        ("file", String::new(), MediaSource::FileId("f".to_owned()))
    );
}

#[test]
fn a_thought_comes_back_to_who_signed_it() {
    let foreign = crate::anthropic_messages::signature::marked(Some("sig"), Some("google-gemini-v1"));
    let parts = parts_of(json!([
        {"type": "thinking", "thinking": "a", "signature": "own"},
        {"type": "thinking", "thinking": "b", "signature": foreign},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "redacted_thinking", "data": "d"},
    ]));
    let read = parts.into_iter().map(|part| match part.content {
        Content::Reasoning(thought) => (thought.signature.or(thought.redacted), thought.origin),
        other => panic!("{other:?}"),
    });
    let pair = |text: &str, origin: &str| (Some(text.to_owned()), Some(origin.to_owned()));
    assert_eq!(
        read.collect::<Vec<_>>(),
        [
            pair("own", "anthropic-messages/claude"),
            pair("sig", "google-gemini-v1"),
            (None, None),
            pair("d", "anthropic-messages/claude")
        ]
    );
}

#[test]
fn tools_are_functions_or_the_vendors_own() {
    let hosted = json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3});
    let read = request(json!({"tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true,
         "cache_control": {"type": "ephemeral", "ttl": "1h"}, "defer_loading": true},
        {"type": "custom", "name": "g", "input_schema": {}}, hosted]}));
    let [Tool::Function(f), Tool::Function(g), Tool::Other(other)] = read.tools.as_slice() else { panic!() };
    assert_eq!((f.name.as_str(), f.strict, f.cache.as_deref()), ("f", Some(true), Some("1h")));
    assert_eq!(f.extra.as_deref(), Some(r#"{"anthropic-messages":{"defer_loading":true}}"#));
    assert_eq!((g.name.as_str(), g.extra.as_deref()), ("g", None));
    assert_eq!(serde_json::from_str::<Value>(other).unwrap(), hosted);
}

#[test]
fn an_id_that_is_too_long_for_others_is_made_short() {
    let long = "user_".repeat(30);
    let read = |id: &str| request(json!({"metadata": {"user_id": id}})).user.unwrap();
    assert_eq!(read(&long), read(&long));
    assert_eq!(read(&long).len(), 64);
    assert_ne!(read(&long), read(&format!("{long}x")));
}

#[test]
fn what_is_wrong_is_named() {
    wrong(json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].role");
    wrong(json!({"messages": [{"role": "user"}]}), "messages[0].content");
    wrong(json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]}), "messages[0].content[0].type");
    wrong(json!({"system": 5}), "system");
    wrong(json!({"tools": [{"name": "f"}]}), "tools[0].input_schema");
    wrong(json!({"tool_choice": {"type": "tool"}}), "tool_choice.name");
    wrong(json!({"max_tokens": -1}), "max_tokens");
    let call = json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}]}]);
    wrong(json!({"messages": call}), "messages[0].content[0].input");
}

/// Gemini refuses a call that comes back without its signature, and this wire has no place for one.
#[test]
fn the_signature_of_a_call_goes_out_and_comes_back() {
    let mut said = parts_of(json!([
        {"type": "redacted_thinking", "data": crate::anthropic_messages::signature::marked_call("call_1", "c2ln", Some("google"))},
        {"type": "redacted_thinking", "data": crate::anthropic_messages::signature::marked_call("gone", "x", None)},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "call_2", "name": "f", "input": {}},
    ]));
    let Some(Content::ToolCall(other)) = said.pop().map(|part| part.content) else { panic!("a call") };
    let Some(Content::ToolCall(call)) = said.pop().map(|part| part.content) else { panic!("a call") };
    assert_eq!((call.signature.as_deref(), call.origin.as_deref()), (Some("c2ln"), Some("google")));
    assert_eq!((other.signature, said.len()), (None, 0), "what carries a signature alone is no thought");
}
