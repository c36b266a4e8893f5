//! The exchanges as they leave, and answers as they are read. Bodies and headers are those of
//! `docs.litellm.ai/docs/proxy`: `response_headers`, `error_reference`, `model_management`.

use brains_sdk::canon::exchange::{Body, Field, Head, Payload, Piece, Request, Response};
use brains_sdk::canon::relay::{Call, Edit, Lane};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::{Catalogue, Chat, Component, Errors, Relay};
use serde_json::json;

use super::{LiteLlm, Settings};

fn component(settings: serde_json::Value) -> LiteLlm {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    LiteLlm::new(settings).unwrap()
}

fn url(request: &Request) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(_) | Piece::Credential(_) | Piece::BasicCredentials(_) => "?".into(),
    };
    request.url.iter().map(text).collect()
}

fn prepared(component: &LiteLlm, surface: &str) -> Lane {
    let call = Call {
        surface: surface.into(),
        model: "my-model".into(),
        stream: false,
        query: String::new(),
        headers: Vec::new(),
        ctx: CallContext::default(),
    };
    component.prepare(call).unwrap()
}

fn response(status: u16, headers: &[(&str, &str)], body: &serde_json::Value) -> Response {
    let field = |(name, value): &(&str, &str)| Field { name: (*name).into(), value: (*value).into() };
    let headers = headers.iter().map(field).collect();
    Response { head: Head { status, headers }, body: Payload::Text(body.to_string()) }
}

#[test]
fn each_wire_is_relayed_to_its_own_path() {
    // With the version or without, and with what people leave behind an address.
    for base_url in ["https://proxy.example", "https://proxy.example/v1", "https://proxy.example/v1/"] {
        let component = component(json!({ "base_url": base_url }));
        for (surface, path) in [
            ("chat", "/v1/chat/completions"),
            ("responses", "/v1/responses"),
            ("responses.compact", "/v1/responses/compact"),
            ("messages", "/v1/messages"),
            ("messages.count_tokens", "/v1/messages/count_tokens"),
        ] {
            let Lane::Relay(out) = prepared(&component, surface) else { panic!("{surface} declined") };
            assert_eq!(url(&out.request), format!("https://proxy.example{path}"));
            assert_eq!(out.edits.last(), Some(&Edit::set("model", "\"my-model\"")), "{surface}");
        }
        let asked = component.models_request(&CallContext::default(), None).unwrap();
        assert_eq!(url(&asked), "https://proxy.example/v1/models");
    }
}

#[test]
fn what_it_does_not_serve_or_is_not_to_relay_is_declined() {
    let all = component(json!({}));
    for surface in ["messages.cache_touch", "responses.input_tokens", "audio.speech"] {
        assert_eq!(prepared(&all, surface), Lane::Translate, "{surface}");
    }
    let names = |component: &LiteLlm| -> Vec<String> {
        component.surfaces().into_iter().map(|surface| surface.name).collect()
    };
    let expected = ["chat", "responses", "responses.compact", "messages", "messages.count_tokens"];
    assert_eq!(names(&all), expected);
    let chat = component(json!({ "relay": ["chat"] }));
    assert_eq!(names(&chat), ["chat"]);
    assert_eq!(prepared(&chat, "messages"), Lane::Translate);
}

#[test]
fn what_is_translated_goes_to_chat_completions() {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    let req = ChatRequest { model: "my-model".into(), messages: vec![message], ..ChatRequest::default() };
    let component = component(json!({ "headers": { "x-litellm-tags": "team-a" } }));
    let out = component.encode(req, Vec::new(), &CallContext::default()).unwrap();
    assert_eq!(url(&out.request), "http://127.0.0.1:4000/v1/chat/completions");
    assert!(out.request.headers.iter().any(|header| header.name == "x-litellm-tags"));
    assert!(matches!(out.request.body, Body::Text(body) if body.contains("\"my-model\"")));
}

#[test]
fn what_a_call_cost_is_read_from_its_head() {
    let answer = json!({
        "id": "chatcmpl-B98", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 30, "completion_tokens": 1, "total_tokens": 31 }
    });
    let cost = |headers: &[(&str, &str)], answer: &serde_json::Value| {
        let response = response(200, headers, answer);
        let events = component(json!({})).decode_unary(response, &CallContext::default()).unwrap();
        let usage =
            |event: &Event| if let Event::Usage(usage) = event { Some(usage.cost.clone()) } else { None };
        events.iter().find_map(usage).unwrap()
    };
    let told = cost(&[("X-LiteLLM-Response-Cost", "2.85e-05"), ("x-litellm-version", "1.109.1")], &answer);
    assert_eq!(told.as_deref(), Some("2.85e-05"));
    for unknown in ["None", "", "NaN", "-1", "0.1; rm"] {
        assert_eq!(cost(&[("x-litellm-response-cost", unknown)], &answer), None, "{unknown}");
    }
    assert_eq!(cost(&[], &answer), None);
    let mut said = answer;
    said["usage"]["cost"] = json!(0.5);
    let told = cost(&[("x-litellm-response-cost", "2.85e-05")], &said);
    assert_eq!(told.as_deref(), Some("0.5"), "what the body says stands");
}

#[test]
fn models_are_read_from_either_list() {
    let plain = component(json!({}));
    let listed = json!({ "data": [{ "id": "fast", "object": "model", "created": 1_677_610_602, "owned_by": "openai" }], "object": "list" });
    let page = plain.models(Some(response(200, &[], &listed))).unwrap();
    assert_eq!((page.models.len(), page.models[0].id.as_str()), (1, "fast"));

    let detailed = component(json!({ "model_details": true }));
    let asked = detailed.models_request(&CallContext::default(), None).unwrap();
    assert_eq!(url(&asked), "http://127.0.0.1:4000/v1/model/info");
    let deployment = |name: &str, input: serde_json::Value| {
        json!({ "model_name": name, "litellm_params": { "model": "openai/gpt-4o-mini" },
                "model_info": { "id": "cb41", "max_tokens": 16384, "max_input_tokens": 128_000, "max_output_tokens": 16384,
                                "input_cost_per_token": input, "output_cost_per_token": 6e-07, "mode": "chat" } })
    };
    let info = json!({ "data": [deployment("fast", json!(1.5e-07)), deployment("fast", json!(9.0)),
                                { "model_name": "bare", "model_info": {} }, { "litellm_params": {} }] });
    let models = detailed.models(Some(response(200, &[], &info))).unwrap().models;
    let names: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(names, ["fast", "bare"], "each name once, and none without one");
    assert_eq!((models[0].context, models[0].max_output), (Some(128_000), Some(16384)));
    assert_eq!(models[0].pricing.as_deref(), Some(r#"{"input":0.15,"output":0.6}"#));
    assert_eq!((models[1].context, models[1].pricing.as_deref()), (None, None), "unknown is unknown");

    let refused = json!({ "error": { "message": "not for this key", "type": "auth_error", "param": null, "code": "401" } });
    assert_eq!(
        detailed.models(Some(response(401, &[], &refused))).unwrap_err().kind,
        FaultKind::Unauthorized
    );
    let told = component(json!({ "models": ["mine"], "model_details": true }));
    assert!(told.models_request(&CallContext::default(), None).is_none());
    assert_eq!(told.models(None).unwrap().models[0].id, "mine");
}

#[test]
fn errors_are_read() {
    let body = json!({ "error": { "message": "Rate limit exceeded for api_key: b2f1", "type": "throttling_error", "param": null, "code": "429" } });
    let fault = component(json!({})).decode_error(response(429, &[("retry-after", "7")], &body));
    assert_eq!((fault.kind, fault.retry_after_ms), (FaultKind::RateLimited, Some(7000)));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let settings: Settings = serde_json::from_value(json!({ "base_url": "ftp://x" })).unwrap();
    assert_eq!(LiteLlm::new(settings).unwrap_err(), ["base_url: `ftp://x/v1` is no http or https address"]);
}
