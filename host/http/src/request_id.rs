//! The request's name, on the way in and on every answer. A caller's own is kept when it is sane.

use brains_core::Ambient;
use brains_core::id::{Id, Request as RequestNoun};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header of OpenAI-style clients.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of Anthropic-style clients.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const LONGEST: usize = 128;

/// The name that a request goes by, in its answer, its trace and the log.
#[derive(Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap, ambient: &dyn Ambient) -> Self {
        let own = headers
            .get(X_REQUEST_ID)
            .map(HeaderValue::as_bytes)
            .filter(|value| (1..=LONGEST).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic))
            .and_then(|value| std::str::from_utf8(value).ok());
        Self(own.map_or_else(|| Id::<RequestNoun>::mint(ambient).as_str().to_owned(), str::to_owned))
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Ok(value) = HeaderValue::from_str(&self.0) else { return };
        headers.insert(X_REQUEST_ID, value.clone());
        headers.insert(REQUEST_ID, value);
    }
}

#[cfg(test)]
mod tests;
