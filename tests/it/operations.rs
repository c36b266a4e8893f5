//! Operations over HTTP: one definition each, errors by path, roles, and the audit that goes with them.

use brains_tests::Brains;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_described_and_reachable() {
    let service = Brains::plain().await;
    let document = service.client.get("/api/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let operations: Vec<&str> = paths.keys().filter_map(|path| path.strip_prefix("/api/ops/")).collect();
    for name in [
        "list_traces",
        "show_trace",
        "create_key",
        "list_keys",
        "revoke_key",
        "add_operator",
        "list_operators",
        "show_config",
        "set_config",
        "reload_config",
        "list_components",
        "show_component",
        "explain_route",
        "list_usage",
    ] {
        assert!(operations.contains(&name), "{name} in {operations:?}");
    }
    for name in operations {
        let anonymous = service.client.with_key("").post(&format!("/api/ops/{name}"), "{}").await;
        assert_eq!(anonymous.status, 401, "{name}");
        let wrong =
            service.client.post(&format!("/api/ops/{name}"), json!({"no_such_field": 1}).to_string()).await;
        assert_eq!(wrong.status, 400, "{name}: {}", wrong.text());
    }
    assert_eq!(service.client.post("/api/ops/nope", "{}").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_use_the_gateway_and_not_the_keys() {
    let service = Brains::plain().await;
    let added = service.client.operation("add_operator", &json!({"slug": "ann"})).await;
    let ann = service.client.with_key(added["key"].as_str().expect("a key"));
    let hello = json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(ann.chat(&hello).await.status, 200);
    assert_eq!(service.client.chat(&hello).await.status, 200);
    for operation in ["add_operator", "set_config", "reload_config"] {
        let input = json!({"slug": "bob", "key": "gateway_preamble", "value": "x"});
        let status = ann.post(&format!("/api/ops/{operation}"), input.to_string()).await.status;
        assert!([400, 403].contains(&status), "{operation}: {status}");
    }
    assert_eq!(ann.post("/api/ops/add_operator", json!({"slug": "bob"}).to_string()).await.status, 403);
    brains_tests::until("both traces", async || {
        let all = service.client.operation("list_traces", &json!({})).await;
        all["traces"].as_array().map(Vec::len) == Some(2)
    })
    .await;
    let mine = ann.operation("list_traces", &json!({})).await;
    assert_eq!(mine["traces"].as_array().map(Vec::len), Some(1), "{mine}");
    assert_eq!(
        service.client.post("/api/ops/add_operator", json!({"slug": "ann"}).to_string()).await.status,
        409
    );
    assert_eq!(
        service.client.post("/api/ops/add_operator", json!({"slug": "No Slug"}).to_string()).await.status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_is_checked_as_a_whole_and_the_last_good_one_serves() {
    let service = Brains::plain().await;
    let config = service.home.state().join("config.yaml");
    fs_err::write(&config, "gateway_preamble: P\nroutes: {code_fix: nope}\nrate_limit_per_minute: lots\n")
        .expect("written");
    let refused = service.client.post("/api/ops/reload_config", "{}").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("rate_limit_per_minute"), "{}", refused.text());
    let hello = json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(service.client.chat(&hello).await.header("x-brains-preamble"), "");
    fs_err::write(&config, "gateway_preamble: P\n").expect("written");
    service.client.operation("reload_config", &json!({})).await;
    assert_ne!(service.client.chat(&hello).await.header("x-brains-preamble"), "");
    service.client.operation("set_config", &json!({"key": "gateway_preamble", "value": ""})).await;
    assert_eq!(service.client.chat(&hello).await.header("x-brains-preamble"), "");
    fs_err::write(&config, "gateway_preamble: [\n").expect("written");
    service.signal("HUP");
    brains_tests::until("the problem to show", async || {
        service.client.get("/health/ready").await.text().contains("config")
            && service.client.chat(&hello).await.status == 200
    })
    .await;
}
