//! A streamed text that breaks off is gone on with by another candidate, where its tier says so: one text in one answer for the
//! client, each part billed as its own, and nothing that is not exact. Others told a rest that was cut as a whole answer
//! (askalf/dario#1286), sent a turn to go on from to models that take none (BerriAI/litellm#36267), said parts twice
//! (mastra-ai/mastra#9247), or ended that turn in space (langchain-ai/langchain-google#1514).

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{ANTHROPIC, OLLAMA, OPENAI, RESPONSES, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Caller, Reply, Setup, Upstream, Wire, until, within};
use serde_json::{Value, json};

use crate::costs::nanos;
use crate::failover::trace;

/// What is said before it breaks off; its end is space.
const BEGUN: &str = "One, two,\n";
const REST: &str = "\nthree and so on.";
const WHOLE: &str = "One, two,\nthree and so on.";

/// A tier of two providers, each of a wire of its own.
struct Duo {
    first: (Wire, Upstream),
    second: (Wire, Upstream),
    service: Brains,
}

impl Duo {
    /// `settings` are more of the second one's, `tier` is what the tier says besides.
    async fn start(first: Wire, second: Wire, settings: &str, tier: &str) -> Self {
        let upstreams = (first.upstream().await, second.upstream().await);
        let provider = |name: &str, wire: &Wire, upstream: &Upstream, settings: &str| {
            let (component, base) = match wire.provider {
                "anthropic" => ("provider-anthropic", upstream.origin()),
                "openai_responses" => ("provider-openai-responses", upstream.base()),
                "ollama" => ("provider-ollama", upstream.origin()),
                _ => ("provider-openai", upstream.base()),
            };
            let secrets = match wire.provider {
                "ollama" => String::new(),
                _ => format!(", secrets: {{api_key: \"{UPSTREAM_KEY}\"}}"),
            };
            format!(
                "  {name}: {{component: {component}, config: {{base_url: \"{base}\"{settings}}}, timeout_seconds: 1{secrets}}}\n"
            )
        };
        let config = format!(
            "providers:\n{}{}models: {{duo: {{provider: first, model: scripted-1, fallbacks: [{{provider: second, model: scripted-2}}]{tier}}}}}\n\
             policy: {{component: policy-tiered, config: {{error_rate_limit: 1}}}}\naffinity: {{enabled: false}}\n\
             prices: {{first: {{\"*\": {{input: 1, output: 2}}}}, second: {{\"*\": {{input: 10, output: 20}}}}}}\n",
            provider("first", &first, &upstreams.0, ""),
            provider("second", &second, &upstreams.1, settings)
        );
        let service = Brains::start(Setup::config(config)).await;
        Self { first: (first, upstreams.0), second: (second, upstreams.1), service }
    }

    async fn ask(&self, caller: Caller, body: &Value) -> Answer {
        within("an answer", caller.ask(&self.service.client, body)).await
    }

    /// The first one begins and breaks off like this.
    fn breaks_off(&self, end: End) {
        self.first.1.then(self.first.0.stream(begun(&self.first.0)).end(end));
    }

    /// The second one goes on.
    fn goes_on(&self) {
        self.second.1.then(self.second.0.stream((self.second.0.text_frames)(REST)));
    }

    fn calls(&self) -> (usize, usize) {
        let posts = |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.method == "POST").count();
        (posts(&self.first.1), posts(&self.second.1))
    }

    async fn totals(&self, requests: u64) -> Value {
        let total = async || self.service.client.operation("list_usage", &json!({})).await["total"].clone();
        until("the ledger", async || total().await["requests"] == requests).await;
        total().await
    }
}

const CONTINUES: &str = ", continue_cut: true";
const TAKES: &str = ", prefill: partial";

fn begun(wire: &Wire) -> Vec<String> {
    let frames = (wire.text_frames)(BEGUN);
    let last = frames.iter().position(|frame| frame.contains("two,")).expect("all of the text");
    frames.into_iter().take(last + 1).collect()
}

fn question(caller: Caller) -> Value {
    caller.question("brains-duo", true, "count")
}

/// The client is told that the answer broke off, and has what was said.
#[track_caller]
fn broke_off(caller: Caller, answer: &Answer, place: &str) {
    let heard = caller.read(answer);
    assert!(heard.error.is_some() && !heard.finished, "{place}: {}", answer.text());
    assert!(!answer.text().contains(": continued"), "{place}: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_breaks_off_is_one_text_for_its_client() {
    for (first, second, settings) in [
        (OPENAI, ANTHROPIC, ""),
        (ANTHROPIC, OPENAI, TAKES),
        (RESPONSES, ANTHROPIC, ""),
        (OLLAMA, OPENAI, TAKES),
    ] {
        let duo = Duo::start(first, second, settings, CONTINUES).await;
        let (mut cost, mut requests) = (0, 0);
        for caller in Caller::ALL {
            let place = format!("{caller:?} over {}, then {}", first.provider, second.provider);
            duo.breaks_off(End::Cut);
            duo.goes_on();
            let answer = duo.ask(caller, &question(caller)).await;
            let heard = caller.read(&answer);
            assert_eq!(heard.text, WHOLE, "{place}: {}", answer.text());
            assert!(heard.finished && heard.ended && heard.error.is_none(), "{place}: {}", answer.text());
            assert_eq!(answer.text().matches(": continued\n\n").count(), 1, "{place}");
            assert!(heard.usage.is_some(), "{place}: {}", answer.text());

            let asked = duo.second.1.last().json();
            let turns = asked["messages"].as_array().expect("turns");
            let last = turns.last().expect("a turn");
            assert_eq!(last["role"], "assistant", "{place}: {asked}");
            let said = last["content"].as_str().or_else(|| last["content"][0]["text"].as_str());
            assert_eq!(said, Some("One, two,"), "{place}: without the space at its end: {asked}");
            if second.provider == OPENAI.provider {
                assert_eq!(last["partial"], true, "{place}: {asked}");
            }

            let kept = trace(&duo.service.client, &answer).await;
            let attempts = kept["attempts"].as_array().expect("attempts");
            let outcomes: Vec<_> =
                attempts.iter().map(|it| (it["provider"].clone(), it["outcome"].clone())).collect();
            assert_eq!(
                outcomes,
                [(json!("first"), json!("failed")), (json!("second"), json!("ok"))],
                "{place}: {kept}"
            );
            assert_eq!((&kept["status"], &kept["provider"]), (&json!(200), &json!("second")), "{place}");
            let reason = kept["reason"].as_str().expect("a reason");
            assert!(
                reason.ends_with("; broke off (upstream_error), continued by second/scripted-2"),
                "{place}: {reason}"
            );
            let part = &attempts[0]["billed"];
            assert!(part["usage"]["output_tokens"].as_u64() > Some(0), "{place}: {kept}");
            let costs = [&kept["cost_usd"], &part["cost_usd"]];
            cost += costs.iter().map(|cost| nanos(cost)).sum::<i128>();
            requests += 1;
        }
        let total = duo.totals(requests).await;
        assert_eq!(
            (&total["parts"], &total["failed"], &total["unpriced"]),
            (&json!(requests), &json!(0), &json!(0)),
            "{total}"
        );
        assert_eq!(nanos(&total["cost_usd"]), cost, "{total}");
        let by = duo.service.client.operation("list_usage", &json!({"by": "provider"})).await;
        for line in by["usage"].as_array().expect("lines") {
            let parts = if line["group"] == "first" { requests } else { 0 };
            assert_eq!(
                (&line["parts"], &line["requests"]),
                (&json!(parts), &json!(requests - parts)),
                "{line}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_it_breaks_off_it_is_gone_on_with() {
    let duo = Duo::start(ANTHROPIC, OPENAI, TAKES, CONTINUES).await;
    let mut failing = begun(&ANTHROPIC);
    failing.push((ANTHROPIC.error_frame)("overloaded"));
    for reply in [
        ANTHROPIC.stream(begun(&ANTHROPIC)).end(End::Reset),
        // Silence.
        ANTHROPIC.stream(begun(&ANTHROPIC)).end(End::Hang),
        // A proper end of what is no whole answer.
        ANTHROPIC.stream(begun(&ANTHROPIC)),
        // A failure that is told in the stream, all at once with the text.
        ANTHROPIC.stream([failing.concat()]),
    ] {
        let shown = format!("{reply:?}");
        duo.first.1.then(reply);
        duo.goes_on();
        let answer = duo.ask(Caller::Messages, &question(Caller::Messages)).await;
        let heard = Caller::Messages.read(&answer);
        assert_eq!(heard.text, WHOLE, "{shown}: {}", answer.text());
        assert!(heard.finished && heard.error.is_none(), "{shown}: {}", answer.text());
    }
    assert_eq!(duo.calls(), (4, 4));
    let ready = duo.service.client.get("/health/ready").await.json();
    let load = ready["provider_load"].as_array().cloned().unwrap_or_default();
    assert!(load.iter().all(|provider| provider["in_flight"] == 0), "{ready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_candidate_goes_on_when_nobody_else_does() {
    let duo = Duo::start(ANTHROPIC, RESPONSES, "", CONTINUES).await;
    duo.breaks_off(End::Cut);
    duo.first.1.then(ANTHROPIC.stream((ANTHROPIC.text_frames)(REST)));
    let answer = duo.ask(Caller::Chat, &question(Caller::Chat)).await;
    assert_eq!(Caller::Chat.read(&answer).text, WHOLE, "{}", answer.text());
    assert_eq!(duo.calls(), (2, 0), "a wire on which nobody goes on exactly is not asked");

    // A rest that breaks off as well is not whole.
    duo.breaks_off(End::Cut);
    duo.breaks_off(End::Cut);
    let answer = duo.ask(Caller::Chat, &question(Caller::Chat)).await;
    let heard = Caller::Chat.read(&answer);
    assert!(heard.error.is_some() && !heard.finished, "{}", answer.text());
    assert_eq!(duo.calls(), (4, 0));
    let total = duo.totals(2).await;
    assert_eq!((&total["parts"], &total["failed"]), (&json!(2), &json!(1)), "{total}");

    // And one that nobody goes on with is billed once.
    duo.breaks_off(End::Cut);
    duo.first.1.then(Reply::json(500, "{}"));
    let answer = duo.ask(Caller::Chat, &question(Caller::Chat)).await;
    broke_off(Caller::Chat, &answer, "nobody goes on");
    let total = duo.totals(3).await;
    assert_eq!((&total["parts"], &total["failed"]), (&json!(2), &json!(2)), "{total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_exact_is_not_gone_on_with() {
    // Off, as it comes.
    let off = Duo::start(OPENAI, ANTHROPIC, "", "").await;
    off.breaks_off(End::Cut);
    broke_off(Caller::Chat, &off.ask(Caller::Chat, &question(Caller::Chat)).await, "off");
    assert_eq!(off.calls(), (1, 0));

    // Nobody knows that the other server would go on.
    let unknown = Duo::start(OPENAI, OPENAI, "", CONTINUES).await;
    unknown.breaks_off(End::Cut);
    broke_off(Caller::Chat, &unknown.ask(Caller::Chat, &question(Caller::Chat)).await, "unknown");
    assert_eq!(unknown.calls(), (1, 0));

    // A model that takes no such turn.
    let duo = Duo::start(OPENAI, ANTHROPIC, ", capabilities: {scripted-2: {prefill: false}}", CONTINUES);
    let duo = duo.await;
    duo.breaks_off(End::Cut);
    let answer = duo.ask(Caller::Chat, &question(Caller::Chat)).await;
    broke_off(Caller::Chat, &answer, "no prefill");
    assert_eq!(duo.calls(), (1, 0));
    let kept = trace(&duo.service.client, &answer).await;
    let first = &kept["attempts"][0];
    assert_eq!((&first["code"], &first["outcome"]), (&json!("no_prefill"), &json!("skipped")), "{kept}");

    let duo = Duo::start(OPENAI, ANTHROPIC, "", CONTINUES).await;
    let with = |name: &str, value: Value| {
        let mut body = question(Caller::Chat);
        body[name] = value;
        body
    };
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let mut prefilled = question(Caller::Chat);
    let turns = prefilled["messages"].as_array_mut().expect("turns");
    turns.push(json!({"role": "assistant", "content": "Zero,"}));
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let mut called = with("tools", tools);
    called["tool_choice"] = json!("required");
    for (place, body) in [
        ("a schema", with("response_format", schema)),
        ("JSON", with("response_format", json!({"type": "json_object"}))),
        ("thoughts", with("reasoning_effort", json!("low"))),
        ("a call that must be", called),
        ("a turn of the assistant's own", prefilled),
        ("nothing left of the limit", with("max_completion_tokens", json!(2))),
    ] {
        duo.breaks_off(End::Cut);
        broke_off(Caller::Chat, &duo.ask(Caller::Chat, &body).await, place);
    }
    // Something else than a text was said.
    let piece = |delta: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
        )
    };
    let call =
        json!([{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}}]);
    for (place, said) in [
        ("a call", json!({"tool_calls": call})),
        ("a thought", json!({"reasoning_content": "hm"})),
        ("a refusal", json!({"refusal": "I will not"})),
    ] {
        for text in ["", "One"] {
            let frames = [piece(json!({"role": "assistant", "content": text})), piece(said.clone())];
            duo.first.1.then(Reply::stream(frames).end(End::Cut));
            broke_off(Caller::Chat, &duo.ask(Caller::Chat, &question(Caller::Chat)).await, place);
        }
    }
    assert_eq!(duo.calls().1, 0, "nobody was asked to go on");
    // An answer that ended as it was meant to did not break off.
    let limited: Vec<String> = (OPENAI.text_frames)(BEGUN)
        .iter()
        .map(|frame| frame.replace("\"finish_reason\":\"stop\"", "\"finish_reason\":\"length\""))
        .collect();
    duo.first.1.then(Reply::stream(limited).end(End::Cut));
    let answer = duo.ask(Caller::Chat, &question(Caller::Chat)).await;
    assert!(Caller::Chat.read(&answer).finished, "{}", answer.text());
    assert_eq!(duo.calls().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_kept_is_kept_whole() {
    let duo = Duo::start(RESPONSES, ANTHROPIC, "", CONTINUES).await;
    duo.breaks_off(End::Cut);
    duo.goes_on();
    let mut body = question(Caller::Responses);
    body["store"] = json!(true);
    let answer = duo.ask(Caller::Responses, &body).await;
    assert_eq!(Caller::Responses.read(&answer).text, WHOLE, "{}", answer.text());
    let id = answer
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .find_map(|event| event["response"]["id"].as_str().map(str::to_owned))
        .expect("an id");
    let shown = duo.service.client.get(&format!("/v1/responses/{id}")).await.json();
    assert_eq!(shown["output"][0]["content"][0]["text"], WHOLE, "{shown}");
    assert_eq!(shown["status"], "completed", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_rest() {
    let duo = Duo::start(OPENAI, ANTHROPIC, "", CONTINUES).await;
    duo.breaks_off(End::Cut);
    duo.second.1.then(Reply::json(200, "{}").head_delay(Duration::from_mins(10)));
    let body = question(Caller::Chat);
    tokio::select! {
        answer = duo.ask(Caller::Chat, &body) => panic!("nobody goes on: {}", answer.text()),
        () = until("the second call", async || duo.calls().1 == 1) => {}
    }
    until("the second to notice", async || duo.second.1.left() == 1).await;
    let total = duo.totals(1).await;
    assert_eq!(total["cancelled"], 1, "{total}");
}
