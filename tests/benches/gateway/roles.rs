//! The two programs beside the gateway: the upstream that all share, and the least that a proxy can do.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) async fn serve(router: axum::Router) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("bound"));
    axum::serve(listener, router).await.expect("served");
}

/// Answers at once: whole, or a stream of as many tokens as the model's name says.
pub(crate) async fn upstream(request: Request) -> Response {
    let messages = request.uri().path().ends_with("/messages");
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.expect("a body");
    // Probes of other gateways have no body.
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let latency_ms = value["latency_ms"].as_u64().unwrap_or(0);
    if latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    if value["stream"] == json!(true) {
        let gap = value["gap_ms"].as_u64().unwrap_or(0);
        let tokens = 100;
        let stream = futures_util::stream::unfold(0_usize, move |at| async move {
            if at > tokens + 1 {
                return None;
            }
            if gap > 0 {
                tokio::time::sleep(Duration::from_millis(gap)).await;
            }
            if messages {
                return Some((Ok::<_, std::io::Error>(Bytes::from(event(at, tokens))), at + 1));
            }
            let frame = match at.cmp(&tokens) {
                std::cmp::Ordering::Less => {
                    format!(
                        "data: {}\n\n",
                        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": {"content": format!("t{at} ")}, "finish_reason": null}]})
                    )
                }
                std::cmp::Ordering::Equal => {
                    format!(
                        "data: {}\n\n",
                        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                    )
                }
                std::cmp::Ordering::Greater => "data: [DONE]\n\n".to_owned(),
            };
            Some((Ok::<_, std::io::Error>(Bytes::from(frame)), at + 1))
        });
        return Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::from_stream(stream))
            .expect("a response");
    }
    if messages {
        let answer = json!({"id": "m", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": "x".repeat(256)}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 1, "output_tokens": 64}});
        return whole(&answer);
    }
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x".repeat(256)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 64, "total_tokens": 65}});
    whole(&answer)
}

/// One write of a streamed message.
fn event(at: usize, tokens: usize) -> String {
    let frame =
        |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default());
    let delta = |text: &str| {
        frame(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
    };
    match at {
        0 => {
            let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 0}});
            let block = json!({"type": "text", "text": ""});
            frame(json!({"type": "message_start", "message": message}))
                + &frame(json!({"type": "content_block_start", "index": 0, "content_block": block}))
                + &delta("t0 ")
        }
        _ if at < tokens => delta(&format!("t{at} ")),
        _ if at == tokens => {
            let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
            frame(json!({"type": "content_block_stop", "index": 0}))
                + &frame(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": 100}}))
        }
        _ => frame(json!({"type": "message_stop"})),
    }
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
