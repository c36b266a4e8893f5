//! The list of models in the shape of who asks for it, page by page where its wire has pages.

use brains_tests::service::Home;
use brains_tests::{Answer, Brains, Client, within};
use serde_json::json;

use crate::codex::{CodexSettings, codex_set};

async fn listed(service: &Brains, query: &str) -> Answer {
    let request = service.client.request(http::Method::GET, &format!("/v1/models{query}"));
    Client::send(request.header("anthropic-version", "2023-06-01")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page() {
    let service = Brains::plain().await;
    let all = listed(&service, "").await.json();
    assert_eq!(all["has_more"], false, "{all}");
    let ids = |list: &serde_json::Value| -> Vec<String> {
        let data = list["data"].as_array().expect("a list").iter();
        data.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect()
    };
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = listed(&service, &format!("?limit=3{after}")).await.json();
        let on_page = ids(&page);
        assert!(on_page.len() <= 3, "{page}");
        assert_eq!(page["data"][0]["type"], "model", "{page}");
        assert_eq!(page["last_id"].as_str(), on_page.last().map(String::as_str), "{page}");
        after = format!("&after_id={}", page["last_id"].as_str().unwrap_or_default().replace('/', "%2F"));
        seen.extend(on_page);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen, ids(&all));

    for query in ["?limit=0", "?limit=x", "?after_id=nope"] {
        let refused = listed(&service, query).await;
        assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("error")), "{query}");
    }
    let other = service.client.get("/v1/models?limit=1").await.json();
    assert_eq!(other["object"], "list", "clients of the other wire know no pages");
    assert_eq!(ids(&other), ids(&all));
}

/// BerriAI/litellm#36854: Codex reads a list with rich entries, and none with any other.
#[tokio::test(flavor = "multi_thread")]
async fn codex_reads_the_list() {
    let service = Brains::plain().await;
    let shown = service.client.get("/v1/models?client_version=0.171.0").await.json();
    let slugs = |list: &serde_json::Value| -> Vec<String> {
        let models = list["models"].as_array().expect("models").iter();
        models.filter_map(|model| model["slug"].as_str().map(str::to_owned)).collect()
    };
    let (own, listed) = (slugs(&shown), service.client.get("/v1/models").await.json());
    assert_eq!(own.len(), listed["data"].as_array().expect("a list").len());
    assert_eq!(shown["data"], listed["data"], "and the vendor's own shape beside it");

    let home = Home::default();
    // A key that comes of a command makes it ask.
    let provider =
        format!("[model_providers.brains.auth]\ncommand = \"echo\"\nargs = [\"{}\"]\n", service.client.key);
    let settings = CodexSettings { provider: &provider, ..CodexSettings::default() };
    let output = within("Codex", codex_set(&home, &service, &settings, &["debug", "models"]).output()).await;
    let output = output.expect("Codex runs");
    let known: serde_json::Value = serde_json::from_slice(&output.stdout).expect("Codex shows JSON");
    let known = slugs(&known);
    assert!(own.iter().all(|slug| known.contains(slug)), "{own:?} among {known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_model_is_shown_in_either_shape() {
    let service = Brains::plain().await;
    let path = "/v1/models/claude-brains-auto";
    let openai = service.client.get(path).await.json();
    assert_eq!((&openai["object"], &openai["id"]), (&json!("model"), &json!("claude-brains-auto")));
    let request = service.client.request(http::Method::GET, path).header("anthropic-version", "2023-06-01");
    let anthropic = Client::send(request).await.json();
    assert_eq!((&anthropic["type"], &anthropic["id"]), (&json!("model"), &json!("claude-brains-auto")));
    // What a client that takes no other names may choose, newest shape and all.
    let listed = listed(&service, "?limit=1000").await.json();
    let names = listed["data"].as_array().expect("a list").iter().filter_map(|model| model["id"].as_str());
    assert!(names.filter(|name| name.starts_with("claude")).count() >= 2, "{listed}");
}
