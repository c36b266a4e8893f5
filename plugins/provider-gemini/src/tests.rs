//! The exchanges as they leave, and answers as they are read. Bodies are those of `ai.google.dev/api` (`models`,
//! `generate-content`, `embeddings`), read on 2026-11-30.

use brains_sdk::canon::embeddings::EmbeddingBatch;
use brains_sdk::canon::exchange::{Body, Framing, Head, Payload, Piece, Request, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::{Catalogue, Chat, Component, Embeddings, Errors};
use serde_json::{Value, json};

use super::{Gemini, Settings};

fn component(settings: Value) -> Gemini {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Gemini::new(settings).unwrap()
}

fn url(request: &Request) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(_) | Piece::Credential(_) | Piece::BasicCredentials(_) => "?".into(),
    };
    request.url.iter().map(text).collect()
}

fn response(status: u16, body: &Value) -> Response {
    Response { head: Head { status, headers: Vec::new() }, body: Payload::Text(body.to_string()) }
}

fn hello(model: &str) -> ChatRequest {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    ChatRequest { model: model.into(), messages: vec![message], ..ChatRequest::default() }
}

/// What is sent, and what is lost.
fn sent(component: &Gemini, req: ChatRequest) -> (Value, Vec<String>) {
    let out = component.encode(req, Vec::new(), &CallContext::default()).unwrap();
    let Body::Text(body) = out.request.body else { panic!("no text") };
    (serde_json::from_str(&body).unwrap(), out.losses)
}

#[test]
fn a_call_names_its_model_and_its_method_in_the_address() {
    let plain = component(json!({}));
    let base = "https://generativelanguage.googleapis.com/v1beta";
    for (model, stream, path) in [
        ("gemini-3.1-pro-preview", false, "/models/gemini-3.1-pro-preview:generateContent"),
        ("gemini-3.1-pro-preview", true, "/models/gemini-3.1-pro-preview:streamGenerateContent?alt=sse"),
        ("tunedModels/mine", false, "/tunedModels/mine:generateContent"),
        ("a/../../x?y#z:w", false, "/a/%2E%2E/%2E%2E/x%3Fy%23z%3Aw:generateContent"),
    ] {
        let req = ChatRequest { stream, ..hello(model) };
        let out = plain.encode(req, Vec::new(), &CallContext::default()).unwrap();
        assert_eq!(url(&out.request), format!("{base}{path}"));
        assert_eq!(out.framing, if stream { Framing::Sse } else { Framing::Raw });
        let Body::Text(body) = out.request.body else { panic!("no text") };
        assert_eq!(body, r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#);
    }
    let named = component(
        json!({ "base_url": "http://127.0.0.1:9/", "api_version": "v1", "headers": { "x-a": "b" } }),
    );
    let out = named.encode(hello("m"), Vec::new(), &CallContext::default()).unwrap();
    assert_eq!(url(&out.request), "http://127.0.0.1:9/v1/models/m:generateContent");
    assert!(out.request.headers.iter().any(|header| header.name == "x-a"));
}

#[test]
fn each_model_is_told_what_it_takes() {
    let plain = component(json!({}));
    let told = |model: &str| {
        let mut req = ChatRequest { effort: Some("minimal".into()), ..hello(model) };
        req.sampling.temperature = Some(0.5);
        req.sampling.presence_penalty = Some(0.5);
        let (body, losses) = sent(&plain, req);
        (body["generationConfig"].clone(), losses)
    };
    let lost = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    assert_eq!(
        told("gemini-2.5-flash-lite"),
        (
            json!({"temperature": 0.5, "presencePenalty": 0.5, "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": true}}),
            Vec::new()
        )
    );
    assert_eq!(
        told("models/gemini-3-flash-preview"),
        (
            json!({"temperature": 0.5, "thinkingConfig": {"thinkingLevel": "minimal", "includeThoughts": true}}),
            lost(&["presence_penalty"])
        )
    );
    // One that is newer than all that are known is like the newest.
    for model in ["gemini-4-argon", "gemini-5.2-helium"] {
        assert_eq!(
            told(model),
            (
                json!({"thinkingConfig": {"thinkingLevel": "low", "includeThoughts": true}}),
                lost(&["temperature", "presence_penalty", "reasoning_effort"])
            ),
            "{model}"
        );
    }
    let req = ChatRequest { effort: Some("high".into()), ..hello("gemini-2.0-flash") };
    let (body, losses) = sent(&plain, req);
    assert_eq!((&body["generationConfig"], losses), (&Value::Null, lost(&["reasoning_effort"])));
    // A setting counts more.
    let own = component(
        json!({ "capabilities": { "gemini-4-*": { "sampling": true, "levels": ["minimal", "low"] } } }),
    );
    let mut req = ChatRequest { effort: Some("minimal".into()), ..hello("gemini-4-argon") };
    req.sampling.temperature = Some(0.5);
    let (body, losses) = sent(&own, req);
    assert_eq!(losses, Vec::<String>::new());
    assert_eq!(body["generationConfig"]["thinkingConfig"]["thinkingLevel"], "minimal");
}

#[test]
fn models_are_listed_page_by_page() {
    let component = component(json!({}));
    let base = "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000";
    let asked =
        |cursor: Option<&str>| url(&component.models_request(&CallContext::default(), cursor).unwrap());
    assert_eq!(asked(None), base);
    assert_eq!(asked(Some("Ch9+/=")), format!("{base}&pageToken=Ch9%2B%2F%3D"));
    let listed = json!({
        "models": [
            {"name": "models/gemini-3.1-pro-preview", "version": "3.1", "displayName": "Gemini 3.1 Pro Preview",
             "inputTokenLimit": 1_048_576, "outputTokenLimit": 65536, "thinking": true,
             "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]},
            {"name": "models/gemini-embedding-001", "inputTokenLimit": 2048, "supportedGenerationMethods": ["embedContent"]},
            {"name": "models/imagen-4.0-generate-001", "supportedGenerationMethods": ["predict"]},
            {}
        ],
        "nextPageToken": "Ch9+/="
    });
    let page = component.models(Some(response(200, &listed))).unwrap();
    let ids: Vec<&str> = page.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(
        (ids, page.next.as_deref()),
        (vec!["gemini-3.1-pro-preview", "gemini-embedding-001"], Some("Ch9+/="))
    );
    assert_eq!((page.models[0].context, page.models[0].max_output), (Some(1_048_576), Some(65536)));
    assert_eq!(page.models[0].label.as_deref(), Some("Gemini 3.1 Pro Preview"));
    let last = component.models(Some(response(200, &json!({"models": []})))).unwrap();
    assert_eq!((last.models.len(), last.next), (0, None));
    let named = self::component(json!({ "models": ["mine"] }));
    assert!(named.models_request(&CallContext::default(), None).is_none());
    assert_eq!(named.models(None).unwrap().models[0].id, "mine");
}

#[test]
fn a_batch_is_asked_for_whole() {
    let component = component(json!({}));
    let batch =
        EmbeddingBatch { model: "gemini-embedding-001".into(), inputs: vec!["a".into()], dimensions: None };
    let request = component.encode_batch(batch, &CallContext::default()).unwrap();
    assert!(url(&request).ends_with("/v1beta/models/gemini-embedding-001:batchEmbedContents"));
    let Body::Text(body) = request.body else { panic!("no text") };
    assert!(body.contains(r#""model":"models/gemini-embedding-001""#), "{body}");
    let vectors =
        component.decode_vectors(response(200, &json!({"embeddings": [{"values": [1.0, 2.0]}]}))).unwrap();
    assert_eq!((vectors.dim, vectors.data), (2, vec![1.0, 2.0]));
}

#[test]
fn answers_and_errors_are_read() {
    let component = component(json!({}));
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}, "modelVersion": "gemini-x"});
    let events = component.decode_unary(response(200, &answer), &CallContext::default()).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Usage(usage) if usage.input == 3)));
    let error = json!({"error": {"code": 404, "message": "models/x is not found for API version v1beta", "status": "NOT_FOUND"}});
    let fault = component.decode_error(response(404, &error));
    assert_eq!(fault.kind, FaultKind::NotFound);
    assert!(component.models(Some(response(403, &json!({})))).is_err());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (settings, problem) in [
        (json!({ "base_url": "ftp://x" }), "no http or https address"),
        (
            json!({ "base_url": "https://generativelanguage.googleapis.com/v1beta" }),
            "must not end in `/v1beta`",
        ),
        (json!({ "headers": { "x-goog-api-key": "k" } }), "cannot be set here"),
        (json!({ "capabilities": { "m": { "levels": 1 } } }), "capabilities.m"),
    ] {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let problems = Gemini::new(settings).unwrap_err();
        assert!(problems.iter().any(|it| it.contains(problem)), "{problem}: {problems:?}");
    }
}
