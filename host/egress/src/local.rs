//! A client for a program that calls its own running service on this machine, for the command line and stdio.

use std::collections::BTreeMap;
use std::time::Duration;

use brains_core::Secret;
use brains_core::caller::wire;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use serde_json::Value;
use url::{Host, Url};

use crate::install_tls;

/// Answers of our own service are never larger.
const LIMIT_BYTES: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// Nobody listens there.
    #[error("the service is not reachable at {address}")]
    Unreachable { address: String },
    #[error("the service did not answer in time")]
    Timeout,
    #[error("the service's answer is not JSON")]
    NotJson,
    #[error("`{0}` is not an address of this machine")]
    NotLocal(String),
    #[error("the client could not be set up")]
    Setup,
}

/// What our own service said.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalAnswer {
    pub status: u16,
    /// An empty answer is `null`.
    pub value: Value,
    /// The line about mail that waits for whoever called.
    pub mail: Option<String>,
    /// Whether the request was done before and this is its answer from then.
    pub replayed: bool,
    /// What the gateway says of the way of a request, by the name behind its prefix.
    pub routing: BTreeMap<String, String>,
}

/// Talks to one service on loopback with one key.
#[derive(Debug, Clone)]
pub struct LocalClient {
    client: reqwest::Client,
    base: Url,
    key: Option<Secret>,
}

impl LocalClient {
    /// `base` such as `http://127.0.0.1:8787`.
    pub fn new(base: &str, key: Option<Secret>, timeout: Duration) -> Result<Self, LocalError> {
        install_tls();
        let base = Url::parse(base).map_err(|_| LocalError::NotLocal(base.to_owned()))?;
        let local = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
            Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if !local || base.scheme() != "http" {
            return Err(LocalError::NotLocal(base.host_str().unwrap_or_default().to_owned()));
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .timeout(timeout)
            .build()
            .map_err(|_| LocalError::Setup)?;
        Ok(Self { client, base, key })
    }

    /// The status and the answer; an empty answer is `null`.
    pub async fn post_json(&self, path: &str, value: &Value) -> Result<(u16, Value), LocalError> {
        self.call(Method::POST, path, &[], Some(value)).await.map(|answer| (answer.status, answer.value))
    }

    /// The whole answer to a call with headers of its own.
    pub async fn post_json_with(
        &self,
        path: &str,
        headers: &[(&'static str, Secret)],
        value: &Value,
    ) -> Result<LocalAnswer, LocalError> {
        self.call(Method::POST, path, headers, Some(value)).await
    }

    pub async fn get_json(&self, path: &str) -> Result<(u16, Value), LocalError> {
        self.call(Method::GET, path, &[], None).await.map(|answer| (answer.status, answer.value))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, Secret)],
        value: Option<&Value>,
    ) -> Result<LocalAnswer, LocalError> {
        let url = self.base.join(path).map_err(|_| LocalError::NotLocal(path.to_owned()))?;
        if url.origin() != self.base.origin() {
            return Err(LocalError::NotLocal(url.host_str().unwrap_or_default().to_owned()));
        }
        let mut request = self.client.request(method, url);
        if let Some(key) = &self.key {
            let mut header =
                HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|_| LocalError::Setup)?;
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        for (name, text) in headers {
            let mut header = HeaderValue::try_from(text.expose()).map_err(|_| LocalError::Setup)?;
            header.set_sensitive(true);
            request = request.header(*name, header);
        }
        if let Some(value) = value {
            request = request.header(http::header::CONTENT_TYPE, "application/json").body(value.to_string());
        }
        let mut response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let mail = response.headers().get(wire::MAIL).and_then(|line| line.to_str().ok()).map(str::to_owned);
        let replayed = response.headers().contains_key(wire::REPLAYED);
        let routing = response.headers().iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-brains-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        });
        let routing = routing.collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if body.len() + chunk.len() > LIMIT_BYTES {
                return Err(LocalError::NotJson);
            }
            body.extend_from_slice(&chunk);
        }
        if body.is_empty() {
            return Ok(LocalAnswer { status, value: Value::Null, mail, replayed, routing });
        }
        let value = serde_json::from_slice(&body).map_err(|_| LocalError::NotJson)?;
        Ok(LocalAnswer { status, value, mail, replayed, routing })
    }

    fn failed(&self, error: &reqwest::Error) -> LocalError {
        if error.is_timeout() {
            return LocalError::Timeout;
        }
        let (host, port) =
            (self.base.host_str().unwrap_or_default(), self.base.port_or_known_default().unwrap_or(80));
        LocalError::Unreachable { address: format!("{host}:{port}") }
    }
}
