//! A small MCP client that shows what is on the wire, in both eras of the protocol and over event streams.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::within;

/// The revision without connections.
pub const STATELESS: &str = "2026-07-28";
/// The last one that begins with `initialize`.
pub const CONNECTED: &str = "2025-11-25";
const ACCEPT: &str = "application/json, text/event-stream";

/// The messages of an answer, which is one document or a stream of events.
pub fn messages(answer: &Answer) -> Vec<Value> {
    if answer.header("content-type").starts_with("text/event-stream") {
        let text = answer.text();
        let data = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| !data.trim().is_empty());
        return data.map(|data| serde_json::from_str(data).expect("JSON in an event")).collect();
    }
    vec![answer.json()]
}

/// The message that answers the request.
pub fn reply(answer: &Answer) -> Value {
    messages(answer).into_iter().find(|message| message.get("id").is_some()).expect("a reply")
}

fn post(client: &Client, path: &str, message: &Value) -> reqwest::RequestBuilder {
    client
        .request(Method::POST, path)
        .header("content-type", "application/json")
        .header("accept", ACCEPT)
        .body(message.to_string())
}

/// A request of the stateless era, for tests to change before it is sent.
pub fn stateless(client: &Client, path: &str, method: &str, params: Value) -> reqwest::RequestBuilder {
    let mut params = params;
    let own = params.get("_meta").cloned().unwrap_or_else(|| json!({}));
    let mut meta = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientInfo": {"name": "harness", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (name, value) in own.as_object().expect("an object") {
        meta[name] = value.clone();
    }
    params["_meta"] = meta;
    let mut request =
        post(client, path, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .header("mcp-protocol-version", STATELESS)
            .header("mcp-method", method);
    if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
        request = request.header("mcp-name", name);
    }
    request
}

/// A call of the stateless era, as its whole reply.
pub async fn call(client: &Client, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    reply(&Client::send(stateless(client, "/mcp", "tools/call", params)).await)
}

/// The structure that a successful call answered with.
#[track_caller]
pub fn structured(reply: &Value) -> Value {
    assert_eq!(reply["result"]["isError"], json!(false), "{reply}");
    reply["result"]["structuredContent"].clone()
}

/// The error that a refused call answered with.
#[track_caller]
pub fn refused(reply: &Value) -> Value {
    assert_eq!(reply["result"]["isError"], json!(true), "{reply}");
    let text = reply["result"]["content"][0]["text"].as_str().expect("a text");
    serde_json::from_str::<Value>(text).expect("an error as JSON")["error"].clone()
}

/// A connection of the era of `initialize`.
#[derive(Debug, Clone)]
pub struct Connection {
    pub client: Client,
    pub id: String,
    pub initialized: Value,
}

impl Connection {
    pub async fn open(client: &Client) -> Self {
        Self::open_at(client, "/mcp", CONNECTED, "harness").await
    }

    pub async fn open_at(client: &Client, path: &str, version: &str, name: &str) -> Self {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}});
        let answer = Client::send(post(client, path, &hello)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id = answer.header("mcp-session-id").to_owned();
        let connection = Self { client: client.clone(), id, initialized: reply(&answer)["result"].clone() };
        let noted = Client::send(
            connection.message(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})),
        );
        assert_eq!(noted.await.status, 202);
        connection
    }

    /// A message, for tests to change before it is sent.
    pub fn message(&self, message: &Value) -> reqwest::RequestBuilder {
        post(&self.client, "/mcp", message)
            .header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", self.initialized["protocolVersion"].as_str().unwrap_or(CONNECTED))
    }

    pub async fn request(&self, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        reply(&Client::send(self.message(&message)).await)
    }

    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    /// What the server says by itself.
    pub async fn listen(&self) -> Events {
        let version = self.initialized["protocolVersion"].as_str().unwrap_or(CONNECTED);
        let request = self.client.request(Method::GET, "/mcp").header("accept", "text/event-stream");
        Events::open(request.header("mcp-session-id", &self.id).header("mcp-protocol-version", version)).await
    }
}

/// A stream of events as it comes in.
pub struct Events {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("text", &self.text).finish_non_exhaustive()
    }
}

impl Events {
    pub async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = within("a stream", request.send()).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        Self { body: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// The next event that is no comment, with its name; none when the stream has ended.
    pub async fn event(&mut self) -> Option<(String, String)> {
        loop {
            let frame = self.frame().await?;
            let field = |name: &str| {
                frame.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
            };
            if let Some(data) = field("data:").filter(|data| !data.is_empty()) {
                return Some((field("event:").unwrap_or_default(), data));
            }
        }
    }

    /// The next event as it stands on the wire; none when the stream has ended.
    pub async fn frame(&mut self) -> Option<String> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(frame);
            }
            let chunk = within("the next event", self.body.next()).await?.ok()?;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        let (_, data) = self.event().await.expect("an event");
        serde_json::from_str(&data).expect("JSON in an event")
    }
}

/// An event stream of the older transport, opened and initialized.
pub struct Stream {
    client: Client,
    /// Where messages are posted.
    pub endpoint: String,
    events: Events,
    replies: BTreeMap<i64, Value>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Stream {
    pub async fn open(client: &Client) -> Self {
        let request = client.request(Method::GET, "/sse").header("accept", "text/event-stream");
        let events = Events::open(request).await;
        let mut stream =
            Self { client: client.clone(), endpoint: String::new(), events, replies: BTreeMap::new() };
        let (event, data) = stream.event().await.expect("an event");
        assert_eq!(event, "endpoint");
        stream.endpoint = data;
        let hello = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
        let initialized = stream.request(0, "initialize", hello).await;
        assert_eq!(initialized["result"]["serverInfo"]["name"], json!("brains"), "{initialized}");
        stream
            .post(&stream.client.clone(), &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
        stream
    }

    /// Posts a message with the key of `client`, whoever's that is.
    pub async fn post(&self, client: &Client, message: &Value) -> Answer {
        Client::send(post(client, &self.endpoint, message)).await
    }

    pub async fn request(&mut self, id: i64, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let answer = self.post(&self.client.clone(), &message).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        self.reply(id).await
    }

    /// The reply to a message that was posted before.
    pub async fn reply(&mut self, id: i64) -> Value {
        within("a reply on the stream", async {
            loop {
                if let Some(reply) = self.replies.remove(&id) {
                    return reply;
                }
                let message = self.events.message().await;
                if let Some(id) = message["id"].as_i64() {
                    self.replies.insert(id, message);
                }
            }
        })
        .await
    }

    /// The next event; none when the stream has ended.
    pub async fn event(&mut self) -> Option<(String, String)> {
        self.events.event().await
    }
}
