//! Crowds: connections that idle, one key or one operator with too many of them, MCP connections without end, operations
//! without pause.

use std::sync::Arc;
use std::time::Duration;

use brains_tests::mcp::{self, Connection, Stream};
use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Client, until, within};
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::super::{Fell, Held, Row, Scene, row};
use super::{Doors, HANGING, Place, Role, connect, head, honest, read_until, status, write};

/// Connections of one key in these scenes.
const PER_KEY: usize = 40;
/// MCP connections of one key, of one operator, of all.
const MCP: [usize; 3] = [8, 12, 24];

pub(super) fn rows() -> Vec<Row<Doors>> {
    let mut rows = Vec::new();
    rows.extend(connections());
    rows.extend(mcp_connections());
    rows.extend(operations());
    rows
}

/// Opens a connection with a key behind it that idles.
async fn idle(scene: &Doors, tools: bool, key: &str) -> TcpStream {
    let mut stream = scene.connect(tools).await;
    let path = if tools { "/sse/none" } else { "/v1/models" };
    write(&mut stream, &head("GET", path, key, "")).await;
    read_until(&mut stream, "\r\n\r\n").await;
    stream
}

/// Begins an answer that does not end.
async fn hanging(scene: &Doors, key: &str) -> (TcpStream, String) {
    let body =
        json!({"model": OPENAI.model(), "stream": true, "messages": [{"role": "user", "content": HANGING}]});
    let body = body.to_string();
    let mut stream = scene.connect(false).await;
    let rest = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    write(&mut stream, &head("POST", "/v1/chat/completions", key, &rest)).await;
    write(&mut stream, &body).await;
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    (stream, answer)
}

fn connections() -> Vec<Row<Doors>> {
    vec![
        row(
            "security 8",
            "600 connections without a key, at both listeners",
            Fell,
            |scene: Place| async move {
                let mut held = Vec::new();
                for number in 0..600 {
                    held.push(scene.connect(number % 2 == 0).await);
                }
                scene.unharmed().await;
                let standing = scene.budget("connections").await;
                assert!(standing["used"].as_u64().is_some_and(|used| used <= 400), "{standing}");
                assert!(standing["refused"].as_u64().is_some_and(|sent_away| sent_away > 0), "{standing}");
            },
        ),
        row(
            "security 8",
            "idle connections of one key give way to its next",
            Fell,
            |scene: Place| async move {
                let mut held = Vec::new();
                for _ in 0..PER_KEY + 20 {
                    held.push(idle(&scene, false, &scene.gateway).await);
                }
                let standing = scene.budget("connections_per_key").await;
                assert_eq!(standing["used"], PER_KEY, "{standing}");
                // The oldest is gone, the newest is there.
                let mut first = held.remove(0);
                drop(first.write_all(head("GET", "/health", "", "").as_bytes()).await);
                assert_eq!(read_until(&mut first, "\r\n\r\n").await, "");
                let last = held.last_mut().expect("one");
                write(last, &head("GET", "/health", "", "")).await;
                assert_eq!(status(&read_until(last, "\r\n\r\n").await), 200);
                scene.unharmed().await;
            },
        ),
        row(
            "security 8",
            "streams of one key have an end, and others have theirs",
            Fell,
            |scene: Place| async move {
                let mut held = Vec::new();
                for _ in 0..PER_KEY {
                    let (stream, answer) = hanging(&scene, &scene.gateway).await;
                    assert_eq!(status(&answer), 200, "{answer}");
                    held.push(stream);
                }
                let (_, refused) = hanging(&scene, &scene.gateway).await;
                assert_eq!(status(&refused), 429, "{refused}");
                let lower = refused.to_ascii_lowercase();
                assert!(lower.contains("retry-after: 1") && lower.contains("connection: close"), "{refused}");
                let (stream, answer) = hanging(&scene, &scene.ada).await;
                assert_eq!(status(&answer), 200, "{answer}");
                scene.unharmed().await;
                drop((held, stream));
                until("the places to come back", async || {
                    scene.budget("connections_per_key").await["used"].as_u64().is_some_and(|used| used <= 3)
                })
                .await;
                let (_, answer) = hanging(&scene, &scene.gateway).await;
                assert_eq!(status(&answer), 200, "{answer}");
            },
        ),
        row("security 8", "one operator with two keys has an end, too", Fell, |scene: Place| async move {
            // Both are the administrator's: 40 of one and 20 of the other, less what the harness itself has open.
            let mut held = Vec::new();
            let mut refused = 0;
            for key in [&scene.gateway, &scene.agent] {
                for _ in 0..PER_KEY {
                    let (stream, answer) = hanging(&scene, key).await;
                    refused += usize::from(status(&answer) == 429);
                    held.push(stream);
                }
            }
            assert!((20..=22).contains(&refused), "{refused}");
            let (_, answer) = hanging(&scene, &scene.ada).await;
            assert_eq!(status(&answer), 200, "{answer}");
            drop(held);
            until("the places to come back", async || {
                scene.budget("connections_per_operator").await["used"].as_u64().is_some_and(|used| used <= 3)
            })
            .await;
            scene.unharmed().await;
        }),
        row(
            "security 8",
            "one connection that changes its key counts once",
            Held,
            |scene: Place| async move {
                let mut stream = scene.connect(false).await;
                for key in [&scene.gateway, &scene.agent, &scene.gateway, &scene.ada, &scene.bob].repeat(20) {
                    write(&mut stream, &head("GET", "/v1/models", key, "")).await;
                    let answer = read_until(&mut stream, "]}").await;
                    assert_eq!(status(&answer), 200, "{answer}");
                }
                scene.unharmed().await;
            },
        ),
    ]
}

/// The answer to a first message of the era of connections: its status, and the connection.
async fn hello(client: &Client) -> (u16, String) {
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": mcp::CONNECTED, "capabilities": {}, "clientInfo": {"name": "crowd", "version": "1"}}});
    let answer = super::post(client, "/mcp", "", hello.to_string().into()).await;
    (answer.status, answer.header("mcp-session-id").to_owned())
}

/// Whether a connection still answers.
async fn lives(client: &Client, id: &str) -> bool {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let request = client
        .request(http::Method::POST, "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-session-id", id)
        .header("mcp-protocol-version", mcp::CONNECTED)
        .body(message.to_string());
    within("an answer", Client::send(request)).await.status == 200
}

fn mcp_connections() -> Vec<Row<Doors>> {
    let mut rows = vec![
        row("security 7", "a key for models opens MCP connections", Fell, |scene: Place| async move {
            for _ in 0..4 {
                assert_eq!(hello(&scene.mcp(Role::Gateway)).await.0, 403);
            }
            let request = scene.mcp(Role::Gateway).request(http::Method::GET, "/sse");
            assert_eq!(within("an answer", request.send()).await.expect("an answer").status(), 403);
        }),
        row(
            "security 7",
            "the oldest idle connection of a key gives way to its next",
            Fell,
            |scene: Place| async move {
                let client = scene.mcp(Role::Reader);
                let other = Connection::open(&scene.mcp(Role::Agent)).await;
                let mut opened = Vec::new();
                for _ in 0..MCP[0] + 4 {
                    let (status, id) = hello(&client).await;
                    assert_eq!(status, 200);
                    opened.push(id);
                }
                for (number, id) in opened.iter().enumerate() {
                    assert_eq!(lives(&client, id).await, number >= 4, "{number}");
                }
                assert!(lives(&other.client, &other.id).await, "another key's connection stays");
                scene.unharmed().await;
            },
        ),
        row(
            "security 7",
            "event streams of one key have an end, and the oldest gives way",
            Fell,
            |scene: Place| async move {
                let client = scene.service.mcp.with_key(&scene.ada);
                let mut first = Stream::open(&client).await;
                let mut opened = Vec::new();
                for _ in 0..MCP[0] {
                    opened.push(Stream::open(&client).await);
                }
                assert!(first.event().await.is_none(), "it ended");
                for (number, stream) in opened.iter_mut().enumerate() {
                    let number = i64::try_from(number).expect("a number");
                    assert!(stream.request(7 + number, "ping", json!({})).await["result"].is_object());
                }
                scene.unharmed().await;
            },
        ),
        row(
            "security 7",
            "a crowd of keys leaves room for calls without a connection, and for who comes next",
            Fell,
            |scene: Place| async move {
                for key in [&scene.reader, &scene.agent, &scene.ada, &scene.bob] {
                    let client = scene.service.mcp.with_key(key);
                    let all = join_all((0..MCP[0]).map(|_| hello(&client))).await;
                    assert!(all.iter().all(|(status, _)| *status == 200), "{all:?}");
                }
                let ready = scene.service.client.get("/health/ready").await.json()["budgets"].clone();
                let used = |name: &str| ready[name]["used"].as_u64();
                assert!(used("mcp_connections").is_some_and(|used| used <= MCP[2] as u64), "{ready}");
                assert!(
                    used("mcp_connections_per_operator").is_some_and(|used| used <= MCP[1] as u64),
                    "{ready}"
                );
                for client in
                    [&scene.service.mcp, &scene.mcp(Role::Reader), &scene.service.mcp.with_key(&scene.bob)]
                {
                    let answer = mcp::call(client, "list_workspaces", json!({})).await;
                    mcp::structured(&answer);
                }
                let connection = Connection::open(&scene.service.mcp.with_key(&scene.bob)).await;
                assert!(lives(&connection.client, &connection.id).await);
            },
        ),
        row(
            "security 7",
            "connections that are begun twice at once stay within their number",
            Fell,
            |scene: Place| async move {
                let client = scene.service.mcp.with_key(&scene.bob);
                for _ in 0..4 {
                    let all = join_all((0..MCP[0] * 2).map(|_| hello(&client))).await;
                    assert!(all.iter().all(|(status, _)| *status == 200), "{all:?}");
                }
                hello(&client).await;
                let used = scene.budget("mcp_connections_per_key").await["used"].as_u64();
                assert!(used.is_some_and(|used| used <= MCP[0] as u64), "{used:?}");
            },
        ),
    ];
    for (what, message) in [
        ("nothing", ""),
        ("no message", "[]"),
        ("a message that is none", "{\"jsonrpc\":\"2.0\"}"),
        ("a call without a connection", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
        (
            "a first message without its parameters",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}",
        ),
    ] {
        rows.push(row(
            "security 7",
            format!("40 times {what} opens no connection"),
            Held,
            move |scene: Place| async move {
                let before = scene.budget("mcp_connections").await["used"].as_u64();
                for _ in 0..40 {
                    let answer = super::post(&scene.mcp(Role::Reader), "/mcp", "", message.into()).await;
                    assert!(answer.header("mcp-session-id").is_empty(), "{}", answer.text());
                }
                let after = scene.budget("mcp_connections").await["used"].as_u64();
                assert!(after <= before, "{before:?} {after:?}");
            },
        ));
    }
    rows
}

fn operations() -> Vec<Row<Doors>> {
    let limited = |what: &'static str, tools: bool| {
        row("security 6", format!("operations without pause, {what}"), Fell, move |scene: Place| async move {
            let number = scene.number();
            // A key of its own: others of the table are not to be out of breath.
            let made = json!({"name": format!("busy-{number}"), "scopes": ["read", "write"], "admin": true});
            let made = scene.service.client.operation("create_key", &made).await;
            let key = made["key"].as_str().expect("a key").to_owned();
            let (gateway, mcp) = (scene.service.client.with_key(&key), scene.service.mcp.with_key(&key));
            let call = async || {
                if tools {
                    let params = json!({"name": "list_workspaces", "arguments": {}});
                    Client::send(mcp::stateless(&mcp, "/mcp", "tools/call", params)).await
                } else {
                    gateway.post("/api/ops/list_workspaces", "{}").await
                }
            };
            let mut refused = None;
            for _ in 0..330 {
                let answer = call().await;
                if answer.status != 200 {
                    refused = Some(answer);
                    break;
                }
            }
            let refused = refused.expect("a limit");
            assert_eq!(refused.status, 429, "{}", refused.text());
            assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds <= 60));
            assert!(refused.text().contains("budgets.operations_per_minute"), "{}", refused.text());
            // Nor by the other door; but who may lift the limit still can, and others are as free as ever.
            assert_eq!(gateway.post("/api/ops/list_workspaces", "{}").await.status, 429);
            let own = gateway.post("/api/ops/get_config", "{\"key\": \"default_tier\"}").await;
            assert_eq!(own.status, 200, "{}", own.text());
            scene.service.client.operation("list_workspaces", &json!({})).await;
            scene.unharmed().await;
        })
    };
    vec![limited("over HTTP", false), limited("as tools", true)]
}

/// A service that may have few files open.
pub(super) struct Scarce {
    service: Brains,
    alone: Bytes,
}

impl Scene for Scarce {
    async fn open() -> Self {
        let upstream = brains_tests::Upstream::start(OPENAI.answer).await;
        let setup = OPENAI.setup(&upstream).limits("ulimit -n 256");
        let service = Brains::start(setup).await;
        let alone = service.client.chat(&honest()).await;
        assert_eq!(alone.status, 200, "{}", alone.text());
        // It serves as long as the test does.
        std::mem::forget(upstream);
        Self { service, alone: alone.body }
    }
}

impl Scarce {
    async fn unharmed(&self) {
        let answer = within("an honest answer", self.service.client.chat(&honest())).await;
        assert_eq!((answer.status, &answer.body), (200, &self.alone));
        assert_eq!(within("health", self.service.mcp.get("/health")).await.status, 200);
    }
}

pub(super) fn scarce_rows() -> Vec<Row<Scarce>> {
    let mut rows = vec![row(
        "security 8",
        "a limit of 256 files is told, with what it leaves",
        Fell,
        |scene: Arc<Scarce>| async move {
            let ready = scene.service.client.get("/health/ready").await.json()["budgets"].clone();
            assert_eq!(ready["descriptor_reserve"]["descriptors"], 256, "{ready}");
            assert_eq!(ready["connections"]["limit"], 64, "{ready}");
        },
    )];
    for (what, bytes) in [
        ("nothing", ""),
        ("half a head", "GET / HTTP/1.1\r\n"),
        ("a request", "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ] {
        for tools in [false, true] {
            let door = if tools { "tools" } else { "models" };
            let what = format!("600 connections that send {what} and stay, to {door}, with 256 files");
            rows.push(row("security 8", what, Fell, move |scene: Arc<Scarce>| async move {
                let logged = scene.service.log().len();
                let mut held = Vec::new();
                for number in 0..600 {
                    let client = if tools { &scene.service.mcp } else { &scene.service.client };
                    let mut stream = connect(client).await;
                    drop(stream.write_all(bytes.as_bytes()).await);
                    held.push(stream);
                    if number % 200 == 199 {
                        scene.unharmed().await;
                    }
                }
                scene.unharmed().await;
                // Commands find files to open, too, and the log does not say the same thing again and again.
                let listed = scene.service.home.run(&["key", "list", "--json"]).await;
                assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
                tokio::time::sleep(Duration::from_millis(500)).await;
                let grown = scene.service.log().len() - logged;
                assert!(grown < 8_192, "{grown} bytes of log");
            }));
        }
    }
    rows
}
