//! A classifier or a policy that misbehaves: the default tier or the configured order answers, and says so.

use serde_json::json;

use super::{Scene, vague};

const TIERS: &str = r#"
models:
  cheap: {provider: openai_compatible, model: scripted-1}
  default: {provider: openai_compatible, model: scripted-2}
default_tier: default
routes: {unknown: cheap, architecture: cheap}
"#;

/// What a request without a named model comes to when this part misbehaves.
async fn judged(part: &str, component: &str, deeds: &[&str], reason: &str) {
    for deed in deeds {
        let more = format!("{TIERS}{part}: {{component: {component}, config: {{do: {deed}}}}}\n");
        let scene = Scene::with(Vec::new(), &more, vague).await;
        scene
            .beside(async |round| {
                let body = json!({
                    "model": "brains-auto", "messages": [{"role": "user", "content": "hi there"}],
                });
                let answer = scene.service.client.chat(&body).await;
                assert_eq!(answer.status, 200, "{deed}: {}", answer.text());
                assert_eq!(answer.header("x-brains-tier"), "default", "{deed}: {:?}", answer.headers);
                assert_eq!(answer.header("x-brains-model"), "scripted-2", "{deed}");
                if round == 0 {
                    let told = answer.header("x-brains-route-reason");
                    assert!(told.contains(reason), "{deed}: {told}");
                    assert!(told.contains(&format!("component `{component}` in `")), "{deed}: {told}");
                }
            })
            .await;
        // The trace says so too.
        let traces = scene.service.client.operation("list_traces", &json!({"limit": 100})).await;
        assert!(traces.to_string().contains(reason), "{deed}: {traces}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_that_stops_or_never_ends() {
    judged("classifier", "labels", &["trap", "spin"], "the classifier failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_that_lies() {
    judged("classifier", "labels", &["lie", "garble", "print"], "the classifier failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_with_a_huge_verdict() {
    judged("classifier", "labels", &["huge", "amplify"], "the classifier failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_stops_or_never_ends() {
    judged("policy", "orders", &["trap", "spin"], "the routing policy failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_lies() {
    judged("policy", "orders", &["lie", "garble"], "the routing policy failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_with_a_huge_decision() {
    judged("policy", "orders", &["huge", "grow"], "the routing policy failed").await;
}

/// Both at once: nothing is left that could decide, and every request is answered all the same.
#[tokio::test(flavor = "multi_thread")]
async fn both_at_once() {
    let more = format!(
        "{TIERS}classifier: {{component: labels, config: {{do: trap}}}}\npolicy: {{component: orders, config: {{do: trap}}}}\n"
    );
    let scene = Scene::with(Vec::new(), &more, vague).await;
    scene
        .beside(async |_| {
            let body = json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi there"}]});
            let answer = scene.service.client.chat(&body).await;
            assert_eq!(
                (answer.status, answer.header("x-brains-tier")),
                (200, "default"),
                "{}",
                answer.text()
            );
        })
        .await;
}
