//! Time, stack and memory.

use serde_json::json;

use super::{everywhere, misdeed};

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop() {
    misdeed(everywhere("spin", &[]), "deadline: ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_recursion() {
    misdeed(everywhere("recurse", &[]), "stack)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_bomb() {
    misdeed(everywhere("grow", &[]), "memory: 64 MiB)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_in_every_export() {
    misdeed(everywhere("trap", &[]), "trap)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_the_program() {
    misdeed(everywhere("exit", &[]), "trap)").await;
}

/// The list of models is asked for by another request than the one that misbehaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_models_that_never_comes() {
    let deeds = ["spin", "trap", "grow", "recurse", "garble", "lie", "huge", "flood", "million", "amplify"];
    let mut bad: Vec<_> = deeds
        .iter()
        .map(|deed| super::Bad::new(*deed, "alone", json!({"do": deed, "at": "models"})))
        .collect();
    bad.push(super::Bad::new("asking", "remote", json!({"do": "trap", "at": "models-request"})));
    bad.push(super::Bad::new("sound", "alone", json!({})));
    let scene = super::Scene::new(bad).await;
    scene
        .beside(async |_| {
            let listed = scene.service.client.get("/v1/models").await;
            assert_eq!(listed.status, 200);
            let text = listed.text();
            assert!(text.contains("openai_compatible/scripted-1"), "{text}");
            assert!(text.contains("sound/chaos-ok") && text.len() < 100_000, "{} bytes", text.len());
        })
        .await;
}
