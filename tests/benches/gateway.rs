//! The gateway beside a bare axum + reqwest relay, in front of the same upstream, in turns within one run. What counts
//! is the processor time per request of each and their ratio; times of the wall are told, not judged.
//!
//! `cargo xtask bench gateway`. The upstream and the relay are this program again, in roles of their own, so that
//! each has its own processor time.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a benchmark: it prints, reads clocks and fails at the first surprise"
)]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use brains_tests::service::program;
use brains_tests::{Brains, Setup};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let role = std::env::var("BENCH_ROLE").unwrap_or_default();
    let target = std::env::var("BENCH_TARGET").unwrap_or_default();
    match role.as_str() {
        "upstream" => runtime.block_on(serve(axum::Router::new().fallback(any(upstream)))),
        "relay" => {
            drop(rustls::crypto::ring::default_provider().install_default());
            let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
            runtime.block_on(serve(axum::Router::new().fallback(any(relay)).with_state((client, target))));
        }
        _ => runtime.block_on(measure()),
    }
}

async fn serve(router: axum::Router) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("bound"));
    axum::serve(listener, router).await.expect("served");
}

/// Answers at once: whole, or a stream of as many tokens as the model's name says.
async fn upstream(request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.expect("a body");
    let value: Value = serde_json::from_slice(&body).expect("JSON");
    if value["stream"] == json!(true) {
        let gap = value["gap_ms"].as_u64().unwrap_or(0);
        let tokens = 100;
        let stream = futures_util::stream::unfold(0, move |at| async move {
            if at > tokens + 1 {
                return None;
            }
            if gap > 0 {
                tokio::time::sleep(Duration::from_millis(gap)).await;
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
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x".repeat(256)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 64, "total_tokens": 65}});
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(answer.to_string()))
        .expect("a response")
}

/// The least that a proxy can do with these two libraries.
async fn relay(State((client, target)): State<(reqwest::Client, String)>, request: Request) -> Response {
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

/// This program again, in a role.
async fn start(role: &str, target: &str) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().expect("myself"))
        .env("BENCH_ROLE", role)
        .env("BENCH_TARGET", target)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let address = lines.next_line().await.expect("read").expect("an address");
    (child, format!("http://{address}"))
}

struct Side {
    name: &'static str,
    base: String,
    key: String,
    pid: u32,
}

#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// Model at the gateway; the relay takes anything.
    model: &'static str,
    prompt_bytes: usize,
    stream: bool,
    gap_ms: u64,
    requests: usize,
}

const SHAPES: [Shape; 6] = [
    Shape {
        name: "explicit model, 1 KB",
        model: "openai_compatible/m",
        prompt_bytes: 1 << 10,
        stream: false,
        gap_ms: 0,
        requests: 4000,
    },
    Shape {
        name: "explicit model, 100 KB",
        model: "openai_compatible/m",
        prompt_bytes: 100 << 10,
        stream: false,
        gap_ms: 0,
        requests: 1500,
    },
    Shape {
        name: "brains-auto, 1 KB",
        model: "brains-auto",
        prompt_bytes: 1 << 10,
        stream: false,
        gap_ms: 0,
        requests: 4000,
    },
    Shape {
        name: "brains-auto, 100 KB",
        model: "brains-auto",
        prompt_bytes: 100 << 10,
        stream: false,
        gap_ms: 0,
        requests: 1500,
    },
    Shape {
        name: "stream of 100 tokens, no gaps",
        model: "openai_compatible/m",
        prompt_bytes: 1 << 10,
        stream: true,
        gap_ms: 0,
        requests: 600,
    },
    Shape {
        name: "stream of 100 tokens, 10 ms gaps",
        model: "openai_compatible/m",
        prompt_bytes: 1 << 10,
        stream: true,
        gap_ms: 10,
        requests: 96,
    },
];

async fn measure() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (_upstream, upstream_base) = start("upstream", "").await;
    let (relay, relay_base) = start("relay", &upstream_base).await;
    let tiers = ["cheap", "default", "strong", "deep"]
        .map(|tier| format!("  {tier}: {{provider: openai_compatible, model: m}}\n"))
        .concat();
    let setup = Setup::upstream(&format!("{upstream_base}/v1")).and(&format!("models:\n{tiers}"));
    println!("program: {}", program().file_name().unwrap_or_default().to_string_lossy());
    let service = Brains::start(setup).await;
    let sides = [
        Side { name: "relay", base: relay_base, key: String::new(), pid: relay.id().expect("running") },
        Side {
            name: "brains",
            base: service.client.base.clone(),
            key: service.client.key.clone(),
            pid: service.pid(),
        },
    ];
    println!("memory after start: {:.1} MiB", resident_mib(service.pid()));
    println!(
        "{:<34} {:>14} {:>14} {:>7} {:>12}",
        "shape", "relay µs CPU", "brains µs CPU", "ratio", "added p50 µs"
    );
    // Names behind `--` choose shapes: `cargo bench --bench gateway -- auto`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let shapes = SHAPES.into_iter();
    for shape in
        shapes.filter(|it| wanted.is_empty() || wanted.iter().any(|name| it.name.contains(name.as_str())))
    {
        let mut ratios = Vec::new();
        let mut figures = [(0.0, 0.0); 2];
        for round in 0..=ROUNDS {
            let mut turn = [(0.0, 0.0); 2];
            for (at, side) in sides.iter().enumerate() {
                turn[at] = run(side, shape).await;
            }
            // The first round warms both up.
            if round > 0 {
                ratios.push(turn[1].0 / turn[0].0);
                figures = turn;
            }
        }
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[ratios.len() / 2];
        println!(
            "{:<34} {:>14.1} {:>14.1} {:>7.2} {:>12.0}",
            shape.name,
            figures[0].0,
            figures[1].0,
            ratio,
            figures[1].1 - figures[0].1
        );
        println!(
            "{}",
            json!({"bench": "gateway", "shape": shape.name, "cpu_ratio": ratio, "cpu_us": [figures[0].0, figures[1].0], "p50_us": [figures[0].1, figures[1].1]})
        );
    }
    println!("memory after the load: {:.1} MiB", resident_mib(service.pid()));
    service.stop().await;
}

/// Processor time per request and median latency, both in microseconds.
async fn run(side: &Side, shape: Shape) -> (f64, f64) {
    let model = if side.name == "relay" { "m" } else { shape.model };
    let prompt = "Please fix the bug in this function. ".repeat(shape.prompt_bytes / 37 + 1);
    let body = json!({"model": model, "stream": shape.stream, "gap_ms": shape.gap_ms,
        "messages": [{"role": "user", "content": prompt.get(..shape.prompt_bytes).unwrap_or(&prompt)}]});
    let body = Bytes::from(body.to_string());
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
    let url = format!("{}/v1/chat/completions", side.base);
    let left = Arc::new(AtomicUsize::new(shape.requests));
    let before = cpu_ticks(side.pid);
    let workers = (0..CONNECTIONS).map(|_| {
        let (client, url, body, left, key) =
            (client.clone(), url.clone(), body.clone(), Arc::clone(&left), side.key.clone());
        async move {
            let mut times = Vec::new();
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                let began = Instant::now();
                let answer = client
                    .post(&url)
                    .bearer_auth(&key)
                    .header("content-type", "application/json")
                    .body(body.clone())
                    .send()
                    .await
                    .expect("an answer");
                assert_eq!(answer.status().as_u16(), 200);
                let mut chunks = answer.bytes_stream();
                while let Some(chunk) = chunks.next().await {
                    chunk.expect("whole");
                }
                times.push(began.elapsed().as_micros() as u64);
            }
            times
        }
    });
    let mut times: Vec<u64> = futures_util::future::join_all(workers).await.into_iter().flatten().collect();
    let used = cpu_ticks(side.pid) - before;
    times.sort_unstable();
    // A tick of /proc is 10 ms on every Linux that we know.
    (used as f64 * 10_000.0 / shape.requests as f64, times[times.len() / 2] as f64)
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).expect("running");
    let (_, fields) = stat.rsplit_once(") ").expect("a stat line");
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11].parse::<u64>().expect("user") + fields[12].parse::<u64>().expect("system")
}

fn resident_mib(pid: u32) -> f64 {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).expect("running");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
}
