//! HTTP as values (WIT interface `http`): the host performs every exchange, a component only describes it.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basic {
    pub user: String,
    /// Name of a secret, not its text.
    pub secret: String,
}

/// Secrets are typed holes, filled by the host after the component has returned; text is never searched for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// Name of one of the instance's secrets.
    Secret(String),
    Credential(String),
    BasicCredentials(Basic),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub value: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    pub name: String,
    pub value: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    #[default]
    Empty,
    Text(String),
    Bytes(Vec<u8>),
    Form(Vec<FormField>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub url: Vec<Piece>,
    pub headers: Vec<Header>,
    pub body: Body,
    pub timeout_ms: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<Field>,
}

/// Text when valid UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub head: Head,
    pub body: Payload,
}

/// How the host cuts a streamed body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Raw,
    Sse,
    Ndjson,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub name: Option<String>,
    pub data: String,
}

/// What `chat.encode` gives: the exchange, how its answer is cut, what could not be said on this wire, and what was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    pub request: Request,
    pub framing: Framing,
    pub losses: Vec<String>,
    /// Paths of what the body holds of the component's own accord, as in [`relay`](super::relay).
    pub added: Vec<String>,
}
