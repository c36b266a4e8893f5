//! The list of models in the shape of who asks for it, page by page where its wire has pages.

use brains_tests::{Answer, Brains, Client};
use serde_json::json;

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
