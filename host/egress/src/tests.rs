//! Against a server written by hand, so that it can misbehave in every way.

mod addresses;
mod failing;
mod local_client;
mod sending;
mod server;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use brains_core::{Secret, SecretSet};
use brains_dialect::canon::exchange::{Body, Header, Method, Piece, Request};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{Egress, EgressError, EgressOptions, Grant, Lookup, LookupFuture, OutboundCall, Upstream};

const KEY: &str = "sk-very-secret-0123456789";

/// Every name leads to the same place.
#[derive(Debug)]
struct Fixed(Vec<IpAddr>);

impl Lookup for Fixed {
    fn lookup(&self, _host: &str) -> LookupFuture {
        let found = self.0.clone();
        Box::pin(
            async move { if found.is_empty() { Err(io::Error::other("no such name")) } else { Ok(found) } },
        )
    }
}

fn egress(addresses: &[&str]) -> Egress {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Egress::new(EgressOptions { lookup: Some(Arc::new(Fixed(addresses))), ..EgressOptions::default() })
        .unwrap()
}

fn secrets(name: &str) -> Option<Secret> {
    (name == "api_key").then(|| Secret::new(KEY))
}

fn known() -> Arc<SecretSet> {
    Arc::new(SecretSet::of(&[Secret::new(KEY)]))
}

fn text(text: &str) -> Vec<Piece> {
    vec![Piece::Text(text.to_owned())]
}

fn get(url: &str) -> Request {
    Request { method: Method::Get, url: text(url), headers: Vec::new(), body: Body::Empty, timeout_ms: None }
}

fn with_key(mut request: Request) -> Request {
    let value = vec![Piece::Text("Bearer ".to_owned()), Piece::Secret("api_key".to_owned())];
    request.headers.push(Header { name: "authorization".to_owned(), value });
    request
}

async fn send(request: Request, grants: &[Grant]) -> Result<Upstream, EgressError> {
    send_by(&egress(&["127.0.0.1"]), request, grants, Duration::from_secs(20)).await
}

async fn send_by(
    egress: &Egress,
    request: Request,
    grants: &[Grant],
    silence: Duration,
) -> Result<Upstream, EgressError> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let call = OutboundCall {
        provider: "acme",
        request,
        body: Bytes::new(),
        grants,
        secrets: &secrets,
        known: known(),
        silence,
        deadline,
    };
    egress.send(call).await
}
