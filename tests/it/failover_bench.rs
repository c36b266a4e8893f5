//! The scenarios of Failover Bench that concern chat, written anew: what a caller sees when a provider misbehaves,
//! judged by its rules. A caller is *rescued* when it gets the whole answer; where a cut stream cannot be continued it is
//! *safe*: a clear error within bounds, never a truncated answer that passes for a whole one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Answer, Brains, Reply, Setup, Upstream, model, until};
use serde_json::{Value, json};

use crate::failover::{Pair, request};

const WIRE: Wire = wire::OPENAI;
const POLICY: &str = "retry_max_attempts: 3, retry_initial_backoff_seconds: 0.05, retry_max_backoff_seconds: 4, circuit_failure_threshold: 20";

/// What the caller got.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Rescued,
    Safe,
    /// It looks whole and is not, or it is neither answer nor error.
    Failed(String),
}

/// Sixty words, so that what is missing shows.
fn canonical() -> String {
    (1..=60).map(|at| format!("w{at}")).collect::<Vec<_>>().join(" ")
}

/// The answer word by word, as a stream; the last three frames end it.
fn tokens() -> Vec<String> {
    let delta = |content: &str| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fb", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]});
        format!("data: {chunk}\n\n")
    };
    let text = canonical();
    let words = text
        .split(' ')
        .enumerate()
        .map(|(at, word)| delta(&if at == 0 { word.to_owned() } else { format!(" {word}") }));
    let finish = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fb", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fb", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 60, "total_tokens": 69}});
    words
        .chain([format!("data: {finish}\n\n"), format!("data: {usage}\n\n"), "data: [DONE]\n\n".to_owned()])
        .collect()
}

fn whole() -> Reply {
    Reply::stream(tokens())
}

fn judge(answer: &Answer) -> Verdict {
    if answer.status != 200 {
        let typed = answer.json()["error"]["type"].is_string();
        return if typed { Verdict::Safe } else { Verdict::Failed(answer.text()) };
    }
    let events = answer.events();
    let parsed: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let text: String =
        parsed.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    let error = parsed.iter().any(|chunk| chunk["error"]["type"].is_string());
    let ended = parsed.iter().any(|chunk| chunk["choices"][0]["finish_reason"].is_string());
    match (error, ended, text == canonical() || text.contains("scripted: x")) {
        (true, false, _) => Verdict::Safe,
        (false, true, true) if events.last().map(String::as_str) == Some("[DONE]") => Verdict::Rescued,
        _ => Verdict::Failed(answer.text()),
    }
}

async fn bench() -> Pair {
    Pair::start(POLICY).await
}

async fn scenario(pair: &Pair, replies: impl IntoIterator<Item = Reply>) -> (Verdict, Answer, Duration) {
    for reply in replies {
        pair.primary.then(reply);
    }
    let started = tokio::time::Instant::now();
    let mut body = request(true);
    body["stream_options"] = json!({"include_usage": true});
    let answer = pair.service.client.chat(&body).await;
    (judge(&answer), answer, started.elapsed())
}

async fn alive(pair: &Pair) {
    assert_eq!(judge(&pair.chat(true).await), Verdict::Rescued, "alive afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_a_429_with_retry_after_is_waited_for() {
    let pair = bench().await;
    let (verdict, _, took) =
        scenario(&pair, [Reply::json(429, "{}").header("retry-after", "2"), whole()]).await;
    assert_eq!((verdict, pair.calls()), (Verdict::Rescued, (2, 0)));
    assert!(took >= Duration::from_millis(1_800), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s02_s04_s16_a_persistent_refusal_is_neither_hammered_nor_told_as_the_fallbacks() {
    for status in [429, 503] {
        let pair = bench().await;
        let (verdict, answer, _) = scenario(&pair, (0..10).map(|_| Reply::json(status, "{}"))).await;
        assert_eq!((verdict, pair.calls()), (Verdict::Rescued, (3, 1)), "{status}");
        assert!(
            answer.text().contains("\"model\":\"scripted-2\"") && answer.text().contains("prompt_tokens"),
            "{}",
            answer.text()
        );
        // The failed attempts are not billed.
        until("the ledger", async || {
            let shown = pair.service.client.operation("list_usage", &json!({})).await;
            let lines = shown["usage"].as_array().cloned().unwrap_or_default();
            lines.len() == 1 && lines[0]["group"] == "second/scripted-2" && lines[0]["output_tokens"] == 7
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s03_s05_what_fails_once_is_tried_again_at_the_same_provider() {
    for reply in [Reply::json(500, "{}"), Reply::reset()] {
        let pair = bench().await;
        let (verdict, ..) = scenario(&pair, [reply, whole()]).await;
        assert_eq!((verdict, pair.calls()), (Verdict::Rescued, (2, 0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_s07_silence_before_the_first_token_fails_over_after_one_wait() {
    let head = Reply::stream([""; 0]).end(End::Hang);
    for reply in [whole().head_delay(Duration::from_mins(2)), head, whole().gap(Duration::from_secs(20))] {
        let pair = bench().await;
        let (verdict, _, took) = scenario(&pair, [reply]).await;
        assert_eq!((verdict, pair.calls()), (Verdict::Rescued, (1, 1)));
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_s09_s10_a_stream_that_breaks_off_is_an_error_and_never_an_answer() {
    let cut = |end| Reply::stream(tokens().into_iter().take(40)).end(end);
    let mut malformed = tokens();
    malformed[9] = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\"\n\n".to_owned();
    for reply in [cut(End::Cut), cut(End::Reset), cut(End::Clean), cut(End::Hang), Reply::stream(malformed)] {
        let pair = bench().await;
        let (verdict, answer, took) = scenario(&pair, [reply]).await;
        assert_eq!(verdict, Verdict::Safe, "{}", answer.text());
        assert!(took < Duration::from_secs(15), "{took:?}");
        alive(&pair).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_whole_stream_without_done_is_whole() {
    let pair = bench().await;
    let mut frames = tokens();
    frames.pop();
    let (verdict, answer, took) = scenario(&pair, [Reply::stream(frames)]).await;
    assert_eq!(verdict, Verdict::Rescued, "{}", answer.text());
    assert!(answer.text().contains("\"completion_tokens\":60") && took < Duration::from_secs(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_s13_what_the_request_is_to_blame_for_is_told_and_not_repeated() {
    for code in ["context_length_exceeded", "content_policy_violation"] {
        let pair = bench().await;
        let body = json!({"error": {"message": "the reason", "type": "invalid_request_error", "code": code}});
        let (verdict, answer, _) = scenario(&pair, (0..5).map(|_| Reply::json(400, body.to_string()))).await;
        assert_eq!((verdict, pair.calls()), (Verdict::Safe, (1, 0)));
        assert!(answer.text().contains("the reason"), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_no_half_answer_is_handed_to_another_model_to_finish() {
    let pair = bench().await;
    let (verdict, answer, _) =
        scenario(&pair, [Reply::stream(tokens().into_iter().take(40)).end(End::Cut)]).await;
    assert_eq!((verdict, pair.calls()), (Verdict::Safe, (1, 0)), "{}", answer.text());
    assert!(!answer.text().contains("prefill"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_flapping_primary_is_left_and_returned_to() {
    let down = Arc::new(AtomicBool::new(true));
    let primary = {
        let down = Arc::clone(&down);
        Upstream::start(move |seen| {
            if down.load(Ordering::SeqCst) { Reply::json(503, "{}") } else { model::answer(seen) }
        })
        .await
    };
    let second = WIRE.upstream().await;
    let provider = |name: &str, upstream: &Upstream| {
        format!("  {name}: {{component: provider-openai, config: {{base_url: \"{}\"}}}}\n", upstream.base())
    };
    let setup = Setup::config(format!("providers:\n{}{}", provider("primary", &primary), provider("second", &second)))
        .and("models: {pair: {provider: primary, model: scripted-1, fallbacks: [{provider: second, model: scripted-2}]}}")
        .and("provider_policies: {primary: {circuit_failure_threshold: 2, circuit_cooldown_seconds: 1}}");
    let service = Brains::start(setup).await;
    let started = tokio::time::Instant::now();
    let mut asked = 0;
    while started.elapsed() < Duration::from_secs(3) {
        assert_eq!(
            judge(&service.client.chat(&request(true)).await),
            Verdict::Rescued,
            "served during the outage"
        );
        asked += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Two failures opened it; after that at most one probe per cooldown.
    let sent = primary.seen().len();
    assert!(sent <= 2 + 4 && sent < asked, "{sent} of {asked} went to a provider that was down");
    down.store(false, Ordering::SeqCst);
    until("the return to the primary", async || {
        service.client.chat(&request(true)).await.header("x-brains-provider") == "primary"
    })
    .await;
    assert_eq!(service.client.chat(&request(true)).await.header("x-brains-attempts"), "1");
}
