//! Conversations that go on by the id of a response: over whichever upstream answers, at once, for their owner alone; and what
//! is kept of them.

mod refusals;

use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::upstream::End;
use brains_tests::wire::{ALL, ANTHROPIC, OLLAMA, OPENAI, RESPONSES};
use brains_tests::{Answer, Brains, Client, Reply, Setup, Upstream, Wire, postgres, until, within};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// On the file, and on a server.
fn databases() -> [Option<String>; 2] {
    [None, Some(postgres::database())]
}

/// One service over an upstream of each wire.
async fn over_all(database: Option<&String>, lines: &str) -> (Vec<(Wire, Upstream)>, Brains) {
    let (mut upstreams, mut config) = (Vec::new(), String::new());
    for wire in ALL {
        let upstream = wire.upstream().await;
        config.push_str(&wire.config(&upstream));
        upstreams.push((wire, upstream));
    }
    let setup = on(database, Setup::config(config).and(lines));
    (upstreams, Brains::start(setup).await)
}

fn on(database: Option<&String>, setup: Setup) -> Setup {
    match database {
        Some(url) => setup.and(&format!("db_url: \"{url}\"")),
        None => setup,
    }
}

fn turn(wire: Wire, stream: bool, input: &Value, previous: Option<&str>) -> Value {
    let mut body = json!({"model": wire.model(), "stream": stream, "input": input});
    if let Some(previous) = previous {
        body["previous_response_id"] = json!(previous);
    }
    body
}

/// The response at the end, whole or streamed.
#[track_caller]
fn response(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    if answer.header("content-type").starts_with("application/json") {
        return answer.json();
    }
    let text = answer.text();
    let last = text.trim_end().rsplit("\n\n").next().and_then(|frame| frame.split_once("\ndata: "));
    let (_, data) = last.expect("an end");
    serde_json::from_str::<Value>(data).expect("JSON")["response"].clone()
}

async fn say(client: &Client, body: &Value) -> Value {
    response(&client.post(PATH, body.to_string()).await)
}

fn id(response: &Value) -> &str {
    response["id"].as_str().expect("an id")
}

async fn kept(client: &Client, id: &str) -> Answer {
    client.get(&format!("{PATH}/{id}")).await
}

async fn inputs(client: &Client, id: &str, query: &str) -> Value {
    let answer = client.get(&format!("{PATH}/{id}/input_items?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The texts of a conversation, as an upstream of any wire got them.
fn texts(sent: &Value) -> Vec<String> {
    let plain = |content: &Value| match content {
        Value::String(text) => text.clone(),
        parts => parts.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect(),
    };
    let turns = if sent["input"].is_array() { &sent["input"] } else { &sent["messages"] };
    turns.as_array().expect("turns").iter().map(|turn| plain(&turn["content"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_over_every_wire() {
    for database in databases() {
        let (upstreams, service) = over_all(database.as_ref(), "").await;
        let client = &service.client;
        for (wire, upstream) in &upstreams {
            let wire = *wire;
            for stream in [false, true] {
                let first = say(client, &turn(wire, stream, &json!("one"), None)).await;
                let items = json!([{"role": "user", "content": [{"type": "input_text", "text": "two"}]}]);
                let second = say(client, &turn(wire, !stream, &items, Some(id(&first)))).await;
                let third = say(client, &turn(wire, stream, &json!("three"), Some(id(&second)))).await;
                let whole = ["one", "scripted: one", "two", "scripted: two", "three"];
                let sent = upstream.last().json();
                assert_eq!(texts(&sent), whole, "{}", wire.provider);
                assert!(sent["previous_response_id"].is_null(), "{sent}");
                if wire.provider == RESPONSES.provider {
                    let told = (&sent["store"], &sent["include"]);
                    assert_eq!(told, (&json!(false), &json!(["reasoning.encrypted_content"])));
                }
                assert_eq!((&third["store"], &third["previous_response_id"]), (&json!(true), &second["id"]));

                let shown = kept(client, id(&third)).await.json();
                assert_eq!(
                    (&shown["store"], &shown["previous_response_id"]),
                    (&json!(true), &second["id"]),
                    "{shown}"
                );
                assert_eq!((&shown["status"], &shown["output"]), (&json!("completed"), &third["output"]));
                assert_eq!(shown["usage"]["total_tokens"], 18);
                let listed = inputs(client, id(&third), "order=asc").await;
                assert_eq!(texts(&json!({"messages": listed["data"]})), whole);
                assert_eq!((&listed["object"], &listed["has_more"]), (&json!("list"), &json!(false)));
                let newest = inputs(client, id(&third), "limit=2").await;
                assert_eq!(texts(&json!({"messages": newest["data"]})), ["three", "scripted: two"]);
                assert_eq!(
                    (&newest["last_id"], &newest["has_more"]),
                    (&newest["data"][1]["id"], &json!(true))
                );
                let behind = format!("limit=9&after={}", newest["last_id"].as_str().expect("an id"));
                let older = inputs(client, id(&third), &behind).await;
                assert_eq!(texts(&json!({"messages": older["data"]})), ["two", "scripted: one", "one"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_behind_a_start() {
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    let first = say(&service.client, &turn(OPENAI, true, &json!("before"), None)).await;
    let (home, _) = service.stop().await;
    let service = Brains::start_in(home, OPENAI.setup(&upstream)).await;
    say(&service.client, &turn(OPENAI, true, &json!("behind"), Some(id(&first)))).await;
    assert_eq!(texts(&upstream.last().json()), ["before", "scripted: before", "behind"]);
}

/// Elsewhere what one vendor keeps is lost with it (can1357/oh-my-pi#10152, ENTERPILOT/GoModel#939).
#[tokio::test(flavor = "multi_thread")]
async fn another_upstream_goes_on_where_one_stopped() {
    let (upstreams, service) = over_all(None, "").await;
    let client = &service.client;
    let of = |wanted: Wire| {
        let found = upstreams.iter().find(|(wire, _)| wire.provider == wanted.provider);
        &found.expect("an upstream of each wire").1
    };
    let (claude, vendor, local) = (of(ANTHROPIC), of(RESPONSES), of(OLLAMA));
    let thinking = json!([{"type": "thinking", "thinking": "hmm", "signature": "c2ln"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}]);
    let said = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-1", "content": thinking,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    claude.then(Reply::json(200, said.to_string()));
    let tools =
        json!([{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]);
    let with_tools = |mut body: Value| {
        body["tools"] = tools.clone();
        body
    };
    let first = say(client, &with_tools(turn(ANTHROPIC, false, &json!("weather?"), None))).await;
    let result = json!([{"type": "function_call_output", "call_id": "toolu_1", "output": "snow"}]);

    // The vendor of the same wire as the client's gets what it can read.
    let body = with_tools(turn(RESPONSES, true, &result, Some(id(&first))));
    let answer = client.post(PATH, body.to_string()).await;
    let second = response(&answer);
    assert_eq!(answer.header("x-brains-loss"), "messages.reasoning_details");
    let sent = vendor.last().json();
    let kinds: Vec<&str> =
        sent["input"].as_array().expect("items").iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(kinds, ["message", "function_call", "function_call_output"], "{sent}");

    // And back to who signed it.
    say(client, &with_tools(turn(ANTHROPIC, false, &result, Some(id(&first))))).await;
    assert_eq!(claude.last().json()["messages"][1]["content"], thinking);

    say(client, &turn(OLLAMA, true, &json!("and now?"), Some(id(&second)))).await;
    let sent = local.last().json();
    let roles: Vec<&str> =
        sent["messages"].as_array().expect("turns").iter().filter_map(|turn| turn["role"].as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant", "user"], "{sent}");
}

/// A turn is kept before its last byte is out, and is found while it waits to be written (danny-avila/LibreChat#14467,
/// EricLBuehler/mistral.rs#1946).
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_at_once_finds_what_was_said() {
    for database in databases() {
        let (_upstreams, service) = over_all(database.as_ref(), "").await;
        for wire in [RESPONSES, OPENAI] {
            let rounds = count(12, 125);
            let chains = (0..8).map(|chain| {
                let client = service.client.clone();
                async move {
                    let mut previous: Option<String> = None;
                    for round in 0..rounds {
                        let body = turn(
                            wire,
                            (chain + round) % 2 == 0,
                            &json!(format!("{chain}.{round}")),
                            previous.as_deref(),
                        );
                        let said = say(&client, &body).await;
                        previous = Some(id(&said).to_owned());
                    }
                    inputs(&client, &previous.expect("an id"), "order=asc&limit=100").await
                }
            });
            for (chain, listed) in futures_util::future::join_all(chains).await.into_iter().enumerate() {
                let said = texts(&json!({"messages": listed["data"]}));
                let most = (rounds * 2 - 1).min(100);
                let whole = (0..rounds)
                    .flat_map(|round| [format!("{chain}.{round}"), format!("scripted: {chain}.{round}")]);
                assert_eq!(said, whole.take(most).collect::<Vec<_>>());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_is_kept_as_what_it_is() {
    let (upstreams, service) = over_all(None, "").await;
    let client = &service.client;
    for (wire, upstream) in &upstreams {
        let wire = *wire;
        let frames = (wire.text_frames)("some words");

        // Its upstream fails on the way.
        upstream.then(wire.stream(frames[..frames.len() - 1].to_vec()).end(End::Cut));
        let failed = say(client, &turn(wire, true, &json!("one"), None)).await;
        if failed["status"] == "failed" {
            let shown = kept(client, id(&failed)).await.json();
            assert_eq!(
                (&shown["status"], &shown["error"]),
                (&json!("failed"), &failed["error"]),
                "{}",
                wire.provider
            );
        } else {
            assert_eq!(wire.provider, OPENAI.provider, "said why it stopped");
        }

        // Its client leaves. It is another answer, with another id.
        let frames = (wire.text_frames)("some words");
        let at = frames.iter().position(|frame| frame.contains("some")).expect("a frame with text");
        upstream.then(wire.stream(frames[..=at].to_vec()).end(End::Hang));
        let call =
            client.request(http::Method::POST, PATH).body(turn(wire, true, &json!("two"), None).to_string());
        let mut chunks = within("the head", call.send()).await.expect("an answer").bytes_stream();
        let first = within("the first chunk", chunks.next()).await.expect("a chunk").expect("bytes");
        let text = String::from_utf8_lossy(&first);
        let data =
            text.split_once("data: ").and_then(|(_, rest)| rest.split_once("\n\n")).expect("an event").0;
        let begun: Value = serde_json::from_str(data).expect("JSON");
        drop(chunks);
        let name = id(&begun["response"]);
        until(&format!("the response over {} to be kept", wire.provider), async || {
            kept(client, name).await.status == 200
        })
        .await;
        let shown = kept(client, name).await.json();
        assert_eq!(
            (&shown["status"], &shown["id"]),
            (&json!("cancelled"), &json!(name)),
            "{}",
            wire.provider
        );

        // It goes on all the same, and settles once.
        say(client, &turn(wire, false, &json!("three"), Some(name))).await;
        // Turns of one side are one turn where the vendor wants them to alternate.
        assert_eq!(texts(&upstream.last().json()).concat(), "twothree", "{}", wire.provider);
        assert_eq!(kept(client, name).await.json()["status"], "cancelled");
    }
}

/// Clients that count on what is kept name items instead of repeating them (runvendo/vendo#1071, vercel/ai#7543).
#[tokio::test(flavor = "multi_thread")]
async fn items_may_be_named() {
    for database in databases() {
        let (upstreams, service) = over_all(database.as_ref(), "").await;
        let client = &service.client;
        for (wire, _) in upstreams {
            let mut body = turn(wire, true, &json!("call weather({\"city\":\"Oslo\"})"), None);
            body["tools"] = json!([{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]);
            let said = say(client, &body).await;
            let call = &said["output"][0];
            for wait in [0, 400] {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                body["input"] = json!([{"role": "user", "content": "weather?"}, {"type": "item_reference", "id": call["id"]},
                    {"type": "function_call_output", "call_id": call["call_id"], "output": "snow"}]);
                let answer = say(client, &body).await;
                assert_eq!(
                    answer["output"][0]["content"][0]["text"], "scripted: snow",
                    "{}: {answer}",
                    wire.provider
                );
            }
        }
    }
}

/// Two processes on one database, behind one address.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_goes_on() {
    let upstream = OPENAI.upstream().await;
    let database = postgres::database();
    let setup = || on(Some(&database), OPENAI.setup(&upstream));
    let (one, two) = (Brains::start(setup()).await, Brains::start(setup()).await);
    let key = one.client.operation("create_key", &json!({"name": "both"})).await;
    let secret = key["key"].as_str().expect("a key");
    let clients = [one.client.with_key(secret), two.client.with_key(secret)];
    until("the key to count there", async || clients[1].get("/v1/models").await.status == 200).await;
    let mut previous: Option<String> = None;
    for round in 0..count(10, 100) {
        let body = turn(OPENAI, round % 3 == 0, &json!(round.to_string()), previous.as_deref());
        previous = Some(id(&say(&clients[round % 2], &body).await).to_owned());
        assert_eq!(texts(&upstream.last().json()).len(), round * 2 + 1);
    }
}
