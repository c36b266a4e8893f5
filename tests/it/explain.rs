//! `explain` runs the request's own code: what it says is what the next request does.

use brains_tests::counts::count;
use brains_tests::{Brains, Setup, until};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

fn prompts() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "fix",
        "the",
        "bug",
        "in",
        "webhook",
        "handler",
        "why",
        "does",
        "it",
        "fail",
        "design",
        "a",
        "scalable",
        "system",
        "latest",
        "docs",
        "compare",
        "postgres",
        "and",
        "sqlite",
        "объясни",
        "почему",
        "erkläre",
        "class",
        "repo",
        "refactor",
        "survey",
        "hello",
        "\"quoted\"",
        "<tag>",
        "😀",
    ]);
    proptest::collection::vec(word, 1..60).prop_map(|words| words.join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_agrees_with_the_next_request() {
    let service = Brains::start(Setup::default()).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..count(60, 600) {
        let prompt = prompts().new_tree(&mut runner).expect("a case").current();
        let explained = service.client.operation("explain_route", &json!({"prompt": prompt})).await;
        let body = json!({"model": "brains-auto", "messages": [{"role": "user", "content": prompt}]});
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for (name, value) in explained["headers"].as_object().expect("headers") {
            assert_eq!(answer.header(name), value.as_str().unwrap_or(""), "{name} of {prompt}\n{explained}");
        }
        assert!(explained["headers"].as_object().is_some_and(|headers| headers.len() >= 7), "{explained}");
        let steps: Vec<&str> =
            explained["steps"].as_array().expect("steps").iter().filter_map(|s| s["step"].as_str()).collect();
        assert_eq!(steps, ["resolve", "classify", "route", "attempts"]);
    }
}

/// spec/gateway.md 10, with what each vector must be routed to.
const VECTORS: &[(&str, &str)] = &[
    ("Fix retry bug in webhook handler", "default"),
    ("fix the architecture", "default"),
    ("how do I do this", "default"),
    ("compare postgres and sqlite", "strong"),
    ("design a system for scalability", "strong"),
    ("hi", "cheap"),
    ("the tests are failing", "default"),
];

#[tokio::test(flavor = "multi_thread")]
async fn vectors_keep_their_tier_behind_an_agents_prompt_and_behind_history() {
    // They begin alike, and are no conversation.
    let service = Brains::start(Setup::config("affinity: {enabled: false}\n")).await;
    let system = "You are a coding agent. Read the docs of the repository, fix bugs, write tests, explain the architecture and the API of the current release. "
        .repeat(40);
    assert!(system.len() > 5_000);
    let history: Vec<serde_json::Value> = (0..10)
        .map(|turn| {
            let role = if turn % 2 == 0 { "user" } else { "assistant" };
            json!({"role": role, "content": format!("turn {turn}: design the architecture, compare the docs and explain the latest release")})
        })
        .collect();
    for (prompt, tier) in VECTORS {
        let turn = json!({"role": "user", "content": prompt});
        let behind_system = json!([{"role": "system", "content": system}, turn]);
        let mut messages = history.clone();
        messages.push(turn.clone());
        for messages in [json!([turn]), behind_system, json!(messages)] {
            let answer = service.client.chat(&json!({"model": "brains-auto", "messages": messages})).await;
            assert_eq!(
                answer.header("x-brains-tier"),
                *tier,
                "{prompt}: {}",
                answer.header("x-brains-route-reason")
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_classifier_and_policy_by_configuration() {
    let config = "classifier: {component: classifier-keyword-compat}\ntraces: {bodies: true}\n";
    let service = Brains::start(Setup::config(config)).await;
    for (prompt, task, confidence) in [
        ("Fix retry bug in webhook handler", "code_fix", "0.95"),
        ("fix the architecture", "code_fix", "0.65"),
        ("how do I do this", "code_explanation", "0.65"),
        ("compare postgres and sqlite", "research", "0.75"),
        ("hi", "unknown", "0.40"),
    ] {
        let answer = service
            .client
            .chat(&json!({"model": "brains-auto", "messages": [{"role": "user", "content": prompt}]}))
            .await;
        assert_eq!(
            (answer.header("x-brains-task"), answer.header("x-brains-confidence")),
            (task, confidence),
            "{prompt}"
        );
        // What is kept of it is what was told: the number, and our own id of the answer.
        let id = json!({"id": answer.header("x-brains-trace-id")});
        let mut kept = json!(null);
        until("the trace", async || {
            let shown = service.client.post("/api/ops/show_trace", id.to_string()).await;
            kept = shown.json()["trace"].clone();
            shown.status == 200
        })
        .await;
        assert_eq!(kept["confidence"].to_string(), confidence.trim_end_matches('0'), "{kept}");
        let told = answer.json()["id"].as_str().expect("an id").to_owned();
        assert!(kept.to_string().contains(&told), "{told}: {kept}");
    }
}
