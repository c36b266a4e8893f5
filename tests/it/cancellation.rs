//! Clients that leave: the upstream call ends, on both lanes, streamed and whole, and what was used so far is kept.
//! And clients that wait: many silent streams hold up nobody.

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Brains, Client, Reply, Upstream, until, within};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::failures::WIRES;

fn request(wire: &Wire, stream: bool) -> Value {
    json!({"model": wire.model(), "stream": stream, "messages": [{"role": "user", "content": "how long is a piece of string?"}]})
}

/// A stream that has said something and then says nothing.
fn silent(wire: &Wire) -> Reply {
    let frames = (wire.text_frames)("some words");
    let at = frames.iter().position(|frame| frame.contains("some")).expect("a frame with text");
    wire.stream(frames.into_iter().take(at + 1)).end(End::Hang)
}

async fn open_stream(
    client: &Client,
    wire: &Wire,
) -> impl StreamExt<Item = reqwest::Result<bytes::Bytes>> + Unpin + use<> {
    let call =
        client.request(http::Method::POST, "/v1/chat/completions").body(request(wire, true).to_string());
    let response = within("the head", call.send()).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let mut chunks = Box::pin(response.bytes_stream());
    within("the first chunk", chunks.next()).await.expect("a chunk").expect("bytes");
    chunks
}

async fn usage(service: &Brains) -> Value {
    service.client.operation("list_usage", &json!({})).await["total"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_call_and_pays_for_what_it_used() {
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;

        upstream.then(silent(wire));
        drop(open_stream(&service.client, wire).await);
        until("the upstream to notice that a stream is not wanted", async || upstream.left() == 1).await;

        for reply in [
            Reply::json(200, "{}").head_delay(Duration::from_mins(10)),
            Reply::json(200, "{").chunked().end(End::Hang),
        ] {
            let (left, seen) = (upstream.left(), upstream.seen().len());
            upstream.then(reply);
            let body = request(wire, false);
            tokio::select! {
                answer = service.client.chat(&body) => panic!("nobody answered, and yet: {}", answer.text()),
                () = until("the call", async || upstream.seen().len() > seen) => {}
            }
            until("the upstream to notice that an answer is not wanted", async || upstream.left() > left)
                .await;
        }

        until("the ledger", async || usage(&service).await["cancelled"] == 3).await;
        let total = usage(&service).await;
        assert_eq!((&total["requests"], &total["failed"]), (&json!(3), &json!(0)), "{total}");
        assert!(
            total["input_tokens"].as_u64() > Some(0) && total["output_tokens"].as_u64() > Some(0),
            "{total}"
        );
        let traces = service.client.operation("list_traces", &json!({})).await;
        for trace in traces["traces"].as_array().expect("traces") {
            assert_eq!(
                (&trace["status"], &trace["error_kind"]),
                (&json!(499), &json!("cancelled")),
                "{trace}"
            );
            assert_eq!(trace["attempts"][0]["outcome"], "cancelled", "{trace}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_pays_for_what_it_used() {
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        upstream.then(Reply { end: End::Cut, ..silent(wire) });
        assert!(service.client.chat(&request(wire, true)).await.text().contains("error"));
        upstream.then(Reply::json(500, "{}"));
        assert_eq!(service.client.chat(&request(wire, false)).await.status, 502);
        assert_eq!(
            service
                .client
                .chat(&json!({"model": "nope", "messages": [{"role": "user", "content": "x"}]}))
                .await
                .status,
            404
        );
        until("the ledger", async || usage(&service).await["failed"] == 2).await;
        let total = usage(&service).await;
        assert_eq!(total["requests"], 2, "a request that nobody was asked for used nothing: {total}");
        assert!(total["output_tokens"].as_u64() > Some(0), "{total}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_streams_hold_up_nobody() {
    const SILENT: usize = 48;
    let wire = wire::OPENAI;
    let upstream = Upstream::start(move |seen| {
        if seen.json()["stream"] == json!(true) { silent(&wire) } else { (wire.answer)(seen) }
    })
    .await;
    let service = Brains::start(wire.setup(&upstream)).await;
    let streams =
        futures_util::future::join_all((0..SILENT).map(|_| open_stream(&service.client, &wire))).await;
    assert_eq!(upstream.open(), SILENT);
    for _ in 0..20 {
        let answer = within("a short call", service.client.chat(&request(&wire, false))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(upstream.open(), SILENT, "while all of them were still silent");
    drop(streams);
    until("all of them to end", async || upstream.left() == SILENT).await;
}
