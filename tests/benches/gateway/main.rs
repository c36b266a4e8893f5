//! The gateway beside a bare axum + reqwest relay, in front of the same upstream, in turns within one run. What counts
//! is the processor time per request of each and their ratio; times of the wall are told, not judged.
//!
//! `cargo xtask bench gateway`. With `BRAINS_BENCH_BEFORE` naming another build of the program, that one takes its turns too, and
//! each shape tells how many times its processor time ours is. The upstream and the relay are this program again, in roles of their own, so that
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

mod answers;
mod peers;
mod roles;
mod shapes;

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::routing::any;
use brains_tests::service::{Home, program};
use brains_tests::{Brains, Setup};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use shapes::{AUTO, EXPLICIT, Shape};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let role = std::env::var("BENCH_ROLE").unwrap_or_default();
    let target = std::env::var("BENCH_TARGET").unwrap_or_default();
    match role.as_str() {
        "upstream" => runtime.block_on(roles::serve(axum::Router::new().fallback(any(roles::upstream)))),
        "relay" => {
            drop(rustls::crypto::ring::default_provider().install_default());
            let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
            runtime.block_on(roles::serve(
                axum::Router::new().fallback(any(roles::relay)).with_state((client, target)),
            ));
        }
        _ => runtime.block_on(measure()),
    }
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
    /// The model that it takes instead of the shape's.
    model: Option<&'static str>,
    pid: u32,
}

impl Side {
    fn of(name: &'static str, service: &Brains) -> Self {
        let (base, key) = (service.client.base.clone(), service.client.key.clone());
        Self { name, base, key, model: None, pid: service.pid() }
    }
}

/// What the other gateways are asked, which take a hundred times as long.
const PEERS_ASKED: usize = 300;

/// One turn: processor time per request, median time to the first byte of the body and to its end, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_field_names, reason = "units stand in names")]
struct Turn {
    cpu_us: f64,
    first_us: f64,
    whole_us: f64,
}

async fn measure() {
    drop(rustls::crypto::ring::default_provider().install_default());
    // Names behind `--` choose shapes: `cargo bench --bench gateway -- auto`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let (_upstream, upstream_base) = start("upstream", "").await;
    let (relay, relay_base) = start("relay", &upstream_base).await;
    let tiers = ["cheap", "default", "strong", "deep"]
        .map(|tier| format!("  {tier}: {{provider: openai_compatible, model: m}}\n"))
        .concat();
    let setup = Setup::upstream(&format!("{upstream_base}/v1")).and(&format!(
        "anthropic_base_url: \"{upstream_base}\"\nopenai_responses_base_url: \"{upstream_base}/v1\"\n\
         ollama_base_url: \"{upstream_base}\"\nmodels:\n{tiers}"
    ));
    println!("program: {}", program().file_name().unwrap_or_default().to_string_lossy());
    let service = Brains::start(setup.clone()).await;
    let before = match std::env::var_os("BRAINS_BENCH_BEFORE") {
        Some(other) => Some(Brains::start_in(Home::of(other.into()), setup).await),
        None => None,
    };
    let relay_pid = relay.id().expect("running");
    let mut sides = vec![
        Side { name: "relay", base: relay_base, key: String::new(), model: Some("m"), pid: relay_pid },
        Side::of("brains", &service),
    ];
    sides.extend(before.iter().map(|before| Side::of("before", before)));
    let at_start_mib = resident_mib(service.pid());
    println!("memory after start: {at_start_mib:.1} MiB");
    println!(
        "{:<34} {:>14} {:>14} {:>7} {:>12} {:>12}",
        "shape", "relay µs CPU", "brains µs CPU", "ratio", "added p50 µs", "first, ratio"
    );
    let mut costs: Vec<(String, f64)> = Vec::new();
    let shapes = shapes::all();
    for shape in shapes.iter().filter(|shape| wants(&shape.name)) {
        let mut turns: Vec<[Turn; 3]> = Vec::new();
        for round in 0..=ROUNDS {
            let mut turn = [Turn::default(); 3];
            for (at, side) in sides.iter().enumerate() {
                turn[at] = run(side, shape, shape.requests).await;
            }
            // The first round warms both up.
            if round > 0 {
                turns.push(turn);
            }
        }
        let of = |figure: &dyn Fn(&[Turn; 3]) -> f64| median(turns.iter().map(figure).collect());
        let cpu = [of(&|turn| turn[0].cpu_us), of(&|turn| turn[1].cpu_us)];
        let ratio = of(&|turn| turn[1].cpu_us / turn[0].cpu_us);
        let added = of(&|turn| turn[1].whole_us - turn[0].whole_us);
        let first = of(&|turn| turn[1].first_us / turn[0].first_us);
        println!(
            "{:<34} {:>14.1} {:>14.1} {ratio:>7.2} {added:>12.0} {first:>12.2}",
            shape.name, cpu[0], cpu[1]
        );
        println!(
            "{}",
            json!({"bench": "gateway", "shape": shape.name, "cpu_ratio": ratio, "cpu_us": cpu,
                "added_p50_us": added, "first_byte_ratio": first})
        );
        if before.is_some() {
            let times = of(&|turn| turn[1].cpu_us / turn[2].cpu_us);
            println!("{}: {times:.3} times the CPU of the build before", shape.name);
            println!("{}", json!({"bench": "gateway", "shape": shape.name, "times_before": times}));
        }
        costs.push((shape.name.clone(), cpu[1]));
    }
    let cost = |name: &str| costs.iter().find(|(shape, _)| *shape == name).map(|(_, cost)| *cost);
    for shape in &shapes {
        let relayed = shape.beside.as_deref().and_then(cost);
        if let (Some(own), Some(relayed)) = (cost(&shape.name), relayed) {
            let times = own / relayed;
            println!("{}: {times:.2} times the relayed", shape.name);
            println!("{}", json!({"bench": "gateway", "shape": shape.name, "times_relayed": times}));
        }
    }
    let loaded_mib = resident_mib(service.pid());
    println!(
        "memory after the load: {loaded_mib:.1} MiB, {:.2} times that at the start",
        loaded_mib / at_start_mib
    );
    if wants("peers") {
        beside_peers(&upstream_base, &sides[1]).await;
    }
    service.stop().await;
    if let Some(before) = before {
        before.stop().await;
    }
}

/// The other gateways and this one in turns, at 1 KB: the reference decides for itself, `LiteLLM` is told the model.
async fn beside_peers(upstream: &str, ours: &Side) {
    let folder = tempfile::tempdir().expect("a folder");
    for peer in peers::start(upstream, folder.path()).await {
        let shape =
            Shape::whole("beside", if peer.name == "reference" { AUTO } else { EXPLICIT }, 1 << 10, 0);
        let pid = peer.child.id().expect("running");
        let theirs = Side {
            name: peer.name,
            base: peer.base.clone(),
            key: peer.key.into(),
            model: Some(peer.model),
            pid,
        };
        let mut ratios = Vec::new();
        for round in 0..=3 {
            let other = run(&theirs, &shape, PEERS_ASKED).await.cpu_us;
            let own = run(ours, &shape, 4000).await.cpu_us;
            if round > 0 {
                println!("{}, turn {round}: {other:.0} µs of CPU, this one {own:.1}", peer.name);
                ratios.push(other / own);
            }
        }
        let ratio = median(ratios);
        println!("{}: {ratio:.0} times the CPU of this one", peer.name);
        println!("{}", json!({"bench": "gateway", "peer": peer.name, "times_ours": ratio}));
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn run(side: &Side, shape: &Shape, requests: usize) -> Turn {
    let model = side.model.unwrap_or(shape.model);
    let prompt = "Please fix the bug in this function. ".repeat(shape.prompt_bytes / 37 + 1);
    let prompt = prompt.get(..shape.prompt_bytes).unwrap_or(&prompt);
    let mut body = shape.client.question(model, shape.stream, prompt);
    // What only the upstream understands goes through as it is.
    for (name, value) in [("gap_ms", shape.gap_ms), ("latency_ms", shape.latency_ms)] {
        if value > 0 {
            body[name] = json!(value);
        }
    }
    let body = Bytes::from(body.to_string());
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
    // The relay has one wire on both sides.
    let path = if side.name == "relay" { shape.upstream_path() } else { shape.client.path() };
    let url = format!("{}{path}", side.base);
    let left = Arc::new(AtomicUsize::new(requests));
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
                let status = answer.status().as_u16();
                if status != 200 {
                    let said = answer.text().await.expect("a body");
                    assert_eq!(status, 200, "{}: {said}", shape.name);
                    continue;
                }
                let mut chunks = answer.bytes_stream();
                let mut first_us = None;
                while let Some(chunk) = chunks.next().await {
                    chunk.expect("whole");
                    first_us.get_or_insert_with(|| began.elapsed().as_micros() as u64);
                }
                times.push((first_us.unwrap_or(0), began.elapsed().as_micros() as u64));
            }
            times
        }
    });
    let times: Vec<(u64, u64)> =
        futures_util::future::join_all(workers).await.into_iter().flatten().collect();
    let used = cpu_ticks(side.pid) - before;
    Turn {
        // A tick of /proc is 10 ms on every Linux that we know.
        cpu_us: used as f64 * 10_000.0 / requests as f64,
        first_us: median(times.iter().map(|(first, _)| *first as f64).collect()),
        whole_us: median(times.iter().map(|(_, whole)| *whole as f64).collect()),
    }
}

/// Of a process and of all that it started, in ticks.
fn cpu_ticks(pid: u32) -> u64 {
    // A child that ended meanwhile is none.
    let Ok(stat) = fs_err::read_to_string(format!("/proc/{pid}/stat")) else { return 0 };
    let (_, fields) = stat.rsplit_once(") ").expect("a stat line");
    let fields: Vec<&str> = fields.split(' ').collect();
    let own = fields[11].parse::<u64>().expect("user") + fields[12].parse::<u64>().expect("system");
    let children = fs_err::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    own + children.split_whitespace().filter_map(|child| child.parse().ok()).map(cpu_ticks).sum::<u64>()
}

fn resident_mib(pid: u32) -> f64 {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).expect("running");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
}
