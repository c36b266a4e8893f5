use brains_core::config::manifest::{Manifest, Plays};
use brains_dialect::canon::{CallContext, ChatRequest};
use serde_json::json;

use super::{answer, bundled, hostile, load, options, runtime, secret, spec, text_of};
use crate::{LoadError, PoolProfile, Runtime};

fn manifest() -> Manifest {
    hostile().manifest
}

#[track_caller]
fn assert_not_loaded(wasm: &[u8], expected: &str) {
    let error = runtime().load("under-test", wasm, manifest()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_no_component_is_refused() {
    assert_not_loaded(b"", "not a component");
    assert_not_loaded(b"(component)", "not a component");
    assert_not_loaded(b"\0asm\x0d\0\x01\0garbage", "not a component");
    assert_not_loaded(&component("(module)"), "not a component");
    let mut cut = hostile().wasm;
    cut.truncate(cut.len() / 2);
    assert_not_loaded(&cut, "not a component");
}

#[test]
fn an_import_that_nobody_is_given_is_named() {
    let importing = |name: &str| component(&format!("(component (import \"{name}\" (instance)))"));
    for name in ["wasi:sockets/tcp@0.2.6", "wasi:http/outgoing-handler@0.2.6", "acme:thing/door@1.0.0"] {
        assert_not_loaded(&importing(name), &format!("`{name}`"));
    }
}

#[test]
fn another_version_of_the_package_is_named() {
    let exporting =
        |name: &str| component(&format!("(component (instance $i) (export \"{name}\" (instance $i)))"));
    assert_not_loaded(&exporting("brains:plugin/chat@2.0.0"), "`brains:plugin/chat@2.0.0`");
    assert_not_loaded(
        &component("(component (import \"brains:plugin/log@0.9.0\" (instance)))"),
        "`brains:plugin/log@0.9.0`",
    );
    // Built for the version before this one: what helps is said.
    assert_not_loaded(
        &exporting("brains:plugin/chat@0.1.0"),
        "`brains:plugin/chat@0.1.0`, this build speaks version 0.2.0: build it anew",
    );
    assert_not_loaded(&component("(component)"), "nothing that plays the part of a provider");
    // The right version, but nothing of what it promises.
    assert_not_loaded(&exporting("brains:plugin/standalone@0.2.0"), "do not fit");
}

/// Guests bind what is called in them; what a component exports is looked at as a whole before any of that.
#[test]
fn a_function_of_another_type_is_found_when_the_component_is_loaded() {
    let answers_nothing = "(component
        (core module $code (func (export \"answer\")))
        (core instance $ran (instantiate $code))
        (func $answer (canon lift (core func $ran \"answer\")))
        (instance $standalone (export \"answer\" (func $answer)))
        (export \"brains:plugin/standalone@0.2.0\" (instance $standalone)))";
    assert_not_loaded(&component(answers_nothing), "component `under-test` in `start`");
}

#[test]
fn a_warm_start_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let runtime = Runtime::start(options(folder.path().to_owned(), PoolProfile::Laptop)).unwrap();
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
        "signs": 32,
        "signs_other": false,
        "signs_oddly": false,
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

/// The hostile component that does something already while it is loaded, when no settings tell it yet.
fn at_load(deed: &str) -> Vec<u8> {
    let room = b"none......................;";
    let mut wasm = hostile().wasm;
    let place =
        wasm.windows(room.len()).position(|window| window == room).expect("the component has room for it");
    let written = format!("{deed:.<width$};", width = room.len() - 1);
    wasm[place..place + room.len()].copy_from_slice(written.as_bytes());
    wasm
}

#[test]
fn a_component_that_misbehaves_while_it_is_loaded_is_refused() {
    for (deed, expected) in [
        ("describe:trap", "component `under-test` in `meta.describe`: it trapped"),
        ("describe:spin", "component `under-test` in `meta.describe`: it computed for longer than 500 ms"),
        ("describe:grow", "component `under-test` in `meta.describe`: it asked for more than"),
        ("describe:recurse", "component `under-test` in `meta.describe`: its calls are nested too deeply"),
        ("describe:leak", "component `under-test` in `meta.describe`: it holds more than 4096 handles"),
        ("describe:garble", "component `under-test` in `meta.describe`: its answer is out of bounds"),
        ("describe:lie", "1000 bytes of version, 64 are allowed"),
        ("config-schema:trap", "component `under-test` in `meta.config-schema`: it trapped"),
        ("config-schema:spin", "component `under-test` in `meta.config-schema`: it computed"),
        (
            "config-schema:garble",
            "component `under-test` in `meta.config-schema`: its answer is out of bounds",
        ),
        ("config-schema:lie", "its settings schema is not one"),
    ] {
        assert_not_loaded(&at_load(deed), expected);
    }
    // What it says unasked is as before.
    runtime().load("under-test", &at_load("nothing"), manifest()).unwrap();
}

#[test]
fn a_component_that_misbehaves_over_its_settings_is_refused() {
    let runtime = runtime();
    let component = load(&runtime, hostile(), Plays::Provider);
    for (at, deed, expected) in [
        ("validate-config", "trap", "component `under-test` in `meta.validate-config`: it trapped"),
        ("validate-config", "spin", "`meta.validate-config`: it computed for longer than"),
        ("validate-config", "garble", "`meta.validate-config`: its answer is out of bounds"),
        ("surfaces", "trap", "component `under-test` in `relay.surfaces`: it trapped"),
        ("surfaces", "spin", "`relay.surfaces`: it computed for longer than"),
        ("surfaces", "garble", "`relay.surfaces`: its answer is out of bounds"),
        ("surfaces", "flood", "`relay.surfaces`: "),
    ] {
        let config = json!({ "do": deed, "at": at });
        let error = runtime.instantiate(component.clone(), spec("x", config)).unwrap_err().to_string();
        assert!(error.contains(expected), "{at} {deed}: {error}");
    }
    // However much it has to say about them.
    let config = json!({ "do": "lie", "at": "validate-config" });
    let error = runtime.instantiate(component, spec("x", config)).unwrap_err().to_string();
    assert!(error.len() < 5_000, "{}", error.len());
}

/// A component with this schema of settings, which is not asked for anything else.
#[track_caller]
fn schema(schema: &serde_json::Value, config: &serde_json::Value) -> Result<(), String> {
    crate::runtime::sound(schema)
        .and_then(|()| crate::runtime::check(schema, config))
        .map_err(|error| error.to_string())
}

#[test]
fn a_schema_that_leads_in_circles_ends() {
    for circle in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } }),
        json!({ "$dynamicRef": "#a", "$defs": { "a": { "$dynamicAnchor": "a", "not": { "$dynamicRef": "#a" } } } }),
        json!({ "if": { "$ref": "#" }, "then": { "$ref": "#" }, "else": { "$ref": "#" } }),
        json!({ "properties": { "a": { "$ref": "#" } } }),
    ] {
        // Either answer is fine: that one comes is what matters.
        let _answer = schema(&circle, &json!({ "a": { "a": {} } }));
    }
    assert!(schema(&json!({ "$ref": "http://169.254.169.254/schema" }), &json!({})).is_err());
    assert!(schema(&json!({ "$ref": "file:///etc/passwd" }), &json!({})).is_err());
}

#[test]
fn secrets_stand_at_the_top_of_the_settings() {
    let secret = json!({ "type": "string", "format": "secret" });
    assert_eq!(schema(&json!({ "properties": { "token": secret } }), &json!({})), Ok(()));
    assert_eq!(schema(&json!({ "properties": { "format": { "type": "string" } } }), &json!({})), Ok(()));
    for hidden in [
        json!({ "properties": { "auth": { "properties": { "token": secret } } } }),
        json!({ "properties": { "token": { "$ref": "#/$defs/token" } }, "$defs": { "token": secret } }),
        json!({ "properties": { "token": { "anyOf": [secret, { "type": "null" }] } } }),
        json!({ "items": secret }),
    ] {
        let error = schema(&hidden, &json!({})).unwrap_err();
        assert!(error.contains("secrets stand at the top"), "{error}");
    }
}

#[test]
fn what_the_operator_wrote_as_an_origin_must_be_one() {
    let runtime = runtime();
    let component = load(&runtime, hostile(), Plays::Provider);
    let mut with = spec("x", json!({}));
    with.grants.push(crate::GrantedOrigin { url: "api.example.com".into(), operator: true });
    let error = runtime.instantiate(component, with).unwrap_err().to_string();
    assert!(error.contains("`api.example.com` is not an origin such as"), "{error}");
}

#[tokio::test]
async fn what_an_instance_keeps_is_its_own_and_outlives_its_versions() {
    let runtime = runtime();
    let component = load(&runtime, hostile(), Plays::Provider);
    let named = |name: &str, claims: &str| {
        let config = json!({ "claims": claims });
        std::sync::Arc::new(runtime.instantiate(component.clone(), spec(name, config)).unwrap())
    };
    let peek = async |instance: &std::sync::Arc<crate::Instance>| -> String {
        let mut exchange = instance.exchange().await.unwrap();
        let request = ChatRequest { model: "x-peek".into(), ..ChatRequest::default() };
        text_of(&exchange.answer(request, CallContext::default()).await.unwrap())
    };
    let keep = async |instance: &std::sync::Arc<crate::Instance>| {
        let mut exchange = instance.exchange().await.unwrap();
        let request = ChatRequest { model: "x-keep".into(), ..ChatRequest::default() };
        exchange.answer(request, CallContext::default()).await.unwrap();
    };
    let (one, other) = (named("one", "first"), named("other", "second"));
    keep(&one).await;
    assert_eq!((peek(&one).await, peek(&other).await), ("first".into(), "nothing".into()));
    // Other settings, the same instance; what it kept before, it has.
    let edited = named("one", "edited");
    drop(one);
    assert_eq!(peek(&edited).await, "first");
    keep(&edited).await;
    assert_eq!(peek(&edited).await, "edited");
    // Another component under the same name begins anew, and so does the same one when it was gone meanwhile.
    let stranger = std::sync::Arc::new(runtime.load("stranger", &hostile().wasm, manifest()).unwrap());
    let stranger = std::sync::Arc::new(runtime.instantiate(stranger, spec("one", json!({}))).unwrap());
    assert_eq!(peek(&stranger).await, "nothing");
    drop(edited);
    assert_eq!(peek(&named("one", "again")).await, "nothing");
}

#[test]
fn a_default_address_may_name_other_settings() {
    let schema = json!({ "properties": {
        "region": { "type": "string", "default": "us-east-1" },
        "base_url": { "type": "string", "format": "uri", "default": "https://api.{region}.vendor.example" },
    } });
    let granted = |config: serde_json::Value| {
        let origins = crate::runtime::named_origins(&schema, &config).into_iter();
        origins.map(|origin| (origin.url, origin.operator)).collect::<Vec<_>>()
    };
    let public = |url: &str| vec![(url.to_owned(), false)];
    assert_eq!(granted(json!({})), public("https://api.us-east-1.vendor.example"));
    assert_eq!(granted(json!({ "region": "eu-west-3" })), public("https://api.eu-west-3.vendor.example"));
    for more_than_a_label in ["", "a.b", "evil.example/", "x@y", "a:1", "{region}"] {
        assert_eq!(granted(json!({ "region": more_than_a_label })), [], "{more_than_a_label}");
    }
    let written = json!({ "region": "x", "base_url": "https://{region}.example" });
    assert_eq!(granted(written), [("https://{region}.example".to_owned(), true)], "what is written is meant");
}
