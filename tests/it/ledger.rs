//! A request leaves the same row in the ledger whether its answer comes whole or as a stream: with the upstream's counts, without
//! them, cut, and when its client leaves; for each wire of a client over each of an upstream.

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Brains, Caller, Client, Reply, Setup, Upstream, until, within};
use futures_util::StreamExt;
use serde_json::{Value, json};

const TEXT: &str = "a gr\u{fc}n \"word\" of some length, and more of it";
/// What comes in the last piece of it.
const TAIL: &str = "more of it";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Counted,
    Uncounted,
    /// The connection ends behind the text.
    Cut,
    /// The client leaves before anything came.
    LeftEarly,
    /// The client leaves behind the text.
    LeftLate,
}

const FATES: [Fate; 5] = [Fate::Counted, Fate::Uncounted, Fate::Cut, Fate::LeftEarly, Fate::LeftLate];

/// JSON of an upstream, without what it counted.
fn uncounted(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["usage", "prompt_eval_count", "eval_count"] {
                members.remove(name);
            }
            members.values_mut().for_each(uncounted);
        }
        Value::Array(items) => items.iter_mut().for_each(uncounted),
        _ => {}
    }
}

fn line_uncounted(line: &str) -> String {
    let (before, text) = line.find('{').map_or((line, ""), |at| line.split_at(at));
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return line.to_owned() };
    uncounted(&mut value);
    format!("{before}{value}")
}

fn reply(wire: &Wire, stream: bool, fate: Fate) -> Reply {
    let end = match fate {
        Fate::Counted | Fate::Uncounted => End::Clean,
        Fate::Cut => End::Cut,
        Fate::LeftEarly => return Reply::json(200, "{}").head_delay(Duration::from_mins(10)),
        Fate::LeftLate => End::Hang,
    };
    let whole = end == End::Clean;
    let tell = |piece: &str| match fate {
        Fate::Counted => piece.to_owned(),
        _ => piece.split('\n').map(line_uncounted).collect::<Vec<_>>().join("\n"),
    };
    if stream {
        let frames: Vec<String> = (wire.text_frames)(TEXT).iter().map(|frame| tell(frame)).collect();
        let text = frames.iter().position(|frame| frame.contains(TAIL)).expect("a frame with the text");
        let taken = if whole { frames.len() } else { text + 1 };
        return wire.stream(frames.into_iter().take(taken)).end(end);
    }
    let body = tell(&(wire.text_body)(TEXT));
    let text = body.find(TAIL).expect("the text") + TAIL.len();
    let taken = if whole { body.len() } else { text };
    Reply { chunks: vec![body[..taken].to_owned().into()], ..Reply::json(200, "") }.chunked().end(end)
}

async fn totals(client: &Client) -> Value {
    client.operation("list_usage", &json!({})).await["total"].clone()
}

/// What one more row added to the ledger.
async fn row(client: &Client, before: &Value) -> Value {
    let requests = before["requests"].as_u64().unwrap_or(0) + 1;
    until("the ledger", async || totals(client).await["requests"] == requests).await;
    let after = totals(client).await;
    let added = after.as_object().expect("sums").iter().filter_map(|(name, sum)| {
        let before = before[name].as_f64().unwrap_or(0.0);
        sum.as_f64().map(|sum| (name.clone(), json!(sum - before)))
    });
    Value::Object(added.collect())
}

/// Asks, meets its fate, and gives the row that is left of it. `patience` is how long one who leaves late waits for bytes that nobody
/// shows it.
async fn asked(
    service: &Brains,
    upstream: &Upstream,
    (caller, wire): (Caller, &Wire),
    (stream, fate): (bool, Fate),
    patience: Duration,
) -> Value {
    let client = &service.client;
    let before = totals(client).await;
    upstream.then(reply(wire, stream, fate));
    let seen = upstream.seen().len();
    let call = client
        .request(http::Method::POST, caller.path())
        .body(caller.question(&wire.model(), stream, "how long is a piece of string?").to_string());
    let arrived = async || until("the call", async || upstream.seen().len() > seen).await;
    match (fate, stream) {
        (Fate::Counted | Fate::Uncounted | Fate::Cut, _) => {
            let response = within("an answer", call.send()).await.expect("an answer");
            assert!(stream || (response.status() == 200) == (fate != Fate::Cut));
            drop(within("its end", response.bytes()).await);
        }
        (Fate::LeftEarly, _) => tokio::select! {
            answer = call.send() => drop(answer.expect("a head").chunk().await),
            () = arrived() => {}
        },
        (Fate::LeftLate, true) => {
            let response = within("the head", call.send()).await.expect("an answer");
            let mut chunks = response.bytes_stream();
            let mut text = Vec::new();
            while !String::from_utf8_lossy(&text).contains(TAIL) {
                text.extend(within("the text", chunks.next()).await.expect("a chunk").expect("bytes"));
            }
        }
        (Fate::LeftLate, false) => tokio::select! {
            answer = call.send() => panic!("nobody answered, and yet: {answer:?}"),
            () = async { arrived().await; tokio::time::sleep(patience).await } => {}
        },
    }
    row(client, &before).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_and_a_whole_answer_leave_equal_rows() {
    let mut config = String::new();
    let mut upstreams = Vec::new();
    for wire in wire::EVERY {
        let upstream = wire.upstream().await;
        config.push_str(&wire.config(&upstream));
        upstreams.push((wire, upstream));
    }
    let service = Brains::start(Setup::config(config)).await;
    for (wire, upstream) in &upstreams {
        for caller in Caller::ALL {
            for fate in FATES {
                let place = format!("{caller:?} over {}, {fate:?}", wire.provider);
                let pair = (caller, wire);
                let streamed = asked(&service, upstream, pair, (true, fate), Duration::ZERO).await;
                let mut whole = Value::Null;
                // Nobody tells when the bytes are there.
                for patience_ms in [50, 500, 5_000] {
                    let patience = Duration::from_millis(patience_ms);
                    whole = asked(&service, upstream, pair, (false, fate), patience).await;
                    if fate != Fate::LeftLate || whole == streamed {
                        break;
                    }
                }
                assert_eq!(whole, streamed, "{place}");
                let expected = |name: &str| streamed[name].as_f64().expect("a sum");
                assert!(expected("input_tokens") > 0.0, "{place}: {streamed}");
                assert_eq!(expected("output_tokens") > 0.0, fate != Fate::LeftEarly, "{place}: {streamed}");
                assert_eq!(expected("estimated") > 0.0, fate != Fate::Counted, "{place}: {streamed}");
                assert_eq!(expected("failed") > 0.0, fate == Fate::Cut, "{place}: {streamed}");
                let left = matches!(fate, Fate::LeftEarly | Fate::LeftLate);
                assert_eq!(expected("cancelled") > 0.0, left, "{place}: {streamed}");
            }
        }
    }
}

/// A row names the candidate that was asked last, and holds what that one used.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_candidate_used_is_not_put_down_to_the_next() {
    let (first, second) = (wire::OPENAI.upstream().await, wire::OPENAI.upstream().await);
    let setup = wire::OPENAI
        .setup(&first)
        .and(&format!("providers: {{second: {{component: provider-openai, config: {{base_url: \"{}\"}}}}}}", second.base()))
        .and("models: {pair: {provider: openai_compatible, model: scripted-1, fallbacks: [{provider: second, model: scripted-2}]}}");
    let service = Brains::start(setup).await;
    let before = totals(&service.client).await;
    first.then(reply(&wire::OPENAI, false, Fate::Cut));
    second.then(Reply::json(500, "{}"));
    let answer = service.client.chat(&Caller::Chat.question("brains-pair", false, "how long?")).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    let row = row(&service.client, &before).await;
    for name in ["input_tokens", "output_tokens", "estimated"] {
        assert_eq!(row[name], json!(0.0), "{name}: {row}");
    }
}
