//! Counts of tokens before a turn: the upstream's own number where it is asked, else ours, and marked as such.

use brains_tests::wire::{ANTHROPIC, OPENAI, RESPONSES as VENDOR, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Client, Reply, Seen, Upstream};
use serde_json::{Value, json};

const MESSAGES: &str = "/v1/messages/count_tokens";
const RESPONSES: &str = "/v1/responses/input_tokens";
const MARK: &str = "x-brains-token-count";

/// Counts what it is sent as its vendor's path does, in bytes.
fn counting(seen: &Seen) -> Reply {
    if seen.path != MESSAGES {
        return (ANTHROPIC.answer)(seen);
    }
    assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
    if seen.json()["messages"][0]["role"] == "nobody" {
        return Reply::json(400, (ANTHROPIC.error_body)(400, "messages.0.role: unexpected value"));
    }
    Reply::json(200, json!({"input_tokens": 4321}).to_string())
}

async fn ask(service: &Brains, path: &str, body: &Value) -> Answer {
    let request = service.client.request(http::Method::POST, path).header("anthropic-version", "2023-06-01");
    Client::send(request.header("anthropic-beta", "x-1").body(body.to_string())).await
}

fn turn(model: &str, text: &str) -> Value {
    json!({"model": model, "system": "short", "messages": [{"role": "user", "content": text}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_counts_is_asked() {
    let upstream = Upstream::start(counting).await;
    let service = Brains::start(ANTHROPIC.setup(&upstream)).await;
    let answer = ask(&service, MESSAGES, &turn("anthropic/scripted-1", "hello")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"input_tokens": 4321})));
    assert_eq!(answer.header(MARK), "");
    let sent = upstream.last();
    assert_eq!(sent.json(), turn("scripted-1", "hello"));
    assert_eq!(sent.header("anthropic-beta"), Some("x-1"));

    let refused = ask(
        &service,
        MESSAGES,
        &json!({"model": "anthropic/scripted-1", "messages": [{"role": "nobody", "content": "x"}]}),
    )
    .await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(refused.json()["type"], "error");

    upstream.then(Reply::json(500, "down"));
    let estimated = ask(&service, MESSAGES, &turn("anthropic/scripted-1", "hello")).await;
    assert_eq!(estimated.header(MARK), "estimated; tokenizer=bytes-4", "{}", estimated.text());
    let total = service.client.operation("list_usage", &json!({})).await["total"].clone();
    assert_eq!(total["requests"], 0, "a count is no use: {total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_the_count_is_ours_and_everything_is_in_it() {
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    let text = "a word ".repeat(400);
    let model = OPENAI.model();
    let count = async |path: &str, body: &Value| {
        let answer = ask(&service, path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header(MARK), "estimated; tokenizer=bytes-4");
        answer.json()["input_tokens"].as_u64().expect("a count")
    };
    let plain = count(MESSAGES, &turn(&model, "x")).await;
    for more in [
        turn(&model, &text),
        json!({"model": model, "system": text, "messages": [{"role": "user", "content": "x"}]}),
        json!({"model": model, "messages": [{"role": "user", "content": "x"}],
               "tools": [{"name": "f", "description": text, "input_schema": {"type": "object"}}]}),
        json!({"model": model, "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": text}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "r"}]}]}),
        json!({"model": model, "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": text}]}]}),
    ] {
        let counted = count(MESSAGES, &more).await;
        assert!(counted > plain + 600, "{plain}, then {counted}: {more}");
    }
    let answer = ask(&service, RESPONSES, &json!({"model": model, "input": text})).await;
    let body = answer.json();
    assert_eq!(body["object"], "response.input_tokens", "{body}");
    assert!(body["input_tokens"].as_u64() > Some(600), "{body}");

    for (body, status) in
        [(json!({"model": "nope/x", "messages": [{"role": "user", "content": "x"}]}), 404), (json!([]), 400)]
    {
        let refused = ask(&service, MESSAGES, &body).await;
        assert_eq!(
            (refused.status, &refused.json()["type"]),
            (status, &json!("error")),
            "{}",
            refused.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_of_responses_counts_and_need_not() {
    let upstream = VENDOR.upstream().await;
    let service = Brains::start(VENDOR.setup(&upstream)).await;
    let body = json!({"model": VENDOR.model(), "input": "hello", "instructions": "Be brief."});
    let answer = ask(&service, RESPONSES, &body).await;
    let sent = upstream.last();
    assert_eq!((sent.path.as_str(), sent.header("authorization").is_some()), (RESPONSES, true));
    assert_eq!(sent.json(), json!({"model": "scripted-1", "input": "hello", "instructions": "Be brief."}));
    assert_eq!(answer.json(), json!({"object": "response.input_tokens", "input_tokens": sent.body.len()}));
    assert_eq!(answer.header(MARK), "");
    upstream.then(Reply::json(404, (VENDOR.error_body)(404, "Invalid URL")));
    let answer = ask(&service, RESPONSES, &body).await;
    assert_eq!(
        (answer.status, answer.header(MARK)),
        (200, "estimated; tokenizer=bytes-4"),
        "{}",
        answer.text()
    );
}
