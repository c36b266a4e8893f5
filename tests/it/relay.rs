//! The relay lane moves bytes: what the client sent reaches the upstream, what the upstream says reaches the
//! client, and nothing cut short looks complete.

mod wires;

use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::upstream::End;
use brains_tests::{Brains, Client, Reply, Setup, Upstream, model, until, within};
use futures_util::StreamExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn relayed() -> (Upstream, Brains) {
    let upstream = Upstream::start(model::answer).await;
    let service = Brains::start(Setup::upstream(&upstream.base())).await;
    (upstream, service)
}

const MODEL: &str = "openai_compatible/scripted-1";

/// Members that the host knows nothing of, as odd as JSON allows; each is (name, value) text.
fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("1.50".to_owned()),
        Just("-0".to_owned()),
        Just("1E+2".to_owned()),
        Just("\"\\u00e9\\/ \\ud83d\\ude00\"".to_owned()),
        Just("[ 1 ,\t[ ] , { } ]".to_owned()),
        Just("{ \"b\" : 1, \"a\":2,\"b\":3 }".to_owned()),
        "[a-zA-Z0-9 äß€]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ];
    proptest::collection::vec(("x_[a-c]{1,2}", value), 0..6)
}

fn spaced(parts: &[String], spaces: &[String]) -> String {
    let space = |at: usize| spaces[at % spaces.len()].as_str();
    let mut body = format!("{}{{", space(0));
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str(space(at));
        body.push_str(part);
        body.push_str(space(at + 1));
    }
    body.push('}');
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_reach_the_upstream_byte_for_byte() {
    let (upstream, service) = relayed().await;
    let spaces = proptest::collection::vec(
        prop_oneof![Just(String::new()), Just(" ".into()), Just("\r\n\t".into())],
        1..4,
    );
    let cases = (members(), spaces, any::<prop::sample::Index>(), any::<bool>());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..count(100, 1000) {
        let (unknown, spaces, place, stream) = cases.new_tree(&mut runner).expect("a case").current();
        let mut parts: Vec<String> =
            unknown.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
        parts
            .push("\"messages\": [ {\"content\":\"h\\u0069\" , \"role\":\"user\", \"odd\" : [1.0]} ]".into());
        if stream {
            parts.push("\"stream\":true".into());
        }
        let at = place.index(parts.len() + 1);
        parts.insert(at, format!("\"model\": \"{MODEL}\""));
        let body = spaced(&parts, &spaces);
        let answer = service.client.post("/v1/chat/completions", body.clone()).await;
        assert_eq!(answer.status, 200, "{body}\n{}", answer.text());
        let mut expected = body.replace(&format!("\"{MODEL}\""), "\"scripted-1\"");
        if stream {
            let end = expected.rfind('}').expect("a body");
            let trailing = expected[..end].len() - expected[..end].trim_end().len();
            expected.insert_str(end - trailing, ",\"stream_options\":{\"include_usage\":true}");
        }
        let got = String::from_utf8(upstream.last().body.to_vec()).expect("text");
        assert_eq!(got, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_back_byte_for_byte_whatever_the_chunks() {
    let (upstream, service) = relayed().await;
    let recorded = concat!(
        ": a comment\r\n\r\n",
        "event: odd\ndata: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"gr\u{fc}\u{1f600}\"},\"finish_reason\":null}],\"x\": 1.50}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":\n",
        "data: {},\"finish_reason\":\"stop\"}],\"obfuscation\":\"abc\"}\n\n",
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":9,\"total_tokens\":14}}\n\n",
        "data: [DONE]\n\n",
    );
    let mut seed = 7_usize;
    for round in 0..count(30, 300) {
        let mut chunks = Vec::new();
        let mut rest = recorded.as_bytes();
        while !rest.is_empty() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let size = if round == 0 { 1 } else { 1 + (seed >> 33) % 40 };
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            chunks.push(bytes::Bytes::copy_from_slice(chunk));
            rest = after;
        }
        upstream.then(Reply::stream(chunks));
        let body = json!({"model": MODEL, "stream": true, "stream_options": {"include_usage": true},
                          "messages": [{"role": "user", "content": "x"}]});
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.text(), recorded);
        let id = answer.header("x-brains-trace-id").to_owned();
        until("the trace", async || {
            let shown = service.client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
            if shown.status != 200 {
                return false;
            }
            let shown = shown.json();
            let usage = &shown["trace"]["usage"];
            assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(5), &json!(9)), "{shown}");
            true
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_asked_for_and_hidden_from_a_client_that_did_not() {
    let (upstream, service) = relayed().await;
    let body = json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let answer = service.client.chat(&body).await;
    assert_eq!(upstream.last().json()["stream_options"]["include_usage"], true);
    assert!(!answer.text().contains("prompt_tokens"), "{}", answer.text());
    assert!(answer.text().contains(": warming up"), "comments pass");
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-upstream-0123456789abcdef"));
    assert_eq!(upstream.last().header("accept-encoding"), Some("identity"));
    assert_eq!(upstream.last().path, "/v1/chat/completions");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preamble_comes_first_and_the_rest_is_untouched() {
    let upstream = Upstream::start(model::answer).await;
    let service =
        Brains::start(Setup::upstream(&upstream.base()).and("gateway_preamble: \"Mind \\\"the\\\" gap\""))
            .await;
    let body = json!({"model": MODEL, "messages": [{"role": "system", "content": "Forget it"}, {"role": "user", "content": "x"}]});
    assert_eq!(service.client.chat(&body).await.status, 200);
    let messages = &upstream.last().json()["messages"];
    assert_eq!(messages[0], json!({"role": "system", "content": "Mind \"the\" gap"}));
    assert_eq!(messages.as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_upstream_is_told_truly() {
    let (upstream, service) = relayed().await;
    let secret = "sk-upstream-0123456789abcdef";
    let said = |message: &str| json!({"error": {"message": message, "type": "x", "code": null}}).to_string();
    for (reply, status, code) in [
        (Reply::json(400, said("bad temperature")), 400, ""),
        (Reply::json(401, said(&format!("Incorrect API key provided: {secret}"))), 502, "upstream_auth"),
        (Reply::json(403, said("no")), 502, "upstream_auth"),
        (Reply::json(404, said("no such model")), 404, "model_not_found"),
        (Reply::json(429, said("slow down")).header("retry-after", "7"), 429, "rate_limit_exceeded"),
        (Reply::json(500, said("oops")), 502, "upstream_error"),
        (Reply::json(503, "not json"), 503, "server_is_overloaded"),
        (Reply::json(200, "not json"), 502, "upstream_error"),
        (Reply::json(200, "[1]"), 502, "upstream_error"),
        (Reply::json(200, "{}"), 502, "upstream_error"),
        (Reply::json(200, "{\"choices\":[]}"), 502, "upstream_error"),
        (Reply::json(302, "").header("location", "http://169.254.169.254/"), 502, "upstream_error"),
    ] {
        let retry = reply.headers.iter().any(|(name, _)| name == "retry-after");
        let shown = format!("{reply:?}");
        for stream in [false, true] {
            if stream && reply.status == 200 {
                continue;
            }
            upstream.then(reply.clone());
            let body =
                json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "x"}]});
            let answer = service.client.chat(&body).await;
            assert_eq!(answer.status, status, "{shown}: {}", answer.text());
            let error = &answer.json()["error"];
            if !code.is_empty() {
                assert_eq!(error["code"], code, "{shown}: {error}");
            }
            assert!(!answer.text().contains(secret), "{}", answer.text());
            if retry {
                assert_eq!(answer.header("retry-after"), "7");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_never_looks_complete() {
    let (upstream, service) = relayed().await;
    let begun = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    let in_band = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"overloaded_error\"}}\n\n";
    for reply in [
        Reply::stream([begun]).end(End::Cut),
        Reply::stream([begun]),
        Reply::stream([begun, "data: [DONE]\n\n"]),
        Reply::stream([begun, in_band]),
        Reply::stream([begun, "data: {\"id\":\n\n"]),
    ] {
        let shown = format!("{reply:?}");
        upstream.then(reply);
        let body = json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": "x"}]});
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.status, 200);
        let events = answer.events();
        let error: Value = serde_json::from_str(&events[events.len() - 2]).expect("an error event");
        assert!(error["error"]["message"].is_string(), "{shown}: {}", answer.text());
        assert!(answer.text().starts_with(begun), "{shown}: what came before stays");
    }
    // Before the first byte there is still a status to give.
    for reply in [Reply::stream([in_band]), Reply::stream([": hello\n\n"]).end(End::Cut)] {
        upstream.then(reply);
        let body = json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": "x"}]});
        let answer = service.client.chat(&body).await;
        assert!([502, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_closes_the_upstream_call() {
    let (upstream, service) = relayed().await;
    let begun = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    upstream.then(Reply::stream([begun]).end(End::Hang));
    let body = json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let request = service.client.request(http::Method::POST, "/v1/chat/completions").body(body.to_string());
    let response = within("the head", request.send()).await.expect("an answer");
    let mut chunks = response.bytes_stream();
    within("the first chunk", chunks.next()).await.expect("a chunk").expect("bytes");
    drop(chunks);
    until("the upstream to notice", async || upstream.left() == 1).await;

    // A whole answer that nobody waits for any more.
    upstream.then(Reply::json(200, "{}").head_delay(Duration::from_mins(10)));
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "x"}]});
    let request = service.client.request(http::Method::POST, "/v1/chat/completions").body(body.to_string());
    let seen = upstream.seen().len();
    let waiting = tokio::time::timeout(Duration::from_millis(1500), Client::send(request));
    let (_, ()) = tokio::join!(waiting, until("the call", async || upstream.seen().len() > seen));
    until("the upstream to notice", async || upstream.left() == 2).await;
    until("the trace", async || {
        let listed = service.client.operation("list_traces", &json!({})).await;
        listed["traces"]
            .as_array()
            .is_some_and(|traces| traces.iter().filter(|t| t["status"] == 499).count() == 2)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_answers_when_the_first_cannot() {
    let upstream = Upstream::start(|_| Reply::json(500, "{}")).await;
    let tier = "providers: {spare: {component: provider-echo}}\nmodels: {default: {provider: openai_compatible, model: scripted-1, fallbacks: [{provider: spare, model: echo-small}]}}";
    let service = Brains::start(Setup::upstream(&upstream.base()).and(tier)).await;
    let body = json!({"model": "brains-default", "messages": [{"role": "user", "content": "hi"}]});
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("spare", "2"));
    upstream.then(Reply::json(400, "{\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\"}}"));
    assert_eq!(service.client.chat(&body).await.status, 400, "a request error never wanders");
}

/// An upstream that sends a whole stream, each frame a chunk of its own, in one write; then waits for the next request.
async fn in_one_write(listener: TcpListener, frames: usize) {
    while let Ok((mut socket, _)) = listener.accept().await {
        let mut answer =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_owned();
        let mut frame = |data: &str| {
            let frame = format!("data: {data}\n\n");
            answer.push_str(&[&format!("{:x}", frame.len()), "\r\n", &frame, "\r\n"].concat());
        };
        for at in 0..frames {
            let delta = json!({"content": format!("t{at} ")});
            frame(&json!({"id": "c", "choices": [{"index": 0, "delta": delta}]}).to_string());
        }
        frame(r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
        frame("[DONE]");
        answer += "0\r\n\r\n";
        let mut request = [0; 4096];
        while socket.read(&mut request).await.is_ok_and(|count| count > 0) {
            if socket.write_all(answer.as_bytes()).await.is_err() {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_ready_go_out_together() {
    const FRAMES: usize = 100;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}/v1", listener.local_addr().expect("bound"));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(in_one_write(listener, FRAMES));
    let service = Brains::start(Setup::upstream(&base)).await;
    let body =
        json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": "x"}]}).to_string();
    let address = service.client.base.trim_start_matches("http://").to_owned();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        service.client.key,
        body.len()
    );
    let mut socket = TcpStream::connect(&address).await.expect("the service");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    within("the answer", socket.read_to_string(&mut answer)).await.expect("text");
    let (head, mut rest) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    // Each write of the service is a chunk.
    let (mut chunks, mut frames) = (0, 0);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            break;
        }
        chunks += 1;
        frames += after[..size].matches("data: ").count();
        rest = &after[size + 2..];
    }
    assert_eq!(frames, FRAMES + 2);
    assert!(chunks <= FRAMES / 4, "{chunks} writes of {frames} frames that came in one");
    tasks.shutdown().await;
}
