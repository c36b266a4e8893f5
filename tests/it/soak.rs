//! Many requests at once, on each client's wire, against an upstream that fails at random, in every way it can. Each ends in
//! exactly one of a whole answer, a typed error, a typed error event; and what client, traces and ledger say of it agrees.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Answer, Brains, Caller, Client, Reply, Seen, Upstream, until};
use futures_util::StreamExt;
use serde_json::{Value, json};

const WIRE: Wire = wire::OPENAI;

/// What the upstream does, as the request's text names it; the healthy ones most often.
const DEEDS: [&str; 24] = [
    "fine", "fine", "fine", "fine", "fine", "fine", "crlf", "split", "slow", "400", "401", "429", "500",
    "503", "junk", "empty", "reset", "cut", "torn", "open", "inband", "early", "html", "hang",
];

/// Each may need two descriptors of the service and two here, of which many systems give a process 20,000.
const AT_ONCE: usize = 5_000;

/// Of several operators: none may have all the connections that there are.
async fn clients(admin: &Client) -> Vec<Client> {
    let mut clients = Vec::new();
    for name in ["ann", "bob", "cas", "dee"] {
        let added = admin.operation("add_operator", &json!({"slug": name})).await;
        clients.push(admin.with_key(added["key"].as_str().expect("a key")).keeping_nothing());
    }
    clients
}

/// What the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ending {
    Whole,
    Error(u16),
    Event,
    /// It left by itself.
    Left,
}

/// What a request of whichever wire asks.
fn question(request: &Value) -> &str {
    let content = &request["messages"][0]["content"];
    let said = content.as_str().or_else(|| content[0]["text"].as_str());
    said.or_else(|| request["input"].as_str()).unwrap_or_default()
}

fn deed(seen: &Seen) -> Reply {
    let request = seen.json();
    let text = question(&request).to_owned();
    let stream = request["stream"] == json!(true);
    let healthy = (WIRE.answer)(seen);
    let begun = || WIRE.stream((WIRE.text_frames)("half").into_iter().take(2));
    let refused = |status| Reply::json(status, (WIRE.error_body)(status, "as told"));
    match text.split(' ').next().unwrap_or("") {
        "crlf" if stream => {
            let crlf = healthy
                .chunks
                .iter()
                .map(|chunk| String::from_utf8_lossy(chunk).replace('\n', "\r\n").into());
            Reply { chunks: crlf.collect(), ..healthy }
        }
        "split" => {
            let all = healthy.chunks.concat();
            Reply { chunks: all.chunks(7).map(bytes::Bytes::copy_from_slice).collect(), ..healthy.chunked() }
        }
        "slow" => healthy.head_delay(Duration::from_millis(20)).gap(Duration::from_millis(1)),
        "400" => refused(400),
        "401" => refused(401),
        "429" => refused(429).header("retry-after", "1"),
        "500" => refused(500),
        "503" => refused(503),
        "html" => Reply::json(502, "<html>no</html>"),
        "junk" => Reply { chunks: vec!["data: nonsense\n\n".into()], ..healthy.chunked() },
        "empty" => Reply { chunks: Vec::new(), ..healthy.chunked() },
        "reset" => Reply::reset(),
        "early" if stream => WIRE.stream([(WIRE.error_frame)("as told")]),
        "cut" if stream => begun().end(End::Cut),
        "torn" if stream => begun().end(End::Reset),
        "open" if stream => begun(),
        "hang" if stream => begun().end(End::Hang),
        "inband" if stream => {
            let frames =
                (WIRE.text_frames)("half").into_iter().take(2).chain([(WIRE.error_frame)("as told")]);
            WIRE.stream(frames)
        }
        "cut" | "torn" | "open" => {
            let body = healthy.chunks.concat();
            let end = if text.starts_with("cut") { End::Cut } else { End::Clean };
            Reply { chunks: vec![body[..body.len() / 2].to_vec().into()], ..healthy.chunked().end(end) }
        }
        "hang" => Reply::json(200, "{}").head_delay(Duration::from_mins(10)),
        "inband" | "early" => Reply::json(200, (WIRE.error_body)(500, "as told")),
        _ => healthy,
    }
}

/// A generator that needs no crate: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("a number") % sides
    }
}

/// Texts of requests that hang and have reached the upstream.
type Arrived = Arc<Mutex<HashSet<String>>>;

/// One finished request: the trace's id, how it ended, and the usage that the client was told.
type Finished = (Option<String>, Ending, Option<(u64, u64)>);

async fn one(client: &Client, caller: Caller, body: &Value, arrived: &Arrived) -> Finished {
    let text = question(body);
    let ended = |answer: &Answer| {
        let (end, usage) = classify(caller, answer, body);
        (Some(answer.header("x-brains-trace-id").to_owned()), end, usage)
    };
    if !text.starts_with("hang") {
        return ended(&caller.ask(client, body).await);
    }
    let call = client.request(http::Method::POST, caller.path()).body(body.to_string());
    if body["stream"] == json!(true) {
        let response = call.send().await.expect("a head");
        // With so many at once some find no room.
        if response.status() == 503 {
            return ended(&Client::whole(response).await);
        }
        let id =
            response.headers().get("x-brains-trace-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut chunks = response.bytes_stream();
        chunks.next().await.expect("a chunk").expect("bytes");
        return (id, Ending::Left, None);
    }
    tokio::select! {
        answer = call.send() => {
            let answer = Client::whole(answer.expect("an answer")).await;
            assert_eq!(answer.status, 503, "nobody answered, and yet: {}", answer.text());
            ended(&answer)
        }
        () = until("the call", async || arrived.lock().expect("no panic").remove(text)) => {
            (None, Ending::Left, None)
        }
    }
}

fn classify(caller: Caller, answer: &Answer, body: &Value) -> (Ending, Option<(u64, u64)>) {
    let heard = caller.read(answer);
    if answer.status != 200 {
        assert!(heard.error.is_some_and(|error| !error.kind.is_empty()), "{body}: {}", answer.text());
        return (Ending::Error(answer.status), None);
    }
    match (heard.finished, &heard.error) {
        (true, None) => {
            assert_eq!(heard.text, format!("scripted: {}", question(body)), "{body}");
            assert!(heard.ended, "{body}: {}", answer.text());
            (Ending::Whole, heard.usage)
        }
        (false, Some(_)) => (Ending::Event, None),
        _ => panic!("{body} is neither whole nor failed: {}", answer.text()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_ends_in_one_way_and_the_books_agree() {
    let total = count(3_000, 100_000);
    let arrived = Arrived::default();
    let hanging = Arc::clone(&arrived);
    let upstream = Upstream::start(move |seen| {
        let request = seen.json();
        let text = question(&request);
        if text.starts_with("hang") {
            hanging.lock().expect("no panic").insert(text.to_owned());
        }
        deed(seen)
    })
    .await;
    let healthy = Upstream::start(WIRE.answer).await;
    let setup = WIRE
        .setup(&upstream)
        .and(&format!("providers: {{second: {{component: provider-openai, config: {{base_url: \"{}\"}}}}}}", healthy.base()))
        .and("models: {pair: {provider: openai_compatible, model: scripted-1, fallbacks: [{provider: second, model: scripted-2}]}}")
        .and("max_concurrent_requests: 20000")
        .and("budgets: {connections: 9900, connections_per_key: 3000}")
        .and("traces: {retention_rows: 0, retention_days: 0, queue: 200000}");
    let service = Brains::start(setup).await;
    let clients = clients(&service.client).await;

    let mut dice = Dice(20_261_124);
    let asked: Vec<(Caller, Value)> = (0..total)
        .map(|number| {
            let deed = DEEDS[dice.roll(DEEDS.len())];
            let model = if dice.roll(4) == 0 && deed != "hang" {
                "brains-pair"
            } else {
                "openai_compatible/scripted-1"
            };
            let text = format!("{deed} {number} {}", "gr\u{fc}\u{df}e ".repeat(dice.roll(40)));
            let caller = Caller::ALL[dice.roll(Caller::ALL.len())];
            (caller, caller.question(model, dice.roll(2) == 0, text.trim_end()))
        })
        .collect();
    let calls = asked
        .iter()
        .zip(clients.iter().cycle())
        .map(|((caller, body), client)| one(client, *caller, body, &arrived));
    let finished: Vec<Finished> =
        futures_util::stream::iter(calls).buffer_unordered(count(32, AT_ONCE)).collect().await;

    let ends = |wanted: fn(Ending) -> bool| finished.iter().filter(|(_, end, _)| wanted(*end)).count();
    let left = ends(|end| end == Ending::Left);
    let whole = ends(|end| end == Ending::Whole);
    assert!(
        whole > 0
            && left > 0
            && ends(|end| end == Ending::Event) > 0
            && ends(|end| matches!(end, Ending::Error(_))) > 0
    );

    // The books are written behind the answers.
    until("the books to be written", async || {
        let ready = service.client.get("/health/ready").await.json();
        let written = |name: &str| ready[name]["written"].as_u64().unwrap_or(0);
        assert_eq!(
            (&ready["traces"]["dropped"], &ready["ledger"]["lost"]),
            (&json!(0), &json!(0)),
            "{ready}"
        );
        written("traces") == total as u64 && written("ledger") == total as u64
    })
    .await;
    let traces = traces(&service.client).await;
    assert_eq!(traces.len(), total);
    let (mut tokens_in, mut tokens_out, mut failed, mut cancelled) = (0, 0, 0, 0);
    for trace in traces.values() {
        tokens_in += trace["usage"]["input_tokens"].as_u64().expect("tokens");
        tokens_out += trace["usage"]["output_tokens"].as_u64().expect("tokens");
        cancelled += usize::from(trace["status"] == 499);
        failed += usize::from(trace["error_kind"].is_string() && trace["status"] != 499);
    }
    for (id, end, usage) in &finished {
        let Some(id) = id else { continue };
        let trace = &traces[id.as_str()];
        let agrees = match end {
            Ending::Whole => trace["status"] == 200 && trace["error_kind"].is_null(),
            Ending::Error(status) => trace["status"] == *status && trace["error_kind"].is_string(),
            Ending::Event => trace["status"] == 200 && trace["error_kind"].is_string(),
            Ending::Left => trace["status"] == 499,
        };
        assert!(agrees, "{end:?}: {trace}");
        if let Some((input, output)) = usage {
            let told = (&trace["usage"]["input_tokens"], &trace["usage"]["output_tokens"]);
            assert_eq!(told, (&json!(input), &json!(output)), "{trace}");
        }
    }
    let told = finished.iter().filter(|(_, _, usage)| usage.is_some()).count();
    assert_eq!(told, whole, "every whole answer tells its usage");
    let ledger = service.client.operation("list_usage", &json!({})).await["total"].clone();
    assert_eq!(
        (&ledger["requests"], &ledger["failed"], &ledger["cancelled"]),
        (&json!(total), &json!(failed), &json!(cancelled)),
        "{ledger}"
    );
    assert_eq!(
        (&ledger["input_tokens"], &ledger["output_tokens"]),
        (&json!(tokens_in), &json!(tokens_out)),
        "{ledger}"
    );
    assert_eq!((cancelled, failed + cancelled + whole), (left, total));

    until("all calls to have ended", async || upstream.open() == 0 && healthy.open() == 0).await;
    assert_eq!(service.client.get("/health/ready").await.json()["requests"]["in_flight"], 0);
}

/// Every trace by its id.
async fn traces(client: &Client) -> HashMap<String, Value> {
    let mut all = HashMap::new();
    let mut cursor = Value::Null;
    loop {
        let page = client.operation("list_traces", &json!({"limit": 1000, "cursor": cursor})).await;
        for trace in page["traces"].as_array().expect("traces") {
            all.insert(trace["id"].as_str().expect("an id").to_owned(), trace.clone());
        }
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return all;
        }
    }
}
