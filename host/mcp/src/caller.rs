//! Who is behind one message: the principal that its own key stands for, and what tells this agent from another. It is
//! read from the message and from the request that carried it, never from an earlier one.

use std::path::PathBuf;

use brains_core::caller::{CallSurface, NATIVE_HEADERS, NATIVE_MAX, NativeId, wire};
use brains_core::plane::session::Process;
use brains_core::{Caller, Fault, Principal, Secret};
use http::HeaderMap;
use http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::RequestMetaObject;
use rmcp::service::RequestContext;
use rmcp::transport::common::http_header::HEADER_SESSION_ID;
use serde_json::Value;

/// Members of `_meta` by which clients name their own session, and the headers that hold the same elsewhere.
const NATIVE_MEMBERS: [(&str, &str); 2] = [("threadId", "thread-id"), ("sessionId", "session-id")];
/// The member of `_meta` that names a request for repeating it.
const IDEMPOTENCY_MEMBER: &str = "idempotencyKey";

/// The stream that a message came by, for transports whose requests do not name it themselves.
#[derive(Debug, Clone)]
pub(crate) struct Connection(pub(crate) String);

/// Where messages come from.
#[derive(Debug, Clone)]
pub(crate) enum McpTransport {
    /// Over HTTP: each message has a request of its own, whose key was checked.
    Http,
    /// Over this process's standard input: one agent, known from the start.
    Stdio { principal: Principal, connection: String, directory: Option<PathBuf>, process: Option<Process> },
}

impl McpTransport {
    /// Who sent the message.
    pub(crate) fn principal(&self, context: &RequestContext<RoleServer>) -> Result<Principal, Fault> {
        match self {
            Self::Stdio { principal, .. } => Ok(principal.clone()),
            Self::Http => parts(context)
                .and_then(|parts| parts.extensions.get::<Principal>())
                .cloned()
                .ok_or_else(|| Fault::unauthorized("no API key was sent")),
        }
    }

    /// What else is known of the sender. Whatever its key may do, it is an agent.
    pub(crate) fn caller(&self, context: &RequestContext<RoleServer>) -> Caller {
        let mut caller = Caller {
            surface: CallSurface::Mcp,
            agent: true,
            client: client(context),
            native: native(&context.meta),
            idempotency_key: member(&context.meta, IDEMPOTENCY_MEMBER),
            ..Caller::default()
        };
        match self {
            Self::Stdio { connection, directory, process, .. } => {
                caller.connection = Some(connection.clone());
                caller.process.clone_from(process);
                caller.directory.clone_from(directory);
            }
            Self::Http => {
                if let Some(parts) = parts(context) {
                    caller.connection = connection(parts);
                    caller.token = header(&parts.headers, wire::TOKEN).map(Secret::new);
                    let sent = NATIVE_HEADERS.iter().filter_map(|name| {
                        let value = header(&parts.headers, name).filter(|value| value.len() <= NATIVE_MAX)?;
                        Some(NativeId { kind: (*name).to_owned(), value })
                    });
                    caller.native.extend(sent);
                }
            }
        }
        caller
    }
}

/// The request that carried the message.
pub(crate) fn parts(context: &RequestContext<RoleServer>) -> Option<&Parts> {
    context.extensions.get::<Parts>()
}

/// The connection, in the eras that have one; a stateless request belongs to none.
fn connection(parts: &Parts) -> Option<String> {
    let stream = parts.extensions.get::<Connection>().map(|stream| stream.0.clone());
    stream.or_else(|| header(&parts.headers, HEADER_SESSION_ID))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The program at the other end: said with each request, or once when the connection began.
fn client(context: &RequestContext<RoleServer>) -> Option<String> {
    let said = context.meta.client_info().map(|client| client.name);
    said.or_else(|| Some(context.peer.peer_info()?.client_info.name.clone()))
}

fn native(meta: &RequestMetaObject) -> Vec<NativeId> {
    let named = NATIVE_MEMBERS
        .iter()
        .filter_map(|(name, kind)| Some(NativeId { kind: (*kind).to_owned(), value: member(meta, name)? }));
    named.collect()
}

fn member(meta: &RequestMetaObject, name: &str) -> Option<String> {
    let text = meta.get(name).and_then(Value::as_str)?;
    (!text.is_empty() && text.len() <= NATIVE_MAX).then(|| text.to_owned())
}
