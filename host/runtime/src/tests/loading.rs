use brains_core::config::manifest::{Manifest, Plays};
use serde_json::json;

use super::{answer, bundled, clock, hostile, load, runtime, secret, spec};
use crate::{LoadError, Options, Profile, Runtime};

fn manifest() -> Manifest {
    hostile().manifest
}

#[track_caller]
fn refused(wasm: &[u8], expected: &str) {
    let error = runtime().load("under-test", wasm, manifest()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_no_component_is_refused() {
    refused(b"", "not a component");
    refused(b"(component)", "not a component");
    refused(b"\0asm\x0d\0\x01\0garbage", "not a component");
    refused(&component("(module)"), "not a component");
    let mut cut = hostile().wasm;
    cut.truncate(cut.len() / 2);
    refused(&cut, "not a component");
}

#[test]
fn an_import_that_nobody_is_given_is_named() {
    let importing = |name: &str| component(&format!("(component (import \"{name}\" (instance)))"));
    for name in ["wasi:sockets/tcp@0.2.6", "wasi:http/outgoing-handler@0.2.6", "acme:thing/door@1.0.0"] {
        refused(&importing(name), &format!("`{name}`"));
    }
}

#[test]
fn another_version_of_the_package_is_named() {
    let exporting =
        |name: &str| component(&format!("(component (instance $i) (export \"{name}\" (instance $i)))"));
    refused(&exporting("brains:plugin/chat@2.0.0"), "`brains:plugin/chat@2.0.0`");
    refused(
        &component("(component (import \"brains:plugin/log@0.9.0\" (instance)))"),
        "`brains:plugin/log@0.9.0`",
    );
    refused(&component("(component)"), "nothing that plays the part of a provider");
    // The right version, but nothing of what it promises.
    refused(&exporting("brains:plugin/standalone@0.1.0"), "do not fit");
}

#[test]
fn a_warm_start_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let options =
            Options { cache: Some(folder.path().to_owned()), profile: Profile::Laptop, ambient: clock() };
        let runtime = Runtime::start(options).unwrap();
        let mut count = 0;
        for laid in bundled() {
            let plays = laid.manifest.plays;
            load(&runtime, laid, plays);
            count += 1;
        }
        (count, runtime.stats())
    };
    let (count, cold) = start();
    assert_eq!((cold.compiled, cold.cache_hits), (count, 0));
    let (_, warm) = start();
    assert_eq!((warm.compiled, warm.cache_hits), (0, count));
}

#[test]
fn every_bundled_component_says_who_it_is_and_plays_its_part() {
    let runtime = runtime();
    for laid in bundled() {
        let plays = laid.manifest.plays;
        let component = load(&runtime, laid, plays);
        assert!(!component.version().is_empty());
        assert!(component.schema().is_object());
        assert!(component.exports().meta, "{}", component.id());
        assert!(component.digest().starts_with("sha256:"));
    }
}

#[track_caller]
fn settings(config: serde_json::Value, expected: &str) {
    let runtime = runtime();
    let component = load(&runtime, hostile(), Plays::Provider);
    let error = runtime.instantiate(component, spec("x", config)).unwrap_err();
    assert!(matches!(error, LoadError::Settings { .. }));
    assert_eq!(error.to_string(), expected);
}

#[test]
fn settings_that_do_not_fit_are_refused_with_their_path() {
    settings(json!({ "deep": { "count": "many" } }), "settings.deep.count: value is not of type \"integer\"");
    settings(json!({ "refuse": true }), "settings: `refuse` was asked for");
    settings(
        json!({ "token": "a raw secret" }),
        "settings.token: it is a secret; write it under `secrets`, beside `config`",
    );
}

#[tokio::test]
async fn a_component_gets_what_it_is_granted_and_nothing_else() {
    let runtime = runtime();
    let component = load(&runtime, hostile(), Plays::Provider);
    let mut with = spec("asker", json!({ "do": "ask" }));
    with.secrets.insert("token".into(), secret("right"));
    with.secrets.insert("other".into(), secret("unasked"));
    let instance = std::sync::Arc::new(runtime.instantiate(component, with).unwrap());
    assert!(instance.secret("token").is_some());
    assert!(instance.secret("other").is_none());
    let said: serde_json::Value = serde_json::from_str(&answer(&instance, "").await.unwrap()).unwrap();
    let expected = json!({
        "config": { "do": "ask", "token": true },
        "token": true,
        "other": false,
        "matches": true,
        "matches_other": false,
        "signs": false,
        "clock": 0,
        "random": 0,
        "kept": true,
        "kept_too_much": false,
        "counted": 2,
        "arguments": 0,
        "variables": 0,
        "files": false,
    });
    assert_eq!(said, expected);
    // The small store belongs to the instance, not to one exchange.
    let again: serde_json::Value = serde_json::from_str(&answer(&instance, "").await.unwrap()).unwrap();
    assert_eq!(again.get("counted"), Some(&json!(4)));
}
