//! The exchanges as they leave, and answers as they are read.

use brains_sdk::anthropic_messages::AnthropicMessages;
use brains_sdk::canon::exchange::{Body, Field, Framing, Head, Payload, Piece, Request, Response};
use brains_sdk::canon::relay::{Call, Edit, Lane};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::vendor::{Provider, Upstream, VendorWire};
use brains_sdk::{Catalogue, Chat, Component, Errors, Relay};
use serde_json::json;

use crate::Settings;

type Anthropic = Provider<crate::Anthropic>;

fn component(settings: serde_json::Value) -> Anthropic {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Anthropic::new(settings).unwrap()
}

fn shown(request: &Request) -> String {
    let text = |pieces: &[Piece]| {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Secret(name) => format!("<{name}>"),
            Piece::Credential(_) | Piece::BasicCredentials(_) => "?".into(),
        };
        pieces.iter().map(piece).collect::<String>()
    };
    let headers = request.headers.iter().map(|header| format!("{}: {}", header.name, text(&header.value)));
    let headers = headers.collect::<Vec<_>>().join(" | ");
    format!("{:?} {} | {headers}", request.method, text(&request.url))
}

fn response(status: u16, body: &str) -> Response {
    Response { head: Head { status, headers: Vec::new() }, body: Payload::Text(body.into()) }
}

fn hello() -> ChatRequest {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    ChatRequest { model: "claude-x".into(), messages: vec![message], ..ChatRequest::default() }
}

#[test]
fn a_relayed_call_sets_only_the_model() {
    let headers = [("anthropic-version", "2026-01-01"), ("anthropic-beta", "a,b"), ("cookie", "private")];
    let headers = headers.map(|(name, value)| Field { name: name.into(), value: value.into() });
    let call = Call {
        surface: "messages".into(),
        model: "claude-x".into(),
        stream: true,
        query: "beta=true".into(),
        headers: headers.to_vec(),
        ctx: CallContext::default(),
    };
    let Lane::Relay(out) = component(json!({})).prepare(call.clone()).unwrap() else { panic!("declined") };
    assert_eq!(
        shown(&out.request),
        "Post https://api.anthropic.com/v1/messages?beta=true | accept: text/event-stream | \
         content-type: application/json | anthropic-version: 2026-01-01 | anthropic-beta: a,b"
    );
    assert_eq!((out.request.body, out.framing), (Body::Empty, Framing::Sse));
    assert_eq!(out.edits, [Edit::set("model", "\"claude-x\"")]);
    let chat = Call { surface: "chat".into(), ..call };
    assert_eq!(component(json!({})).prepare(chat).unwrap(), Lane::Translate);
}

#[test]
fn tokens_are_counted_where_the_vendor_counts_them() {
    let surfaces: Vec<String> = component(json!({})).surfaces().into_iter().map(|it| it.name).collect();
    assert_eq!(surfaces, ["messages", "messages.count_tokens", "messages.cache_touch"]);
    let call = Call {
        surface: "messages.count_tokens".into(),
        model: "claude-x".into(),
        stream: false,
        query: "beta=true".into(),
        headers: Vec::new(),
        ctx: CallContext::default(),
    };
    let Lane::Relay(out) = component(json!({})).prepare(call).unwrap() else { panic!("declined") };
    assert_eq!(
        shown(&out.request),
        "Post https://api.anthropic.com/v1/messages/count_tokens?beta=true | accept: application/json | \
         content-type: application/json | anthropic-version: 2023-06-01"
    );
    assert_eq!((out.framing, out.edits), (Framing::Raw, vec![Edit::set("model", "\"claude-x\"")]));
}

#[test]
fn a_translated_call_carries_its_body() {
    let out = component(json!({ "base_url": "http://127.0.0.1:9/", "headers": { "Anthropic-Beta": "x" } }))
        .encode(hello(), Vec::new(), &CallContext::default())
        .unwrap();
    assert_eq!(
        shown(&out.request),
        "Post http://127.0.0.1:9/v1/messages | accept: application/json | content-type: application/json | \
         anthropic-version: 2023-06-01 | anthropic-beta: x"
    );
    let Body::Text(body) = out.request.body else { panic!("no text") };
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("claude-x"), &json!(8192)));
    let two = ChatRequest {
        sampling: brains_sdk::canon::Sampling { choices: Some(2), ..Default::default() },
        ..hello()
    };
    let refused = component(json!({})).encode(two, Vec::new(), &CallContext::default()).unwrap_err();
    assert_eq!(
        (refused.kind, refused.code.as_deref()),
        (FaultKind::Unsupported, Some("unsupported_parameter"))
    );
}

#[test]
fn a_set_key_is_a_hole_for_the_host() {
    let upstream = Upstream::new("https://a.example").key("x-api-key", "api_key");
    let request = AnthropicMessages::models_exchange(
        &upstream,
        &AnthropicMessages::MODELS.query(Some("m-1")),
        &CallContext::default(),
    );
    assert_eq!(
        shown(&request.into_request()),
        "Get https://a.example/v1/models?limit=1000&after_id=m-1 | accept: application/json | \
         anthropic-version: 2023-06-01 | x-api-key: <api_key>"
    );
}

#[test]
fn models_come_page_by_page() {
    let component = component(json!({}));
    let body = json!({"data": [{"type": "model", "id": "claude-x", "display_name": "X", "max_input_tokens": 200_000}],
                      "has_more": true, "last_id": "claude-x"});
    let page = component.models(Some(response(200, &body.to_string()))).unwrap();
    assert_eq!(page.next.as_deref(), Some("claude-x"));
    assert_eq!((page.models[0].label.as_deref(), page.models[0].context), (Some("X"), Some(200_000)));
    let odd = json!({"data": [], "has_more": true, "last_id": "a&b=c"});
    assert_eq!(component.models(Some(response(200, &odd.to_string()))).unwrap().next, None);
    assert!(component.models(Some(response(200, "{}"))).is_err());
    assert!(component.models(Some(response(500, "{}"))).is_err());
}

#[test]
fn answers_and_errors_are_read() {
    let component = component(json!({}));
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 3, "output_tokens": 1}});
    let events = component.decode_unary(response(200, &answer.to_string()), &CallContext::default()).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Delta(delta) if delta.text == "ok")));
    let body = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(component.decode_error(response(529, &body.to_string())).kind, FaultKind::Overloaded);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let settings = json!({ "base_url": "https://a.example/v1", "headers": { "X-Api-Key": "k", "a b": "c" } });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let problems = Anthropic::new(settings).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("must not end in `/v1`"), "{problems:?}");
}

/// What a request for this model says of thinking, with a temperature beside it.
fn told(settings: serde_json::Value, model: &str) -> (serde_json::Value, String) {
    let mut req = ChatRequest { model: model.into(), effort: Some("xhigh".into()), ..hello() };
    req.sampling.max_output_tokens = Some(64_000);
    req.sampling.temperature = Some(1.0);
    let out = component(settings).encode(req, Vec::new(), &CallContext::default()).unwrap();
    let Body::Text(body) = out.request.body else { panic!("no text") };
    let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
    (
        json!([body["thinking"].take(), body["output_config"].take(), body["temperature"].take()]),
        out.losses.join(", "),
    )
}

/// docker/docker-agent#3381, microsoft/vscode-copilot-chat#5008, RooCodeInc/Roo-Code#12162.
#[test]
fn one_instance_serves_every_generation() {
    let adaptive = json!({ "type": "adaptive" });
    let budget = json!({ "type": "enabled", "budget_tokens": 32_768 });
    let effort = |word: &str| json!({ "effort": word });
    for (model, expected, losses) in [
        ("claude-haiku-4-5", json!([budget, null, 1]), ""),
        ("claude-haiku-4-5-20251001", json!([budget, null, 1]), ""),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", json!([budget, null, 1]), ""),
        ("claude-3-7-sonnet-latest", json!([budget, null, 1]), ""),
        ("claude-3-5-sonnet-20241022", json!([null, null, 1]), "reasoning_effort"),
        ("claude-opus-4-20250514", json!([budget, null, 1]), ""),
        ("claude-opus-4-6", json!([adaptive, effort("high"), 1]), "reasoning_effort"),
        ("anthropic/claude-opus-4.7", json!([adaptive, effort("xhigh"), null]), ""),
        ("anthropic/claude-4.7-opus-20260416", json!([adaptive, effort("xhigh"), null]), ""),
        ("claude-mythos-preview", json!([adaptive, effort("high"), null]), "reasoning_effort"),
        ("claude-sonnet-5", json!([adaptive, effort("xhigh"), null]), ""),
        ("claude-haiku-5-5", json!([adaptive, effort("xhigh"), null]), ""),
        ("anthropic.claude-fable-5-2", json!([adaptive, effort("xhigh"), null]), ""),
        ("claude-opus-6-1", json!([adaptive, effort("xhigh"), null]), ""),
        ("kimi-k2", json!([adaptive, effort("xhigh"), 1]), ""),
    ] {
        assert_eq!(told(json!({}), model), (expected, losses.to_owned()), "{model}");
    }
    let settings = json!({ "thinking": "off", "capabilities": { "claude-*": { "thinking": "budget" }, "claude-odd": { "sampling": false } } });
    assert_eq!(told(settings.clone(), "claude-odd"), (json!([budget, null, null]), String::new()));
    assert_eq!(told(settings, "kimi-k2"), (json!([null, null, 1]), "reasoning_effort".to_owned()));
}

#[test]
fn every_row_says_where_it_was_read() {
    let data: serde_json::Value = serde_json::from_str(crate::MODELS).unwrap();
    let rows = data["rows"].as_array().unwrap();
    assert!(rows.len() > 5);
    for row in rows.iter().chain([&data["default"]]) {
        assert!(row["source"].as_str().is_some_and(|source| source.len() > 10), "{row}");
        assert!(row["date"].as_str().is_some_and(|date| date.len() == 10), "{row}");
        for model in row["models"].as_array().into_iter().flatten() {
            Settings::default().can(model.as_str().unwrap());
        }
    }
}

#[test]
fn capabilities_that_cannot_be_read_are_named() {
    let settings = json!({ "capabilities": { "claude-x": { "sampling": "no" } } });
    let problems = Anthropic::new(serde_json::from_value(settings).unwrap()).unwrap_err();
    assert!(problems[0].starts_with("capabilities.claude-x: "), "{problems:?}");
}

#[test]
fn what_a_list_leaves_out_is_known() {
    let known = [
        ("claude-2.1", Some(200_000), Some(4_096)),
        ("claude-opus-4-1-20250805", Some(200_000), Some(32_000)),
        ("claude-haiku-4-5", Some(200_000), Some(64_000)),
        ("claude-sonnet-4-6", Some(1_000_000), Some(128_000)),
        ("claude-opus-4-7", Some(1_000_000), Some(128_000)),
        ("claude-haiku-5-5", Some(1_000_000), Some(128_000)),
        ("somebody-else", None, None),
    ];
    let component = component(json!({ "models": known.map(|(model, ..)| model) }));
    let page = component.models(None).unwrap();
    let told: Vec<_> =
        page.models.iter().map(|model| (&*model.id, model.context, model.max_output)).collect();
    assert_eq!(told, known);
}

#[test]
fn the_clients_betas_stand_beside_those_of_the_settings() {
    let headers = [("anthropic-beta", "b,c"), ("idempotency-key", "k"), ("openai-beta", "no")];
    let headers = headers.map(|(name, value)| Field { name: name.into(), value: value.into() });
    let out = component(json!({ "headers": { "Anthropic-Beta": "a" } }))
        .encode(hello(), headers.to_vec(), &CallContext::default())
        .unwrap();
    let shown = shown(&out.request);
    assert!(shown.ends_with("anthropic-beta: a,b,c | idempotency-key: k"), "{shown}");
}

/// A member and its word in `anthropic-beta` travel together, or the vendor refuses both.
#[test]
fn what_we_write_goes_with_the_beta_that_it_needs() {
    let betas = |effort: Option<&str>, sent: &str| {
        let req =
            ChatRequest { model: "claude-opus-4-7".into(), effort: effort.map(str::to_owned), ..hello() };
        let headers = [("anthropic-beta", sent)].into_iter().filter(|(_, value)| !value.is_empty());
        let headers = headers.map(|(name, value)| Field { name: name.into(), value: value.into() });
        let out = component(json!({})).encode(req, headers.collect(), &CallContext::default()).unwrap();
        let shown = shown(&out.request);
        shown.split_once("anthropic-beta: ").map(|(_, betas)| betas.to_owned()).unwrap_or_default()
    };
    assert_eq!(betas(Some("high"), ""), "effort-2025-11-24");
    assert_eq!(betas(Some("high"), "a, effort-2025-11-24"), "a, effort-2025-11-24");
    assert_eq!(betas(Some("high"), "a"), "a,effort-2025-11-24");
    assert_eq!(betas(None, "a"), "a");
    assert_eq!(betas(None, ""), "");
}
