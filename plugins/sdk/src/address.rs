//! A vendor's address, and the exchanges that go to it.

use std::fmt::Write as _;

use brains_dialect::canon::CallContext;
use brains_dialect::canon::exchange::{Body, Header, Method, Piece, Request};

/// A base URL taken apart once: queries of the vendor's, of the account's and of the call's are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    base: String,
    query: String,
}

impl Address {
    pub(crate) fn new(base_url: &str) -> Self {
        let (base, query) = base_url.split_once('?').unwrap_or((base_url, ""));
        Self { base: base.trim_end_matches('/').to_owned(), query: query.to_owned() }
    }

    /// An exchange with nothing in it yet. The address of the call's account wins.
    pub(crate) fn request(&self, method: Method, path: &str, query: &str, ctx: &CallContext) -> Request {
        let own = ctx.base_url.as_deref().map(Self::new);
        let Self { base, query: own_query } = own.as_ref().unwrap_or(self);
        let mut url = format!("{base}{path}");
        let queries = [own_query.as_str(), query];
        for (mark, query) in ["?", "&"].into_iter().zip(queries.into_iter().filter(|it| !it.is_empty())) {
            let _written = write!(url, "{mark}{query}");
        }
        Request {
            method,
            url: vec![Piece::Text(url)],
            headers: Vec::new(),
            body: Body::Empty,
            timeout_ms: None,
        }
    }
}

pub(crate) fn text_header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: vec![Piece::Text(value.to_owned())] }
}

/// A header that is a secret, with this text in front of it.
pub(crate) fn secret_header(name: &str, scheme: &str, secret: &str) -> Header {
    let scheme = (!scheme.is_empty()).then(|| Piece::Text(scheme.to_owned()));
    let value = scheme.into_iter().chain([Piece::Secret(secret.to_owned())]).collect();
    Header { name: name.to_owned(), value }
}
