//! Who may in: keys, their order before limits and bodies, hosts and origins, and limits.

use brains_tests::{Brains, Client, Setup};
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_a_bearer_or_an_x_api_key() {
    let service = Brains::plain().await;
    let key = service.client.key.clone();
    let anonymous = service.client.with_key("");
    for (name, value, status) in [
        ("authorization", format!("Bearer {key}"), 200),
        ("authorization", format!("bearer   {key}"), 200),
        ("x-api-key", key.clone(), 200),
        ("authorization", format!("Basic {key}"), 401),
        ("authorization", key.clone(), 401),
        ("x-api-key", format!("{key}x"), 401),
        ("cookie", format!("key={key}"), 401),
    ] {
        let request = anonymous.request(http::Method::GET, "/v1/models").header(name, &value);
        let answer = Client::send(request).await;
        assert_eq!(answer.status, status, "{name}: {value}");
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
        }
    }
    assert_eq!(anonymous.get(&format!("/v1/models?key={key}")).await.status, 401);
    let odd = http::HeaderValue::from_bytes(b"Bearer sch\xc3\xbcssel").expect("a value");
    let answer =
        Client::send(anonymous.request(http::Method::GET, "/v1/models").header("authorization", odd)).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_comes_before_the_body() {
    let service = Brains::plain().await;
    let stranger = service.client.with_key("wrong");
    assert_eq!(stranger.post(CHAT, "{").await.status, 401);
    assert_eq!(stranger.post(CHAT, vec![b' '; 40 << 20]).await.status, 401);
    assert_eq!(service.client.post(CHAT, "{").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_throttled_and_the_right_one_is_not() {
    let service = Brains::plain().await;
    let stranger = service.client.with_key("wrong");
    for _ in 0..20 {
        assert_eq!(stranger.get("/v1/models").await.status, 401);
    }
    let throttled = stranger.get("/v1/models").await;
    assert!([401, 429].contains(&throttled.status), "{}", throttled.status);
    assert_eq!(service.client.get("/v1/models").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_hosts_and_origins_are_turned_away() {
    let service = Brains::start(Setup::config(
        "allowed_hosts: [brains.example]\nallowed_origins: [\"https://console.example\"]\n",
    ))
    .await;
    let get = |name: &'static str, value: String| {
        let request = service.client.request(http::Method::GET, "/v1/models").header(name, value);
        async move { Client::send(request).await.status }
    };
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9", 200),
        ("brains.example", 200),
        ("brains.example:443", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        assert_eq!(get("host", host.to_owned()).await, status, "{host}");
    }
    for (origin, status) in [
        (service.client.base.clone(), 200),
        ("https://console.example".to_owned(), 200),
        ("https://evil.example".to_owned(), 403),
        ("null".to_owned(), 403),
    ] {
        assert_eq!(get("origin", origin.clone()).await, status, "{origin}");
    }
}

/// A browser asks without a key whether a page may call, and gives it the answer only when that says so
/// (BricksLLM#45).
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_gets_what_its_browser_asks_for() {
    const PAGE: &str = "https://console.example";
    let service = Brains::start(Setup::config(format!("allowed_origins: [\"{PAGE}\"]\n"))).await;
    for (client, path) in [
        (&service.client, CHAT),
        (&service.client, "/v1/models"),
        (&service.client, "/api/ops/list_tasks"),
        (&service.mcp, "/mcp"),
    ] {
        let stranger = client.with_key("");
        let question = |origin: &'static str| {
            let request = stranger.request(http::Method::OPTIONS, path).header("origin", origin);
            let request = request.header("access-control-request-method", "POST");
            let wanted = "authorization,content-type,x-stainless-os";
            Client::send(request.header("access-control-request-headers", wanted))
        };
        let answer = question(PAGE).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, PAGE), "{path}");
        assert!(answer.header("access-control-allow-methods").contains("POST"), "{path}");
        assert!(answer.header("access-control-allow-headers").contains("authorization"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "keys are no cookies");
        let answer = question("https://evil.example").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, ""), "{path}");
        // Who is no browser is asked for the key first.
        let plain = Client::send(stranger.request(http::Method::OPTIONS, path)).await;
        assert_eq!(plain.status, 401, "{path}");
    }
    let call = |client: &Client, body: &'static str| {
        let request = client.request(http::Method::POST, CHAT).header("origin", PAGE);
        Client::send(request.body(body))
    };
    let good = r#"{"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]}"#;
    for (client, body, status) in [
        (service.client.clone(), good, 200),
        (service.client.clone(), "{", 400),
        (service.client.with_key("wrong"), good, 401),
    ] {
        let answer = call(&client, body).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, PAGE));
        assert_eq!(answer.header("access-control-expose-headers"), "*", "the page reads the routing");
        assert!(answer.header("vary").contains("origin"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_per_key_and_say_so() {
    let service = Brains::start(Setup::config("rate_limit_per_minute: 3\n")).await;
    let made = service.client.operation("create_key", &json!({"name": "second"})).await;
    let second = service.client.with_key(made["key"].as_str().expect("a key"));
    let hello = json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]});
    for left in ["2", "1", "0"] {
        let answer = second.chat(&hello).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining-requests")), (200, left));
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "3");
    }
    let refused = second.post(CHAT, "{").await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (429, Some("rate_limit_exceeded"))
    );
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=60).contains(&seconds)));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_and_revocation_count_at_once() {
    let service = Brains::plain().await;
    let made = service.client.operation("create_key", &json!({"name": "short-lived"})).await;
    let key = service.client.with_key(made["key"].as_str().expect("a key"));
    assert_eq!(key.get("/v1/models").await.status, 200);
    let listed = service.client.operation("list_keys", &json!({})).await;
    assert!(!listed.to_string().contains(key.key.as_str()), "a key is shown once");
    service.client.operation("revoke_key", &json!({"id": made["id"]})).await;
    assert_eq!(key.get("/v1/models").await.status, 401);

    fs_err::write(service.home.state().join("admin-key"), "a-new-admin-key-of-some-length\n")
        .expect("written");
    assert_eq!(service.client.get("/v1/models").await.status, 401);
    assert_eq!(service.client.with_key("a-new-admin-key-of-some-length").get("/v1/models").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_be_compressed_and_are_measured_after() {
    let service = Brains::start(Setup::config("max_body_bytes: 65536\n")).await;
    let hello = json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let send = |coding: &'static str, body: Vec<u8>| {
        let request =
            service.client.request(http::Method::POST, CHAT).header("content-encoding", coding).body(body);
        async move { Client::send(request).await.status }
    };
    let gzip = |text: &[u8]| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    };
    let bomb = vec![b' '; 10 << 20];
    assert_eq!(send("gzip", gzip(hello.as_bytes())).await, 200);
    assert_eq!(send("zstd", zstd::encode_all(hello.as_bytes(), 1).expect("encoded")).await, 200);
    assert_eq!(send("gzip", gzip(&bomb)).await, 413);
    assert_eq!(send("zstd", zstd::encode_all(bomb.as_slice(), 1).expect("encoded")).await, 413);
    assert_eq!(send("identity", vec![b' '; 65_537]).await, 413);
    assert_eq!(send("gzip", b"not gzip".to_vec()).await, 400);
    assert!([400, 415].contains(&send("br", hello.into_bytes()).await));
}

/// A name that several operators gave a key is nobody's alone: it takes the operator, or the id.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_by_a_name_only_when_it_is_one_keys() {
    let service = Brains::plain().await;
    let mut keys = Vec::new();
    for slug in ["ada", "bob"] {
        service.client.operation("add_operator", &json!({"slug": slug})).await;
        keys.push(service.client.operation("create_key", &json!({"name": "laptop", "operator": slug})).await);
    }
    let works = async |at: usize| {
        let client = service.client.with_key(keys[at]["key"].as_str().expect("a key"));
        client.get("/v1/models").await.status == 200
    };
    assert!(works(0).await && works(1).await);
    let both = service.home.run(&["key", "revoke", "laptop"]).await;
    let said = String::from_utf8_lossy(&both.stderr).into_owned();
    assert_eq!(both.status.code(), Some(4), "{said}");
    assert!(said.contains("ada, bob") && said.contains("hint:") && said.contains("--operator"), "{said}");
    assert!(works(0).await && works(1).await, "a refusal takes nothing back");

    let one = service.home.run(&["key", "revoke", "laptop", "--operator", "bob"]).await;
    assert!(one.status.success(), "{one:?}");
    assert!(works(0).await && !works(1).await);
    // Now the name is one key's.
    let other = service.home.run(&["key", "revoke", "laptop"]).await;
    assert!(other.status.success(), "{other:?}");
    assert!(!works(0).await);
    let none = service.home.run(&["key", "revoke", "laptop"]).await;
    assert_eq!(none.status.code(), Some(3), "{none:?}");
}
