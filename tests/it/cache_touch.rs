//! Prompts kept warm: at whoever served the earlier request, under the id that it has there, and nowhere else.

use brains_tests::wire::{ANTHROPIC, OPENAI, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Client, Reply, Seen, Upstream};
use serde_json::{Value, json};

const PATH: &str = "/v1/messages/cache_touch";

/// Answers messages under an id of its own, and touches of that id alone.
fn keeping(seen: &Seen) -> Reply {
    if !seen.path.starts_with(PATH) {
        return (ANTHROPIC.answer)(seen).header("request-id", "req_upstream_1");
    }
    assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
    if seen.json()["request_id"] == "req_upstream_1" {
        return Reply::json(200, json!({"type": "cache_touch", "expires_in": 300}).to_string());
    }
    Reply::json(404, (ANTHROPIC.error_body)(404, "request not found"))
}

async fn send(client: &Client, path: &str, body: &Value) -> Answer {
    let request = client.request(http::Method::POST, path).header("anthropic-version", "2023-06-01");
    Client::send(request.header("anthropic-beta", "cache-keepalive-2026-09-03").body(body.to_string())).await
}

fn turn(model: &str, stream: bool) -> Value {
    json!({"model": model, "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_goes_to_who_served_the_request() {
    let (upstream, other) = (Upstream::start(keeping).await, OPENAI.upstream().await);
    let service = Brains::start(ANTHROPIC.setup(&upstream).and(&OPENAI.config(&other))).await;
    for stream in [false, true] {
        let answer = send(&service.client, "/v1/messages", &turn(&ANTHROPIC.model(), stream)).await;
        let id = answer.header("request-id").to_owned();
        assert!(answer.status == 200 && id != "req_upstream_1", "{}", answer.text());
        let body = json!({"request_id": id, "later": true});
        let touched = send(&service.client, &format!("{PATH}?beta=true"), &body).await;
        assert_eq!(
            (touched.status, touched.json()["expires_in"].clone()),
            (200, json!(300)),
            "{}",
            touched.text()
        );
        assert_eq!(touched.header("x-brains-provider"), "anthropic");
        let sent = upstream.last();
        assert_eq!(sent.path, format!("{PATH}?beta=true"));
        assert_eq!(sent.json(), json!({"request_id": "req_upstream_1", "later": true}));
        assert_eq!(sent.header("anthropic-beta"), Some("cache-keepalive-2026-09-03"));

        // Another's request is nobody's.
        let made = service.client.operation("create_key", &json!({"name": format!("other-{stream}")})).await;
        let another = service.client.with_key(made["key"].as_str().expect("a key"));
        let refused = send(&another, PATH, &body).await;
        assert_eq!(refused.status, 404, "{}", refused.text());
        // The upstream's own word of it goes through.
        upstream.then(Reply::json(404, (ANTHROPIC.error_body)(404, "prompt is gone")));
        let gone = send(&service.client, PATH, &body).await;
        assert_eq!(
            (gone.status, &gone.json()["error"]["type"]),
            (404, &json!("not_found_error")),
            "{}",
            gone.text()
        );
    }
    let asked = upstream.seen().len();

    // Served by who has no such call, by nobody, or asked wrongly: as the vendor refuses it.
    let answer = send(&service.client, "/v1/messages", &turn(&OPENAI.model(), false)).await;
    for id in [answer.header("request-id"), "req_never"] {
        let refused = send(&service.client, PATH, &json!({"request_id": id})).await;
        assert_eq!((refused.status, &refused.json()["error"]["type"]), (404, &json!("not_found_error")));
        assert!(!refused.header("request-id").is_empty(), "clients tell it from a route that is not there");
    }
    for body in [json!({}), json!({"request_id": 7})] {
        let refused = send(&service.client, PATH, &body).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["type"]),
            (400, &json!("invalid_request_error"))
        );
    }
    assert_eq!(upstream.seen().len(), asked);
    assert!(other.seen().iter().all(|seen| !seen.path.contains("cache_touch")));
}
