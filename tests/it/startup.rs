//! Starting and not being able to: each obstacle is named, with what to do next, and nothing is lost.

use brains_tests::service::Home;
use brains_tests::{Brains, Setup, postgres, until};
use serde_json::json;

fn hello() -> serde_json::Value {
    json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_and_a_busy_port_are_named() {
    let service = Brains::plain().await;
    let second = service.home.run(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]).await;
    assert_eq!(second.status.code(), Some(4), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&service.pid().to_string()) && said.contains("hint:"), "{said}");

    let other = Home::default();
    let port = service.address.port().to_string();
    let busy = other.run(&["serve-all", "--gateway-port", &port]).await;
    assert_eq!(busy.status.code(), Some(6), "{busy:?}");
    let said = String::from_utf8_lossy(&busy.stderr).into_owned();
    assert!(said.contains(&port) && said.contains(&service.pid().to_string()), "{said}");
    assert_eq!(service.client.chat(&hello()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    for (config, word) in [
        ("models: [", "config.yaml"),
        ("rate_limit_per_minute: lots\n", "rate_limit_per_minute"),
        ("db_url: mysql://x/y\n", "db_url"),
        ("db_url: postgres://nobody@127.0.0.1:1/none\n", "database"),
        ("openai_compatible_api_key: \"${ENV:NO_SUCH_VARIABLE}\"\n", "NO_SUCH_VARIABLE"),
    ] {
        let home = Home::default();
        home.write_config(config);
        let output = home.run(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{config}");
        assert!(said.contains("error:") && said.contains("hint:") && said.contains(word), "{config}: {said}");
        assert!(!home.state().join("runtime.json").exists(), "{config}");
    }
    let home = Home::default();
    fs_err::create_dir_all(home.state()).expect("made");
    fs_err::write(home.state().join("brains.db"), "this is no database, but somebody's notes")
        .expect("written");
    let output = home.run(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]).await;
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("hint:"),
        "{output:?}"
    );
    assert_eq!(
        fs_err::read_to_string(home.state().join("brains.db")).expect("still there"),
        "this is no database, but somebody's notes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_component_is_named_and_the_rest_serves() {
    let home = Home::default();
    fs_err::create_dir_all(home.state().join("plugins")).expect("made");
    fs_err::write(home.state().join("plugins/broken.wasm"), "not a component").expect("written");
    let config = "components: {broken: {source: broken.wasm}}\nproviders: {mine: {component: broken}}\n";
    let service = Brains::start_in(home, Setup::config(config)).await;
    assert_eq!(service.client.chat(&hello()).await.status, 200);
    let listed = service.client.operation("list_components", &json!({})).await;
    let broken =
        listed["components"].as_array().and_then(|all| all.iter().find(|c| c["id"] == "broken")).cloned();
    let broken = broken.unwrap_or_else(|| panic!("broken in {listed}"));
    assert_eq!(broken["state"], "rejected", "{broken}");
    assert!(broken["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_start_compiles_nothing() {
    let first = Brains::plain().await;
    let compiled = |ready: &serde_json::Value| {
        ready["runtime"]["compiled"].as_u64().unwrap_or_else(|| panic!("{ready}"))
    };
    assert!(compiled(&first.client.get("/health/ready").await.json()) > 0);
    let (home, status) = first.stop().await;
    assert!(status.success());
    let second = Brains::start_in(home, Setup::default()).await;
    assert_eq!(compiled(&second.client.get("/health/ready").await.json()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let mut home = Home::default();
    let mut names = Vec::new();
    for round in 0..brains_tests::counts::count(3, 30) {
        let service = Brains::start_in(home, Setup::default()).await;
        for n in 0..5 {
            let name = format!("key-{round}-{n}");
            service.client.operation("create_key", &json!({"name": name})).await;
            names.push(name);
        }
        let listed = service.client.operation("list_keys", &json!({})).await.to_string();
        assert!(names.iter().all(|name| listed.contains(&format!("\"{name}\""))), "{listed}");
        home = service.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_service_stands_on_postgres() {
    let url = postgres::database();
    let service = Brains::start(Setup::config(format!("db_url: \"{url}\"\n"))).await;
    assert_eq!(service.client.chat(&hello()).await.status, 200);
    service.client.operation("create_key", &json!({"name": "k"})).await;
    until("the trace", async || {
        let listed = service.client.operation("list_traces", &json!({})).await;
        listed["traces"].as_array().map(Vec::len) == Some(1)
    })
    .await;
    let verified = service.client.operation("verify_audit", &json!({})).await;
    assert_eq!(verified["ok"], true, "{verified}");
}
