//! A client that waits for a streamed answer hears that it is under way: keep-alives of its wire, before the answer and
//! between its pieces, from which on a failure is an event. Whoever is answered in time, or not streamed to, notices
//! nothing. (Reports: Wei-Shaw/sub2api#2021, theopenco/llmgateway#1541.)

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Answer, Brains, Reply};
use serde_json::{Value, json};

use crate::failover::{Pair, trace};

const KEEP_ALIVE: &str = ": keep-alive\n\n";
/// Keep-alives come five times in it, and more than once on a busy machine.
const SILENCE: Duration = Duration::from_secs(1);
const OFTEN: &str = "keepalive_seconds: 0.2\n";

async fn ask(service: &Brains, wire: &Wire, stream: bool) -> Answer {
    let body = json!({
        "model": wire.model(), "stream": stream,
        "messages": [{"role": "user", "content": "x"}],
    });
    service.client.chat(&body).await
}

/// What is left of a stream when its comments are read over, as clients do.
fn without_comments(answer: &Answer) -> String {
    let text = answer.text();
    let frames = text.split_inclusive("\n\n").filter(|frame| !frame.starts_with(':'));
    // Our ids and times differ from one answer to the next.
    frames.map(text_of).collect()
}

fn text_of(frame: &str) -> String {
    let data = frame.trim_start_matches("data: ").trim_end();
    let Ok(event) = serde_json::from_str::<Value>(data) else { return data.to_owned() };
    event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_first_token_hears_that_it_is_under_way() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and(OFTEN)).await;
        let answer = || wire.stream((wire.text_frames)("gr\u{fc}\u{df} dich"));
        upstream.then(answer());
        let prompt = ask(&service, &wire, true).await;
        assert!(!prompt.text().contains(KEEP_ALIVE), "{}: nobody had to wait", wire.provider);
        // The head is late, or it comes at once with nothing behind it but the upstream's own comments.
        let mut slow_body = answer();
        slow_body.chunks.insert(0, ": processing\n\n".into());
        for reply in [
            answer().head_delay(SILENCE),
            if wire.events { slow_body.gap(SILENCE) } else { answer().gap(SILENCE) },
        ] {
            upstream.then(reply);
            let kept = ask(&service, &wire, true).await;
            assert_eq!(kept.status, 200);
            assert!(kept.text().starts_with(KEEP_ALIVE), "{}: {}", wire.provider, kept.text());
            assert_eq!(without_comments(&kept), without_comments(&prompt), "{}", wire.provider);
            for header in ["x-brains-provider", "x-brains-model", "x-brains-attempts", "content-type"] {
                assert_eq!(kept.header(header), prompt.header(header), "{}: {header}", wire.provider);
            }
            let trace = trace(&service.client, &kept).await;
            assert_eq!((&trace["status"], &trace["attempts"][0]["outcome"]), (&json!(200), &json!("ok")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_between_two_tokens_is_filled() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and(OFTEN)).await;
        upstream.then(wire.stream((wire.text_frames)("gr\u{fc}\u{df}")).gap(SILENCE));
        let kept = ask(&service, &wire, true).await.text();
        let begun = kept.find("gr").unwrap_or_else(|| panic!("{kept}"));
        assert!(kept[begun..].contains(&format!("\n\n{KEEP_ALIVE}")), "{}: {kept}", wire.provider);
        assert!(kept.ends_with("data: [DONE]\n\n"), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_head_the_next_candidate_may_still_answer() {
    let pair = Pair::start("keepalive_seconds: 0.2").await;
    pair.primary.then(Reply::json(500, "{}").head_delay(Duration::from_millis(800)));
    let kept = pair.chat(true).await;
    assert_eq!((kept.status, kept.header("x-brains-provider")), (200, "primary"), "what was known then");
    assert!(kept.text().starts_with(KEEP_ALIVE), "{}", kept.text());
    assert!(kept.text().ends_with("data: [DONE]\n\n"), "{}", kept.text());
    let trace = trace(&pair.service.client, &kept).await;
    assert_eq!((&trace["provider"], &trace["status"]), (&json!("second"), &json!(200)));
    assert_eq!(pair.calls(), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_the_head_is_an_event() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and(OFTEN)).await;
        let refused = || Reply::json(503, (wire.error_body)(503, "busy"));
        upstream.then(refused().head_delay(SILENCE));
        let kept = ask(&service, &wire, true).await;
        assert_eq!(kept.status, 200);
        let event: Value = serde_json::from_str(&kept.events()[0]).expect("JSON");
        assert_eq!(event["error"]["type"], "overloaded_error", "{}: {}", wire.provider, kept.text());
        let trace = trace(&service.client, &kept).await;
        assert_eq!((&trace["status"], &trace["error_code"]), (&json!(200), &json!("server_is_overloaded")));
        // Under the bound, and for whoever asks for a whole answer, the status is the true one.
        upstream.then(refused());
        assert_eq!(ask(&service, &wire, true).await.status, 503, "{}", wire.provider);
        upstream.then(refused().head_delay(SILENCE));
        assert_eq!(ask(&service, &wire, false).await.status, 503, "{}", wire.provider);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alives_are_hot_and_a_providers_own() {
    let pair = Pair::start("keepalive_seconds: 0").await;
    let set = |value: f64| json!({"key": "keepalive_seconds", "value": value});
    pair.service.client.operation("set_config", &set(0.2)).await;
    // The primary's policy switches them off, while it is asked.
    pair.primary.then(Reply::json(503, "{}").head_delay(Duration::from_millis(700)));
    let alone = json!({"model": "primary/m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let refused = pair.service.client.chat(&alone).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    // The second has none of its own.
    pair.primary.then(Reply::json(500, "{}"));
    pair.second
        .then(Reply::stream((wire::OPENAI.text_frames)("late")).head_delay(Duration::from_millis(700)));
    assert!(pair.chat(true).await.text().starts_with(KEEP_ALIVE));
    pair.service.client.operation("set_config", &set(0.0)).await;
    pair.primary.then(Reply::json(500, "{}"));
    pair.second
        .then(Reply::stream((wire::OPENAI.text_frames)("late")).head_delay(Duration::from_millis(700)));
    assert!(!pair.chat(true).await.text().contains(KEEP_ALIVE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_meanwhile_ends_the_call() {
    let wire = wire::OPENAI;
    let upstream = wire.upstream().await;
    let service = Brains::start(wire.setup(&upstream).and(OFTEN)).await;
    upstream.then(Reply::stream([": wait\n\n"]).end(End::Hang));
    let body = json!({"model": wire.model(), "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let request = service.client.request(http::Method::POST, "/v1/chat/completions").body(body.to_string());
    let mut kept = request.send().await.expect("a head");
    let first = kept.chunk().await.expect("a chunk").expect("a keep-alive");
    assert_eq!(first, KEEP_ALIVE.as_bytes());
    let id = kept.headers()["x-brains-trace-id"].to_str().expect("text").to_owned();
    drop(kept);
    brains_tests::until("the upstream to be left", async || upstream.left() == 1).await;
    let show = json!({"id": id});
    brains_tests::until("a trace of it", async || {
        let shown = service.client.post("/api/ops/show_trace", show.to_string()).await;
        shown.status == 200 && shown.json()["trace"]["status"] == 499
    })
    .await;
}
