use std::sync::atomic::Ordering;
use std::time::Duration;

use brains_core::Principal;
use brains_core::config::Config;
use brains_core::principal::KeyScope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::testing::{KEY, TestListener, credential, head};

const CHAT: &str = "/v1/chat/completions";

async fn plain() -> TestListener {
    TestListener::start(Config::default()).await
}

#[tokio::test]
async fn a_request_is_answered_with_its_facts() {
    let listener = plain().await;
    let answer = listener
        .ask(
            "POST",
            CHAT,
            &[("x-api-key", KEY), ("x-request-id", "mine-1"), ("content-type", "text/plain")],
            b"{}",
        )
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((answer.header("x-request-id"), answer.header("request-id")), ("mine-1", "mine-1"));
    assert_eq!(answer.header("x-brains-tier"), "strong");
    assert_eq!(answer.header("x-brains-route-reason"), "weil es %E2%80%9Esch%C3%B6n%E2%80%9C ist");
    assert_eq!(answer.header("cache-control"), "no-store");
    listener.stop().await;
}

#[tokio::test]
async fn a_fault_keeps_its_status_and_its_facts() {
    let listener = plain().await;
    let answer = listener.with_key("POST", CHAT, b"busy").await;
    assert_eq!(answer.code(), (503, "server_is_overloaded".into()));
    assert_eq!((answer.header("retry-after"), answer.header("retry-after-ms")), ("2", "1200"));
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
    assert_eq!(answer.header("x-brains-attempts"), "2");
    listener.stop().await;
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let listener = plain().await;
    let answer = listener.with_key("POST", CHAT, b"panic").await;
    assert_eq!(answer.code(), (500, "internal_error".into()));
    assert!(answer.header("x-request-id").starts_with("req_"));
    assert!(!answer.body.contains("as told"));
    assert_eq!(listener.with_key("POST", CHAT, b"{}").await.status, 200);
    listener.stop().await;
}

#[tokio::test]
async fn names_come_before_keys_and_keys_before_everything() {
    let listener = plain().await;
    let foreign = listener.ask("POST", CHAT, &[("host", "evil.example")], b"{").await;
    assert_eq!(foreign.code(), (421, "misdirected_request".into()));
    assert!(!foreign.header("request-id").is_empty());
    assert_eq!(listener.ask("GET", "/health", &[("host", "evil.example")], b"").await.status, 421);
    let page =
        listener.ask("POST", CHAT, &[("origin", "https://evil.example"), ("x-api-key", KEY)], b"{}").await;
    assert_eq!(page.code(), (403, "origin_not_allowed".into()));
    let stranger =
        listener.ask("POST", CHAT, &[("x-api-key", "wrong"), ("content-encoding", "br")], b"{").await;
    assert_eq!(stranger.code(), (401, "invalid_api_key".into()));
    assert_eq!(stranger.header("www-authenticate"), "Bearer");
    assert_eq!(stranger.header("x-should-retry"), "false", "Claude Code repeats it ten times");
    for path in ["/v1/models", "/v1/nowhere", "/v1", "/api/openapi.json", "/api/ops/say_back", "/api/nowhere"]
    {
        assert_eq!(listener.ask("GET", path, &[], b"").await.status, 401, "{path}");
        assert_eq!(
            listener.ask("GET", &format!("{path}?key={KEY}"), &[("cookie", KEY)], b"").await.status,
            401
        );
    }
    assert!(listener.fake.bodies.lock().unwrap().is_empty());
    listener.stop().await;
}

#[tokio::test]
async fn either_header_may_carry_the_key() {
    let listener = plain().await;
    let bearer = format!("bEARER   {KEY}  ");
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("x-api-key", "wrong"), ("authorization", &bearer)],
        vec![("x-api-key", KEY), ("authorization", "Basic abc")],
    ] {
        assert_eq!(listener.ask("GET", "/v1/models", &headers, b"").await.status, 200, "{headers:?}");
    }
    for value in [
        format!("Basic {KEY}"),
        KEY.to_owned(),
        format!("Bearer{KEY}"),
        "Bearer".into(),
        "Bearer schlüssel".into(),
    ] {
        assert_eq!(
            listener.ask("GET", "/v1/models", &[("authorization", &value)], b"").await.status,
            401,
            "{value}"
        );
    }
    listener.stop().await;
}

#[tokio::test]
async fn wrong_keys_are_throttled_and_right_ones_are_not() {
    let listener = plain().await;
    for _ in 0..20 {
        assert_eq!(listener.ask("GET", "/v1/models", &[("x-api-key", "wrong")], b"").await.status, 401);
    }
    let throttled = listener.ask("GET", "/v1/models", &[("x-api-key", "wrong")], b"").await;
    assert_eq!(throttled.code(), (429, "too_many_wrong_keys".into()));
    assert_eq!(throttled.header("retry-after"), "2");
    assert_eq!(listener.with_key("GET", "/v1/models", b"").await.status, 200);
    listener.stop().await;
}

#[tokio::test]
async fn scopes_and_changes_of_keys_count_at_once() {
    let listener = plain().await;
    assert_eq!(listener.with_key("GET", "/v1/models", b"").await.status, 200);
    let mut reader = Principal::admin("reader");
    reader.scopes = vec![KeyScope::Read];
    listener.keys.set(Some(vec![credential("reader", reader)]));
    assert_eq!(listener.with_key("GET", "/v1/models", b"").await.status, 401);
    let reads = listener.ask("GET", "/v1/models", &[("x-api-key", "reader")], b"").await;
    assert_eq!(reads.code(), (403, "permission_denied".into()));
    assert_eq!(listener.ask("GET", "/api/openapi.json", &[("x-api-key", "reader")], b"").await.status, 200);
    listener.keys.set(None);
    assert_eq!(listener.ask("GET", "/api/openapi.json", &[("x-api-key", "reader")], b"").await.status, 503);
    listener.stop().await;
}

#[tokio::test]
async fn limits_count_per_key_and_before_the_body() {
    let listener = TestListener::start(Config { rate_limit_per_minute: 2, ..Config::default() }).await;
    for left in ["1", "0"] {
        let answer = listener.with_key("POST", CHAT, b"{}").await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining-requests")), (200, left));
        assert_eq!(answer.header("anthropic-ratelimit-requests-limit"), "2");
        assert_eq!(answer.header("x-ratelimit-reset-requests"), "60.000s");
        assert_eq!(answer.header("anthropic-ratelimit-requests-reset"), "2023-11-14T22:14:20.000Z");
    }
    let over = listener.ask("POST", CHAT, &[("x-api-key", KEY), ("content-encoding", "br")], b"{").await;
    assert_eq!(over.code(), (429, "rate_limit_exceeded".into()));
    assert_eq!(over.header("retry-after"), "60");
    assert_eq!(listener.with_key("POST", "/api/ops/say_back", b"").await.status, 200);
    listener.stop().await;
}

#[tokio::test]
async fn without_a_limit_there_is_nothing_to_say() {
    let listener = plain().await;
    assert_eq!(listener.with_key("POST", CHAT, b"{}").await.header("x-ratelimit-limit-requests"), "");
    listener.stop().await;
}

#[tokio::test]
async fn everyone_is_let_in_when_told_so() {
    let listener = TestListener::start(Config { allow_unauthenticated_api: true, ..Config::default() }).await;
    assert_eq!(listener.ask("GET", "/v1/models", &[], b"").await.status, 200);
    assert_eq!(listener.ask("GET", "/v1/models", &[("x-api-key", "wrong")], b"").await.status, 200);
    assert_eq!(listener.ask("GET", "/v1/models", &[("host", "evil.example")], b"").await.status, 421);
    listener.stop().await;
}

#[tokio::test]
async fn routes_that_are_not_there_answer_in_the_envelope() {
    let listener = plain().await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = listener.with_key(method, CHAT, b"").await;
        assert_eq!((answer.code(), answer.header("allow")), ((405, "method_not_allowed".into()), "POST"));
    }
    assert_eq!(listener.with_key("HEAD", CHAT, b"").await.status, 405);
    let models = listener.with_key("POST", "/v1/models", b"").await;
    assert_eq!((models.status, models.header("allow")), (405, "GET,HEAD"));
    for path in ["/v1/nowhere", "/nowhere", "/admin"] {
        assert_eq!(listener.with_key("GET", path, b"").await.code(), (404, "unknown_route".into()), "{path}");
    }
    let operations = listener.with_key("GET", "/api/nowhere", b"").await;
    assert_eq!((operations.status, operations.json()["error"]["kind"].as_str()), (404, Some("not_found")));
    listener.stop().await;
}

#[tokio::test]
async fn models_are_listed_and_found_by_any_spelling() {
    let listener = plain().await;
    for path in ["/v1/models", "/v1/models/", "/v1/models?limit=1000"] {
        let listed = listener.with_key("GET", path, b"").await.json();
        assert_eq!(listed["object"], "list", "{path}");
        assert_eq!(listed["data"][0]["id"], "brains-auto");
        assert_eq!(listed["data"][1]["owned_by"], "up");
        assert_eq!(listed["data"][1]["created"], 1_700_000_000);
    }
    for path in ["/v1/models/up/m/1", "/v1/models/up%2Fm%2F1", "/v1/models/up/m/1/"] {
        assert_eq!(listener.with_key("GET", path, b"").await.json()["id"], "up/m/1", "{path}");
    }
    assert_eq!(listener.with_key("GET", "/v1/models/no", b"").await.code(), (404, "model_not_found".into()));
    listener.stop().await;
}

/// Claude Code asks before it sends its first request.
#[tokio::test]
async fn the_root_says_that_somebody_is_there() {
    let listener = plain().await;
    for method in ["HEAD", "GET"] {
        let answer = listener.ask(method, "/", &[], b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method}");
    }
    assert_eq!(listener.ask("POST", "/", &[], b"").await.status, 405);
    listener.stop().await;
}

#[tokio::test]
async fn health_is_open_and_says_little() {
    let listener = plain().await;
    let health = listener.ask("GET", "/health", &[], b"").await;
    assert_eq!((health.status, health.body.as_str()), (200, r#"{"status":"ok","version":"0.0.0"}"#));
    assert_eq!(listener.ask("HEAD", "/health", &[], b"").await.status, 200);
    let ready = listener.ask("GET", "/health/ready", &[], b"").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"status":"not_ready"}"#));
    let details = listener.with_key("GET", "/health/ready", b"").await.json();
    assert_eq!((details["status"].as_str(), details["components"].is_array()), (Some("not_ready"), true));
    assert_eq!(listener.ask("GET", "/health/ready", &[("x-api-key", "wrong")], b"").await.status, 401);
    listener.stop().await;
}

#[tokio::test]
async fn operations_take_an_object_or_nothing() {
    let listener = plain().await;
    for (body, status, said) in [
        ("", 200, "{}"),
        (" \n", 200, "{}"),
        (r#"{"a":[1]}"#, 200, r#"{"a":[1]}"#),
        ("[]", 400, "the body must be a JSON object"),
        ("{", 400, "line 1, column 1"),
    ] {
        let answer = listener.with_key("POST", "/api/ops/say_back", body.as_bytes()).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.contains(said), "{body}: {}", answer.body);
    }
    let unknown = listener.with_key("POST", "/api/ops/nothing", b"").await;
    assert_eq!(
        unknown.body,
        r#"{"error":{"message":"no operation `nothing`","type":"invalid_request_error","kind":"not_found","code":"not_found","param":null,"hint":"look it up"}}"#
    );
    assert_eq!(listener.with_key("GET", "/api/openapi.json", b"").await.json()["openapi"], "3.1.0");
    listener.stop().await;
}

#[tokio::test]
async fn a_refused_upload_is_taken_to_its_end_and_gets_its_answer() {
    let listener = TestListener::start(Config { max_body_bytes: 1024, ..Config::default() }).await;
    let big = vec![b' '; 24 << 20];
    for (key, status) in [("wrong", "401"), (KEY, "413")] {
        let mut stream = listener.connect().await;
        stream.write_all(&head("POST", CHAT, &[("x-api-key", key)], big.len())).await.unwrap();
        stream.write_all(&big).await.expect("a connection that is not reset");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    listener.stop().await;
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let listener = plain().await;
    let mut stream = listener.connect().await;
    stream.write_all(&head("POST", CHAT, &[("x-api-key", "wrong")], 1 << 20)).await.unwrap();
    let mut first = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut first)).await;
    read.expect("an answer at once").unwrap();
    assert_eq!(&first, b"HTTP/1.1 401");
    drop(stream);
    listener.stop().await;
}

#[tokio::test]
async fn a_hang_up_drops_what_was_being_done() {
    let listener = plain().await;
    for (body, speaks) in [("hang", false), ("stream", true)] {
        let mut stream = listener.connect().await;
        stream.write_all(&head("POST", CHAT, &[("x-api-key", KEY)], body.len())).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        while listener.fake.alive.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if speaks {
            let mut seen = String::new();
            while !seen.contains("data: 1") {
                let mut part = [0; 512];
                let read = stream.read(&mut part).await.unwrap();
                seen.push_str(&String::from_utf8_lossy(&part[..read]));
            }
            assert!(seen.contains("content-type: text/event-stream; charset=utf-8"), "{seen}");
            assert!(
                seen.contains("x-accel-buffering: no") && seen.contains("cache-control: no-store"),
                "{seen}"
            );
        }
        drop(stream);
        listener.quiet().await;
    }
    listener.stop().await;
}

#[tokio::test]
async fn stopping_cuts_what_does_not_end() {
    let listener = plain().await;
    let mut stream = listener.connect().await;
    stream.write_all(&head("POST", CHAT, &[("x-api-key", KEY)], 4)).await.unwrap();
    stream.write_all(b"hang").await.unwrap();
    while listener.fake.alive.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let alive = listener.fake.alive.clone();
    listener.stop().await;
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_request_asks_for_the_configuration_once() {
    let config = Config { rate_limit_per_minute: 100, ..Config::default() };
    let listener = TestListener::start(config).await;
    let mut stream = listener.connect().await;
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let mut before = 0;
    for round in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n{}") {
            let mut part = [0; 2048];
            let read = stream.read(&mut part).await.unwrap();
            assert!(read > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let loads = listener.config_loads.load(Ordering::SeqCst);
        // The first one is asked for its connection's limits, too.
        assert!(round == 0 || loads == before + 1, "round {round}: {} looks", loads - before);
        before = loads;
    }
    drop(stream);
    listener.stop().await;
}

#[tokio::test]
async fn a_client_of_either_family_gets_the_list_of_its_own_wire() {
    let listener = plain().await;
    let headers = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    let listed = listener.ask("GET", "/v1/models", &headers, b"").await;
    assert!(listed.body.contains(r#""type":"model""#) && listed.body.contains(r#""has_more":false"#));
    let listed = listener.with_key("GET", "/v1/models", b"").await;
    assert!(listed.body.starts_with(r#"{"object":"list""#), "{}", listed.body);
    listener.stop().await;
}
