//! The two programs beside the gateway: the upstream that all share, and the least that a proxy can do.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::answers::Spoken;

pub(crate) async fn serve(router: axum::Router) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("bound"));
    axum::serve(listener, router).await.expect("served");
}

/// Tokens of a streamed answer.
const TOKENS: usize = 100;

/// Answers at once, on the wire of the path.
pub(crate) async fn upstream(request: Request) -> Response {
    let wire = Spoken::at(request.uri().path());
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.expect("a body");
    // Probes of other gateways have no body.
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let latency_ms = value["latency_ms"].as_u64().unwrap_or(0);
    if latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    if value["stream"] != json!(true) {
        return whole(&wire.whole(&"x".repeat(256)));
    }
    let gap_ms = value["gap_ms"].as_u64().unwrap_or(0);
    let stream = futures_util::stream::unfold(0_usize, move |at| async move {
        if gap_ms > 0 {
            tokio::time::sleep(Duration::from_millis(gap_ms)).await;
        }
        Some((Ok::<_, std::io::Error>(Bytes::from(wire.write(at, TOKENS)?)), at + 1))
    });
    Response::builder()
        .header("content-type", wire.content_type())
        .body(Body::from_stream(stream))
        .expect("a response")
}

fn whole(answer: &Value) -> Response {
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(answer.to_string()))
        .expect("a response")
}

/// The least that a proxy can do with these two libraries.
pub(crate) async fn relay(
    State((client, target)): State<(reqwest::Client, String)>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.expect("a body");
    let answer = client
        .post(format!("{target}{path}"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer upstream")
        .body(body)
        .send()
        .await
        .expect("an answer");
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get("content-type") {
        response = response.header("content-type", kind);
    }
    response.body(Body::from_stream(answer.bytes_stream())).expect("a response")
}
