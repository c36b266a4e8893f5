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

/// The service is looked at where it is, and what one failure hides is named as not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_at_the_service_where_it_is_and_leaves_nothing_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let service = Brains::plain().await;
    let checks = async || {
        let output = service.home.run(&["doctor", "--json"]).await;
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let checks = told["checks"].as_array().expect("checks").clone();
        checks
            .into_iter()
            .map(|check| {
                let text = |name: &str| check[name].as_str().expect("a text").to_owned();
                (text("check"), text("detail"))
            })
            .collect::<Vec<_>>()
    };
    let before = checks().await;
    let port = before.iter().find(|(check, _)| check == "port").expect("a port");
    assert_eq!(port.1, format!("{} is ours", service.address.port()));
    fs_err::write(
        service.home.state().join("config.yaml"),
        "models: {default: {provider: none, model: x}}\n",
    )
    .expect("written");
    let after = checks().await;
    for (check, _) in &before {
        assert!(after.iter().any(|(there, _)| there == check), "{check} is left out: {after:?}");
    }
    // Whatever a service left behind is closed to others, compiled code too.
    let mut open = vec![service.home.state()];
    let mut seen = 0;
    while let Some(folder) = open.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
            let metadata = fs_err::symlink_metadata(entry.path()).expect("there");
            // The test wrote that one.
            if entry.file_name() == "config.yaml" {
                continue;
            }
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", entry.path().display());
            seen += 1;
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    assert!(seen > 10 && service.home.state().join("components/compiled").is_dir(), "{seen}");
}

/// What is asked for and is otherwise already is refused, not ignored; the same again is no trouble.
#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_is_asked_for_counts_or_is_refused() {
    let home = Home::default();
    fs_err::write(home.path().join("Cargo.toml"), "").expect("a marker");
    let project = home.path().join("shop");
    fs_err::create_dir_all(&project).expect("a folder");
    fs_err::write(project.join("Cargo.toml"), "").expect("a marker");
    let path = project.display().to_string();
    let init = async |more: &[&str]| home.run(&[&["init", &path], more].concat()).await;
    let made = init(&["--slug", "store"]).await;
    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(told["workspace"]["slug"], "store", "{told}");
    assert!(init(&[]).await.status.success() && init(&["--slug", "store"]).await.status.success());
    for (option, wanted) in [("--slug", "other"), ("--name", "Other")] {
        let refused = init(&[option, wanted]).await;
        assert_eq!(refused.status.code(), Some(4), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("`store` already"), "{refused:?}");
    }
}

/// A provider is tried from the command line, on the way that clients take.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_from_the_command_line_says_who_answered() {
    let service = Brains::plain().await;
    let asked = service.home.run(&["chat", "Say hello"]).await;
    let told: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    assert!(told["content"].as_str().is_some_and(|content| content.contains("Say hello")), "{told}");
    assert_eq!((&told["provider"], &told["attempts"]), (&Value::from("echo"), &Value::from("1")), "{told}");
    let named = service.home.run(&["chat", "--model", "echo/echo-deep", "hi"]).await;
    let told: Value = serde_json::from_slice(&named.stdout).expect("JSON");
    assert_eq!(told["model"], "echo-deep", "{told}");
    let unknown = service.home.run(&["chat", "--model", "no-such-model", "hi"]).await;
    assert_eq!(unknown.status.code(), Some(3), "{unknown:?}");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no-such-model"), "{unknown:?}");
    let (home, _) = service.stop().await;
    assert_eq!(home.run(&["chat", "hi"]).await.status.code(), Some(6));
}
