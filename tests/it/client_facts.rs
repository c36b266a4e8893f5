//! What clients say of a request in headers of their own is in its trace: whose session it belongs to and what it is for.

use brains_tests::{Brains, Client, until};
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
