//! The examples: built from committed source, their cases hold, and the providers among them answer through the
//! program, whatever they are written in.

use std::path::{Path, PathBuf};

use brains_tests::counts::soak;
use brains_tests::service::Home;
use brains_tests::{Brains, Setup, Upstream, model};
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The component's file, as `cargo xtask` laid it out.
fn built(id: &str) -> PathBuf {
    let folders = ["target/bundle-examples", "target/bundle-scripted"].map(|folder| root().join(folder));
    let files = folders.map(|folder| folder.join(format!("{id}.wasm")));
    let found = files.iter().find(|file| file.exists());
    found.expect("`cargo xtask test` builds the examples").clone()
}

/// The home that is given back has the component compiled, so that a service in it starts at once.
async fn cases_hold(id: &str) -> Home {
    let home = Home::default();
    fs_err::create_dir_all(home.state()).expect("a state directory");
    let golden = root().join("examples/plugins").join(id).join("golden");
    let file = built(id).display().to_string();
    let output = home
        .command(&["plugin", "test", &file, "--golden", &golden.display().to_string()])
        .output()
        .await
        .expect("ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let cases = report["steps"].as_array().expect("steps").len() - 2;
    assert_eq!(cases, fs_err::read_dir(&golden).expect("cases").count(), "{report}");
    home
}

/// Whole and streamed, through the real program.
async fn answers(home: Home, id: &str) {
    let upstream = Upstream::start(model::answer).await;
    // What an interpreter needs beyond the usual is the operator's to approve.
    let config = format!(
        "components: {{{id}: {{source: \"{}\", limits: {{memory_mib: 256, call_ms: 50}}}}}}\nproviders:\n  vendor:\n    component: {id}\n    config: {{base_url: \"{}\"}}\n    secrets: {{api_key: \"${{ENV:VENDOR_KEY}}\"}}\n",
        built(id).display(),
        upstream.base()
    );
    let service =
        Brains::start_in(home, Setup::config(config).env("VENDOR_KEY", "sk-vendor-0123456789abcdef")).await;
    for round in 0..4 {
        let mut body = json!({
            "model": "vendor/small",
            "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": format!("hello {round}")}],
        });
        let whole = service.client.chat(&body).await;
        assert_eq!(whole.status, 200, "{id}: {}\n{}", whole.text(), service.log());
        let answer = whole.json();
        assert_eq!(answer["choices"][0]["message"]["content"], format!("scripted: hello {round}"));
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["usage"]["prompt_tokens"], 11, "{answer}");
        assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-vendor-0123456789abcdef"));
        assert_eq!(upstream.last().json()["model"], "small");

        body["stream"] = json!(true);
        let streamed = service.client.chat(&body).await;
        assert_eq!(streamed.status, 200, "{id}: {}", streamed.text());
        let events = streamed.events();
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{events:?}");
        let text: String = events
            .iter()
            .filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok())
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(text, format!("scripted: hello {round}"), "{events:?}");
    }
    upstream.then(
        brains_tests::Reply::json(429, json!({"error": {"message": "slow down"}}).to_string())
            .header("retry-after", "3"),
    );
    let refused = service
        .client
        .chat(&json!({"model": "vendor/small", "messages": [{"role": "user", "content": "hi"}]}))
        .await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_and_a_policy_in_rust_keep_their_cases() {
    for id in ["classifier-phrases", "policy-cheapest"] {
        drop(cases_hold(id).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_rust_answers() {
    answers(cases_hold("provider-vendor").await, "provider-vendor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_javascript_answers() {
    answers(cases_hold("provider-javascript").await, "provider-javascript").await;
}

/// Compiling an interpreter of this size takes a debug build half a minute: full counts only.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_python_answers_in_soak() {
    if soak() {
        answers(cases_hold("provider-python").await, "provider-python").await;
    }
}
