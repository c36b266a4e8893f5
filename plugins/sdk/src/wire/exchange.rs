//! A vendor's address, and the exchanges that go to it.

use std::fmt::Write as _;

use brains_dialect::canon::CallContext;
use brains_dialect::canon::exchange::{Body, Field, FormField, Header, Method, Piece, Request};
use brains_dialect::forwarded::is_sent;

/// A base URL taken apart once: queries of the vendor's, of the account's and of the call's are put together.
///
/// ```
/// use brains_sdk::canon::{CallContext, exchange::Piece};
/// use brains_sdk::wire::Address;
///
/// let address = Address::new("https://api.vendor.example/v1/?version=2");
/// let request = address.get("/models", "page=3", &CallContext::default()).into_request();
/// let url = "https://api.vendor.example/v1/models?version=2&page=3";
/// assert_eq!(request.url, [Piece::Text(url.into())]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    base: String,
    query: String,
}

impl Address {
    pub fn new(base_url: &str) -> Self {
        let (base, query) = base_url.split_once('?').unwrap_or((base_url, ""));
        Self { base: base.trim_end_matches('/').to_owned(), query: query.to_owned() }
    }

    /// Adds a parameter to the query of the base.
    pub(crate) fn add_parameter(&mut self, name: &str, value: &str) {
        let mark = if self.query.is_empty() { "" } else { "&" };
        let _written = write!(self.query, "{mark}{name}={value}");
    }

    /// An exchange that reads. The address of the call's account wins.
    pub fn get(&self, path: &str, query: &str, ctx: &CallContext) -> Exchange {
        self.exchange(Method::Get, path, query, ctx)
    }

    /// An exchange that sends something. The address of the call's account wins.
    pub fn post(&self, path: &str, query: &str, ctx: &CallContext) -> Exchange {
        self.exchange(Method::Post, path, query, ctx)
    }

    fn exchange(&self, method: Method, path: &str, query: &str, ctx: &CallContext) -> Exchange {
        let own = ctx.base_url.as_deref().map(Self::new);
        let Self { base, query: own_query } = own.as_ref().unwrap_or(self);
        let mut url = format!("{base}{path}");
        let queries = [own_query.as_str(), query];
        for (mark, query) in ["?", "&"].into_iter().zip(queries.into_iter().filter(|it| !it.is_empty())) {
            let _written = write!(url, "{mark}{query}");
        }
        let url = vec![Piece::Text(url)];
        Exchange(Request { method, url, headers: Vec::new(), body: Body::Empty, timeout_ms: None })
    }
}

/// An exchange being described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange(Request);

impl Exchange {
    /// Sends this header too.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = vec![Piece::Text(value.to_owned())];
        self.0.headers.push(Header { name: name.to_owned(), value });
        self
    }

    /// Sends a secret as this header, with `scheme` in front of it. The host fills it in.
    #[must_use]
    pub fn secret(mut self, name: &str, scheme: &str, secret: &str) -> Self {
        let scheme = (!scheme.is_empty()).then(|| Piece::Text(scheme.to_owned()));
        let value = scheme.into_iter().chain([Piece::Secret(secret.to_owned())]).collect();
        self.0.headers.push(Header { name: name.to_owned(), value });
        self
    }

    /// Sends what the instance signed in with as this header, with `scheme` in front of it. The host fills it in.
    #[must_use]
    pub fn credential(mut self, name: &str, scheme: &str, credential: &str) -> Self {
        let value = vec![Piece::Text(scheme.to_owned()), Piece::Credential(credential.to_owned())];
        self.0.headers.push(Header { name: name.to_owned(), value });
        self
    }

    /// Sends these fields as a form.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let field = |(name, value): &(&str, &str)| FormField {
            name: (*name).to_owned(),
            value: vec![Piece::Text((*value).to_owned())],
        };
        self.body(Body::Form(fields.iter().map(field).collect()))
    }

    /// Sends those of the client's headers that mean something to vendors of a wire. What the settings send already stays, and a
    /// list of features is theirs and the client's.
    #[must_use]
    pub fn forwarded(mut self, headers: &[Field], wire: &str) -> Self {
        for field in headers.iter().filter(|field| is_sent(&field.name, wire)) {
            match self.0.headers.iter_mut().find(|sent| sent.name == field.name) {
                None => self = self.header(&field.name, &field.value),
                Some(sent) if field.name.ends_with("-beta") => {
                    sent.value.push(Piece::Text(format!(",{}", field.value)));
                }
                Some(_) => {}
            }
        }
        self
    }

    /// Adds words to headers that are lists, unless they stand there.
    #[must_use]
    pub fn listing(mut self, fields: Vec<Field>) -> Self {
        for field in fields {
            match self.0.headers.iter_mut().find(|sent| sent.name == field.name) {
                None => self = self.header(&field.name, &field.value),
                Some(sent) => {
                    let stands = sent.value.iter().any(|piece| match piece {
                        Piece::Text(text) => text.split(',').any(|word| word.trim() == field.value),
                        Piece::Secret(_) | Piece::Credential(_) | Piece::BasicCredentials(_) => false,
                    });
                    if !stands {
                        sent.value.push(Piece::Text(format!(",{}", field.value)));
                    }
                }
            }
        }
        self
    }

    /// Asks for server-sent events, or for JSON.
    #[must_use]
    pub fn accepting(self, stream: bool) -> Self {
        self.header("accept", if stream { "text/event-stream" } else { "application/json" })
    }

    /// Sends this JSON.
    #[must_use]
    pub fn json(self, body: String) -> Self {
        self.header("content-type", "application/json").body(Body::Text(body))
    }

    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.0.body = body;
        self
    }

    pub fn into_request(self) -> Request {
        self.0
    }

    pub(crate) const fn from_request(request: Request) -> Self {
        Self(request)
    }
}
