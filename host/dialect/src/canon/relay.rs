//! Same wire on both sides (WIT interface `relay`): the host splices and forwards the bytes, the component
//! decides the exchange.

use super::chat::{CallContext, Json};
use super::exchange::{Field, Framing, Request};

/// ("chat", "openai-chat"), ("audio.speech", "opaque") …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    pub name: String,
    pub dialect: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub surface: String,
    pub model: String,
    pub stream: bool,
    pub query: String,
    pub headers: Vec<Field>,
    pub ctx: CallContext,
}

/// A top-level member of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub value: Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    Set(Member),
    Remove(String),
}

/// `request.body` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    pub request: Request,
    pub framing: Framing,
    pub edits: Vec<Edit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lane {
    Relay(Outbound),
    Translate,
}
