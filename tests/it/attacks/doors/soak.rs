//! Mixed attacks and honest work for a while, on a limit of 1,024 files and 512 MiB of memory. In `soak` the three mixes
//! last twenty minutes each, an hour together; in `test` a few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::wire::OPENAI;
use brains_tests::{Answer, Brains, Client, Upstream, mcp, within};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::{PAUSE, connect, head, honest, posting};

/// The most that may be resident.
const MEMORY_MIB: u64 = 512;
/// How often figures are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// What the log may grow by in each of those moments, in bytes: some lines, not one for each attack.
const LOG_BYTES: u64 = 64 << 10;

type Attack = fn(Arc<Field>) -> BoxFuture<'static, ()>;

struct Field {
    service: Brains,
    alone: Bytes,
    hostile: String,
    over: AtomicBool,
    served: AtomicU64,
    refused: AtomicU64,
}

impl Field {
    async fn open(upstream: &Upstream) -> Arc<Self> {
        // The memory of the address space cannot be limited: the engine reserves far more than it ever touches. What is
        // resident is looked at instead, all the time.
        let setup = OPENAI.setup(upstream).and("traces: {retention_rows: 10000}").limits("ulimit -n 1024");
        let service = Brains::start(setup).await;
        let wanted = json!({"name": "hostile", "scopes": ["gateway", "read"]});
        let made = service.client.operation("create_key", &wanted).await;
        let hostile = made["key"].as_str().expect("a key").to_owned();
        let alone = service.client.chat(&honest()).await.body;
        Arc::new(Self {
            service,
            alone,
            hostile,
            over: AtomicBool::new(false),
            served: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn hostile(&self) -> Client {
        self.service.client.with_key(&self.hostile)
    }

    fn hostile_mcp(&self) -> Client {
        self.service.mcp.with_key(&self.hostile)
    }

    /// Honest work: served as it is alone, or refused by name with when to come back.
    fn judge(&self, answer: &Answer, as_alone: bool) {
        if answer.status == 200 {
            assert!(!as_alone || answer.body == self.alone, "{}", answer.text());
            self.served.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let named = matches!(answer.status, 429 | 503) && !answer.header("retry-after").is_empty();
        assert!(named, "{}: {}", answer.status, answer.text());
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    async fn work(self: Arc<Self>) {
        while !self.is_over() {
            let client = &self.service.client;
            let body = |path: &str, body: String| {
                client.request(http::Method::POST, path).header("content-type", "application/json").body(body)
            };
            let chat = || body("/v1/chat/completions", honest().to_string());
            self.judge(&within("an honest answer", again(chat)).await, true);
            let listed = || body("/api/ops/list_workspaces", "{}".into());
            self.judge(&within("an operation", again(listed)).await, false);
            let params = json!({"name": "list_workspaces", "arguments": {}});
            let called = || mcp::stateless(&self.service.mcp, "/mcp", "tools/call", params.clone());
            self.judge(&within("a tool", again(called)).await, false);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Memory, descriptors and log stay where they are.
    async fn watch(self: Arc<Self>) {
        let pid = self.service.pid();
        let memory = self.service.watch_memory();
        let mut logged = self.log_bytes();
        while !self.is_over() {
            tokio::time::sleep(LOOK).await;
            let most = memory.most_mib();
            assert!(most <= MEMORY_MIB, "{most} MiB resident");
            let open = fs_err::read_dir(format!("/proc/{pid}/fd")).expect("descriptors").count();
            assert!(open < 1024, "{open} descriptors");
            let now = self.log_bytes();
            assert!(now.saturating_sub(logged) <= LOG_BYTES, "{} bytes of log", now - logged);
            logged = now;
        }
    }

    fn log_bytes(&self) -> u64 {
        let logs = fs_err::read_dir(self.service.home.state().join("logs")).expect("logs");
        logs.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
    }
}

/// Sent once more when the connection ended before an answer, as every client's library does.
async fn again(request: impl Fn() -> reqwest::RequestBuilder) -> Answer {
    match Client::attempt(request()).await {
        Some(answer) => answer,
        None => Client::send(request()).await,
    }
}

/// Connections that come, say nothing or little, and stay.
fn idlers(field: Arc<Field>) -> BoxFuture<'static, ()> {
    async move {
        let mut held = std::collections::VecDeque::new();
        while !field.is_over() {
            for client in [&field.service.client, &field.service.mcp] {
                let mut stream = connect(client).await;
                if held.len() % 3 == 0 {
                    drop(stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await);
                }
                held.push_back(stream);
            }
            if held.len() > 3_000 {
                held.drain(..1_000);
            }
            tokio::task::yield_now().await;
        }
    }
    .boxed()
}

/// Bodies that drip.
fn drippers(field: Arc<Field>) -> BoxFuture<'static, ()> {
    async move {
        let mut held = Vec::new();
        while !field.is_over() {
            if held.len() < 64 {
                let mut stream = connect(&field.service.client).await;
                let rest = "content-type: application/json\r\ncontent-length: 1000000\r\n";
                let text = head("POST", "/v1/chat/completions", &field.hostile, rest);
                drop(stream.write_all(text.as_bytes()).await);
                held.push(stream);
            }
            let mut kept = Vec::new();
            for mut stream in held {
                if stream.write_all(b" ").await.is_ok() {
                    kept.push(stream);
                }
            }
            held = kept;
            tokio::time::sleep(PAUSE).await;
        }
    }
    .boxed()
}

/// Bodies that unfold.
fn bombs(field: Arc<Field>) -> BoxFuture<'static, ()> {
    async move {
        let spaces: Bytes = zstd::encode_all(&vec![b' '; 64 << 20][..], 1).expect("zstd").into();
        let frames: Bytes = zstd::encode_all(&b""[..], 1).expect("zstd").repeat(100_000).into();
        let tree: Bytes = format!("{{\"a\":[[]{}]}}", ",[]".repeat(330_000)).into();
        while !field.is_over() {
            for (path, coding, body) in [
                ("/v1/chat/completions", "zstd", &spaces),
                ("/api/ops/list_workspaces", "zstd", &spaces),
                ("/api/ops/no_such_thing", "zstd", &frames),
                ("/api/ops/list_workspaces", "", &tree),
            ] {
                if let Some(answer) =
                    Client::attempt(posting(&field.hostile(), path, coding, body.clone())).await
                {
                    assert!((400..500).contains(&answer.status) || answer.status == 503, "{}", answer.text());
                }
            }
            if let Some(answer) =
                Client::attempt(posting(&field.hostile_mcp(), "/mcp", "", tree.clone())).await
            {
                assert!((400..500).contains(&answer.status) || answer.status == 503, "{}", answer.text());
            }
        }
    }
    .boxed()
}

/// MCP connections without end.
fn openers(field: Arc<Field>) -> BoxFuture<'static, ()> {
    async move {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": mcp::CONNECTED, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}});
        while !field.is_over() {
            if let Some(answer) = Client::attempt(posting(&field.hostile_mcp(), "/mcp", "", hello.to_string().into())).await {
                assert!([200, 429, 503].contains(&answer.status), "{}", answer.text());
            }
        }
    }
    .boxed()
}

/// Wrong keys, by the dozen.
fn guessers(field: Arc<Field>) -> BoxFuture<'static, ()> {
    async move {
        let mut number = 0;
        while !field.is_over() {
            let mut request = field.service.client.with_key("").request(http::Method::GET, "/v1/models");
            for _ in 0..30 {
                number += 1;
                request = request.header("x-api-key", format!("guess-{number}"));
            }
            if let Some(answer) = Client::attempt(request).await {
                assert!([401, 429].contains(&answer.status), "{}", answer.text());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    .boxed()
}

async fn endure(attacks: &[Attack]) {
    let upstream = OPENAI.upstream().await;
    let field = Field::open(&upstream).await;
    let time = Duration::from_secs(count(8, 1_200) as u64);
    let mut work: Vec<BoxFuture<'static, ()>> = vec![Arc::clone(&field).watch().boxed()];
    work.extend((0..4).map(|_| Arc::clone(&field).work().boxed()));
    work.extend(attacks.iter().map(|attack| attack(Arc::clone(&field))));
    let tasks = tokio_util::task::TaskTracker::new();
    let all = join_all(work.into_iter().map(|work| tasks.spawn(work)));
    let end = async {
        tokio::time::sleep(time).await;
        field.over.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = all => ended,
        () = end => return,
    };
    for task in ended {
        task.expect("honest work went on and nothing grew");
    }
    let (served, refused) = (field.served.load(Ordering::Relaxed), field.refused.load(Ordering::Relaxed));
    assert!(served > 0 && served > refused, "{served} served, {refused} refused");
    let ready = field.service.client.get("/health/ready").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_stay_and_bodies_that_drip() {
    endure(&[idlers, drippers]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_unfold_and_keys_that_are_guessed() {
    endure(&[bombs, bombs, guessers]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once() {
    endure(&[idlers, drippers, bombs, openers, guessers]).await;
}
