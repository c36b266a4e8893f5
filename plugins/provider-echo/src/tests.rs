//! Whole answers, as a table.

use brains_sdk::canon::{
    BlockKind, CallContext, ChatRequest, Content, Event, FunctionTool, Media, MediaSource, Message,
    OutputFormat, Part, ResultPart, Role, SchemaFormat, StopReason, Tool, ToolChoice, ToolResult,
};
use brains_sdk::{Catalogue, Component, Standalone};
use serde_json::{Value, json};

use crate::reply::{Reply, Wanted, reply};
use crate::{Echo, Settings};

fn message(role: Role, contents: Vec<Content>) -> Message {
    Message { role, name: None, parts: contents.into_iter().map(Part::plain).collect(), extra: None }
}

fn ask(text: &str) -> ChatRequest {
    ChatRequest {
        model: "echo-small".into(),
        messages: vec![
            message(Role::System, vec![Content::Text("be brief".into())]),
            message(Role::User, vec![Content::Text(text.into())]),
        ],
        ..ChatRequest::default()
    }
}

fn tool(name: &str) -> Tool {
    Tool::Function(FunctionTool {
        name: name.into(),
        namespace: None,
        description: None,
        parameters:
            json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] })
                .to_string(),
        strict: None,
        cache: None,
        extra: None,
    })
}

fn text(req: &ChatRequest) -> String {
    match reply(req) {
        Reply::Text(said) => said.text,
        Reply::Calls(calls) => panic!("called {calls:?}"),
    }
}

fn calls(req: &ChatRequest) -> Vec<Wanted> {
    match reply(req) {
        Reply::Calls(calls) => calls,
        Reply::Text(said) => panic!("said {said:?}"),
    }
}

fn wanted(tool: &str, arguments: &str) -> Wanted {
    Wanted { tool: tool.into(), arguments: arguments.into() }
}

#[test]
fn text_comes_back() {
    assert_eq!(text(&ask("hi")), "echo:hi");
    assert_eq!(text(&ChatRequest::default()), "echo:");
}

#[test]
fn media_are_named() {
    let mut req = ask("what is this");
    let media = Media {
        mime: "image/png".into(),
        source: MediaSource::Base64("AA==".into()),
        detail: None,
        extra: None,
    };
    req.messages[1].parts.push(Part::plain(Content::Image(media)));
    assert_eq!(text(&req), "echo:what is this\n[image]");
}

#[test]
fn calls_are_made_in_parallel() {
    let mut req = ask(r#"please call weather({"city": "Bern)"}); call time() and call unknown({})"#);
    assert_eq!(
        text(&req),
        format!("echo:{}", r#"please call weather({"city": "Bern)"}); call time() and call unknown({})"#)
    );
    req.tools = vec![tool("weather"), tool("time")];
    assert_eq!(calls(&req), [wanted("weather", r#"{"city": "Bern)"}"#), wanted("time", "{}")]);
    req.parallel_tools = Some(false);
    assert_eq!(calls(&req).len(), 1);
    req.tool_choice = ToolChoice::None;
    assert!(matches!(reply(&req), Reply::Text(_)));
}

#[test]
fn an_insisted_call_has_valid_arguments() {
    let mut req = ask("hello");
    req.tools = vec![tool("weather"), tool("time")];
    req.tool_choice = ToolChoice::Required;
    assert_eq!(calls(&req), [wanted("weather", r#"{"city":"echo"}"#)]);
    req.tool_choice = ToolChoice::Named("time".into());
    assert_eq!(calls(&req)[0].tool, "time");
}

#[test]
fn results_of_all_trailing_tools_are_echoed() {
    let mut req = ask("call weather({})");
    req.tools = vec![tool("weather")];
    for answer in ["sunny", "noon"] {
        let result = ToolResult {
            call_id: answer.into(),
            is_error: false,
            content: vec![ResultPart::Text(answer.into())],
            extra: None,
        };
        req.messages.push(message(Role::Tool, vec![Content::ToolResult(result)]));
    }
    assert_eq!(text(&req), "echo:sunny\nnoon");
}

#[test]
fn ends_at_limits_and_stop_sequences() {
    let mut req = ask("one two three four");
    req.sampling.max_output_tokens = Some(2);
    let Reply::Text(said) = reply(&req) else { panic!() };
    assert_eq!((said.text.as_str(), said.reason), ("echo:one", StopReason::MaxTokens));
    req.sampling.max_output_tokens = Some(100);
    req.sampling.stop = vec!["four".into(), " two".into()];
    let Reply::Text(said) = reply(&req) else { panic!() };
    assert_eq!((said.text.as_str(), said.reason), ("echo:one", StopReason::StopSequence));
    assert_eq!(said.stop_sequence.as_deref(), Some(" two"));
}

#[track_caller]
fn check_schema(schema: &Value, expected: &Value) {
    let mut req = ask("hi");
    let format = SchemaFormat { name: "it".into(), schema: schema.to_string(), strict: true };
    req.output = OutputFormat::JsonSchema(format);
    assert_eq!(serde_json::from_str::<Value>(&text(&req)).unwrap(), *expected);
}

#[test]
fn schemas_are_satisfied() {
    check_schema(
        &json!({
            "type": "object",
            "required": ["name", "age", "ok", "mood", "tags", "inner", "ratio"],
            "properties": {
                "name": { "type": "string", "maxLength": 4 },
                "age": { "type": "integer", "minimum": 18 },
                "ok": { "type": "boolean" },
                "mood": { "enum": ["calm", "wild"] },
                "tags": { "type": "array", "items": { "type": "string" }, "minItems": 2 },
                "inner": { "$ref": "#/$defs/inner" },
                "ratio": { "type": "number", "minimum": 0.5, "maximum": 1 },
                "left": { "type": "string" }
            },
            "$defs": { "inner": { "type": ["null", "object"], "properties": { "at": { "type": "string", "format": "date" } }, "required": ["at"] } }
        }),
        &json!({
            "name": "echo", "age": 18, "ok": true, "mood": "calm", "tags": ["echo:hi", "echo:hi"],
            "inner": { "at": "2026-01-01" }, "ratio": 0.75
        }),
    );
    check_schema(
        &json!({ "anyOf": [{ "type": "integer", "maximum": -3 }, { "type": "string" }] }),
        &json!(-3),
    );
    check_schema(&json!({ "$ref": "#" }), &Value::Null);
}

#[test]
fn a_stream_has_several_deltas_and_ends_properly() {
    let mut req = ask("a sentence that is long enough to be told in pieces");
    req.sampling.choices = Some(2);
    let ctx = CallContext { request_id: "r1".into(), attempt: 1, ..CallContext::default() };
    let events = Echo.answer(req, ctx).unwrap();
    for choice in 0..2 {
        let told: Vec<&str> = events
            .iter()
            .filter_map(|event| match event {
                Event::Delta(delta) if delta.choice == choice => Some(delta.text.as_str()),
                _ => None,
            })
            .collect();
        assert!(told.len() > 3);
        assert_eq!(told.concat(), "echo:a sentence that is long enough to be told in pieces");
    }
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Finish(_))).count(), 2);
    let Some(Event::Usage(usage)) = events.last() else { panic!("no usage") };
    assert_eq!((usage.input, usage.output), (4 + 2 + 4 + 13, 28));
}

#[test]
fn ids_differ_between_requests() {
    let id = |request: &str| {
        let mut req = ask("call weather({})");
        req.tools = vec![tool("weather")];
        let ctx = CallContext { request_id: request.into(), ..CallContext::default() };
        let events = Echo.answer(req, ctx).unwrap();
        events
            .iter()
            .find_map(|event| match event {
                Event::BlockStart(block) => match &block.kind {
                    BlockKind::ToolCall(start) => Some(start.id.clone()),
                    _ => None,
                },
                _ => None,
            })
            .unwrap()
    };
    assert_ne!(id("a"), id("b"));
    assert_eq!(id("a"), id("a"));
}

#[test]
fn four_models_are_listed() {
    let models = Echo::new(Settings {}).unwrap().models(None).unwrap().models;
    assert_eq!(
        models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(),
        ["echo-small", "echo-default", "echo-strong", "echo-deep"]
    );
}
