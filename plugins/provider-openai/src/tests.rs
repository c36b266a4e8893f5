//! The exchanges as they leave, and answers as they are read.

use brains_sdk::canon::exchange::{
    Body, Field, Frame, Framing, Head, Method, Payload, Piece, Request, Response,
};
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
    check_refused(json!({ "key_header": "a b" }), "key_header: `a b` cannot carry a key");
    check_refused(json!({ "key_header": "Cookie" }), "key_header: `cookie` cannot carry a key");
    check_refused(
        json!({ "key_header": "Api-Key", "headers": { "api-key": "x" } }),
        "headers: `api-key` cannot be set here",
    );
    check_refused(json!({ "organization": "a\nb" }), "organization: the value holds control characters");
}

/// Azure OpenAI: the version of the interface is a parameter, and the key has a header of its own. The answer, the first frame
/// without an id and a choice, and the refusals are those of learn.microsoft.com/azure/foundry/openai/reference,
/// …/concepts/content-filter and …/concepts/content-streaming.
#[test]
fn azure_is_an_address_with_its_settings() {
    let settings = json!({
        "base_url": "https://mine.openai.azure.com/openai/deployments/gpt", "api_version": "2024-10-21", "key_header": "api-key"
    });
    let azure = component(settings);
    let Lane::Relay(out) = azure.prepare(call(false)).unwrap() else { panic!("declined") };
    let sent = shown(&out.request);
    let expected =
        "Post https://mine.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21 |";
    assert!(sent.starts_with(expected), "{sent}");
    let upstream = Upstream::new("https://mine.openai.azure.com/openai/v1").key("api-key", "api_key");
    let listed = OpenAiChat::models_exchange(&upstream, "", &CallContext::default()).into_request();
    assert!(shown(&listed).ends_with("| api-key: <api_key>"), "{}", shown(&listed));

    let safe = json!({ "hate": { "filtered": false, "severity": "safe" }, "jailbreak": { "filtered": false, "detected": false } });
    let frames = [
        json!({ "id": "", "object": "", "created": 0, "model": "", "choices": [],
                "prompt_filter_results": [{ "prompt_index": 0, "content_filter_results": safe }] }),
        json!({ "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
                "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "ok" }, "finish_reason": null, "content_filter_results": safe }] }),
        json!({ "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
                "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": {} }] }),
    ];
    let data = frames.iter().map(ToString::to_string).chain(["[DONE]".to_owned()]);
    let frames: Vec<Frame> = data.map(|data| Frame { name: None, data }).collect();
    let head = Head { status: 200, headers: Vec::new() };
    let mut decoder = azure.open(head, CallContext::default()).unwrap();
    let mut events = decoder.push(&frames).unwrap();
    events.extend(decoder.finish(true).unwrap());
    let start =
        events.iter().find_map(|event| if let Event::Start(start) = event { Some(start) } else { None });
    assert_eq!(
        start.unwrap().id.as_deref(),
        Some("chatcmpl-7"),
        "not that of a frame without one: {events:?}"
    );
    assert!(
        events.iter().any(|event| matches!(event, Event::Delta(delta) if delta.text == "ok")),
        "{events:?}"
    );

    for (status, error, kind) in [
        (
            400,
            json!({ "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                    "type": null, "param": "prompt", "code": "content_filter", "status": 400,
                    "innererror": { "code": "ResponsibleAIPolicyViolation" } }),
            FaultKind::ContentFiltered,
        ),
        (
            404,
            json!({ "code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist." }),
            FaultKind::NotFound,
        ),
        (
            401,
            json!({ "code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint." }),
            FaultKind::Unauthorized,
        ),
        (
            429,
            json!({ "code": "429", "message": "Requests have exceeded call rate limit. Please retry after 7 seconds." }),
            FaultKind::RateLimited,
        ),
    ] {
        let fault = azure.decode_error(response(status, &json!({ "error": error }).to_string()));
        assert_eq!(fault.kind, kind, "{error}");
    }
}
