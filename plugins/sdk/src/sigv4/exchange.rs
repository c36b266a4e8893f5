//! An exchange, signed as it stands.

use brains_dialect::canon::exchange::{Body, Header, Method, Piece, Request};
use brains_dialect::canon::{Fault, FaultKind};

use super::{ALGORITHM, Scope, TOKEN, ToSign, hex, sha256, signature, string_to_sign};
use crate::host;
use crate::wire::Exchange;

/// Who holds the secrets.
pub trait SigningKeys {
    /// As [`host::sign`].
    fn sign(&self, secret: &str, algorithm: &str, key_prefix: &str, data: &[u8]) -> Option<Vec<u8>>;
}

/// The host.
#[derive(Debug, Clone, Copy)]
pub struct HostKeys;

impl SigningKeys for HostKeys {
    fn sign(&self, secret: &str, algorithm: &str, key_prefix: &str, data: &[u8]) -> Option<Vec<u8>> {
        host::sign(secret, algorithm, key_prefix, data)
    }
}

/// Names of the secrets that a request is signed with.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    /// Of temporary credentials.
    pub session_token: Option<&'a str>,
}

impl Exchange {
    /// Signs the exchange with everything that it has by now: nothing may be added behind it.
    pub fn signed_v4(
        self,
        keys: &dyn SigningKeys,
        credentials: &Credentials<'_>,
        scope: &Scope<'_>,
    ) -> Result<Self, Fault> {
        let exchange = self.header("x-amz-date", scope.time.stamp()).into_request();
        let Request { method, url, headers, body, .. } = &exchange;
        let url = text(url).ok_or_else(|| unsigned("a secret in its URL"))?;
        let (host, path, query) = parts(&url).ok_or_else(|| unsigned("no address"))?;
        let texts: Vec<(&str, String)> = headers
            .iter()
            .filter(|header| is_signed(&header.name))
            .map(|header| Some((header.name.as_str(), text(&header.value)?)))
            .collect::<Option<_>>()
            .ok_or_else(|| unsigned("a secret among its headers"))?;
        let mut signed = vec![("host", host.as_str())];
        signed.extend(texts.iter().map(|(name, value)| (*name, value.as_str())));
        let body: &[u8] = match body {
            Body::Empty => b"",
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
            Body::Form(_) => return Err(unsigned("a form")),
        };
        let request = ToSign { method: verb(*method), path, query, headers: &signed, body };
        let with_token = credentials.session_token.is_some();
        let (before, behind) = request.canonical(with_token);
        let digest = match credentials.session_token {
            None => sha256(before.as_bytes()).to_vec(),
            Some(token) => keys.sign(token, "sha256", &before, behind.as_bytes()).ok_or_else(refused)?,
        };
        let day_key =
            keys.sign(credentials.secret_access_key, "hmac-sha256", "AWS4", scope.time.date().as_bytes());
        let text = string_to_sign(scope, &digest);
        let signature = signature(&day_key.ok_or_else(refused)?, scope, &text);
        let authorization = vec![
            Piece::Text(format!("{ALGORITHM} Credential=")),
            Piece::Secret(credentials.access_key_id.to_owned()),
            Piece::Text(format!(
                "/{}, SignedHeaders={}, Signature={}",
                scope.text(),
                request.signed_headers(with_token),
                hex(&signature)
            )),
        ];
        let mut exchange = exchange;
        let token = credentials.session_token.map(|token| vec![Piece::Secret(token.to_owned())]);
        let added = token.map(|value| (TOKEN, value)).into_iter().chain([("authorization", authorization)]);
        exchange.headers.extend(added.map(|(name, value)| Header { name: name.to_owned(), value }));
        Ok(Self::from_request(exchange))
    }
}

/// Headers that AWS wants signed; others may be changed on the way.
fn is_signed(name: &str) -> bool {
    name == "content-type" || name.starts_with("x-amz-")
}

/// The text of pieces; `None` when a secret is among them.
fn text(pieces: &[Piece]) -> Option<String> {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::Secret(_) | Piece::Credential(_) | Piece::BasicCredentials(_) => None,
    };
    pieces.iter().map(piece).collect()
}

/// Host, path and query of a URL, as they are sent.
fn parts(url: &str) -> Option<(String, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(at)?;
    let usual = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let host = authority.strip_suffix(usual).unwrap_or(authority).to_ascii_lowercase();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (!host.is_empty()).then_some((host, if path.is_empty() { "/" } else { path }, query))
}

const fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Head => "HEAD",
    }
}

fn unsigned(what: &str) -> Fault {
    fault(format!("the exchange cannot be signed: it has {what}"))
}

fn refused() -> Fault {
    fault("the host did not sign the exchange: a secret is not set, or not granted".to_owned())
}

fn fault(message: String) -> Fault {
    Fault {
        kind: FaultKind::Internal,
        message,
        code: Some("not_signed".to_owned()),
        retry_after_ms: None,
        failover: true,
    }
}
