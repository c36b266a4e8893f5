//! What is generated is up to date, and what the README says works.

use std::path::Path;

use brains_tests::Brains;
use serde_json::json;

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

#[test]
fn the_translation_page_is_written_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/translation.md");
    let page = brains_dialect::translation::page();
    #[expect(clippy::disallowed_methods, reason = "a person asks for the rewrite by environment")]
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        fs_err::write(&path, &page).expect("docs/reference/translation.md");
    }
    let committed = fs_err::read_to_string(path).unwrap_or_default();
    assert_eq!(page, committed, "rewrite it with `UPDATE=1 cargo xtask test docs`");
}
