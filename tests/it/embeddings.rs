//! `POST /v1/embeddings` over both wires that give vectors: the answer in the encoding that was asked for, the same way through
//! names, retries, candidates, ledger and trace as any other request, and every refusal by its name.

use std::time::Duration;

use brains_tests::wire::{ANTHROPIC, OLLAMA, OPENAI, UPSTREAM_KEY, Wire};
use brains_tests::{Answer, Brains, Reply, Seen, Upstream, until};
use serde_json::{Value, json};

/// A vector that tells its text apart: its length, and one half.
fn numbers(text: &Value) -> Value {
    json!([text.as_str().map_or(0, str::len), 0.5])
}

/// Plays `POST /v1/embeddings`, the newest text first: entries count by their index.
fn openai(seen: &Seen) -> Reply {
    if seen.path != "/v1/embeddings" {
        return (OPENAI.answer)(seen);
    }
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {UPSTREAM_KEY}")));
    let request = seen.json();
    let said = json!({"error": {"message": format!("not with {UPSTREAM_KEY}"), "type": "x", "code": null}})
        .to_string();
    match request["model"].as_str() {
        Some("locked") => return Reply::json(401, said),
        Some("refused") => return Reply::json(400, said),
        Some("one-of-two") => return Reply::json(200, r#"{"data":[{"index":0,"embedding":[1]}]}"#),
        Some("page") => return Reply::json(200, "<html>"),
        _ => {}
    }
    let texts = request["input"].as_array().expect("texts").iter().enumerate();
    let mut data: Vec<Value> = texts
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": numbers(text)}))
        .collect();
    data.reverse();
    let usage = json!({"prompt_tokens": 5, "total_tokens": 5});
    Reply::json(
        200,
        json!({"object": "list", "data": data, "model": request["model"], "usage": usage}).to_string(),
    )
}

/// Plays `POST /api/embed`.
fn ollama(seen: &Seen) -> Reply {
    if seen.path != "/api/embed" {
        return (OLLAMA.answer)(seen);
    }
    let request = seen.json();
    let vectors: Vec<Value> = request["input"].as_array().expect("texts").iter().map(numbers).collect();
    Reply::json(
        200,
        json!({"model": request["model"], "embeddings": vectors, "prompt_eval_count": 5}).to_string(),
    )
}

async fn embed(service: &Brains, body: &Value) -> Answer {
    service.client.post("/v1/embeddings", body.to_string()).await
}

async fn trace(service: &Brains, answer: &Answer) -> Value {
    let id = answer.header("x-brains-trace-id").to_owned();
    let mut found = Value::Null;
    until("the trace", async || {
        let listed = service.client.operation("list_traces", &json!({})).await;
        let traces = listed["traces"].as_array().cloned().unwrap_or_default();
        found = traces.into_iter().find(|trace| trace["id"] == id).unwrap_or_default();
        !found.is_null()
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_come_back_in_the_order_and_the_encoding_asked_for() {
    let upstreams = [(OPENAI, Upstream::start(openai).await), (OLLAMA, Upstream::start(ollama).await)];
    for (wire, upstream) in upstreams {
        let service = Brains::start(wire.setup(&upstream)).await;
        let model = format!("{}/embed-1", wire.provider);
        let answer = embed(&service, &json!({"model": model, "input": ["four", "a"], "dimensions": 2})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            answer.json(),
            json!({"object": "list", "model": "embed-1", "usage": {"prompt_tokens": 5, "total_tokens": 5}, "data": [
                {"object": "embedding", "index": 0, "embedding": [4, 0.5]},
                {"object": "embedding", "index": 1, "embedding": [1, 0.5]},
            ]})
        );
        let sent = upstream.last().json();
        assert_eq!((&sent["model"], &sent["dimensions"]), (&json!("embed-1"), &json!(2)), "{sent}");
        assert_eq!(answer.header("x-brains-provider"), wire.provider);
        assert_eq!((answer.header("x-brains-attempts"), answer.header("x-brains-loss")), ("1", ""));

        let asked = json!({"model": model, "input": "four", "encoding_format": "base64", "user": "u"});
        let answer = embed(&service, &asked).await;
        assert_eq!(answer.json()["data"][0]["embedding"], "AACAQAAAAD8=", "little-endian numbers of 32 bits");
        assert_eq!(answer.header("x-brains-loss"), "user");

        let trace = trace(&service, &answer).await;
        assert_eq!((&trace["api"], &trace["status"]), (&json!("embeddings"), &json!(200)), "{trace}");
        assert_eq!(
            trace["usage"],
            json!({"input_tokens": 5, "output_tokens": 0, "cached_tokens": 0, "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0, "reasoning_tokens": 0,
                   "estimated": false})
        );
        assert!(trace.get("task").is_none(), "no classifier is asked: {trace}");
        until("the ledger", async || {
            let total = service.client.operation("list_usage", &json!({})).await["total"].clone();
            (total["requests"].clone(), total["input_tokens"].clone()) == (json!(2), json!(10))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_the_clients_or_the_configurations() {
    let upstream = Upstream::start(openai).await;
    let unnamed = json!({"input": "x"});
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    let refused = embed(&service, &unnamed).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    let error = &refused.json()["error"];
    assert_eq!((&error["code"], &error["param"]), (&json!("model_required"), &json!("model")), "{error}");
    assert_eq!(embed(&service, &json!({"model": "brains-auto", "input": "x"})).await.status, 400);
    let unknown = embed(&service, &json!({"model": "nope/x", "input": "x"})).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("model_not_found")));

    let set = json!({"key": "embed_model", "value": "openai_compatible/embed-2"});
    service.client.operation("set_config", &set).await;
    until("the configured name", async || embed(&service, &unnamed).await.status == 200).await;
    for body in [&unnamed, &json!({"model": "brains-auto", "input": "x"})] {
        let answer = embed(&service, body).await;
        assert_eq!(answer.header("x-brains-model"), "embed-2", "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_is_walked_with_retries_and_past_who_gives_none() {
    let (first, second) = (Upstream::start(openai).await, Upstream::start(ollama).await);
    let chat = ANTHROPIC.upstream().await;
    let tier = "models:\n  vectors:\n    provider: anthropic\n    model: scripted-1\n    fallbacks:\n      - {provider: \
                openai_compatible, model: e}\n      - {provider: ollama, model: e}\n";
    let setup =
        OPENAI.setup(&first).and(&OLLAMA.config(&second)).and(&ANTHROPIC.config(&chat)).and(tier).hasty();
    let policy = "provider_policies: {openai_compatible: {retry_max_attempts: 2, retry_initial_backoff_seconds: 0.01}}";
    let setup = setup.and(policy);
    let service = Brains::start(setup).await;
    for _ in 0..8 {
        first.then(Reply::json(500, r#"{"error":{"message":"down for now"}}"#));
    }
    let answer = embed(&service, &json!({"model": "brains-vectors", "input": "four"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-brains-provider"), "ollama");
    let causes = answer.header("x-brains-attempt-causes");
    assert!(causes.contains("anthropic/scripted-1 no_embeddings"), "{causes}");
    assert!(first.seen().len() > 1, "a server's error is tried again: {causes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_refused_in_the_envelope() {
    let upstream = Upstream::start(openai).await;
    let service = Brains::start(OPENAI.setup(&upstream).hasty()).await;
    let model = "openai_compatible/e";
    for (body, param) in [
        (json!({"model": model}), "input"),
        (json!({"model": model, "input": []}), "input"),
        (json!({"model": model, "input": [[1, 2], [3]]}), "input[0]"),
        (json!({"model": model, "input": "x", "encoding_format": "int8"}), "encoding_format"),
        (json!({"model": 7, "input": "x"}), "model"),
    ] {
        let answer = embed(&service, &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &json!(param)),
            "{error}"
        );
    }
    assert!(upstream.seen().iter().all(|seen| !seen.path.ends_with("/embeddings")), "nobody was asked");

    for (named, status) in [("locked", 502), ("refused", 400), ("one-of-two", 502), ("page", 502)] {
        let answer =
            embed(&service, &json!({"model": format!("openai_compatible/{named}"), "input": ["x", "y"]}))
                .await;
        assert_eq!(answer.status, status, "{named}: {}", answer.text());
        assert!(answer.json()["error"]["message"].is_string(), "{named}: {}", answer.text());
        assert!(!answer.text().contains(UPSTREAM_KEY), "{named}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_call() {
    let upstream = Upstream::start(openai).await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    upstream.then(Reply::json(200, "{}").head_delay(Duration::from_mins(10)));
    let (left, seen) = (upstream.left(), upstream.seen().len());
    let body = json!({"model": model(&OPENAI), "input": "how long is a piece of string?"});
    tokio::select! {
        answer = embed(&service, &body) => panic!("nobody answered, and yet: {}", answer.text()),
        () = until("the call", async || upstream.seen().len() > seen) => {}
    }
    until("the upstream to notice that an answer is not wanted", async || upstream.left() > left).await;
    until("the ledger", async || {
        let total = service.client.operation("list_usage", &json!({})).await["total"].clone();
        total["cancelled"] == 1 && total["input_tokens"].as_u64() > Some(0) && total["output_tokens"] == 0
    })
    .await;
}

fn model(wire: &Wire) -> String {
    format!("{}/embed-1", wire.provider)
}
