//! The document: whole, committed, and of routes that are there.

use std::collections::BTreeSet;
use std::path::Path;

use brains_control::Registry;
use serde_json::Value;

use brains_core::config::Config;

use crate::testing::TestListener;

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                found.insert(target);
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_schema_is_unused() {
    let document = super::document(&Registry::new());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for target in &found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(format!("#/components/schemas/{name}").as_str()), "{name} is used nowhere");
        assert!(!name.ends_with(char::is_numeric), "two types are called alike: {name}");
    }
}

#[test]
fn every_operation_has_its_path_and_an_id_of_its_own() {
    let registry = Registry::new();
    let document = super::document(&registry);
    let paths = document["paths"].as_object().unwrap();
    for entry in registry.entries() {
        let operation = &paths[&format!("/api/ops/{}", entry.name)]["post"];
        assert_eq!(operation["operationId"], entry.name);
    }
    let mut ids = BTreeSet::new();
    for operation in paths.values().flat_map(|item| item.as_object().unwrap().values()) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{operation}");
    }
}

async fn plain() -> TestListener {
    TestListener::start(Config::default()).await
}

/// Rewrites the file when `UPDATE` is set, else compares.
#[test]
fn the_committed_document_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let text = format!("{:#}\n", super::document(&Registry::new()));
    #[expect(clippy::disallowed_methods, reason = "how a test is told to rewrite its golden file")]
    if std::env::var("UPDATE").is_ok() {
        fs_err::write(&path, &text).unwrap();
    }
    let committed = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "stale: `UPDATE=1 cargo xtask test docs` rewrites it");
}

#[tokio::test]
async fn every_described_route_is_there() {
    let listener = plain().await;
    let document = super::document(&Registry::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{id}", "x");
            let answer = listener.with_key(&method.to_uppercase(), &path, b"").await;
            assert!(!answer.body.contains("unknown_route"), "{method} {path}: {}", answer.body);
            assert_ne!(answer.status, 405, "{method} {path}");
        }
    }
    listener.stop().await;
}
