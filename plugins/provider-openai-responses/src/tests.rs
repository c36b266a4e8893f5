//! The exchanges as they leave, and answers as they are read.

use brains_sdk::canon::exchange::{Body, Field, Framing, Head, Payload, Piece, Request, Response};
use brains_sdk::canon::relay::{Call, Edit, Lane};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::vendor::Provider;
use brains_sdk::{Catalogue, Chat, Component, Errors, Relay};
use serde_json::{Value, json};

use crate::Settings;

type Responses = Provider<crate::Responses>;

fn component(settings: Value) -> Responses {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Responses::new(settings).unwrap()
}

fn call(surface: &str) -> Call {
    let field = |name: &str| Field { name: name.into(), value: "a=b".into() };
    Call {
        surface: surface.into(),
        model: "gpt-x".into(),
        stream: true,
        query: "a=1".into(),
        headers: ["openai-beta", "cookie", "anthropic-beta"].map(field).to_vec(),
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

fn response(status: u16, body: &Value) -> Response {
    Response { head: Head { status, headers: Vec::new() }, body: Payload::Text(body.to_string()) }
}

fn hello() -> ChatRequest {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    ChatRequest { model: "gpt-x".into(), messages: vec![message], ..ChatRequest::default() }
}

#[test]
fn a_relayed_call_sets_the_model_and_nothing_else() {
    let Lane::Relay(out) = component(json!({})).prepare(call("responses")).unwrap() else {
        panic!("declined")
    };
    assert_eq!(
        shown(&out.request),
        "Post https://api.openai.com/v1/responses?a=1 | accept: text/event-stream | \
         content-type: application/json | openai-beta: a=b"
    );
    assert_eq!((out.request.body, out.framing), (Body::Empty, Framing::Sse));
    assert_eq!(out.edits, [Edit::set("model", r#""gpt-x""#)]);
    for surface in ["chat", "messages"] {
        assert_eq!(component(json!({})).prepare(call(surface)).unwrap(), Lane::Translate);
    }
}

#[test]
fn a_translated_call_carries_its_body_and_says_what_nobody_asked_for() {
    let encode = |req: ChatRequest| {
        let out = component(json!({ "organization": "o", "headers": { "x-a": "b" } }))
            .encode(req, Vec::new(), &CallContext::default())
            .unwrap();
        let Body::Text(body) = &out.request.body else { panic!("no text") };
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(out.losses, Vec::<String>::new());
        assert!(shown(&out.request).contains("openai-organization: o | x-a: b"), "{}", shown(&out.request));
        (body, out.added)
    };
    let (body, added) = encode(hello());
    assert_eq!((&body["store"], &body["include"]), (&json!(false), &json!(["reasoning.encrypted_content"])));
    assert_eq!(added, ["store", "include"]);
    let asked = ChatRequest {
        effort: Some("high".into()),
        extra: Some(json!({ "store": true, "logprobs": true }).to_string()),
        ..hello()
    };
    let (body, added) = encode(asked);
    assert_eq!(
        (&body["store"], &body["reasoning"]),
        (&json!(true), &json!({ "effort": "high", "summary": "auto" }))
    );
    assert_eq!(added, ["reasoning.summary"], "what the client asked for is not taken back");
}

#[test]
fn answers_and_errors_are_read() {
    let answer = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-x", "error": null,
        "output": [{ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                     "content": [{ "type": "output_text", "text": "ok", "annotations": [] }] }],
        "usage": { "input_tokens": 3, "output_tokens": 1, "total_tokens": 4 }
    });
    let component = component(json!({}));
    let events = component.decode_unary(response(200, &answer), &CallContext::default()).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Delta(delta) if delta.text == "ok")));
    assert!(events.iter().any(|event| matches!(event, Event::Usage(usage) if usage.input == 3)));
    let body = json!({ "error": { "message": "no such key", "type": "invalid_request_error", "code": "invalid_api_key" } });
    let fault = component.decode_error(response(401, &body));
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some("invalid_api_key")));
}

#[test]
fn models_come_from_the_vendor_or_the_settings() {
    let asked = component(json!({}));
    let request = asked.models_request(&CallContext::default(), None).unwrap();
    assert_eq!(shown(&request), "Get https://api.openai.com/v1/models | accept: application/json");
    let page = asked.models(Some(response(200, &json!({ "data": [{ "id": "a" }] })))).unwrap();
    assert_eq!(page.models[0].id, "a");
    assert!(component(json!({ "models": ["b"] })).models_request(&CallContext::default(), None).is_none());
}

/// People paste the whole address.
#[test]
fn an_address_that_is_an_endpoint_is_refused() {
    let settings = serde_json::from_value(json!({ "base_url": "https://a.example/v1/responses" })).unwrap();
    let problems = Responses::new(settings).unwrap_err().join("; ");
    assert!(problems.ends_with("must not end in `/responses`, which is added"), "{problems}");
}
