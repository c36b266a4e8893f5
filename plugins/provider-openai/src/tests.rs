//! The exchanges as they leave, and answers as they are read.

use brains_sdk::canon::exchange::{Body, Field, Framing, Head, Method, Payload, Piece, Request, Response};
use brains_sdk::canon::relay::{Call, Edit, Lane, Member};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::openai_chat::OpenAiChat;
use brains_sdk::vendor::{Provider, Upstream, VendorWire};
use brains_sdk::{Catalogue, Chat, Component, Errors, Relay};
use serde_json::json;

use crate::Settings;

type OpenAi = Provider<crate::OpenAi>;

fn component(settings: serde_json::Value) -> OpenAi {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    OpenAi::new(settings).unwrap()
}

fn call(stream: bool) -> Call {
    Call {
        surface: "chat".into(),
        model: "gpt \"x\"".into(),
        stream,
        query: String::new(),
        headers: vec![
            Field { name: "openai-beta".into(), value: "a=b".into() },
            Field { name: "cookie".into(), value: "private".into() },
        ],
        ctx: CallContext::default(),
    }
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

#[test]
fn a_relayed_call_sets_the_model_and_asks_for_counts() {
    let Lane::Relay(out) = component(json!({})).prepare(call(true)).unwrap() else { panic!("declined") };
    assert_eq!(
        shown(&out.request),
        "Post https://api.openai.com/v1/chat/completions | accept: text/event-stream | \
         content-type: application/json | openai-beta: a=b"
    );
    assert_eq!(out.request.body, Body::Empty);
    assert_eq!(out.framing, Framing::Sse);
    assert_eq!(out.edits.last(), Some(&Edit::set("model", r#""gpt \"x\"""#)));
    let added = Member { path: "stream_options.include_usage".into(), value: "true".into() };
    assert_eq!(out.edits.first(), Some(&Edit::Add(added)));
}

#[test]
fn settings_show_in_the_exchange() {
    let settings = json!({
        "base_url": "http://127.0.0.1:9/openai/?api-version=1", "organization": "org-1", "headers": { "X-Title": "t" }
    });
    let Lane::Relay(out) = component(settings).prepare(Call { query: "a=1".into(), ..call(false) }).unwrap()
    else {
        panic!("declined")
    };
    assert_eq!(
        shown(&out.request),
        "Post http://127.0.0.1:9/openai/chat/completions?api-version=1&a=1 | accept: application/json | \
         openai-organization: org-1 | x-title: t | content-type: application/json | openai-beta: a=b"
    );
    assert_eq!(out.framing, Framing::Raw);
}

#[test]
fn a_set_key_is_a_hole_for_the_host() {
    let upstream = Upstream::new("https://a.example/v1").bearer("api_key");
    let request = OpenAiChat::models_exchange(&upstream, "", &CallContext::default()).into_request();
    assert_eq!(request.method, Method::Get);
    assert_eq!(
        shown(&request),
        "Get https://a.example/v1/models | accept: application/json | authorization: Bearer <api_key>"
    );
}

#[test]
fn an_accounts_address_wins() {
    let mut call = call(false);
    call.ctx.base_url = Some("https://eu.example/v1/".into());
    let Lane::Relay(out) = component(json!({})).prepare(call).unwrap() else { panic!("declined") };
    assert!(shown(&out.request).starts_with("Post https://eu.example/v1/chat/completions |"));
}

#[test]
fn other_surfaces_are_declined() {
    let call = Call { surface: "responses".into(), ..call(false) };
    assert_eq!(component(json!({})).prepare(call).unwrap(), Lane::Translate);
}

#[test]
fn a_translated_call_carries_its_body() {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    let mut req = ChatRequest { model: "m".into(), messages: vec![message], ..ChatRequest::default() };
    req.sampling.max_output_tokens = Some(5);
    let out = component(json!({ "max_tokens_member": "max_tokens" }))
        .encode(req, Vec::new(), &CallContext::default())
        .unwrap();
    let Body::Text(body) = out.request.body else { panic!("no text") };
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("m"), &json!(5)));
    assert_eq!(out.losses, Vec::<String>::new());
}

#[test]
fn answers_are_read() {
    let answer = json!({
        "id": "c1", "model": "m", "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4 }
    });
    let events = component(json!({}))
        .decode_unary(response(200, &answer.to_string()), &CallContext::default())
        .unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Delta(delta) if delta.text == "ok")));
    assert!(events.iter().any(|event| matches!(event, Event::Usage(usage) if usage.input == 3)));
}

#[test]
fn errors_are_read() {
    let body = json!({ "error": { "message": "no such key", "type": "invalid_request_error", "code": "invalid_api_key" } });
    let fault = component(json!({})).decode_error(response(401, &body.to_string()));
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some("invalid_api_key")));
}

#[test]
fn models_come_from_the_vendor_or_the_settings() {
    let asked = component(json!({}));
    assert!(asked.models_request(&CallContext::default(), None).is_some());
    let body = json!({ "data": [{ "id": "a", "owned_by": "me", "context_length": 8 }, { "id": 3 }] });
    let page = asked.models(Some(response(200, &body.to_string()))).unwrap();
    assert_eq!(page.models.len(), 1);
    assert_eq!((page.models[0].id.as_str(), page.models[0].context), ("a", Some(8)));
    assert!(asked.models(Some(response(200, "<html>"))).is_err());
    assert!(asked.models(Some(response(500, "{}"))).is_err());

    let told = component(json!({ "models": ["b"] }));
    assert!(told.models_request(&CallContext::default(), None).is_none());
    assert_eq!(told.models(None).unwrap().models[0].id, "b");
}

#[track_caller]
fn check_refused(settings: serde_json::Value, expected: &str) {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    assert_eq!(OpenAi::new(settings).unwrap_err().join("; "), expected);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    check_refused(json!({ "base_url": "ftp://x" }), "base_url: `ftp://x` is no http or https address");
    check_refused(
        json!({ "base_url": "https:///v1" }),
        "base_url: `https:///v1` is no http or https address",
    );
    for (base_url, problem) in [
        ("https://a.example/v1/chat/completions", "must not end in `/completions`, which is added"),
        ("https://a.example/v1/models/?x=1", "must not end in `/models`, which is added"),
        ("https://a.example/v1#top", "has a fragment, which is never sent"),
        ("https://me:secret@a.example/v1", "it holds a user or a password; give the key as a secret"),
        ("https://a.example:99999/v1", "has no such port"),
        ("https://a.example:/v1", "has no such port"),
        (" https://a.example/v1", "is no http or https address"),
        ("https://a.example/v1 \n", "holds white space"),
        ("https://:8080/v1", "is no http or https address"),
    ] {
        let settings: Settings = serde_json::from_value(json!({ "base_url": base_url })).unwrap();
        let problems = OpenAi::new(settings).unwrap_err().join("; ");
        assert!(problems.ends_with(problem) && !problems.contains("secret@"), "{base_url:?}: {problems}");
    }
    for base_url in ["https://[::1]:8080/v1", "http://[::1]/v1?key=a", "http://localhost:11434/v1/"] {
        let settings: Settings = serde_json::from_value(json!({ "base_url": base_url })).unwrap();
        assert!(OpenAi::new(settings).is_ok(), "{base_url}");
    }
    check_refused(
        json!({ "headers": { "Authorization": "x" } }),
        "headers: `Authorization` cannot be set here",
    );
    check_refused(json!({ "headers": { "a b": "x" } }), "headers: `a b` is no name of a header");
    check_refused(json!({ "organization": "a\nb" }), "organization: the value holds control characters");
}
