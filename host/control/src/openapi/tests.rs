//! The OpenAPI document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::registry::Registry;

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
