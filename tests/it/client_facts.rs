//! What clients say of a request in headers of their own is in its trace: whose session it belongs to and what it is for.

use brains_tests::{Brains, Client, Setup, until};
use serde_json::{Value, json};

async fn traced(service: &Brains, headers: &[(&str, &str)]) -> Value {
    let body = json!({"model": "brains-auto", "messages": [{"role": "user", "content": "summarise"}]});
    let mut request = service.client.request(http::Method::POST, "/v1/chat/completions");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = Client::send(request.body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("x-brains-trace-id").to_owned();
    let mut trace = Value::Null;
    until("the trace", async || {
        let shown = service.client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
        trace = shown.json()["trace"].clone();
        shown.status == 200
    })
    .await;
    trace
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_itself_is_in_the_trace() {
    let service = Brains::plain().await;
    let session = "16e14d7a-adbb-48cb-b69f-2b953fa600c1";
    let turn = |kind: &str, agent: &str| {
        json!({"session_id": session, "thread_id": session, "agent_name": agent, "turn_id": "t", "request_kind": kind,
               "window_number": 0, "turn_trigger": "exec"})
        .to_string()
    };
    for (headers, native, class) in [
        (
            vec![("x-claude-code-session-id", session), ("x-claude-code-request-class", "compaction")],
            Some(session),
            Some("compaction"),
        ),
        (
            vec![("session-id", session), ("x-codex-turn-metadata", &*turn("turn", "/root"))],
            Some(session),
            Some("main"),
        ),
        (vec![("x-codex-turn-metadata", &*turn("turn", "/root/a"))], Some(session), Some("subagent")),
        (
            vec![("x-session-id", "ses_dfdfe59faffeCmb3d7CZqg8MFK")],
            Some("ses_dfdfe59faffeCmb3d7CZqg8MFK"),
            None,
        ),
        (vec![("x-claude-code-request-class", "two words"), ("x-codex-turn-metadata", "{")], None, None),
        (vec![], None, None),
    ] {
        let trace = traced(&service, &headers).await;
        assert_eq!(
            (trace["native_session"].as_str(), trace["request_class"].as_str()),
            (native, class),
            "{headers:?}: {trace}"
        );
    }
    let listed = service.client.operation("list_traces", &json!({"limit": 10})).await;
    assert!(
        listed["traces"].as_array().expect("traces").iter().any(|it| it["request_class"] == "compaction")
    );
}

/// Off by default; with the setting, whoever asks for what is told where it went and why.
#[tokio::test(flavor = "multi_thread")]
async fn a_class_of_requests_may_have_a_tier() {
    let off = Brains::plain().await;
    let on = Brains::start(Setup::config(
        "policy: { config: { request_classes: { compaction: cheap, auxiliary: nowhere } } }\n",
    ))
    .await;
    let class = |class: &'static str| vec![("x-claude-code-request-class", class)];
    let routed = async |service: &Brains, class: &[(&str, &str)]| {
        let trace = traced(service, class).await;
        (
            trace["tier"].as_str().unwrap_or_default().to_owned(),
            trace["reason"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let (usual, reason) = routed(&off, &class("compaction")).await;
    assert!(!reason.contains("compaction"), "{reason}");
    let (tier, reason) = routed(&on, &class("compaction")).await;
    assert_eq!(tier, "cheap");
    assert!(reason.starts_with("compaction request -> cheap: "), "{reason}");
    for other in ["main", "auxiliary"] {
        assert_eq!(routed(&on, &class(other)).await.0, usual, "{other}");
    }
    // What the body says counts where no header does, and `explain` says the same.
    let body = json!({"model": "brains-auto", "input": [
        {"role": "user", "content": "summarise"}, {"type": "compaction_trigger"}]});
    let answer = on.client.post("/v1/responses", body.to_string()).await;
    assert_eq!((answer.status, answer.header("x-brains-tier")), (200, "cheap"), "{}", answer.text());
    assert!(answer.header("x-brains-route-reason").starts_with("compaction request -> cheap"));
    let explained = on
        .client
        .operation("explain_route", &json!({"prompt": "summarise", "request_class": "compaction"}))
        .await;
    assert_eq!(
        (&explained["tier"], &explained["headers"]["x-brains-tier"]),
        (&json!("cheap"), &json!("cheap")),
        "{explained}"
    );
}
