//! Requests that cannot be read, over each of the transports: each is answered, and the next one too.

use std::sync::Arc;

use brains_tests::client::Client;
use brains_tests::mcp::{Connection, Stream};
use brains_tests::within;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::{Fell, Held, Place, Row, row};

/// What is sent, and what comes back: the id and the code of the error.
struct Sent {
    what: &'static str,
    bytes: Vec<u8>,
    id: Value,
    code: i64,
}

fn sent(what: &'static str, bytes: impl Into<Vec<u8>>, id: Value, code: i64) -> Sent {
    Sent { what, bytes: bytes.into(), id, code }
}

fn all() -> Vec<Sent> {
    let long = format!(
        r#"{{"jsonrpc":"2.0","method":"ping","params":{{"a":"{}"}},"id":"long"}}"#,
        "x".repeat(17 << 20)
    );
    vec![
        sent(
            "one bad byte",
            b"{\"jsonrpc\":\"2.0\",\"id\":41,\"method\":\"ping\",\"params\":{\"a\":\"\xff\"}}".to_vec(),
            json!(41),
            -32700,
        ),
        sent(
            "a bad byte before a late id",
            b"{\"method\":\"ping\",\"params\":{\"id\":1,\"a\":\"\xff\"},\"jsonrpc\":\"2.0\",\"id\":\"z\"}"
                .to_vec(),
            json!("z"),
            -32700,
        ),
        sent(
            "a message that breaks off",
            r#"{"jsonrpc":"2.0","id":42,"method":"ping","params":{"a":"#,
            json!(42),
            -32700,
        ),
        sent("no JSON", "hello", Value::Null, -32700),
        sent("no method", r#"{"jsonrpc":"2.0","id":"m"}"#, json!("m"), -32600),
        sent("another protocol", r#"{"jsonrpc":"1.0","id":43,"method":"ping"}"#, json!(43), -32600),
        sent("a method that is a number", r#"{"jsonrpc":"2.0","id":44,"method":5}"#, json!(44), -32600),
        sent(
            "an id that is an object",
            r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#,
            Value::Null,
            -32600,
        ),
        sent(
            "a call without a name",
            r#"{"jsonrpc":"2.0","id":45,"method":"tools/call","params":{}}"#,
            json!(45),
            -32602,
        ),
        sent(
            "a call with a list of arguments",
            r#"{"jsonrpc":"2.0","id":46,"method":"tools/call","params":{"name":"count_tasks","arguments":[]}}"#,
            json!(46),
            -32602,
        ),
        sent(
            "a call without parameters",
            r#"{"jsonrpc":"2.0","id":47,"method":"tools/call"}"#,
            json!(47),
            -32602,
        ),
        sent(
            "a second greeting that is none",
            r#"{"jsonrpc":"2.0","id":48,"method":"initialize","params":{"protocolVersion":7}}"#,
            json!(48),
            -32602,
        ),
        sent("an empty batch", "[]", Value::Null, -32600),
        sent("a line of 17 MiB", long, json!("long"), -32600),
    ]
}

/// A call with half an emoji, which is served.
const HALF: &str = r#"{"jsonrpc":"2.0","id":60,"method":"tools/call","params":{"name":"create_task","arguments":{"workspace":"app","title":"cut \ud83d"}}}"#;

pub(super) fn rows() -> Vec<Row<Place<false>>> {
    let mut rows = Vec::new();
    for index in 0..all().len() {
        let (what, long) = (all()[index].what, all()[index].bytes.len() > 1 << 20);
        rows.push(stdio_row(what, index));
        if long {
            continue;
        }
        rows.push(row(
            "coordination 5",
            format!("{what}, over `/sse`"),
            Fell,
            move |place: Arc<Place<false>>| async move {
                let mut stream = Stream::open(&place.team.services[0].mcp).await;
                let request = &all()[index];
                let answer = raw(&place.team.services[0].mcp, &stream.endpoint, &[], &request.bytes).await;
                assert_eq!(answer.status, 400, "{}", answer.text());
                check(&answer.json(), request);
                if !request.id.is_null() {
                    let (_, data) = within("an answer", stream.event()).await.expect("an event");
                    check(&serde_json::from_str(&data).expect("JSON"), request);
                }
                assert_eq!(stream.request(50, "ping", json!({})).await["result"], json!({}));
            },
        ));
        rows.push(row(
            "coordination 5",
            format!("{what}, over Streamable HTTP"),
            Fell,
            move |place: Arc<Place<false>>| async move {
                let connection = Connection::open(&place.team.services[0].mcp).await;
                let request = &all()[index];
                let id = connection.id.as_str();
                let headers = [("mcp-session-id", id), ("mcp-protocol-version", "2025-11-25")];
                let answer = raw(&place.team.services[0].mcp, "/mcp", &headers, &request.bytes).await;
                check(&answer.json(), request);
                assert_eq!(connection.request("ping", json!({})).await["result"], json!({}));
            },
        ));
    }
    rows.push(row(
        "coordination 5",
        "half an emoji, over stdio",
        Fell,
        |place: Arc<Place<false>>| async move {
            let mut pipe = Pipe::open(&place).await;
            let answer = pipe.ask(HALF.as_bytes()).await;
            assert_eq!(answer["result"]["structuredContent"]["task"]["title"], "cut \u{fffd}", "{answer}");
        },
    ));
    rows.push(row(
        "coordination 5",
        "half an emoji, over `/sse`",
        Fell,
        |place: Arc<Place<false>>| async move {
            let mut stream = Stream::open(&place.team.services[0].mcp).await;
            raw(&place.team.services[0].mcp, &stream.endpoint, &[], HALF.as_bytes()).await;
            let answer = stream.reply(60).await;
            assert_eq!(answer["result"]["structuredContent"]["task"]["title"], "cut \u{fffd}", "{answer}");
        },
    ));
    rows.push(row(
        "coordination 5",
        "half an emoji, over Streamable HTTP",
        Fell,
        |place: Arc<Place<false>>| async move {
            let connection = Connection::open(&place.team.services[0].mcp).await;
            let headers =
                [("mcp-session-id", connection.id.as_str()), ("mcp-protocol-version", "2025-11-25")];
            let answer = raw(&place.team.services[0].mcp, "/mcp", &headers, HALF.as_bytes()).await.text();
            assert!(answer.contains("cut \u{fffd}"), "{answer}");
        },
    ));
    rows.push(row(
        "coordination 5",
        "one id twice in flight, over stdio",
        Fell,
        |place: Arc<Place<false>>| async move {
            let mut pipe = Pipe::open(&place).await;
            let wait = |timeout_ms: u64| {
                json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
            "name": "wait_events", "arguments": { "workspace": "app", "timeout_ms": timeout_ms } } })
            };
            pipe.send(wait(3_000).to_string().as_bytes()).await;
            let second = pipe.ask(wait(0).to_string().as_bytes()).await;
            assert_eq!((&second["id"], &second["error"]["code"]), (&json!(9), &json!(-32600)), "{second}");
            assert_eq!(pipe.answer().await["result"]["structuredContent"]["events"], json!([]));
            assert_eq!(pipe.ask(wait(0).to_string().as_bytes()).await["result"]["isError"], false);
        },
    ));
    rows.push(row(
        "coordination 5",
        "one id twice in flight, over `/sse`",
        Fell,
        |place: Arc<Place<false>>| async move {
            let mut stream = Stream::open(&place.team.services[0].mcp).await;
            let client = place.team.services[0].mcp.clone();
            let wait = |timeout_ms: u64| {
                json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
            "name": "wait_events", "arguments": { "workspace": "app", "timeout_ms": timeout_ms } } })
            };
            stream.post(&client, &wait(3_000)).await;
            stream.post(&client, &wait(0)).await;
            assert_eq!(stream.reply(9).await["error"]["code"], -32600);
            assert_eq!(stream.reply(9).await["result"]["structuredContent"]["events"], json!([]));
        },
    ));
    for (version, answered) in [("2025-03-26", true), ("2025-06-18", false), ("2025-11-25", false)] {
        rows.push(row("coordination 5", format!("a batch over stdio in {version}"), if answered { Fell } else { Held }, move |place: Arc<Place<false>>| async move {
            let mut pipe = Pipe::open_in(&place, version).await;
            let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }, { "jsonrpc": "2.0", "id": 2, "method": "ping" }]);
            let answer = pipe.ask(batch.to_string().as_bytes()).await;
            match answer.as_array() {
                Some(answers) => assert!(answered && answers.len() == 2, "{answer}"),
                None => assert!(!answered && answer["error"]["code"] == -32600, "{answer}"),
            }
        }));
    }
    rows
}

fn stdio_row(what: &'static str, index: usize) -> Row<Place<false>> {
    // What was JSON and had no id that could be told was answered just so.
    let held = ["an empty batch", "an id that is an object"].contains(&what);
    let before = if held { Held } else { Fell };
    row("coordination 5", format!("{what}, over stdio"), before, move |place: Arc<Place<false>>| async move {
        let mut pipe = Pipe::open(&place).await;
        let request = &all()[index];
        check(&pipe.ask(&request.bytes).await, request);
        let ping = json!({ "jsonrpc": "2.0", "id": 50, "method": "ping" });
        assert_eq!(
            pipe.ask(ping.to_string().as_bytes()).await,
            json!({ "jsonrpc": "2.0", "id": 50, "result": {} })
        );
    })
}

#[track_caller]
fn check(answer: &Value, request: &Sent) {
    let error = (&answer["id"], answer["error"]["code"].as_i64());
    assert_eq!(error, (&request.id, Some(request.code)), "{}: {answer}", request.what);
}

async fn raw(
    client: &Client,
    path: &str,
    headers: &[(&str, &str)],
    bytes: &[u8],
) -> brains_tests::client::Answer {
    let mut request = client
        .request(Method::POST, path)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Client::send(request.body(bytes.to_vec())).await
}

/// An agent's own process and its lines.
pub(super) struct Pipe {
    pub(super) child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pipe {
    async fn open(place: &Place<false>) -> Self {
        Self::open_in(place, "2025-11-25").await
    }

    async fn open_in(place: &Place<false>, version: &str) -> Self {
        let home = &place.team.services[0].home;
        let key = place.team.setup().environment;
        let mut command = home.command(&["mcp", "--mode", "stdio"]);
        command.envs(key.iter().map(|(name, value)| (name, value)));
        Self::start(command, version).await
    }

    /// Starts the process and greets it.
    pub(super) async fn start(mut command: tokio::process::Command, version: &str) -> Self {
        let log =
            fs_err::File::create(tempfile::NamedTempFile::new().expect("a file").path()).expect("a file");
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(log.into_parts().0)
            .spawn()
            .expect("it starts");
        let (input, output) =
            (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
        let mut pipe = Self { child, input, output: BufReader::new(output) };
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "pipe", "version": "1" } } });
        let greeted = pipe.ask(hello.to_string().as_bytes()).await;
        assert!(greeted["result"].is_object(), "{greeted}");
        pipe.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        pipe
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).await.expect("written");
        self.input.write_all(b"\n").await.expect("written");
    }

    pub(super) async fn answer(&mut self) -> Value {
        let mut line = String::new();
        within("a line", self.output.read_line(&mut line)).await.expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    pub(super) async fn ask(&mut self, bytes: &[u8]) -> Value {
        self.send(bytes).await;
        self.answer().await
    }

    /// Calls a tool; its structured answer.
    pub(super) async fn call(&mut self, name: &str, input: Value) -> Value {
        let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": name, "arguments": input } });
        let answer = self.ask(call.to_string().as_bytes()).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// Reads to the end of the process that answers.
    pub(super) async fn end_of_output(&mut self) {
        while self.output.read_line(&mut String::new()).await.is_ok_and(|bytes| bytes > 0) {}
    }

    /// Closes the agent's side.
    pub(super) fn hang_up(self) -> (Child, BufReader<ChildStdout>) {
        (self.child, self.output)
    }
}
