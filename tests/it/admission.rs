//! Who is let in under load: a bounded number of requests, the rest told when to come back; and wrong keys, which
//! never cost a right one anything.

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::{Brains, Client, Reply, Setup, Upstream, until, wire, within};
use futures_util::future::join_all;
use serde_json::{Value, json};

fn request() -> Value {
    json!({"model": wire::OPENAI.model(), "messages": [{"role": "user", "content": "x"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_at_once_are_told_to_come_back() {
    const PLACES: usize = 4;
    let upstream = wire::OPENAI.upstream().await;
    let setup = wire::OPENAI.setup(&upstream).and(&format!("max_concurrent_requests: {PLACES}"));
    let service = Brains::start(setup).await;
    let mut inside = Vec::new();
    for _ in 0..PLACES {
        upstream
            .then(Reply::stream((wire::OPENAI.text_frames)("some words").into_iter().take(2)).end(End::Hang));
        let mut body = request();
        body["stream"] = json!(true);
        let call = service.client.request(http::Method::POST, "/v1/chat/completions").body(body.to_string());
        inside.push(within("the head", call.send()).await.expect("an answer"));
    }
    let refused = join_all((0..64).map(|_| async { service.client.chat(&request()).await })).await;
    for answer in &refused {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("overloaded_error"), &json!("server_is_overloaded"))
        );
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert_eq!(upstream.seen().len(), PLACES, "no refused request reached the upstream");

    // Health is never refused, nor the operator who would lift the limit; strangers learn nothing.
    let anonymous = service.client.with_key("");
    assert_eq!(
        (anonymous.get("/health").await.status, anonymous.get("/health/ready").await.status),
        (200, 200)
    );
    assert_eq!(anonymous.chat(&request()).await.status, 401);
    let ready = service.client.get("/health/ready").await.json();
    assert_eq!(ready["requests"], json!({"in_flight": PLACES, "limit": PLACES}), "{ready}");
    let more = json!({"key": "max_concurrent_requests", "value": PLACES + 1});
    service.client.operation("set_config", &more).await;
    assert_eq!(service.client.chat(&request()).await.status, 200, "a raised limit counts at once");
    service.client.operation("set_config", &json!({"key": "max_concurrent_requests", "value": PLACES})).await;
    assert_eq!(service.client.chat(&request()).await.status, 503);

    // A place is free when an answer ends, however it ends.
    drop(inside.pop());
    until("the place", async || service.client.chat(&request()).await.status == 200).await;
    drop(inside);
    until("an empty house", async || {
        service.client.get("/health/ready").await.json()["requests"]["in_flight"] == json!(0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_turned_away_does_not_count_against_its_key() {
    let upstream = wire::OPENAI.upstream().await;
    let limits = "max_concurrent_requests: 1\nrate_limit_per_minute: 2";
    let service = Brains::start(wire::OPENAI.setup(&upstream).and(limits)).await;
    upstream.then(Reply::json(200, "{}").head_delay(Duration::from_mins(10)));
    let body = request();
    let waiting = service.client.chat(&body);
    let others = async {
        until("the call", async || upstream.seen().len() == 1).await;
        for _ in 0..10 {
            assert_eq!(service.client.chat(&request()).await.status, 503);
        }
    };
    tokio::select! {
        answer = waiting => panic!("{}", answer.text()),
        () = others => {}
    }
    until("the second of two", async || service.client.chat(&request()).await.status == 200).await;
    assert_eq!(service.client.chat(&request()).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_keys_is_slowed_and_costs_a_right_one_nothing() {
    let service = Brains::start(Setup::default()).await;
    let stranger = service.client.with_key("wrong");
    let flood = join_all((0..300).map(|_| async { stranger.get("/v1/models").await }));
    let right = join_all((0..50).map(|_| async { service.client.get("/v1/models").await.status }));
    let (flood, right) = tokio::join!(flood, right);
    assert!(right.iter().all(|status| *status == 200), "{right:?}");
    let told = flood.iter().filter(|answer| answer.status == 401).count();
    assert!(told >= 20, "{told}");
    for answer in flood.iter().filter(|answer| answer.status != 401) {
        assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (429, Some("rate_limit_error")));
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=2).contains(&seconds)));
    }
    // A right key beside a wrong one is a right key.
    let both = service.client.request(http::Method::GET, "/v1/models").header("x-api-key", "wrong");
    assert_eq!(Client::send(both).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_key_is_kept() {
    let upstream = Upstream::start(wire::OPENAI.answer).await;
    let service = Brains::start(wire::OPENAI.setup(&upstream)).await;
    let made = service.client.operation("create_key", &json!({"name": "worker"})).await;
    let key = async || {
        let listed = service.client.operation("list_keys", &json!({})).await;
        listed["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .find(|key| key["name"] == "worker")
            .cloned()
            .expect("the key")
    };
    assert!(key().await["last_used_at"].is_null());
    let worker = service.client.with_key(made["key"].as_str().expect("a key"));
    for _ in 0..20 {
        assert_eq!(worker.chat(&request()).await.status, 200);
    }
    until("the note", async || key().await["last_used_at"].is_string()).await;
    let first = key().await["last_used_at"].clone();
    assert_eq!(worker.chat(&request()).await.status, 200);
    assert_eq!(key().await["last_used_at"], first, "to the minute");
}
