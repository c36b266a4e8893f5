//! What is generated is up to date, and what the README says works.

use std::collections::BTreeMap;
use std::path::Path;

use brains_control::reference::configuration;
use brains_tests::Brains;
use brains_tests::service::Home;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_first_request_is_answered() {
    let readme = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))
        .expect("README.md");
    let (_, after) = readme.split_once("-d '").expect("a body");
    let (body, _) = after.split_once('\'').expect("its end");
    let service = Brains::plain().await;
    let answer = service.client.post("/v1/chat/completions", body.to_owned()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for name in ["task", "tier", "provider", "model", "route-reason"] {
        assert!(!answer.header(&format!("x-brains-{name}")).is_empty(), "x-brains-{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_description_is_the_committed_one() {
    let service = Brains::plain().await;
    let mut served = service.client.get("/api/openapi.json").await.json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/openapi.json");
    let mut committed: serde_json::Value =
        serde_json::from_str(&fs_err::read_to_string(path).expect("docs/reference/openapi.json"))
            .expect("JSON");
    for document in [&mut served, &mut committed] {
        document["info"]["version"] = json!("0");
        document["servers"] = json!(null);
    }
    assert_eq!(served, committed, "rewrite it with `UPDATE=1 cargo xtask test docs`");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_file_of_the_configuration_are_written_from_its_schema() {
    let home = Home::default();
    let output = home.run(&["config", "schema", "--json"]).await;
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema = &told["schema"];
    is_committed("docs/reference/configuration.md", &configuration::page(schema).text);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates/config-examples.txt");
    let examples = fs_err::read_to_string(examples).expect("examples");
    let file = configuration::file(schema, &examples);
    is_committed("templates/config.yaml", &file);
    // Every key set to what stands there is the same as none: it is a key, and that is its default.
    let plain = home.run(&["config", "show", "--json"]).await;
    let settings =
        file.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with([' ', '_']));
    let settings = settings.filter(|line| line.contains(':') && !of_a_component(line));
    home.write_config(&settings.collect::<Vec<_>>().join("\n"));
    let checked = home.run(&["config", "check", "--json"]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!((&checked["ok"], &checked["warnings"]), (&json!(true), &json!([])), "{checked}");
    let set = home.run(&["config", "show", "--json"]).await;
    let values = |shown: &[u8]| {
        let shown: Value = serde_json::from_slice(shown).expect("JSON");
        let values = shown["values"].as_array().expect("values").iter();
        // 60 and 60.0 are one number, and what is empty is as good as not there.
        let told = values.map(|value| match value["value"].as_f64() {
            Some(number) => (value["key"].to_string(), number.to_string()),
            None => (value["key"].to_string(), value["value"].to_string()),
        });
        told.filter(|(_, value)| value != "[]" && value != "{}").collect::<BTreeMap<_, _>>()
    };
    // The command adds where the database is.
    let (mut set, mut plain) = (values(&set.stdout), values(&plain.stdout));
    for shown in [&mut set, &mut plain] {
        shown.remove("\"db_url\"");
    }
    // What nothing serves stands nowhere until it is set.
    set.retain(|key, _| {
        plain.contains_key(key) || schema["properties"][key.trim_matches('"')]["x-served"] != false
    });
    assert_eq!(set, plain);
}

/// Setting one of these calls an instance into being.
fn of_a_component(line: &str) -> bool {
    [
        "anthropic_",
        "bedrock_",
        "github_copilot_",
        "litellm_",
        "ollama_",
        "openai_compatible_",
        "openai_responses_",
    ]
    .iter()
    .any(|component| line.starts_with(component))
}

/// Compares what was generated with what is committed, or writes it.
fn is_committed(file: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    #[expect(clippy::disallowed_methods, reason = "a person asks for the rewrite by environment")]
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        fs_err::write(&path, generated).expect("written");
    }
    let committed = fs_err::read_to_string(path).unwrap_or_default();
    assert_eq!(generated, committed, "rewrite {file} with `UPDATE=1 cargo xtask test docs`");
}

#[test]
fn the_translation_page_is_written_from_the_table() {
    is_committed("docs/reference/translation.md", &brains_dialect::translation::page());
}

#[test]
fn the_page_of_vendors_is_written_from_the_table() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/vendors.yaml");
    let table = fs_err::read_to_string(table).expect("plugins/vendors.yaml");
    let vendors = brains_core::config::Vendors::parse(&table).expect("a sound table");
    is_committed("docs/reference/vendors.md", &vendors.page());
}
