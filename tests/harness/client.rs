//! A small client of the service, for tests that look at bytes and headers.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Value;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The data of each event of a stream.
    pub fn events(&self) -> Vec<String> {
        self.text()
            .split("\n\n")
            .filter_map(|frame| frame.strip_prefix("data: ").map(str::to_owned))
            .collect()
    }
}

/// Speaks to one service with one key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    pub base: String,
    pub key: String,
}

impl Client {
    pub fn new(address: SocketAddr, key: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, base: format!("http://{address}"), key: key.to_owned() }
    }

    /// Each request has a connection of its own: one that is kept may be closed just when it is used again.
    #[must_use]
    pub fn keeping_nothing(&self) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        Self { http: http.build().expect("a client"), ..self.clone() }
    }

    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A request with the key, to be changed before it is sent.
    pub fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        if self.key.is_empty() { request } else { request.bearer_auth(&self.key) }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Self::send(self.request(http::Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(http::Method::POST, path).header("content-type", "application/json");
        Self::send(request.body(body)).await
    }

    pub async fn chat(&self, body: &Value) -> Answer {
        self.post("/v1/chat/completions", body.to_string()).await
    }

    /// Runs an operation; fails the test when it is refused.
    #[track_caller]
    pub fn operation(&self, name: &str, input: &Value) -> impl Future<Output = Value> {
        let (client, path, body) = (self.clone(), format!("/api/ops/{name}"), input.to_string());
        async move {
            let answer = client.post(&path, body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.json()
        }
    }

    pub async fn send(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        Self::whole(response).await
    }

    /// None when the connection ended before an answer: a server may close one that idles just when it is used again.
    pub async fn attempt(request: reqwest::RequestBuilder) -> Option<Answer> {
        Some(Self::whole(request.send().await.ok()?).await)
    }

    /// All of an answer that has begun.
    pub async fn whole(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(_) => break,
            }
        }
        Answer { status, headers, body: body.into() }
    }
}
