//! Turns a described exchange into one that can be sent. The description is checked first; secrets are filled in last, and
//! only where they cannot change where the request goes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_core::Secret;
use brains_dialect::canon::exchange::{Body, FormField, Header, Method, Piece};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::error::EgressError;
use crate::origin::{Grant, covering};

/// The secrets of an instance, by name. A closure from name to secret is one.
pub trait Secrets: Send + Sync {
    fn secret(&self, name: &str) -> Option<Secret>;
}

impl<F: Fn(&str) -> Option<Secret> + Send + Sync> Secrets for F {
    fn secret(&self, name: &str) -> Option<Secret> {
        self(name)
    }
}

/// Headers that the client sets: they belong to the connection, not to the described request.
const OURS: [&str; 14] = [
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "http2-settings",
    "accept-encoding",
];

/// More than any API wants of a request's head.
const HEADERS: usize = 128;
const HEAD_BYTES: usize = 64 << 10;
const URL_BYTES: usize = 16 << 10;
/// All but what is safe in every part of a URL.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL with its secrets, after its origin has been found among the grants.
pub(crate) fn url<'g>(
    pieces: &[Piece],
    grants: &'g [Grant],
    secrets: &dyn Secrets,
) -> Result<(Url, &'g Grant), EgressError> {
    let mut text = String::new();
    let mut bare = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(part) => {
                text.push_str(part);
                bare.push_str(part);
            }
            Piece::Secret(name) | Piece::Credential(name) => {
                if !bare.contains('?') || bare.contains('#') {
                    return Err(EgressError::refused(
                        "a secret may stand in the query of a URL, nowhere else in it",
                    ));
                }
                text.extend(utf8_percent_encode(secret(secrets, name)?.expose(), QUERY_VALUE));
            }
            Piece::BasicCredentials(_) => {
                return Err(EgressError::refused(
                    "credentials for basic authentication do not go into a URL",
                ));
            }
        }
    }
    if text.len() > URL_BYTES {
        return Err(EgressError::refused(format!("a URL may have {URL_BYTES} bytes")));
    }
    // The description alone decides where it goes: secrets come after the `?`, percent-encoded.
    let described = parse(&bare)?;
    let host = described.host_str().unwrap_or_default();
    let grant = covering(grants, &described)
        .ok_or_else(|| EgressError::refused(format!("the origin of `{host}` has not been granted")))?;
    if text == bare {
        let mut url = described;
        url.set_fragment(None);
        return Ok((url, grant));
    }
    let mut filled = parse(&text)?;
    if filled.origin() != described.origin() || filled.path() != described.path() {
        return Err(EgressError::refused("a secret would change where the request goes"));
    }
    filled.set_fragment(None);
    Ok((filled, grant))
}

fn parse(text: &str) -> Result<Url, EgressError> {
    let url = Url::parse(text).map_err(|_| EgressError::refused("the exchange has no valid URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(EgressError::refused("only http and https URLs can be reached"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::refused("a URL may not hold credentials"));
    }
    Ok(url)
}

pub(crate) fn headers(described: &[Header], secrets: &dyn Secrets) -> Result<HeaderMap, EgressError> {
    if described.len() > HEADERS {
        return Err(EgressError::refused(format!("a request may have {HEADERS} headers")));
    }
    let mut headers = HeaderMap::with_capacity(described.len() + 1);
    let mut size_bytes = 0;
    for header in described {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| EgressError::refused("a header has no valid name"))?;
        if OURS.contains(&name.as_str()) {
            return Err(EgressError::refused(format!("the header `{name}` belongs to the connection")));
        }
        let (text, sensitive) = value(&header.value, secrets)?;
        size_bytes += name.as_str().len() + text.len();
        if size_bytes > HEAD_BYTES {
            return Err(EgressError::refused(format!("headers may have {HEAD_BYTES} bytes together")));
        }
        let bad = text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        let value = (!bad).then(|| HeaderValue::from_bytes(text.as_bytes()).ok()).flatten();
        let mut value =
            value.ok_or_else(|| EgressError::refused(format!("the header `{name}` has no valid value")))?;
        value.set_sensitive(sensitive);
        headers.append(name, value);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// The body; `given` stands in for an empty one.
pub(crate) fn body(
    described: Body,
    given: Bytes,
    headers: &mut HeaderMap,
    secrets: &dyn Secrets,
) -> Result<Bytes, EgressError> {
    match described {
        Body::Empty => Ok(given),
        Body::Text(text) => Ok(text.into()),
        Body::Bytes(bytes) => Ok(bytes.into()),
        Body::Form(fields) => {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.entry(CONTENT_TYPE).or_insert(form);
            form_body(&fields, secrets).map(Bytes::from)
        }
    }
}

pub(crate) const fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
        Method::Head => http::Method::HEAD,
    }
}

fn form_body(fields: &[FormField], secrets: &dyn Secrets) -> Result<String, EgressError> {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for field in fields {
        out.append_pair(&field.name, &value(&field.value, secrets)?.0);
    }
    Ok(out.finish())
}

/// The text of pieces, and whether it holds a secret.
fn value(pieces: &[Piece], secrets: &dyn Secrets) -> Result<(String, bool), EgressError> {
    let mut text = String::new();
    let mut sensitive = false;
    for piece in pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Secret(name) | Piece::Credential(name) => {
                text.push_str(secret(secrets, name)?.expose());
                sensitive = true;
            }
            Piece::BasicCredentials(basic) => {
                let secret = secret(secrets, &basic.secret)?;
                text.push_str(&STANDARD.encode(format!("{}:{}", basic.user, secret.expose())));
                sensitive = true;
            }
        }
    }
    Ok((text, sensitive))
}

fn secret(secrets: &dyn Secrets, name: &str) -> Result<Secret, EgressError> {
    secrets
        .secret(name)
        .filter(|secret| !secret.is_empty())
        .ok_or_else(|| EgressError::refused(format!("the secret `{name}` is not set or not granted")))
}
