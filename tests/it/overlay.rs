//! The runtime overlay: every hot key is in force for the next request after a reload, every other one is refused by
//! name; its history is whole; and many writers at once lose nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use brains_tests::counts::count;
use brains_tests::service::Home;
use brains_tests::{Answer, Brains, Setup, Upstream, model, postgres, until};
use serde_json::{Value, json};

fn target(path: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(path)
}

fn overlay(service: &Brains) -> PathBuf {
    service.home.state().join("brains.runtime.yaml")
}

/// As somebody with an editor does.
async fn edit(service: &Brains, text: &str) -> Answer {
    fs_err::write(overlay(service), text).expect("written");
    service.client.post("/api/ops/reload_config", "{}").await
}

async fn put(service: &Brains, text: &str) {
    let reloaded = edit(service, text).await;
    assert_eq!(reloaded.status, 200, "{text}: {}", reloaded.text());
}

async fn ask(service: &Brains, model: &str, prompt: &str) -> Answer {
    service.client.chat(&json!({"model": model, "messages": [{"role": "user", "content": prompt}]})).await
}

/// Keys whose effect shows in the next request, each with what shows it.
#[tokio::test(flavor = "multi_thread")]
async fn what_routes_and_answers_is_in_force_for_the_next_request() {
    let (first, second) = (Upstream::start(model::answer).await, Upstream::start(model::answer).await);
    let service =
        Brains::start(Setup::upstream(&first.base()).env("OTHER_KEY", "sk-other-0123456789abcdef")).await;
    let fix = "Fix retry bug in webhook handler";

    let before = ask(&service, "brains-cheap", "hi").await;
    put(&service, "models:\n  cheap: {provider: echo, model: another}\n").await;
    let after = ask(&service, "brains-cheap", "hi").await;
    assert_ne!(before.header("x-brains-model"), "another");
    assert_eq!(after.header("x-brains-model"), "another", "models");

    let before = ask(&service, "brains-auto", fix).await;
    let label = before.header("x-brains-task").to_owned();
    let other = if before.header("x-brains-tier") == "deep" { "cheap" } else { "deep" };
    put(&service, &format!("routes: {{{label}: {other}}}\n")).await;
    assert_eq!(ask(&service, "brains-auto", fix).await.header("x-brains-tier"), other, "routes");

    put(&service, &format!(
        "providers:\n  second:\n    component: provider-openai\n    config: {{base_url: \"{}\"}}\n    secrets: {{api_key: \"${{ENV:OTHER_KEY}}\"}}\n",
        second.base()
    ))
    .await;
    assert_eq!(ask(&service, "second/any", "hi").await.status, 200, "providers");
    assert_eq!(second.last().header("authorization"), Some("Bearer sk-other-0123456789abcdef"));

    let classified = async || service.client.operation("classify_prompt", &json!({"prompt": fix})).await;
    let before = classified().await["component"].clone();
    put(&service, "classifier: {component: classifier-keyword-compat}\n").await;
    assert_eq!(classified().await["component"], "classifier-keyword-compat", "classifier");
    assert_ne!(before, "classifier-keyword-compat");

    let example = |id: &str| target("bundle-examples").join(format!("{id}.wasm")).display().to_string();
    put(&service, &format!(
        "components: {{thrifty: {{source: \"{}\"}}, phrases: {{source: \"{}\"}}}}\n\
         policy: {{component: thrifty}}\nclassifier: {{component: phrases, config: {{phrases: {{research: [webhook]}}}}}}\n",
        example("policy-cheapest"),
        example("classifier-phrases")
    ))
    .await;
    // They are compiled aside; until each is ready, what labelled and ordered before goes on.
    let in_force = async || {
        let answer = ask(&service, "brains-auto", fix).await;
        let reason = answer.header("x-brains-route-reason");
        assert!(!reason.contains("is loaded"), "{reason}");
        reason == "cheapest first" && answer.header("x-brains-task") == "research"
    };
    until("policy, components and the classifier's settings", in_force).await;

    put(&service, "gateway_preamble: Be brief\n").await;
    assert_eq!(ask(&service, "openai_compatible/any", "hi").await.status, 200);
    assert_eq!(first.last().json()["messages"][0], json!({"role": "system", "content": "Be brief"}));

    put(&service, &format!(
        "openai_compatible_base_url: \"{}\"\nopenai_compatible_api_key: \"${{ENV:OTHER_KEY}}\"\nopenai_compatible_timeout_seconds: 7\n",
        second.base()
    ))
    .await;
    let (to_first, to_second) = (first.seen().len(), second.seen().len());
    assert_eq!(ask(&service, "openai_compatible/any", "hi").await.status, 200);
    assert_eq!((first.seen().len(), second.seen().len()), (to_first, to_second + 1), "provider keys");

    put(&service, "max_body_bytes: 1024\n").await;
    assert_eq!(ask(&service, "brains-cheap", &"x".repeat(2_000)).await.status, 413, "max_body_bytes");

    put(&service, "rate_limit_per_minute: 1\n").await;
    let limited = service.client.operation("create_key", &json!({"name": "limited"})).await;
    let client = service.client.with_key(limited["key"].as_str().expect("a key"));
    assert_eq!(client.get("/v1/models").await.status, 200);
    assert_eq!(client.get("/v1/models").await.status, 429, "rate_limit_per_minute");
}

/// Every key of the schema is in one of the two tables.
#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_hot_or_refused_by_name() {
    let hot = [
        "affinity: {enabled: false, ttl_seconds: 60}",
        "anthropic_api_key: \"${ENV:HOME}\"",
        "anthropic_base_url: \"https://vendor.example\"",
        "anthropic_timeout_seconds: 5",
        "bedrock_access_key_id: \"${ENV:HOME}\"",
        "bedrock_api_key: \"${ENV:HOME}\"",
        "bedrock_base_url: \"http://127.0.0.1:1\"",
        "bedrock_region: eu-central-1",
        "bedrock_secret_access_key: \"${ENV:HOME}\"",
        "bedrock_session_token: \"${ENV:HOME}\"",
        "bedrock_timeout_seconds: 5",
        "bridges: {ops: {component: bridge-x, enabled: false}}",
        "budgets: {json_nodes: 1000}",
        "classifier: {component: classifier-keyword-compat}",
        "component_drain_seconds: 5",
        "components: {acme: {limits: {call_ms: 5}}}",
        "control: {generated_views_dir: elsewhere}",
        "default_tier: cheap",
        "docs_stale_days: 3",
        "embed_model: echo/embedding",
        "freshness_timeout_seconds: 2.5",
        "gateway_preamble: Be brief",
        "github_copilot_cache_dir: elsewhere",
        "github_copilot_editor_version: other/1",
        "github_copilot_integration_id: other",
        "github_copilot_oauth_token: \"${ENV:HOME}\"",
        "github_copilot_timeout_seconds: 5",
        "github_copilot_use_gh_cli: false",
        "handoff_stale_hours: 12",
        "locks: {siblings: refuse}",
        "hooks: [{component: hook-x, fail: open}]",
        "keepalive_seconds: 3",
        "litellm_api_key: \"${ENV:HOME}\"",
        "litellm_base_url: \"http://127.0.0.1:1\"",
        "litellm_timeout_seconds: 5",
        "max_body_bytes: 4096",
        "max_concurrent_requests: 50",
        "models: {cheap: {provider: echo, model: x}}",
        "ollama_base_url: \"http://127.0.0.1:1\"",
        "ollama_timeout_seconds: 5",
        "openai_compatible_api_key: \"${ENV:HOME}\"",
        "openai_compatible_base_url: \"https://vendor.example/v1\"",
        "openai_compatible_timeout_seconds: 5",
        "openai_responses_api_key: \"${ENV:HOME}\"",
        "openai_responses_base_url: \"https://vendor.example/v1\"",
        "openai_responses_timeout_seconds: 5",
        "policy: {component: policy-tiered, config: {fallback_tier: cheap}}",
        "prices: {echo: {echo-small: {input: 1, output: 2}}}",
        "provider_policies: {echo: {retry_max_attempts: 3}}",
        "providers: {more: {component: provider-echo}}",
        "rate_limit_per_minute: 1000",
        "repo_index_max_file_size: 10",
        "responses: {store: false, retention_bytes: 5, queue: 10}",
        "routes: {code_fix: cheap}",
        "scheduler_interval: 5",
        "source_allowlist: []",
        "spending: {team: {per: key, window: day, limit_usd: 5}}",
        "subsystems: {otel: {service_name: other}}",
        "total_timeout_seconds: 30",
        "traces: {bodies: true, retention_rows: 5, queue: 10}",
    ];
    let refused = [
        "allow_unauthenticated_api: true",
        "allowed_hosts: [x.example]",
        "allowed_origins: [\"https://x.example\"]",
        "api_key: \"${ENV:HOME}\"",
        "api_keys: [\"${ENV:HOME}\"]",
        "dashboard_host: 0.0.0.0",
        "dashboard_port: 1",
        "db_url: \"sqlite:///elsewhere.db\"",
        "gateway_host: 0.0.0.0",
        "gateway_port: 1",
        "mcp_host: 0.0.0.0",
        "mcp_port: 1",
        "redaction_sensitive_key_parts: [x]",
        "workspace: elsewhere",
    ];
    let service = Brains::plain().await;
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    for line in hot {
        put(&service, &format!("{line}\n")).await;
        let shown = service.client.operation("show_config", &json!({})).await;
        let values = shown["values"].as_array().expect("values");
        let from_overlay = values.iter().any(|value| value["from"]["layer"] == "overlay");
        assert!(from_overlay, "{line}: nothing is from the overlay");
        assert_eq!(ask(&service, "brains-auto", "hi").await.status, 200, "{line}");
    }
    for line in refused {
        put(&service, "rate_limit_per_minute: 2000\n").await;
        let answer = edit(&service, &format!("{line}\n")).await;
        assert_eq!(answer.status, 400, "{line}: {}", answer.text());
        let error = answer.json()["error"].clone();
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("invalid_config"), &json!(name(line))),
            "{error}"
        );
        assert!(
            error["message"].as_str().is_some_and(|it| it.contains("may not stand in the overlay")),
            "{error}"
        );
        assert!(error["hint"].as_str().is_some_and(|it| it.contains("BRAINS_")), "{error}");
        let limit = service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await;
        assert_eq!(limit["value"], 2000, "{line}: the last good one serves");
        // The same by a program.
        fs_err::write(overlay(&service), "rate_limit_per_minute: 2000\n").expect("written");
        let value = json!({"key": name(line), "value": "x"});
        assert_eq!(service.client.post("/api/ops/set_config", value.to_string()).await.status, 400, "{line}");
    }
    let schema = service.client.operation("config_schema", &json!({})).await;
    let known: BTreeSet<String> =
        schema["schema"]["properties"].as_object().expect("keys").keys().cloned().collect();
    let mut tabled: BTreeSet<String> = hot.into_iter().chain(refused).map(name).collect();
    // Says which form the file has, and is the same in every layer.
    tabled.insert("schema_version".into());
    assert_eq!(tabled, known, "each key is either hot or refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_holds_edits_by_hand_and_a_rollback_brings_comments_back() {
    let home = Home::default();
    fs_err::create_dir_all(home.state()).expect("made");
    let by_hand = "# kept by hand\nrate_limit_per_minute: 100   # a minute\n\ngateway_preamble: One\n";
    fs_err::write(home.state().join("brains.runtime.yaml"), by_hand).expect("written");
    let service = Brains::start_in(home, Setup::default()).await;
    let history =
        async || service.client.operation("list_config_revisions", &json!({})).await["revisions"].clone();
    assert_eq!(history().await[0]["author"], "file", "what stood there at the start is the first revision");

    let run = async |arguments: &[&str]| {
        let output = service.home.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    run(&["config", "set", "rate_limit_per_minute", "200"]).await;
    let edited = fs_err::read_to_string(overlay(&service)).expect("there");
    assert_eq!(edited, by_hand.replace("100   #", "200 #"));
    let text = format!("{edited}# the end\nmodels: {{cheap: {{provider: echo, model: mine}}}}\n");
    put(&service, &text).await;
    // Whoever was faster, this reload or the service that follows its files, it is a revision now.
    assert_eq!(history().await[0]["number"], 3);

    let diff = run(&["config", "diff"]).await;
    assert_eq!(diff["changes"][0]["key"], "models", "{diff}");
    assert_eq!((&diff["changes"][0]["author"], &diff["to"]["revision"]), (&json!("file"), &json!(3)));
    let diff = run(&["config", "diff", "1", "2"]).await;
    let expected =
        json!([{"key": "rate_limit_per_minute", "old": 100, "new": 200, "author": diff["to"]["author"]}]);
    assert_eq!(diff["changes"], expected);

    let back = run(&["config", "rollback", "1"]).await;
    assert_eq!((&back["revision"], &back["to"]), (&json!(4), &json!(1)));
    assert_eq!(fs_err::read_to_string(overlay(&service)).expect("there"), by_hand, "byte for byte");
    let preamble = service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await;
    assert_eq!(preamble["value"], 100);
    run(&["config", "rollback", "3"]).await;
    assert_eq!(fs_err::read_to_string(overlay(&service)).expect("there"), text);
    assert_eq!(ask(&service, "brains-cheap", "hi").await.header("x-brains-model"), "mine");
    let numbers: Vec<_> =
        history().await.as_array().expect("a list").iter().map(|it| it["number"].clone()).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1].map(|number| json!(number)), "history is never rewritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_secret_by_hand_serves_and_is_in_no_revision() {
    let upstream = Upstream::start(model::answer).await;
    let service = Brains::start(Setup::upstream(&upstream.base())).await;
    let secret = "raw-and-unlike-a-key";
    put(&service, &format!("openai_compatible_api_key: {secret} # by hand\n")).await;
    assert_eq!(ask(&service, "openai_compatible/any", "hi").await.status, 200);
    assert_eq!(upstream.last().header("authorization"), Some(format!("Bearer {secret}").as_str()));
    // Another edit is not hindered by it, and keeps it.
    service.client.operation("set_config", &json!({"key": "gateway_preamble", "value": "P"})).await;
    assert!(fs_err::read_to_string(overlay(&service)).expect("there").contains(secret));
    let diff = service.client.operation("diff_config", &json!({"from": 0})).await;
    assert!(!diff.to_string().contains(secret), "{diff}");
    service.client.operation("rollback_config", &json!({"revision": 1})).await;
    let text = fs_err::read_to_string(overlay(&service)).expect("there");
    assert_eq!(text, format!("openai_compatible_api_key: {secret} # by hand\n"));
    let (home, _) = service.stop().await;
    for file in ["brains.db", "brains.db-wal", "logs/brains.log"] {
        let bytes = fs_err::read(home.state().join(file)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file}");
    }
}

/// Clients of a running service and processes that write beside it, all at once.
async fn race(db: Option<String>) {
    let mut setup = Setup::default();
    setup.environment.extend(db.iter().map(|url| ("BRAINS_DB_URL".to_owned(), url.clone())));
    let service = Brains::start(setup).await;
    let first = "# nobody touches this\ngateway_preamble: kept   # with its comment\n";
    put(&service, first).await;
    let (clients, processes) = (6, 4);
    let each_client = count(10, 60);
    let each_process = count(3, 20);
    let key = |writer: usize, edit: usize| format!("provider_policies.w{writer}-{edit}.retry_max_attempts");
    let url = db.unwrap_or_else(|| format!("sqlite://{}", service.home.state().join("brains.db").display()));
    let over_http = (0..clients).map(|writer| {
        let client = service.client.clone();
        async move {
            for edit in 0..each_client {
                client.operation("set_config", &json!({"key": key(writer, edit), "value": 2})).await;
            }
        }
    });
    let by_processes = (clients..clients + processes).map(|writer| {
        let (home, url) = (&service.home, &url);
        async move {
            for edit in 0..each_process {
                // Another database is named, so the process writes by itself instead of asking the service.
                let output = home.run(&["--db", url, "config", "set", &key(writer, edit), "2"]).await;
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
    });
    tokio::join!(futures_util::future::join_all(over_http), futures_util::future::join_all(by_processes));

    let text = fs_err::read_to_string(overlay(&service)).expect("there");
    assert!(text.starts_with(first), "comments and order stay: {text}");
    service.client.operation("reload_config", &json!({})).await;
    let edits = clients * each_client + processes * each_process;
    let policies = service.client.operation("show_config", &json!({"key": "provider_policies"})).await;
    let values = policies["values"].as_array().expect("values");
    let attempts =
        values.iter().filter(|it| it["key"].as_str().is_some_and(|key| key.ends_with("max_attempts")));
    assert_eq!(attempts.count(), edits, "{policies}");
    let history = service.client.operation("list_config_revisions", &json!({"limit": 1000})).await;
    let revisions = history["revisions"].as_array().expect("revisions");
    assert_eq!(revisions.len(), edits + 1, "one revision an edit, and one for the edit by hand");
    assert!(revisions.iter().all(|it| it["changed"].as_array().is_some_and(|keys| keys.len() <= 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_writers_lose_nothing_on_sqlite() {
    race(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_writers_lose_nothing_on_postgres() {
    race(Some(postgres::database())).await;
}
