//! A second candidate beside one that is slow to begin: who begins first answers, the other is given up and settled, and no more
//! requests are asked twice than the operator allows. A gateway whose loser was not billed told sums that were confident and
//! wrong (bircex/llmr#48), and one whose budget was spent gave up what was already under way (failsafe-go/failsafe-go#141).

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{ANTHROPIC, OPENAI, RESPONSES, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Caller, Client, Reply, Setup, Upstream, Wire, until, within};
use serde_json::{Value, json};

use crate::costs::nanos;
use crate::failover::trace;

const NAMES: [&str; 3] = ["first", "second", "third"];
/// Longer than any test waits.
const NEVER: Duration = Duration::from_mins(10);
/// Long after a second candidate is asked.
const SLOW: Duration = Duration::from_millis(600);

/// Three providers of a wire, and a tier of them.
struct Trio {
    upstreams: Vec<Upstream>,
    service: Brains,
}

impl Trio {
    /// `tier` is what the tier says besides, `more` what the configuration does.
    async fn start(wire: Wire, tier: &str, more: &str) -> Self {
        let mut upstreams = Vec::new();
        for _ in NAMES {
            upstreams.push(wire.upstream().await);
        }
        let (component, with_version) = match wire.provider {
            "anthropic" => ("provider-anthropic", false),
            "openai_responses" => ("provider-openai-responses", true),
            _ => ("provider-openai", true),
        };
        let providers = NAMES.iter().zip(&upstreams).map(|(name, upstream)| {
            let base = if with_version { upstream.base() } else { upstream.origin() };
            format!(
                "  {name}: {{component: {component}, config: {{base_url: \"{base}\"}}, secrets: {{api_key: \"{UPSTREAM_KEY}\"}}}}\n"
            )
        });
        let config = format!(
            "providers:\n{}models: {{trio: {{provider: first, model: scripted-1, fallbacks: \
             [{{provider: second, model: scripted-2}}, {{provider: third, model: scripted-3}}]{tier}}}}}\n\
             policy: {{component: policy-tiered, config: {{error_rate_limit: 1}}}}\naffinity: {{enabled: false}}\n\
             prices: {{first: {{\"*\": {{input: 1, output: 2}}}}, second: {{\"*\": {{input: 10, output: 20}}}}, third: {{\"*\": {{input: 100, output: 200}}}}}}\n{more}",
            providers.collect::<String>()
        );
        Self { upstreams, service: Brains::start(Setup::config(config)).await }
    }

    /// With a tier whose every request may be asked twice.
    async fn hedging(wire: Wire, more: &str) -> Self {
        Self::start(wire, HEDGES, more).await
    }

    fn then(&self, name: &str, reply: Reply) {
        self.upstream(name).then(reply);
    }

    fn upstream(&self, name: &str) -> &Upstream {
        &self.upstreams[NAMES.iter().position(|known| *known == name).expect("one of the three")]
    }

    async fn chat(&self) -> Answer {
        within("an answer", Caller::Chat.ask(&self.service.client, &question(Caller::Chat, true))).await
    }

    /// How often each was called.
    fn calls(&self) -> Vec<usize> {
        let chats = |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.method == "POST").count();
        self.upstreams.iter().map(chats).collect()
    }

    /// Nobody is under way, and no breaker remembers anything.
    async fn is_at_rest(&self) {
        until("every permit", async || {
            let ready = self.service.client.get("/health/ready").await.json();
            let load = ready["provider_load"].as_array().cloned().unwrap_or_default();
            load.iter().all(|provider| provider["in_flight"] == 0)
        })
        .await;
        assert_eq!(self.service.client.get("/health/ready").await.json()["breakers"], json!([]));
    }
}

const HEDGES: &str = ", hedge_after_ms: 40, hedge_max_percent: 100";
/// Breakers that one failure opens.
const STRICT: &str = "provider_policies: {first: {circuit_failure_threshold: 1, circuit_cooldown_seconds: 600}, second: {circuit_failure_threshold: 1, circuit_cooldown_seconds: 600}}";

fn question(caller: Caller, stream: bool) -> Value {
    caller.question("brains-trio", stream, "how long is a piece of string?")
}

fn slow(wire: &Wire, stream: bool, text: &str, delay: Duration) -> Reply {
    let reply =
        if stream { wire.stream((wire.text_frames)(text)) } else { Reply::json(200, (wire.text_body)(text)) };
    reply.head_delay(delay)
}

/// Each attempt of a trace: by whom, what came of it, the word for why.
fn attempts(trace: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = trace["attempts"].as_array().expect("attempts").iter();
    told.map(|it| (text(&it["provider"]), text(&it["outcome"]), text(&it["code"]))).collect()
}

fn attempt(provider: &str, outcome: &str, code: &str) -> (String, String, String) {
    (provider.to_owned(), outcome.to_owned(), code.to_owned())
}

/// The sums of the ledger, once so many requests and parts of them are in it.
async fn settled(client: &Client, requests: u64, parts: u64) -> Value {
    let mut total = Value::Null;
    until("the ledger", async || {
        total = client.operation("list_usage", &json!({})).await["total"].clone();
        total["requests"] == requests && total["parts"] == parts
    })
    .await;
    total
}

/// What traces say that their requests cost, parts included, in nano-dollars.
fn cost(trace: &Value) -> i128 {
    let parts = trace["attempts"].as_array().expect("attempts").iter();
    let parts = parts.map(|it| &it["billed"]["cost_usd"]).filter(|cost| !cost.is_null());
    nanos(&trace["cost_usd"]) + parts.map(nanos).sum::<i128>()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_first_answers_and_the_other_is_settled() {
    for wire in [OPENAI, ANTHROPIC, RESPONSES] {
        let trio = Trio::hedging(wire, STRICT).await;
        let client = &trio.service.client;
        let (mut requests, mut costs) = (0_u64, 0);
        for caller in Caller::ALL {
            for stream in [false, true] {
                let place = format!("{caller:?} over {}, stream: {stream}", wire.provider);
                // The first never begins.
                let left = trio.upstream("first").left();
                trio.then("first", slow(&wire, stream, "late", NEVER));
                trio.then("second", slow(&wire, stream, "in time", Duration::ZERO));
                let answer = within("an answer", caller.ask(client, &question(caller, stream))).await;
                let heard = caller.read(&answer);
                assert_eq!(heard.text, "in time", "{place}: {}", answer.text());
                assert!(heard.finished && heard.ended, "{place}: {}", answer.text());
                until("the first to notice", async || trio.upstream("first").left() == left + 1).await;
                let named = |name| answer.header(name).to_owned();
                assert_eq!(
                    (named("x-brains-provider"), named("x-brains-model"), named("x-brains-attempts")),
                    ("second".into(), "scripted-2".into(), "2".into()),
                    "{place}"
                );
                assert_eq!(named("x-brains-attempt-causes"), "first/scripted-1 hedged_out", "{place}");
                let reason = named("x-brains-route-reason");
                assert!(reason.ends_with("; hedged after 40 ms with second/scripted-2"), "{place}: {reason}");
                let kept = trace(client, &answer).await;
                assert_eq!(
                    attempts(&kept),
                    [attempt("first", "cancelled", "hedged_out"), attempt("second", "ok", "")],
                    "{place}: {kept}"
                );
                let billed = &kept["attempts"][0]["billed"];
                assert!(billed["usage"]["input_tokens"].as_u64() > Some(0), "{place}: {kept}");
                assert_eq!(billed["usage"]["estimated"], json!(true), "{place}: {kept}");
                assert_eq!(kept["provider"], "second", "{place}");
                costs += cost(&kept);

                // The first begins late, and before the second.
                let left = trio.upstream("second").left();
                trio.then("first", slow(&wire, stream, "late", SLOW));
                trio.then("second", slow(&wire, stream, "later", NEVER));
                let answer = within("an answer", caller.ask(client, &question(caller, stream))).await;
                assert_eq!(caller.read(&answer).text, "late", "{place}: {}", answer.text());
                until("the second to notice", async || trio.upstream("second").left() == left + 1).await;
                assert_eq!(answer.header("x-brains-provider"), "first", "{place}");
                assert_eq!(
                    answer.header("x-brains-attempt-causes"),
                    "second/scripted-2 hedged_out",
                    "{place}"
                );
                let kept = trace(client, &answer).await;
                assert_eq!(
                    attempts(&kept),
                    [attempt("second", "cancelled", "hedged_out"), attempt("first", "ok", "")],
                    "{place}: {kept}"
                );
                costs += cost(&kept);
                requests += 2;
            }
        }
        trio.is_at_rest().await;
        assert_eq!(trio.calls()[2], 0, "one beside another is all");
        let total = settled(client, requests, requests).await;
        assert_eq!(
            (&total["requests"], &total["failed"], &total["cancelled"]),
            (&json!(requests), &json!(0), &json!(0)),
            "{total}"
        );
        assert!(total["unpriced"] == 0 && costs > 0, "{total}");
        assert_eq!(nanos(&total["cost_usd"]), costs, "{total}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_one_leaves_it_to_the_other_and_then_to_the_next() {
    let trio = Trio::hedging(OPENAI, "").await;
    let client = &trio.service.client;
    // The first fails while the second is asked.
    trio.then("first", Reply::json(500, "{}").head_delay(Duration::from_millis(150)));
    trio.then("second", slow(&OPENAI, true, "second", SLOW));
    let answer = trio.chat().await;
    assert_eq!(Caller::Chat.read(&answer).text, "second", "{}", answer.text());
    assert_eq!(answer.header("x-brains-attempt-causes"), "first/scripted-1 upstream_error");
    let kept = trace(client, &answer).await;
    assert_eq!(attempts(&kept), [attempt("first", "failed", "upstream_error"), attempt("second", "ok", "")]);
    assert!(kept["attempts"][0]["billed"].is_null(), "a failure tells no counts: {kept}");

    // The second fails, and the first goes on.
    trio.then("first", slow(&OPENAI, true, "first", SLOW));
    trio.then("second", Reply::json(503, "{}"));
    let answer = trio.chat().await;
    assert_eq!(Caller::Chat.read(&answer).text, "first", "{}", answer.text());
    assert_eq!(answer.header("x-brains-attempt-causes"), "second/scripted-2 server_is_overloaded");

    // Both fail: the third answers, and the second is not asked again.
    trio.then("first", Reply::json(500, "{}").head_delay(SLOW));
    trio.then("second", Reply::json(503, "{}").head_delay(Duration::from_millis(150)));
    trio.then("third", slow(&OPENAI, true, "third", Duration::ZERO));
    let answer = trio.chat().await;
    assert_eq!(Caller::Chat.read(&answer).text, "third", "{}", answer.text());
    assert_eq!(answer.header("x-brains-attempts"), "3");
    assert_eq!(trio.calls(), [3, 3, 1]);

    // What is wrong with the request is wrong everywhere.
    let wrong = json!({"error": {"message": "bad", "type": "invalid_request_error"}}).to_string();
    trio.then("first", Reply::json(400, wrong).head_delay(Duration::from_millis(150)));
    trio.then("second", slow(&OPENAI, true, "never", NEVER));
    let answer = trio.chat().await;
    assert_eq!((answer.status, answer.header("x-brains-attempts")), (400, "2"), "{}", answer.text());
    until("the second to notice", async || trio.upstream("second").left() == 1).await;
    assert_eq!(trio.calls(), [4, 4, 1]);
    trio.is_at_rest().await;
    let total = settled(client, 4, 1).await;
    assert_eq!((&total["failed"], &total["parts"]), (&json!(1), &json!(1)), "{total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_both() {
    let trio = Trio::hedging(OPENAI, "").await;
    let client = &trio.service.client;
    trio.then("first", slow(&OPENAI, true, "never", NEVER));
    trio.then("second", OPENAI.stream([": wait\n\n"]).end(End::Hang));
    let body = question(Caller::Chat, true);
    tokio::select! {
        answer = client.chat(&body) => panic!("nobody answered, and yet: {}", answer.text()),
        () = until("the second call", async || trio.calls()[1] == 1) => {}
    }
    for name in ["first", "second"] {
        until("both to notice", async || trio.upstream(name).left() == 1).await;
    }
    trio.is_at_rest().await;
    let total = settled(client, 1, 1).await;
    assert_eq!((&total["requests"], &total["cancelled"]), (&json!(1), &json!(1)), "{total}");
    until("the trace", async || {
        let traces = client.operation("list_traces", &json!({})).await;
        let Some(kept) = traces["traces"].as_array().and_then(|traces| traces.first().cloned()) else {
            return false;
        };
        let mut told = attempts(&kept);
        told.sort();
        assert_eq!(told, [attempt("first", "cancelled", ""), attempt("second", "cancelled", "")], "{kept}");
        true
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_beside_another_unless_a_tier_says_so() {
    let trio = Trio::start(OPENAI, "", "").await;
    trio.then("first", slow(&OPENAI, true, "late", SLOW));
    let answer = trio.chat().await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("first", "1"));
    // Switched on, it counts from the next request on; whoever is quick has nobody beside.
    let set = async |key: &str, value: Value| {
        let key = format!("models.trio.{key}");
        trio.service.client.operation("set_config", &json!({"key": key, "value": value})).await
    };
    set("hedge_max_percent", json!(100)).await;
    set("hedge_after_ms", json!(40)).await;
    trio.then("first", slow(&OPENAI, true, "late", NEVER));
    assert_eq!(trio.chat().await.header("x-brains-provider"), "second");
    set("hedge_after_ms", json!(20_000)).await;
    assert_eq!(trio.chat().await.header("x-brains-attempts"), "1");
    assert_eq!(trio.calls(), [3, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_done_twice_is_asked_once() {
    let trio = Trio::hedging(OPENAI, "").await;
    let client = &trio.service.client;
    let mut searching = question(Caller::Chat, true);
    searching["web_search_options"] = json!({"search_context_size": "low"});
    let mut served = question(Caller::Chat, true);
    served["tools"] = json!([{"type": "function", "function": {"name": "own", "parameters": {"type": "object"}}},
                             {"type": "mcp", "server_label": "x", "server_url": "https://x.example"}]);
    for body in [searching, served] {
        trio.then("first", slow(&OPENAI, true, "late", SLOW));
        let answer = within("an answer", client.chat(&body)).await;
        assert_eq!(answer.header("x-brains-attempts"), "1", "{body}: {}", answer.text());
    }
    trio.then("first", slow(&OPENAI, true, "late", SLOW));
    let call = client
        .request(http::Method::POST, Caller::Chat.path())
        .header("idempotency-key", "once")
        .body(question(Caller::Chat, true).to_string());
    assert_eq!(within("an answer", Client::send(call)).await.header("x-brains-attempts"), "1");
    assert_eq!(trio.calls(), [3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_ill_or_full_is_not_asked_beside_another() {
    let trio = Trio::hedging(
        OPENAI,
        "provider_policies: {second: {circuit_failure_threshold: 1, circuit_cooldown_seconds: 600}, third: {max_concurrent_requests: 1}}",
    )
    .await;
    let client = &trio.service.client;
    let named = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
    trio.then("second", Reply::json(500, "{}"));
    assert_eq!(client.chat(&named("second/scripted-2")).await.status, 502);
    trio.then("third", slow(&OPENAI, false, "never", NEVER));
    let body = named("third/scripted-3");
    let busy = async {
        until("the third to be full", async || trio.calls()[2] == 1).await;
        trio.then("first", slow(&OPENAI, true, "late", SLOW));
        trio.chat().await
    };
    let answer = tokio::select! {
        answer = client.chat(&body) => panic!("it waits: {}", answer.text()),
        answer = busy => answer,
    };
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("first", "1"));
    assert_eq!(trio.calls(), [1, 1, 1]);
    // With room again the third is.
    until("room", async || trio.upstream("third").left() == 1).await;
    trio.then("first", slow(&OPENAI, true, "late", NEVER));
    assert_eq!(trio.chat().await.header("x-brains-provider"), "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upstream_does_not_get_twice_the_load() {
    const REQUESTS: usize = 60;
    let trio = Trio::start(OPENAI, ", hedge_after_ms: 10, hedge_max_percent: 10", "").await;
    for _ in 0..REQUESTS {
        trio.then("first", slow(&OPENAI, true, "late", Duration::from_millis(120)));
        trio.then("second", slow(&OPENAI, true, "later", NEVER));
    }
    let calls = (0..REQUESTS).map(|_| trio.chat());
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.header("x-brains-provider") == "first"));
    let [first, second, third] = trio.calls()[..] else { panic!("three") };
    assert_eq!((first, third), (REQUESTS, 0));
    assert!((1..=1 + REQUESTS / 10).contains(&second), "{second} of {REQUESTS}");
    trio.is_at_rest().await;
}
