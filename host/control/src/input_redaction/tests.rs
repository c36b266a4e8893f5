use std::collections::BTreeSet;

use super::*;
use crate::registry::Registry;

/// Made up here; it was never valid.
const TOKEN: &str = "ghp_x7Kq2mZ9pL4vT8wR3nB6yD1sF5hJ0gCaE2uQ";

fn looked(name: &str, mut input: Value) -> (Result<Vec<String>, Fault>, Value) {
    let registry = Registry::new();
    let looked = redact_input(registry.find(name).unwrap().kind, &mut input);
    (looked, input)
}

/// Names of members that take a text, however deep.
fn texts(schema: &Value, name: &str, found: &mut BTreeSet<String>) {
    for branches in ["anyOf", "oneOf", "allOf"] {
        for branch in schema[branches].as_array().into_iter().flatten() {
            texts(branch, name, found);
        }
    }
    let is = |kind: &str| match &schema["type"] {
        Value::String(of) => of == kind,
        Value::Array(of) => of.iter().any(|of| of == kind),
        _ => false,
    };
    if is("string") && schema["enum"].is_null() && schema["const"].is_null() {
        found.insert(name.to_owned());
    }
    if schema["items"].is_object() {
        texts(&schema["items"], name, found);
    }
    if schema["additionalProperties"].is_object() {
        texts(&schema["additionalProperties"], name, found);
    }
    for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
        texts(schema, member, found);
    }
}

#[test]
fn every_text_of_every_change_is_in_the_table() {
    let registry = Registry::new();
    let mut found = BTreeSet::new();
    for entry in registry.entries().iter().filter(|entry| entry.kind != OperationKind::Read) {
        texts(&entry.input_schema, "", &mut found);
    }
    // Those of the envelope never reach an operation.
    let options = ["idempotency_key", "session_token"];
    let missing: Vec<_> =
        found.iter().filter(|name| known(name).is_none() && !options.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "say in `MEMBERS` what these are: {missing:?}");
    for (name, _) in MEMBERS {
        assert!(
            found.contains(*name) || ["value", "secrets", "document"].contains(name),
            "no operation takes `{name}`"
        );
    }
}

#[test]
fn what_somebody_says_is_covered_and_told() {
    let (covered, input) = looked(
        "create_task",
        json!({ "title": format!("rotate {TOKEN}"), "body": "nothing here", "depends_on": [TOKEN] }),
    );
    let covered = covered.unwrap();
    assert_eq!(covered, ["title"]);
    assert_eq!(input["title"], "rotate [REDACTED]");
    // A reference names what is there or nothing.
    assert_eq!(input["depends_on"], json!([TOKEN]));
    let mut answer = json!({ "task": {} });
    report_covered(&mut answer, &covered);
    let told = answer["warnings"][0].as_str().unwrap();
    assert!(told.starts_with("`title` held") && !told.contains(TOKEN), "{told}");
    report_covered(&mut answer, &[]);
    assert_eq!(answer["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_name_that_is_a_secret_is_refused() {
    for (operation, input, param) in [
        ("create_key", json!({ "name": TOKEN }), "name"),
        ("create_task", json!({ "title": "t", "tags": ["a", TOKEN] }), "tags[1]"),
        ("create_task", json!({ "title": "t", "tags": format!("a,{TOKEN}") }), "tags"),
        ("start_session", json!({ "tool": TOKEN }), "tool"),
        ("acquire_lock", json!({ "path": format!("src/{TOKEN}.rs") }), "path"),
        (
            "import_workspaces",
            json!({ "workspaces": [{ "path": "/x", "name": TOKEN }] }),
            "workspaces[0].name",
        ),
    ] {
        let fault = looked(operation, input).0.unwrap_err();
        assert_eq!((&*fault.code, fault.param.as_deref()), ("looks_like_secret", Some(param)), "{operation}");
        assert!(!format!("{fault:?}").contains(TOKEN), "{fault:?}");
    }
}

#[test]
fn digests_in_paths_are_a_matter_of_course() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    for path in [
        format!("store/{digest}/index.js"),
        format!("/var/lib/docker/overlay2/{digest}/merged"),
        ".git/objects/9a/2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15".to_owned(),
        "src/components/authentication/AuthenticationProviderFactory2.test.tsx".to_owned(),
    ] {
        assert_eq!(looked("acquire_lock", json!({ "path": path })).0, Ok(Vec::new()), "{path}");
    }
}

#[test]
fn a_text_beyond_its_bound_is_refused_whoever_takes_it() {
    let long = "x".repeat(1 << 20);
    let registry = Registry::new();
    for entry in registry.entries() {
        let mut found = BTreeSet::new();
        for (member, schema) in entry.input_schema["properties"].as_object().into_iter().flatten() {
            let mut below = BTreeSet::new();
            texts(schema, member, &mut below);
            found.extend(below.contains(member).then(|| member.clone()));
        }
        let bounded_elsewhere = ["from", "idempotency_key", "session_token", "wasm"];
        for member in found.iter().filter(|name| !bounded_elsewhere.contains(&name.as_str())) {
            let mut input = Value::Object(Map::from_iter([(member.clone(), long.clone().into())]));
            let fault = redact_input(entry.kind, &mut input).unwrap_err();
            assert_eq!(&*fault.code, "text_too_long", "{} {member}", entry.name);
        }
    }
}
