//! The exchanges as they leave, the flow step by step, and the list of models.

use brains_sdk::canon::auth::{SignInInput, SignInPrompt, SignInStep};
use brains_sdk::canon::exchange::{Body, Head, Payload, Piece, Request, Response};
use brains_sdk::canon::relay::{Call, Lane};
use brains_sdk::canon::{CallContext, ChatRequest, Content, FaultKind, Message, Part, Role};
use brains_sdk::{Catalogue, Chat, Component, Errors, Relay, SignInFlow};
use serde_json::json;

use crate::Copilot;
use crate::settings::Settings;
use crate::sign_in::SignInToGitHub;

fn settings(settings: serde_json::Value) -> Settings {
    serde_json::from_value(settings).unwrap()
}

fn component(told: serde_json::Value) -> Copilot {
    Copilot::new(settings(told)).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "as `json!` makes it")]
fn ctx(extra: serde_json::Value) -> CallContext {
    CallContext { extra: Some(extra.to_string()), ..CallContext::default() }
}

fn response(status: u16, body: &str) -> Response {
    Response { head: Head { status, headers: Vec::new() }, body: Payload::Text(body.into()) }
}

fn shown(request: &Request) -> String {
    let text = |pieces: &[Piece]| {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Secret(name) => format!("<secret {name}>"),
            Piece::Credential(name) => format!("<{name}>"),
            Piece::BasicCredentials(_) => "?".into(),
        };
        pieces.iter().map(piece).collect::<String>()
    };
    let headers = request.headers.iter().map(|header| format!("{}: {}", header.name, text(&header.value)));
    format!("{:?} {}\n{}", request.method, text(&request.url), headers.collect::<Vec<_>>().join("\n"))
}

fn call(surface: &str, model: &str, ctx: CallContext) -> Call {
    Call {
        surface: surface.into(),
        model: model.into(),
        stream: true,
        query: String::new(),
        headers: Vec::new(),
        ctx,
    }
}

#[test]
fn a_relayed_call_says_who_asked() {
    let told = json!({"credentials": ["login", "session"], "attributes": {}, "turn": {"by_user": false, "has_images": true}});
    let ctx = CallContext { base_url: Some("https://api.individual.example".into()), ..ctx(told) };
    let lane = component(json!({})).prepare(call("chat", "gpt-x", ctx)).unwrap();
    let Lane::Relay(out) = lane else { panic!("declined") };
    assert_eq!(
        shown(&out.request),
        "Post https://api.individual.example/chat/completions\naccept: text/event-stream\n\
         content-type: application/json\nauthorization: Bearer <session>\neditor-version: brains/0.1.0\n\
         editor-plugin-version: brains/0.1.0\nx-github-api-version: 2026-06-01\n\
         openai-intent: conversation-panel\nx-initiator: agent\ncopilot-vision-request: true"
    );
}

#[test]
fn settings_show_in_the_exchange() {
    let component = component(
        json!({"exchange": false, "base_url": "https://ghe.example", "integration_id": "ours", "editor_version": "e/1"}),
    );
    let ctx = CallContext {
        base_url: Some("https://elsewhere.example".into()),
        ..ctx(json!({"credentials": ["login"]}))
    };
    let shown = shown(&component.models_request(&ctx, None).unwrap());
    assert!(shown.starts_with("Get https://ghe.example/models\n"), "{shown}");
    for header in ["authorization: Bearer <login>", "editor-version: e/1", "copilot-integration-id: ours"] {
        assert!(shown.contains(header), "{shown}");
    }
}

#[test]
fn nobody_signed_in_is_told_what_to_do() {
    let component = component(json!({}));
    assert_eq!(component.models_request(&CallContext::default(), None), None);
    let fault = component.prepare(call("chat", "gpt-x", CallContext::default())).unwrap_err();
    assert_eq!(
        (fault.kind, fault.code.as_deref()),
        (FaultKind::Other("sign-in".into()), Some("not_signed_in"))
    );
    assert!(fault.message.contains("brains copilot-login"), "{}", fault.message);
}

#[test]
fn a_model_that_no_list_told_of_is_asked_over_the_wire_that_its_name_says() {
    let ctx = || ctx(json!({"credentials": ["session"]}));
    let component = component(json!({}));
    assert_eq!(component.prepare(call("responses", "gpt-x", ctx())).unwrap(), Lane::Translate);
    assert_eq!(component.prepare(call("chat", "gpt-x-codex", ctx())).unwrap(), Lane::Translate);
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    let req = ChatRequest { model: "gpt-x-codex".into(), messages: vec![message], ..ChatRequest::default() };
    let out = component.encode(req, Vec::new(), &ctx()).unwrap();
    let shown = shown(&out.request);
    assert!(shown.starts_with("Post https://api.githubcopilot.com/responses\n"), "{shown}");
    assert!(shown.contains("\nx-initiator: user"), "{shown}");
    // The answer is read as what was asked.
    let said = r#"{"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"type":"message","id":"m","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}"#;
    assert!(component.decode_unary(response(200, said), &ctx()).is_ok());
}

#[test]
fn the_vendors_words_are_explained() {
    let component = component(json!({}));
    let code = |status, body: &str| component.decode_error(response(status, body)).code;
    let personal = "bad request: Personal Access Tokens are not supported for this endpoint\n";
    assert_eq!(code(400, personal).as_deref(), Some("personal_access_token"));
    assert_eq!(
        code(401, "IDE token expired: unauthorized: token expired\n").as_deref(),
        Some("sign_in_refused")
    );
    let other = r#"{"error":{"message":"no","code":"model_not_supported"}}"#;
    assert_eq!(code(400, other).as_deref(), Some("model_not_supported"));
}

fn fetched(step: SignInStep) -> Request {
    match step {
        SignInStep::Fetch(request) => request,
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `json!` makes it")]
fn answer(flow: &mut SignInToGitHub, status: u16, body: serde_json::Value) -> Result<SignInStep, String> {
    let said = flow.next(SignInInput::Response(response(status, &body.to_string())));
    said.map_err(|fault| fault.code.unwrap_or_default())
}

#[expect(clippy::needless_pass_by_value, reason = "as `json!` makes it")]
fn start(flow: &mut SignInToGitHub, what: serde_json::Value) -> Result<SignInStep, String> {
    let said = flow.next(SignInInput::Start(Some(what.to_string())));
    said.map_err(|fault| fault.code.unwrap_or_default())
}

/// A flow whose code a person was just asked to enter, which has waited once.
fn asked(expires_in: u64) -> SignInToGitHub {
    let mut flow = SignInToGitHub::new(settings(json!({"github_url": "https://ghe.example"})));
    let request = fetched(start(&mut flow, json!({"do": "sign_in"})).unwrap());
    assert!(shown(&request).starts_with("Post https://ghe.example/login/device/code"), "{request:?}");
    assert!(matches!(&request.body, Body::Form(fields) if fields.len() == 2), "{request:?}");
    let code = json!({"device_code": "d", "user_code": "AB-CD", "verification_uri": "https://ghe.example/device",
                      "expires_in": expires_in, "interval": 5});
    let prompt = answer(&mut flow, 200, code).unwrap();
    assert!(matches!(&prompt, SignInStep::Ask(SignInPrompt { code: Some(code), .. }) if code == "AB-CD"));
    assert_eq!(flow.next(SignInInput::Woke), Ok(SignInStep::SleepMs(5_000)));
    flow
}

#[test]
fn a_person_is_waited_for_more_slowly_when_asked_to() {
    let mut flow = asked(900);
    for (error, wait_ms) in [
        ("authorization_pending", 5_000),
        ("slow_down", 10_000),
        ("slow_down", 15_000),
        ("authorization_pending", 15_000),
    ] {
        let request = fetched(flow.next(SignInInput::Woke).unwrap());
        assert!(shown(&request).starts_with("Post https://ghe.example/login/oauth/access_token"));
        assert_eq!(answer(&mut flow, 200, json!({"error": error})), Ok(SignInStep::SleepMs(wait_ms)));
    }
    fetched(flow.next(SignInInput::Woke).unwrap());
    let SignInStep::Done(done) = answer(&mut flow, 200, json!({"access_token": "gho_x"})).unwrap() else {
        panic!("not done")
    };
    assert_eq!(done.credentials, [("login".to_owned(), "gho_x".to_owned())]);
    assert!(!format!("{done:?}").contains("gho_x"));
}

#[test]
fn a_sign_in_ends_with_its_time_or_a_no() {
    for (error, code) in
        [("access_denied", "sign_in_denied"), ("expired_token", "sign_in_expired"), ("odd", "sign_in_failed")]
    {
        let mut flow = asked(900);
        fetched(flow.next(SignInInput::Woke).unwrap());
        assert_eq!(answer(&mut flow, 200, json!({"error": error})), Err(code.to_owned()));
    }
    // A person has a minute at least, whatever the vendor says.
    let mut flow = asked(1);
    for _ in 0..11 {
        fetched(flow.next(SignInInput::Woke).unwrap());
        answer(&mut flow, 200, json!({"error": "authorization_pending"})).unwrap();
    }
    fetched(flow.next(SignInInput::Woke).unwrap());
    let over = answer(&mut flow, 200, json!({"error": "authorization_pending"}));
    assert_eq!(over, Err("sign_in_expired".to_owned()));
}

#[test]
fn what_was_signed_in_with_is_exchanged() {
    let mut flow = SignInToGitHub::new(Settings::default());
    assert_eq!(start(&mut flow, json!({"do": "renew", "kept": []})), Err("not_signed_in".to_owned()));
    let request = fetched(start(&mut flow, json!({"do": "renew", "kept": ["login"]})).unwrap());
    assert_eq!(
        shown(&request),
        "Get https://api.github.com/copilot_internal/v2/token\naccept: application/json\n\
         editor-version: brains/0.1.0\nauthorization: token <login>"
    );
    let session =
        json!({"token": "tid=1", "expires_at": 2_000, "endpoints": {"api": "https://api.x.example"}});
    let SignInStep::Done(done) = answer(&mut flow, 200, session).unwrap() else { panic!("not done") };
    assert_eq!(done.credentials, [("session".to_owned(), "tid=1".to_owned())]);
    assert_eq!(done.attributes, r#"{"base_url":"https://api.x.example"}"#);
    assert_eq!((done.expires_at_ms, done.refresh_at_ms), (Some(2_000_000), Some(1_940_000)));

    for (status, body, code) in [
        (401, json!({"message": "Bad credentials"}), "sign_in_refused"),
        (
            403,
            json!({"message": "Resource not accessible by personal access token"}),
            "personal_access_token",
        ),
        (404, json!({"message": "Not Found"}), "no_copilot"),
    ] {
        let mut flow = SignInToGitHub::new(Settings::default());
        start(&mut flow, json!({"do": "renew", "kept": ["login"]})).unwrap();
        assert_eq!(answer(&mut flow, status, body), Err(code.to_owned()));
    }
    let mut flow = SignInToGitHub::new(settings(json!({"exchange": false})));
    let SignInStep::Done(done) = start(&mut flow, json!({"do": "renew", "kept": ["login"]})).unwrap() else {
        panic!("not done")
    };
    assert!(done.credentials.is_empty() && done.expires_at_ms.is_none());
}

#[test]
fn what_is_told_of_an_account_holds_what_is_left_and_nothing_else() {
    let mut flow = SignInToGitHub::new(Settings::default());
    start(&mut flow, json!({"do": "inspect", "kept": ["login"]})).unwrap();
    let account =
        json!({"login": "o", "quota_snapshots": {"chat": {"remaining": 1}}, "analytics_tracking_id": "x"});
    let SignInStep::Done(done) = answer(&mut flow, 200, account).unwrap() else { panic!("not done") };
    assert_eq!(done.attributes, r#"{"login":"o","quota_snapshots":{"chat":{"remaining":1}}}"#);
}

#[test]
fn models_that_the_account_may_use_are_listed_with_their_prices() {
    let model = |id: &str, more: serde_json::Value| {
        let mut entry = json!({"id": id, "name": "N", "capabilities": {"type": "chat",
            "limits": {"max_context_window_tokens": 128_000, "max_output_tokens": 4_096}, "supports": {"tool_calls": true}}});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let prices = json!({"token_prices": {"batch_size": 1_000_000, "default": {"input_price": 125, "output_price": 1000.0}}});
    let list = json!({"data": [
        model("a", json!({"billing": prices})),
        model("b", json!({"billing": {"is_premium": true}})),
        // As the vendor's own library gave it to github/copilot-sdk#1555, in the names of the wire.
        model("c", json!({"billing": {"multiplier": 1, "token_prices": {"batch_size": 1_000_000, "input_price": 300,
            "output_price": 1500, "cache_price": 30}}})),
        model("hidden", json!({"model_picker_enabled": false})),
        model("off", json!({"policy": {"state": "disabled"}})),
        model("vectors", json!({"capabilities": {"type": "embeddings"}})),
    ]});
    let page = component(json!({})).models(Some(response(200, &list.to_string()))).unwrap();
    let told: Vec<_> =
        page.models.iter().map(|model| (model.id.as_str(), model.pricing.as_deref())).collect();
    let flat = r#"{"input":3.0,"cached_input":0.3,"output":15.0}"#;
    assert_eq!(told, [("a", Some(r#"{"input":1.25,"output":10.0}"#)), ("b", None), ("c", Some(flat))]);
    let first = page.models.first().unwrap();
    assert_eq!((first.context, first.max_output), (Some(128_000), Some(4_096)));
    assert_eq!(first.caps, ["tools"]);
    let named = component(json!({"models": ["x"]})).models(None).unwrap();
    assert_eq!(named.models.first().map(|model| model.id.as_str()), Some("x"));
}

#[test]
fn settings_that_cannot_work_are_told_by_name() {
    let wrong = json!({"base_url": "ftp://x", "github_url": "https://u:p@x", "integration_id": "a\nb"});
    let problems = Copilot::new(settings(wrong)).unwrap_err();
    let named: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(named, ["base_url", "github_url", "integration_id"]);
}
