//! The command line as a stranger uses it.

use brains_tests::service::Home;
use brains_tests::{Brains, Setup};
use serde_json::{Value, json};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn version_and_help_touch_nothing() {
    let home = Home::default();
    for arguments in [&["--version"][..], &["--help"], &["help", "traces"], &["key", "--help"]] {
        let output = home.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    assert!(!home.state().exists(), "no state directory for a version");
    assert_eq!(home.run(&["no-such-verb"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_work_with_and_without_a_service() {
    let alone = Home::default();
    let classified = alone.run(&["classify", "Fix retry bug in webhook handler"]).await;
    assert!(classified.status.success(), "{classified:?}");
    let value: Value = serde_json::from_slice(&classified.stdout).expect("JSON when piped");
    assert_eq!(value["task_type"], "code_fix", "{value}");
    assert_eq!(alone.run(&["status"]).await.status.code(), Some(6));

    let service = Brains::plain().await;
    service
        .client
        .chat(&json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]}))
        .await;
    let home = &service.home;
    for arguments in [
        &["status"][..],
        &["models"],
        &["traces"],
        &["key", "list"],
        &["operator", "list"],
        &["plugin", "list"],
        &["config", "show"],
        &["admin-key", "show"],
        &["admin-key", "path"],
        &["doctor"],
        &["version"],
        &["explain", "hi"],
        &["plan", "hi"],
        &["completions", "bash"],
    ] {
        let output = home.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(!stdout(&output).trim().is_empty(), "{arguments:?}");
        assert!(!stdout(&output).contains(&service.client.key), "{arguments:?} shows the admin key");
    }
    let made = home.run(&["key", "create", "laptop", "--json"]).await;
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let (key, id) = (made["key"].as_str().expect("a key"), made["id"].as_str().expect("an id"));
    assert_eq!(service.client.with_key(key).get("/v1/models").await.status, 200);
    assert!(home.run(&["key", "revoke", id]).await.status.success());
    assert_eq!(service.client.with_key(key).get("/v1/models").await.status, 401);
    assert_eq!(home.run(&["key", "revoke", "key_01m85mew46f48bsq2art08nkpa"]).await.status.code(), Some(3));
    let stopped = home.run(&["stop"]).await;
    assert!(stopped.status.success(), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn init_is_idempotent_and_everything_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::default();
    for source in ["generated", "existing"] {
        let output = home.run(&["init"]).await;
        assert!(output.status.success(), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["config"]["source"], source, "{told}");
    }
    home.write_config("rate_limit_per_minute: 7\n");
    assert!(home.run(&["init"]).await.status.success());
    let kept = fs_err::read_to_string(home.state().join("config.yaml"));
    assert_eq!(kept.expect("kept"), "rate_limit_per_minute: 7\n");
    let mode = |path: std::path::PathBuf| fs_err::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(home.state()), 0o700);
    for name in ["admin-key", "brains.db", "config.yaml"] {
        assert_eq!(mode(home.state().join(name)), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_checkout_changes_nothing() {
    let home = Home::default();
    for name in ["config.yaml", "brains.runtime.yaml", ".env"] {
        fs_err::write(
            home.path().join(name),
            "gateway_preamble: pwned\nallow_unauthenticated_api: true\nBRAINS_API_KEY=pwned\n",
        )
        .expect("written");
    }
    let service = Brains::start_in(home, Setup::default()).await;
    let answer = service.client.with_key("").get("/v1/models").await;
    assert_eq!(answer.status, 401);
    assert_eq!(service.client.with_key("pwned").get("/v1/models").await.status, 401);
}
