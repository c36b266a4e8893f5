//! What requests cost: whole and streamed, cut, left by their client, and under way while the service is restarted, over every
//! wire of an upstream, priced and not. What the upstream counted, the traces and the ledger agree to the nano-dollar. The sums are made here anew.

use std::collections::BTreeMap;
use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Brains, Caller, Client, Reply, Seen, Setup, Upstream, until, within};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

/// Requests under way at once.
const AT_ONCE: usize = 8;
/// How often the service is ended and begun again between the first request and the last.
const RESTARTS: usize = 3;

/// What an upstream counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    /// Neither from a cache nor into one.
    plain: i128,
    cached: i128,
    write_5m: i128,
    write_1h: i128,
    /// Reasoning included.
    output: i128,
    reasoning: i128,
}

/// Nano-dollars a thousand tokens, in the order of [`Counts`].
type Rates = [i128; 6];

/// What the configuration says of a provider's model.
fn prices(provider: &str) -> Option<(&'static str, Rates)> {
    match provider {
        "openai_compatible" => Some((
            "{input: 1.25, cached_input: 0.125, output: 10, reasoning: 12.5}",
            [1_250_000, 125_000, 1_250_000, 1_250_000, 10_000_000, 12_500_000],
        )),
        // Rates that are no whole nano-dollars a token.
        "openai_responses" => Some((
            "{input: 0.0375, cached_input: 0.01875, output: 0.1505}",
            [37_500, 18_750, 37_500, 37_500, 150_500, 150_500],
        )),
        "anthropic" => Some((
            "{input: 3, cached_input: 0.3, cache_write_5m: 3.75, cache_write_1h: 6, output: 15}",
            [3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000, 15_000_000],
        )),
        _ => None,
    }
}

fn rounded(thousandths: i128) -> i128 {
    (thousandths + 500).div_euclid(1_000)
}

impl Counts {
    /// What the upstream of `wire` counts for a request of this number.
    fn of(number: usize, wire: &Wire) -> Self {
        let number = i128::try_from(number).expect("a number");
        let all = Self {
            plain: 100 + number * 7 % 1_001,
            cached: number * 13 % 5_003,
            write_5m: number * 3 % 211,
            write_1h: number * 5 % 97,
            output: 60 + number * 11 % 307,
            reasoning: number % 41,
        };
        match wire.provider {
            "anthropic" => Self { reasoning: 0, ..all },
            "ollama" => Self { plain: all.plain, output: all.output, ..Self::default() },
            _ => Self { write_1h: 0, ..all },
        }
    }

    fn input(&self) -> i128 {
        self.plain + self.cached + self.write_5m + self.write_1h
    }

    fn cost(&self, rates: &Rates) -> i128 {
        let said = self.output - self.reasoning;
        let parts = [self.plain, self.cached, self.write_5m, self.write_1h, said, self.reasoning];
        rounded(parts.iter().zip(rates).map(|(tokens, rate)| tokens * rate).sum())
    }

    /// In the words of a wire.
    fn json(&self, wire: &Wire) -> Value {
        let number = |count: i128| i64::try_from(count).expect("a count");
        let (input, output) = (number(self.input()), number(self.output));
        let (cached, written) = (number(self.cached), number(self.write_5m + self.write_1h));
        let reasoning = number(self.reasoning);
        match wire.provider {
            "anthropic" => json!({
                "input_tokens": number(self.plain), "cache_read_input_tokens": cached,
                "cache_creation_input_tokens": written,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": number(self.write_5m),
                    "ephemeral_1h_input_tokens": number(self.write_1h)
                },
                "output_tokens": output
            }),
            "openai_responses" => json!({
                "input_tokens": input,
                "input_tokens_details": { "cached_tokens": cached, "cache_write_tokens": written },
                "output_tokens": output, "output_tokens_details": { "reasoning_tokens": reasoning },
                "total_tokens": input + output
            }),
            _ => json!({
                "prompt_tokens": input,
                "prompt_tokens_details": { "cached_tokens": cached, "cache_write_tokens": written },
                "completion_tokens": output, "completion_tokens_details": { "reasoning_tokens": reasoning },
                "total_tokens": input + output
            }),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Counted,
    /// The connection ends before the upstream has counted.
    Cut,
    /// The client leaves before anything came.
    Left,
}

fn fate(number: usize) -> Fate {
    // Each meets every client over every upstream, whole and streamed: 24 of them.
    match number / 24 % 6 {
        4 => Fate::Cut,
        5 => Fate::Left,
        _ => Fate::Counted,
    }
}

/// Puts these counts wherever the model counted.
fn counted(value: &mut Value, usage: &Value, ollama: (&Value, &Value)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "usage" if member.is_object() => *member = usage.clone(),
                    "prompt_eval_count" => *member = ollama.0.clone(),
                    "eval_count" => *member = ollama.1.clone(),
                    _ => counted(member, usage, ollama),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| counted(item, usage, ollama)),
        _ => {}
    }
}

/// The number in a request's text, on whichever wire it came.
fn number_of(seen: &Seen) -> usize {
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    let (_, rest) = body.split_once("number-").expect("a number");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// The model, which takes its time over the last requests before a restart: they are under way as the service is told to end.
fn slowly(wire: &Wire, seen: &Seen, restarts: &[usize]) -> Reply {
    let number = number_of(seen);
    let is_last = restarts.iter().any(|end| (end.saturating_sub(AT_ONCE)..*end).contains(&number));
    let reply = reply(wire, seen);
    if is_last && fate(number) != Fate::Left { reply.head_delay(Duration::from_millis(300)) } else { reply }
}

fn reply(wire: &Wire, seen: &Seen) -> Reply {
    let number = number_of(seen);
    let fate = fate(number);
    if fate == Fate::Left {
        return Reply::json(200, "{}").head_delay(Duration::from_mins(10));
    }
    let counts = Counts::of(number, wire);
    let usage = counts.json(wire);
    let ollama = (json!(i64::try_from(counts.input()).expect("a count")), usage["completion_tokens"].clone());
    let tell = |text: &str| {
        let lines = text.split('\n').map(|line| {
            let (before, json) = line.find('{').map_or((line, ""), |at| line.split_at(at));
            let Ok(mut value) = serde_json::from_str::<Value>(json) else { return line.to_owned() };
            counted(&mut value, &usage, (&ollama.0, &ollama.1));
            format!("{before}{value}")
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let asked = seen.json();
    let streams = asked["stream"] == json!(true) || wire.provider == "ollama" && asked["stream"].is_null();
    if streams {
        let frames: Vec<String> = (wire.text_frames)("an answer").iter().map(|frame| tell(frame)).collect();
        let taken = if fate == Fate::Cut { frames.len() / 2 } else { frames.len() };
        let end = if fate == Fate::Cut { End::Cut } else { End::Clean };
        return wire.stream(frames.into_iter().take(taken)).end(end);
    }
    let body = tell(&(wire.text_body)("an answer"));
    match fate {
        Fate::Cut => {
            let half = body[..body.len() / 2].to_owned();
            Reply { chunks: vec![half.into()], ..Reply::json(200, "") }.chunked().end(End::Cut)
        }
        _ => Reply::json(200, body),
    }
}

fn wire_of(number: usize) -> &'static Wire {
    &wire::ALL[number % wire::ALL.len()]
}

async fn ask(client: &Client, upstreams: &[Upstream], number: usize) {
    let wire = wire_of(number);
    let caller = Caller::ALL[number / 4 % Caller::ALL.len()];
    let streams = (number / 12).is_multiple_of(2);
    let body = caller.question(&wire.model(), streams, &format!("number-{number}-"));
    let call = client
        .request(http::Method::POST, caller.path())
        .header("x-session-id", format!("number-{number}"))
        .body(body.to_string());
    let call = async {
        let response = call.send().await.expect("an answer");
        drop(response.bytes().await);
    };
    if fate(number) != Fate::Left {
        return within("an answer", call).await;
    }
    tokio::select! {
        () = call => panic!("nobody answers number {number}"),
        () = until("the call", async || has_arrived(upstreams, number)) => {}
    }
}

fn has_arrived(upstreams: &[Upstream], number: usize) -> bool {
    let upstream = &upstreams[number % wire::ALL.len()];
    upstream.seen().iter().rev().any(|seen| number_of(seen) == number)
}

/// Nano-dollars of an amount in dollars, as an operation tells it.
pub(crate) fn nanos(dollars: &Value) -> i128 {
    #[expect(clippy::cast_possible_truncation, reason = "an amount of a test")]
    dollars.as_f64().map(|dollars| (dollars * 1e9).round() as i128).expect("an amount")
}

async fn listed(client: &Client, name: &str, member: &str, input: Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut input = input.clone();
        input["limit"] = json!(1_000);
        input["max_bytes"] = json!(256 << 10);
        input["cursor"] = cursor;
        let mut page = client.operation(name, &input).await;
        all.append(page[member].as_array_mut().expect("a list"));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return all;
        }
    }
}

fn tokens(usage: &Value) -> Counts {
    let count = |name: &str| usage[name].as_i64().map(i128::from).expect("a count");
    let (cached, write_5m, write_1h) =
        (count("cached_tokens"), count("cache_write_5m_tokens"), count("cache_write_1h_tokens"));
    Counts {
        plain: count("input_tokens") - cached - write_5m - write_1h,
        cached,
        write_5m,
        write_1h,
        output: count("output_tokens"),
        reasoning: count("reasoning_tokens"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_traces_and_ledger_agree_to_the_nano_dollar() {
    let requests = count(144, 10_000);
    let ends: Vec<usize> = (1..=RESTARTS).map(|part| requests * part / (RESTARTS + 1)).collect();
    let mut config = String::from("traces: {queue: 100000, retention_rows: 100000}\nprices:\n");
    let (mut rows, mut upstreams) = (String::new(), Vec::new());
    for wire in &wire::ALL {
        let ends = ends.clone();
        let upstream = Upstream::start(move |seen| slowly(wire, seen, &ends)).await;
        rows.push_str(&wire.config(&upstream));
        if let Some((row, _)) = prices(wire.provider) {
            config.extend(["  ", wire.provider, ": {scripted-1: ", row, "}\n"]);
        }
        upstreams.push(upstream);
    }
    let setup = Setup::config(config + &rows);
    let mut service = Brains::start(setup.clone()).await;
    let mut begun = 0;
    for end in ends {
        let client = &service.client.clone();
        let last = end - AT_ONCE;
        let each = |number| ask(client, &upstreams, number);
        stream::iter(begun..last).for_each_concurrent(AT_ONCE, each).await;
        let all_arrived = async || (last..end).all(|number| has_arrived(&upstreams, number));
        let restarted = async {
            until("the last calls", all_arrived).await;
            let (home, status) = service.stop().await;
            assert!(status.success(), "{status}");
            Brains::start_in(home, setup.clone()).await
        };
        let under_way = stream::iter(last..end).for_each_concurrent(AT_ONCE, each);
        ((), service) = tokio::join!(under_way, restarted);
        begun = end;
    }
    let client = &service.client;
    stream::iter(begun..requests)
        .for_each_concurrent(AT_ONCE, |number| ask(client, &upstreams, number))
        .await;
    let settled = async || {
        let total = client.operation("list_usage", &json!({})).await["total"]["requests"].clone();
        total == json!(requests)
    };
    until("the ledger", settled).await;
    until("the traces", async || listed(client, "list_traces", "traces", json!({})).await.len() == requests)
        .await;

    let mut by_provider: BTreeMap<&str, (i128, i128, i128, u64)> = BTreeMap::new();
    let mut of_sessions = BTreeMap::new();
    for trace in listed(client, "list_traces", "traces", json!({})).await {
        let session = trace["native_session"].as_str().expect("a session").to_owned();
        let number: usize =
            session.strip_prefix("number-").and_then(|rest| rest.parse().ok()).expect("a number");
        let (wire, told) = (wire_of(number), tokens(&trace["usage"]));
        let expected = Counts::of(number, wire);
        // Some wires count before the text, so that a cut stream may have counts as well.
        if trace["usage"]["estimated"] == json!(false) {
            assert_eq!(told, expected, "{trace}");
        } else {
            assert_ne!(fate(number), Fate::Counted, "{trace}");
        }
        let sum = by_provider.entry(wire.provider).or_default();
        match prices(wire.provider) {
            None => {
                assert!(
                    trace["cost_usd"].is_null() && trace["price"].is_null(),
                    "unknown is not zero: {trace}"
                );
                sum.3 += 1;
            }
            Some((_, rates)) => {
                assert_eq!(nanos(&trace["cost_usd"]), told.cost(&rates), "{trace}");
                assert_eq!(trace["price"]["origin"], "operator", "{trace}");
                sum.0 += told.cost(&rates);
                sum.1 += rounded(told.cached * (rates[0] - rates[1]));
                sum.2 += rounded(told.write_5m * rates[2] + told.write_1h * rates[3]);
                of_sessions.insert(session, told.cost(&rates));
            }
        }
    }
    let told = |line: &Value| {
        let money = |name: &str| nanos(&line[name]);
        let unpriced = line["unpriced"].as_u64().expect("a count");
        (money("cost_usd"), money("saved_usd"), money("cache_write_usd"), unpriced)
    };
    for line in listed(client, "list_usage", "usage", json!({ "by": "provider" })).await {
        let provider = line["group"].as_str().expect("a provider").to_owned();
        assert_eq!(told(&line), by_provider[provider.as_str()], "{line}");
    }
    let total = client.operation("list_usage", &json!({})).await["total"].clone();
    let sum = by_provider
        .values()
        .fold((0, 0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2, sum.3 + one.3));
    assert_eq!(told(&total), sum, "{total}");
    assert!(sum.0 > 0 && sum.1 > 0 && sum.2 > 0 && sum.3 > 0, "{sum:?}");
    let sessions = client.operation("list_usage", &json!({ "by": "session", "limit": 1_000 })).await;
    for line in sessions["usage"].as_array().expect("lines") {
        let group = line["group"].as_str().expect("a session");
        assert_eq!(nanos(&line["cost_usd"]), of_sessions.get(group).copied().unwrap_or(0), "{line}");
    }
}

/// A price is in force from the next request on; what was before keeps the one that it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_price_changes_nothing_that_was() {
    let upstream = Upstream::start(|seen| reply(&wire::OPENAI, seen)).await;
    let service = Brains::start(wire::OPENAI.setup(&upstream)).await;
    let client = &service.client;
    let upstreams = [upstream];
    ask(client, &upstreams, 0).await;
    let set = |input: f64| json!({ "provider": "openai_compatible", "model": "scripted-1", "input": input, "output": 0 });
    client.operation("set_price", &set(1.0)).await;
    ask(client, &upstreams, 24).await;
    client.operation("set_price", &set(2.0)).await;
    ask(client, &upstreams, 48).await;
    let usage = async |of: usize| {
        let filter = json!({ "of_session": format!("number-{of}") });
        client.operation("list_usage", &filter).await["total"].clone()
    };
    until("the ledger", async || usage(48).await["requests"] == 1).await;
    let input = |number| Counts::of(number, &wire::OPENAI).input();
    let (first, second, third) = (usage(0).await, usage(24).await, usage(48).await);
    assert_eq!((&first["unpriced"], nanos(&first["cost_usd"])), (&json!(1), 0), "{first}");
    assert_eq!(
        (nanos(&second["cost_usd"]), nanos(&third["cost_usd"])),
        (input(24) * 1_000, input(48) * 2_000)
    );

    let shown = async |model: &str| {
        client.operation("show_price", &json!({ "provider": "openai_compatible", "model": model })).await
    };
    assert_eq!(shown("scripted-1").await["input"], 2.0);
    assert_eq!(shown("gpt-4o").await["known"], false, "who answers at this address is not the vendor");
}

/// What an agent asks: its key's own requests, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_learns_what_it_has_spent() {
    let upstream = Upstream::start(|seen| reply(&wire::OPENAI, seen)).await;
    let config = format!(
        "{}prices: {{openai_compatible: {{\"*\": {{input: 1, output: 1}}}}}}\n",
        wire::OPENAI.config(&upstream)
    );
    let service = Brains::start(Setup::config(config)).await;
    let upstreams = [upstream];
    let mut keys = Vec::new();
    for name in ["one", "other"] {
        let made = service.client.operation("create_key", &json!({ "name": name, "agent": true })).await;
        keys.push(service.client.with_key(made["key"].as_str().expect("a key")));
    }
    ask(&keys[0], &upstreams, 0).await;
    ask(&keys[0], &upstreams, 24).await;
    ask(&keys[1], &upstreams, 48).await;
    let spent = async |key: usize| keys[key].operation("get_usage", &json!({})).await;
    until("the ledger", async || spent(1).await["key"]["requests"] == 1).await;
    let cost = |numbers: &[usize]| {
        let of = |number: &usize| Counts::of(*number, &wire::OPENAI);
        numbers.iter().map(|number| (of(number).input() + of(number).output) * 1_000).sum::<i128>()
    };
    let (one, other) = (spent(0).await, spent(1).await);
    assert_eq!(
        (&one["key"]["requests"], nanos(&one["key"]["cost_usd"])),
        (&json!(2), cost(&[0, 24])),
        "{one}"
    );
    assert_eq!(nanos(&other["key"]["cost_usd"]), cost(&[48]), "{other}");
    assert!(one["session"].is_null(), "it is no session: {one}");
}
