//! When a candidate does not answer: the next one does, until the first byte; after it, the truth. Retries, breakers,
//! caps and windows; and every attempt with its cause in headers and trace.

mod breaker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use brains_tests::upstream::{End, now_seconds};
use brains_tests::wire::{self, Wire};
use brains_tests::{Answer, Brains, Client, Reply, Setup, Upstream, model, until};
use serde_json::{Value, json};

const WIRE: Wire = wire::OPENAI;

/// Two providers of the same wire, and a tier of both.
pub(crate) struct Pair {
    pub(crate) primary: Upstream,
    pub(crate) second: Upstream,
    pub(crate) service: Brains,
}

impl Pair {
    /// `policy` is that of the primary, as the members of a YAML map.
    pub(crate) async fn start(policy: &str) -> Self {
        let (primary, second) = (WIRE.upstream().await, WIRE.upstream().await);
        let setup = Setup::config(config(&primary, &second))
            .and(&format!("provider_policies: {{primary: {{{policy}}}}}"));
        let service = Brains::start(setup).await;
        Self { primary, second, service }
    }

    pub(crate) async fn chat(&self, stream: bool) -> Answer {
        self.service.client.chat(&request(stream)).await
    }

    /// One request that the primary answers like this, and every further attempt healthily.
    async fn after(&self, reply: Reply, stream: bool) -> Answer {
        self.primary.then(reply);
        self.chat(stream).await
    }

    /// How often each was called.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let chats = |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.method == "POST").count();
        (chats(&self.primary), chats(&self.second))
    }
}

fn config(primary: &Upstream, second: &Upstream) -> String {
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "  {name}: {{component: provider-openai, config: {{base_url: \"{}\"}}, timeout_seconds: 1}}\n",
            upstream.base()
        )
    };
    format!(
        "providers:\n{}{}models: {{pair: {{provider: primary, model: scripted-1, fallbacks: [{{provider: second, model: scripted-2}}]}}}}\n\
         policy: {{component: policy-tiered, config: {{error_rate_limit: 1}}}}\n",
        provider("primary", primary),
        provider("second", second)
    )
}

pub(crate) fn request(stream: bool) -> Value {
    json!({"model": "brains-pair", "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

fn half() -> Vec<String> {
    (WIRE.text_frames)("gone").into_iter().take(2).collect()
}

pub(crate) async fn trace(client: &Client, answer: &Answer) -> Value {
    let id = answer.header("x-brains-trace-id").to_owned();
    let mut found = Value::Null;
    until("the trace", async || {
        let shown = client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
        if shown.status == 200 {
            found = shown.json()["trace"].clone();
        }
        shown.status == 200
    })
    .await;
    found
}

/// Everything that can go wrong before the first byte, with the word for it.
fn early() -> Vec<(&'static str, Reply, &'static str)> {
    vec![
        ("500", Reply::json(500, "{}"), "upstream_error"),
        ("503", Reply::json(503, "{}"), "server_is_overloaded"),
        ("529", Reply::json(529, "{}"), "server_is_overloaded"),
        ("429", Reply::json(429, "{}").header("retry-after", "30"), "rate_limit_exceeded"),
        ("401", Reply::json(401, "{}"), "upstream_auth"),
        ("404", Reply::json(404, "{}"), "model_not_found"),
        ("reset", Reply::reset(), "upstream_error"),
        ("hang", Reply::json(200, "{}").head_delay(Duration::from_mins(10)), "upstream_timeout"),
        ("stall before the first byte", Reply::stream([": wait\n\n"]).end(End::Hang), "upstream_timeout"),
        ("stall after a role", Reply::stream(half().into_iter().take(1)).end(End::Hang), "upstream_timeout"),
        ("cut before the first byte", Reply::stream([": wait\n\n"]).end(End::Cut), "upstream_error"),
        ("junk", Reply::json(200, "[1]"), "upstream_error"),
        ("in-band error", Reply::stream([(WIRE.error_frame)("no")]), "server_is_overloaded"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_first_byte_the_next_candidate_answers() {
    let pair = Pair::start("").await;
    for (name, reply, cause) in early() {
        for stream in [false, true] {
            let answer = pair.after(reply.clone(), stream).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            assert!(answer.text().contains("scripted: x") || stream, "{name}: {}", answer.text());
            assert_eq!(answer.header("x-brains-attempts"), "2", "{name}");
            assert_eq!(
                answer.header("x-brains-attempt-causes"),
                format!("primary/scripted-1 {cause}"),
                "{name}"
            );
            assert_eq!(
                (answer.header("x-brains-provider"), answer.header("x-brains-model")),
                ("second", "scripted-2"),
                "{name}"
            );
            let trace = trace(&pair.service.client, &answer).await;
            let told: Vec<(&str, &str)> = trace["attempts"]
                .as_array()
                .expect("attempts")
                .iter()
                .map(|attempt| {
                    (attempt["provider"].as_str().unwrap_or(""), attempt["outcome"].as_str().unwrap_or(""))
                })
                .collect();
            assert_eq!(told, [("primary", "failed"), ("second", "ok")], "{name}: {trace}");
            assert!(
                trace["attempts"][0]["cause"].as_str().is_some_and(|cause| !cause.is_empty()),
                "{name}: {trace}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_first_byte_the_client_is_told() {
    let pair = Pair::start("").await;
    for reply in [
        Reply::stream(half()).end(End::Cut),
        Reply::stream(half()).end(End::Reset),
        Reply::stream(half()).end(End::Hang),
        Reply::stream(half()),
    ] {
        let shown = format!("{:?}", reply.end);
        let answer = pair.after(reply, true).await;
        assert_eq!((answer.status, answer.header("x-brains-provider")), (200, "primary"), "{shown}");
        let events = answer.events();
        let error: Value = serde_json::from_str(&events[events.len() - 2]).expect("an error event");
        assert!(error["error"]["type"].is_string(), "{shown}: {}", answer.text());
        let trace = trace(&pair.service.client, &answer).await;
        assert_eq!(trace["attempts"][0]["outcome"], "failed", "{shown}: {trace}");
    }
    assert_eq!(pair.second.seen().len(), 0, "what was said by one is not continued by another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_error_never_wanders() {
    let pair = Pair::start("retry_max_attempts: 3, circuit_failure_threshold: 1").await;
    for code in ["", "content_policy_violation"] {
        for stream in [false, true] {
            let body = json!({"error": {"message": "bad", "type": "invalid_request_error", "code": code}});
            let answer = pair.after(Reply::json(400, body.to_string()), stream).await;
            assert_eq!((answer.status, answer.header("x-brains-attempts")), (400, "1"), "{}", answer.text());
        }
    }
    assert_eq!(pair.calls(), (4, 0));
    assert_eq!(
        pair.chat(false).await.header("x-brains-provider"),
        "primary",
        "and says nothing about the provider"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_come_first_and_are_counted() {
    let pair = Pair::start("retry_max_attempts: 3, retry_initial_backoff_seconds: 0.02").await;
    for stream in [false, true] {
        let answer = pair.after(Reply::json(500, "{}"), stream).await;
        assert_eq!(
            (answer.header("x-brains-provider"), answer.header("x-brains-attempts")),
            ("primary", "2")
        );
    }
    for _ in 0..3 {
        pair.primary.then(Reply::reset());
    }
    let answer = pair.chat(false).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("second", "4"));
    let causes = answer.header("x-brains-attempt-causes");
    assert_eq!(causes, ["primary/scripted-1 upstream_error"; 3].join(", "));
    assert_eq!(trace(&pair.service.client, &answer).await["attempts"].as_array().map(Vec::len), Some(4));

    // With nobody left the client is told, and told not to repeat what was done for it.
    for _ in 0..3 {
        pair.primary.then(Reply::json(500, "{}"));
    }
    pair.second.then(Reply::json(500, "{}"));
    let answer = pair.chat(false).await;
    assert_eq!((answer.status, answer.header("x-brains-attempts")), (502, "4"));
    assert_eq!(answer.header("x-should-retry"), "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_asks_to_wait_is_waited_or_nobody_waits() {
    let pair = Pair::start(
        "retry_max_attempts: 2, retry_initial_backoff_seconds: 0.01, retry_max_backoff_seconds: 3",
    )
    .await;
    let started = tokio::time::Instant::now();
    let answer = pair.after(Reply::json(429, "{}").header("retry-after", "1"), false).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("primary", "2"));
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());

    let at_seconds = i64::try_from(now_seconds()).expect("now") + 2;
    let answer =
        pair.after(Reply::json(429, "{}").header("retry-after", &http_date(at_seconds)), false).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("primary", "2"));
    assert!(i64::try_from(now_seconds()).expect("now") >= at_seconds, "not before the date");

    // Longer than anybody would wait: the next candidate at once, and the truth when there is none.
    let answer = pair.after(Reply::json(429, "{}").header("retry-after", "4000"), false).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("second", "2"));
    let alone = json!({"model": "primary/scripted-1", "messages": [{"role": "user", "content": "x"}]});
    pair.primary.then(Reply::json(429, "{}").header("retry-after", "4000"));
    let answer = pair.service.client.chat(&alone).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "4000"));
    pair.primary.then(Reply::json(503, "{}").header("retry-after", "999999999"));
    assert_eq!(pair.service.client.chat(&alone).await.header("retry-after"), "86400", "capped");
}

/// As RFC 9110 writes a moment.
fn http_date(seconds: i64) -> String {
    let text = brains_core::Millis(seconds * 1000).to_string();
    let part = |from: usize, to: usize| text[from..to].to_owned();
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [part(5, 7).parse::<usize>().expect("a month") - 1];
    let day = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        [usize::try_from(seconds / 86_400 % 7).expect("a day")];
    format!("{day}, {} {month} {} {} GMT", part(8, 10), part(0, 4), part(11, 19))
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_count_from_every_layer() {
    let once = Reply::json(500, "{}");
    let attempts = async |service: &Brains, upstream: &Upstream| {
        upstream.then(once.clone());
        let body = json!({"model": WIRE.model(), "messages": [{"role": "user", "content": "x"}]});
        service.client.chat(&body).await.header("x-brains-attempts").to_owned()
    };
    let upstream = WIRE.upstream().await;
    let service = Brains::start(WIRE.setup(&upstream)).await;
    assert_eq!(attempts(&service, &upstream).await, "1", "no retry by default");
    let policy = "provider_policies.openai_compatible";
    let set = async |key: String, value: Value| {
        service.client.operation("set_config", &json!({"key": key, "value": value})).await
    };
    set(format!("{policy}.retry_initial_backoff_seconds"), json!(0.01)).await;
    set(format!("{policy}.retry_max_attempts"), json!(2)).await;
    assert_eq!(attempts(&service, &upstream).await, "2", "from the overlay, at once");

    let yaml = "provider_policies: {openai: {retry_max_attempts: 2, retry_initial_backoff_seconds: 0.01}}";
    let service = Brains::start(WIRE.setup(&upstream).and(yaml)).await;
    assert_eq!(attempts(&service, &upstream).await, "2", "from the file, under an alias");

    let variable =
        r#"{"openai_compatible": {"retry_max_attempts": 2, "retry_initial_backoff_seconds": 0.01}}"#;
    let service = Brains::start(WIRE.setup(&upstream).env("BRAINS_PROVIDER_POLICIES", variable)).await;
    assert_eq!(attempts(&service, &upstream).await, "2", "from the environment");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_goes_to_a_larger_window_only() {
    let catalogue = |seen: &brains_tests::Seen| {
        if seen.path.ends_with("/models") {
            let window =
                |id: &str, window: u32| json!({"id": id, "object": "model", "context_length": window});
            let list = json!({"object": "list", "data": [window("small", 8_000), window("same", 8_000), window("large", 200_000)]});
            return Reply::json(200, list.to_string());
        }
        if seen.json()["model"] == "large" {
            return model::answer(seen);
        }
        Reply::json(400, json!({"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}).to_string())
    };
    let upstream = Upstream::start(catalogue).await;
    let tiers = "models:
  wide: {provider: openai_compatible, model: small, fallbacks: [{provider: openai_compatible, model: same}, {provider: openai_compatible, model: large}]}
  narrow: {provider: openai_compatible, model: small, fallbacks: [{provider: openai_compatible, model: same}]}
provider_policies: {openai_compatible: {retry_max_attempts: 5, circuit_failure_threshold: 1}}";
    let service = Brains::start(WIRE.setup(&upstream).and(tiers)).await;
    let ask = async |tier: &str| {
        let body = json!({"model": format!("brains-{tier}"), "messages": [{"role": "user", "content": "x"}]});
        service.client.chat(&body).await
    };
    let answer = ask("wide").await;
    assert_eq!((answer.status, answer.header("x-brains-model")), (200, "large"), "{}", answer.text());
    let causes = answer.header("x-brains-attempt-causes");
    assert!(
        causes.contains("small context_length_exceeded") && causes.contains("same window_not_larger"),
        "{causes}"
    );
    let answer = ask("narrow").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (400, Some("context_length_exceeded"))
    );
    let asked: Vec<Value> = upstream
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.json()["model"].clone())
        .collect();
    assert_eq!(asked, ["small", "large", "small"], "each candidate once, and never one that is no larger");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_provider_is_passed_over() {
    let pair = Pair::start("max_concurrent_requests: 1").await;
    pair.primary.then(Reply::stream(half()).end(End::Hang));
    let hanging = pair
        .service
        .client
        .request(http::Method::POST, "/v1/chat/completions")
        .body(request(true).to_string());
    let response = brains_tests::within("the head", hanging.send()).await.expect("an answer");
    let answer = pair.chat(false).await;
    assert_eq!(answer.header("x-brains-provider"), "second");
    assert_eq!(answer.header("x-brains-attempt-causes"), "primary/scripted-1 at_capacity");
    let alone = json!({"model": "primary/scripted-2", "messages": [{"role": "user", "content": "x"}]});
    let refused = pair.service.client.chat(&alone).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.text());
    let load = pair.service.client.get("/health/ready").await.json()["provider_load"].clone();
    assert!(
        load.as_array()
            .is_some_and(|all| all.contains(&json!({"provider": "primary", "in_flight": 1, "limit": 1}))),
        "{load}"
    );
    drop(response);
    until("the place to be free", async || pair.chat(false).await.header("x-brains-provider") == "primary")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_names_lane_score_and_classifier() {
    let pair = Pair::start("").await;
    let explained = pair
        .service
        .client
        .operation("explain_route", &json!({"prompt": "hi", "model": "brains-pair"}))
        .await;
    assert_eq!(explained["attempts"][0]["lane"], "relay", "{explained}");
    assert!(
        explained["attempts"][0]["score"].as_f64() > explained["attempts"][1]["score"].as_f64(),
        "{explained}"
    );
    let explained = pair.service.client.operation("explain_route", &json!({"prompt": "fix the bug"})).await;
    // The tier has no model of its own: the pair's answers.
    assert_eq!(explained["attempts"][0]["lane"], "relay", "{explained}");
    assert_eq!(explained["classification"]["component"], "classifier-weighted", "{explained}");
    assert!(explained["attempts"][0]["score"].is_number(), "{explained}");
}
