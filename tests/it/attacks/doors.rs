//! The doors: what a caller may make the service do before it is known who asks and for what. Bodies that unfold, that
//! dawdle, that nobody has a right to send; connections that idle or crowd; names, keys and ids that pretend.

mod bodies;
mod crowds;
mod names;
mod reports;
mod slow;
mod soak;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use brains_tests::wire::{OLLAMA, OPENAI};
use brains_tests::{Answer, Brains, Client, Memory, Reply, Seen, Upstream, within};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Scene, kinds_of, withstand};

/// Budgets that are small enough to be reached in no time; the program before them knows none and warns.
const BUDGETS: &str = "budgets:\n  body_mib: 64\n  body_seconds: 3\n  head_seconds: 2\n  operations_per_minute: 300\n  \
    connections: 400\n  connections_per_key: 40\n  connections_per_operator: 60\n  mcp_connections: 24\n  \
    mcp_connections_per_key: 8\n  mcp_connections_per_operator: 12\n";
/// What a refused body may cost beside what it is: the allocator keeps some, and others are served meanwhile.
const SLACK_MIB: u64 = 96;

/// A service, somebody of each role, and honest work whose answer is known.
struct Doors {
    service: Brains,
    _upstream: Upstream,
    _translated: Upstream,
    /// What the honest request is answered when nothing else goes on.
    alone: Bytes,
    gateway: String,
    reader: String,
    agent: String,
    /// Operators with keys of their own.
    ada: String,
    bob: String,
    next: AtomicU32,
}

/// The scene as a row gets it.
type Place = Arc<Doors>;

/// Who sends an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Nobody,
    Wrong,
    Gateway,
    Reader,
    Agent,
}

impl Role {
    const ALL: [Self; 5] = [Self::Nobody, Self::Wrong, Self::Gateway, Self::Reader, Self::Agent];

    const fn word(self) -> &'static str {
        match self {
            Self::Nobody => "without a key",
            Self::Wrong => "with a wrong key",
            Self::Gateway => "with a key for models",
            Self::Reader => "with a key for reading",
            Self::Agent => "with an agent's key",
        }
    }
}

/// A request to a model that hangs after its first frame.
const HANGING: &str = "hang";

fn play(seen: &Seen) -> Reply {
    if String::from_utf8_lossy(&seen.body).contains(HANGING) {
        let frames = (OPENAI.text_frames)("some words").into_iter().take(2);
        return Reply::stream(frames).end(brains_tests::upstream::End::Hang);
    }
    (OPENAI.answer)(seen)
}

impl Scene for Doors {
    async fn survived(&self) -> bool {
        let answer = tokio::time::timeout(Duration::from_secs(5), self.service.client.chat(&honest())).await;
        answer.is_ok_and(|answer| answer.body == self.alone) && self.memory().most_mib() < RESTED_MIB
    }

    async fn open() -> Self {
        let upstream = Upstream::start(play).await;
        let translated = OLLAMA.upstream().await;
        let setup = OPENAI.setup(&upstream).and(&OLLAMA.config(&translated)).and(BUDGETS);
        let service = Brains::start(setup).await;
        let key = async |name: &str, rest: Value| {
            let mut input = json!({ "name": name });
            for (field, value) in rest.as_object().expect("fields") {
                input[field] = value.clone();
            }
            let made = service.client.operation("create_key", &input).await;
            made["key"].as_str().expect("a key").to_owned()
        };
        let gateway = key("models", json!({ "scopes": ["gateway"] })).await;
        let reader = key("reads", json!({ "scopes": ["read"] })).await;
        let agent = key("agent", json!({ "scopes": ["gateway", "read", "write"], "agent": true })).await;
        let operator = async |slug: &str| {
            let made = service.client.operation("add_operator", &json!({ "slug": slug })).await;
            made["key"].as_str().expect("a key").to_owned()
        };
        let (ada, bob) = (operator("ada").await, operator("bob").await);
        let alone = service.client.chat(&honest()).await;
        assert_eq!(alone.status, 200, "{}", alone.text());
        Self {
            _upstream: upstream,
            _translated: translated,
            alone: alone.body,
            gateway,
            reader,
            agent,
            ada,
            bob,
            next: AtomicU32::new(0),
            service,
        }
    }
}

/// Beyond this a service keeps what an attack made it take, and the next one would not show.
const RESTED_MIB: u64 = 320;

fn honest() -> Value {
    json!({"model": OPENAI.model(), "messages": [{"role": "user", "content": "an honest question"}]})
}

impl Doors {
    fn key(&self, role: Role) -> &str {
        match role {
            Role::Nobody => "",
            Role::Wrong => "a-key-that-is-none-0123456789",
            Role::Gateway => &self.gateway,
            Role::Reader => &self.reader,
            Role::Agent => &self.agent,
        }
    }

    fn client(&self, role: Role) -> Client {
        self.service.client.with_key(self.key(role))
    }

    fn mcp(&self, role: Role) -> Client {
        self.service.mcp.with_key(self.key(role))
    }

    /// A number that no other attack has.
    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Honest work beside an attack: the very bytes that it is answered alone, at both listeners.
    async fn unharmed(&self) {
        let answer = within("an honest answer", self.service.client.chat(&honest())).await;
        assert_eq!((answer.status, answer.body), (200, self.alone.clone()));
        let health = within("health", self.service.mcp.get("/health")).await;
        assert_eq!(health.status, 200, "{}", health.text());
    }

    fn memory(&self) -> Memory {
        self.service.watch_memory()
    }

    /// A connection to the gateway, or to the listener for tools.
    async fn connect(&self, tools: bool) -> TcpStream {
        connect(if tools { &self.service.mcp } else { &self.service.client }).await
    }

    /// What `/health/ready` says of a budget.
    async fn budget(&self, name: &str) -> Value {
        self.service.client.get("/health/ready").await.json()["budgets"][name].clone()
    }
}

async fn connect(client: &Client) -> TcpStream {
    let address = client.base.strip_prefix("http://").expect("a base");
    within("a connection", TcpStream::connect(address)).await.expect("connected")
}

/// The head of a request on a bare connection.
fn head(method: &str, path: &str, key: &str, rest: &str) -> String {
    let key = if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{key}{rest}\r\n")
}

/// Whether a path is one of the listener for tools.
fn of_tools(path: &str) -> bool {
    ["/mcp", "/sse", "/messages"].iter().any(|tools| path.starts_with(tools))
}

/// Reads until `wanted` stands in what arrived; what arrived until the end when it does not.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if text.contains(wanted) {
            return text;
        }
        match within("bytes or an end", stream.read(&mut part)).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => seen.extend_from_slice(&part[..read]),
        }
    }
}

/// The status of a bare answer.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Posts bytes in a coding.
async fn post(client: &Client, path: &str, coding: &str, body: Bytes) -> Answer {
    within("an answer", Client::send(posting(client, path, coding, body))).await
}

fn posting(client: &Client, path: &str, coding: &str, body: Bytes) -> reqwest::RequestBuilder {
    let request = client
        .request(http::Method::POST, path)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    let request = if coding.is_empty() { request } else { request.header("content-encoding", coding) };
    request.body(body)
}

/// A pause between two bytes of somebody slow.
const PAUSE: Duration = Duration::from_millis(100);

async fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_body_only_what_it_may_cost_is_paid() {
    withstand(bodies::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dawdles_keeps_nobody_out() {
    withstand(slow::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crowds_leave_room_for_others() {
    withstand(crowds::rows()).await;
    withstand(crowds::scarce_rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_passes_for_somebody_else() {
    withstand(names::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_programs_fell_to() {
    withstand(reports::rows()).await;
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    [
        kinds_of(&bodies::rows()),
        kinds_of(&slow::rows()),
        kinds_of(&crowds::rows()),
        kinds_of(&crowds::scarce_rows()),
        kinds_of(&names::rows()),
        kinds_of(&reports::rows()),
    ]
    .concat()
}
