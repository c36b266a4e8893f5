//! The exchanges as they leave, and answers as they are read.

use brains_sdk::canon::embeddings::EmbeddingBatch;
use brains_sdk::canon::exchange::{Body, Framing, Head, Payload, Piece, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::vendor::Provider;
use brains_sdk::{Catalogue, Chat, Component, Embeddings, Errors};
use serde_json::json;

use crate::Settings;

type Ollama = Provider<crate::Ollama>;

fn component(settings: serde_json::Value) -> Ollama {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Ollama::new(settings).unwrap()
}

fn response(status: u16, body: &str) -> Response {
    Response { head: Head { status, headers: Vec::new() }, body: Payload::Text(body.into()) }
}

#[test]
fn a_call_carries_its_body_and_the_settings() {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    let request =
        ChatRequest { model: "m".into(), messages: vec![message], stream: true, ..Default::default() };
    let out =
        component(json!({ "base_url": "http://127.0.0.1:9/", "context_length": 8192, "keep_alive": "5m" }))
            .encode(request, Vec::new(), &CallContext::default())
            .unwrap();
    assert_eq!(out.request.url, [Piece::Text("http://127.0.0.1:9/api/chat".into())]);
    assert_eq!(out.framing, Framing::Ndjson);
    let Body::Text(body) = out.request.body else { panic!("no text") };
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "options": {"num_ctx": 8192},
               "keep_alive": "5m", "stream": true})
    );
}

#[test]
fn a_batch_is_asked_for_whole() {
    let component = component(json!({ "base_url": "http://127.0.0.1:9/", "keep_alive": "5m" }));
    let batch = EmbeddingBatch { model: "m".into(), inputs: vec!["a".into(), "b".into()], dimensions: None };
    let request = component.encode_batch(batch, &CallContext::default()).unwrap();
    assert_eq!(request.url, [Piece::Text("http://127.0.0.1:9/api/embed".into())]);
    let Body::Text(body) = request.body else { panic!("no text") };
    assert_eq!(body, r#"{"model":"m","input":["a","b"],"truncate":false,"keep_alive":"5m"}"#);
    let vectors = component.decode_vectors(response(200, r#"{"embeddings":[[1],[2]]}"#)).unwrap();
    assert_eq!((vectors.dim, vectors.data), (1, vec![1.0, 2.0]));
}

#[test]
fn models_are_those_that_are_pulled() {
    let component = component(json!({}));
    assert!(component.models_request(&CallContext::default(), None).is_some());
    let body =
        json!({"models": [{"name": "a:latest", "model": "a:latest", "details": {"family": "llama"}}, {}]});
    let page = component.models(Some(response(200, &body.to_string()))).unwrap();
    assert_eq!(page.models.len(), 1);
    assert_eq!(page.models[0].id, "a:latest");
    assert!(component.models(Some(response(200, "[]"))).is_err());
}

#[test]
fn answers_and_errors_are_read() {
    let component = component(json!({}));
    let answer = json!({"model": "m", "created_at": "2026-01-01T00:00:00.5Z", "done": true, "done_reason": "stop",
        "message": {"role": "assistant", "content": "ok"}, "prompt_eval_count": 3, "eval_count": 1});
    let events = component.decode_unary(response(200, &answer.to_string()), &CallContext::default()).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Usage(usage) if usage.input == 3)));
    let fault = component.decode_error(response(404, r#"{"error":"model 'x' not found"}"#));
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::NotFound, "model 'x' not found"));
}

#[test]
fn an_address_must_be_one() {
    let settings: Settings = serde_json::from_value(json!({ "base_url": "127.0.0.1:11434" })).unwrap();
    assert!(Ollama::new(settings).unwrap_err()[0].contains("no http or https address"));
}
