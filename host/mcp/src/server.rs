//! The server: what every connection shares, and the routes of its listener. Names, keys, limits and bodies are
//! checked by whoever mounts them.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use brains_core::{Fault, Principal};
use futures_util::StreamExt as _;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use rmcp::transport::common::http_header::HEADER_SESSION_ID;
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer_streams::AnswerStreams;
use crate::caller::McpTransport;
use crate::connections::{ConnectionRoom, Connections, Use};
use crate::handler::Handler;
use crate::key_watch::{KeyWatch, LOOK_EVERY};
use crate::media_type;
use crate::message::{self, ParsedMessage, Unreadable};
use crate::port::Tools;
use crate::session::Sessions;
use crate::sse::{self, Streams};
use crate::tool::{ToolCatalogue, ToolProfile};

/// What a stream of events calls itself.
const EVENTS: &[u8] = b"text/event-stream";
/// JSON-RPC's code for a server's own reasons.
const REFUSED: i32 = -32_000;

/// How a server is set up.
#[derive(Debug)]
pub struct McpOptions {
    pub tools: Arc<dyn Tools>,
    /// What a client is shown that does not say.
    pub profile: ToolProfile,
    pub version: &'static str,
}

/// What every handler stands on.
#[derive(Debug)]
pub(crate) struct ServerShared {
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) catalogue: ToolCatalogue,
    pub(crate) profile: ToolProfile,
    pub(crate) version: &'static str,
    /// Ends what is served.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl ServerShared {
    pub(crate) fn new(options: McpOptions, stop: CancellationToken) -> Arc<Self> {
        let McpOptions { tools, profile, version } = options;
        let catalogue = ToolCatalogue::of(tools.registry());
        Arc::new(Self { catalogue, tools, profile, version, stop, tasks: TaskTracker::new() })
    }
}

/// The tools over HTTP.
#[derive(Debug, Clone)]
pub struct McpServer {
    shared: Arc<ServerShared>,
    connections: Connections,
    key_watch: KeyWatch,
    sessions: Arc<Sessions>,
    streams: Streams,
}

impl McpServer {
    /// `stop` ends every connection.
    pub fn new(options: McpOptions, connections: Connections, stop: CancellationToken) -> Self {
        let key_watch = KeyWatch::default();
        let shared = ServerShared::new(options, stop);
        let answers = AnswerStreams::new(shared.tasks.clone(), shared.stop.clone());
        let sessions = Arc::new(Sessions::new(connections.clone(), key_watch.clone(), answers));
        Self { shared, connections, key_watch, sessions, streams: Streams::default() }
    }

    /// The routes. A request that reaches them carries the principal of its key as an extension, and a whole body.
    pub fn router(&self) -> Router {
        let mut config = StreamableHttpServerConfig::default()
            // Both were checked before the key was.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(usize::MAX)
            // Ids of events are given where the events are kept; one that stands for nothing would invite to resume it.
            .with_sse_retry(None)
            // One answer is one JSON document; an answer that takes progress notes becomes a stream.
            .with_json_response(true);
        config.cancellation_token = self.shared.stop.child_token();
        self.shared.tasks.spawn(watch(self.clone()));
        let shared = Arc::clone(&self.shared);
        let streamable = StreamableHttpService::new(
            move || Ok(Handler::new(Arc::clone(&shared), McpTransport::Http)),
            Arc::clone(&self.sessions),
            config,
        );
        Router::new()
            .route_service("/mcp", streamable.clone())
            .route_service("/mcp/", streamable)
            .layer(from_fn_with_state(self.clone(), own_connection))
            // Before a connection gives way to another: what cannot be read opens none.
            .layer(from_fn_with_state(self.clone(), readable))
            .route("/sse", get(sse::open))
            .route("/messages", post(sse::accept))
            .route("/messages/", post(sse::accept))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    /// Waits until every stream has ended; call it after `stop`.
    pub async fn finished(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    pub(crate) fn handler(&self) -> Handler {
        Handler::new(Arc::clone(&self.shared), McpTransport::Http)
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn key_watch(&self) -> &KeyWatch {
        &self.key_watch
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.shared.stop
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.shared.tasks
    }

    /// Ends the sessions of a connection that is over.
    pub(crate) async fn end_what_was_begun(&self, principal: &Principal, connection: &str) {
        self.shared.tools.disconnected(principal, connection).await;
    }

    /// Makes room for `more` connections: the caller's own longest idle one gives way before anybody is refused.
    pub(crate) async fn make_room(&self, principal: &Principal, more: usize) -> Result<(), Fault> {
        while let ConnectionRoom::After(id) = self.connections.room(principal, more)? {
            // Whatever it is, it is forgotten: an end that fails leaves nothing that could be counted.
            self.connections.remove(&id);
            self.streams.forget(&id);
            if let Err(error) = self.sessions.close_session(&id.into()).await {
                tracing::debug!(%error, "a connection that gave way had ended already");
            }
        }
        Ok(())
    }
}

/// Refuses a message to a connection of another operator as if there were none, and a connection that is one too many.
async fn own_connection(State(server): State<McpServer>, request: Request, next: Next) -> Response {
    let Some(principal) = request.extensions().get::<Principal>().cloned() else {
        return next.run(request).await;
    };
    let named = request.headers().get(HEADER_SESSION_ID).map(|id| id.to_str().unwrap_or_default().to_owned());
    let Some(id) = named else {
        let (parts, body) = request.into_parts();
        // It was read and capped before it came here.
        let Ok(bytes) = sse::whole(body).await else {
            return refusal_response(&Fault::invalid("the message broke off"));
        };
        let opens = opens_connection(&bytes);
        if opens && let Err(fault) = server.make_room(&principal, 1).await {
            return refusal_response(&fault);
        }
        let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
        // Several that were begun at once found the same room.
        if opens && let Err(fault) = server.make_room(&principal, 0).await {
            tracing::debug!(%fault, "more connections than may be, all of them in use");
        }
        return response;
    };
    let ends = request.method() == Method::DELETE;
    if !server.connections.admits(&id, &principal.operator) || ends && !server.connections.is_open(&id) {
        return not_found();
    }
    let how = if request.method() == Method::GET { Use::Stream } else { Use::Request };
    let ends = request.method() == Method::DELETE;
    let in_use = server.connections.begin(&id, how);
    let response = next.run(request).await;
    if ends && response.status().is_success() {
        // What was begun over it is free when the client hears that it is over.
        server.end_what_was_begun(&principal, &id).await;
    }
    let lasts = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENTS));
    if !lasts {
        return response;
    }
    response.map(|body| {
        let frames = body.into_data_stream().map(move |frame| {
            let _in_use = &in_use;
            frame
        });
        Body::from_stream(frames)
    })
}

/// Whether the message begins a connection; nothing else of it is kept.
fn opens_connection(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Method<'a> {
        #[serde(borrow)]
        method: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Method<'_>>(bytes).is_ok_and(|message| message.method == "initialize")
}

/// A refusal before any message was looked at.
pub(crate) fn refusal_response(fault: &Fault) -> Response {
    let body = json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": {
            "code": REFUSED,
            "message": fault.message,
            "data": { "code": fault.code, "hint": fault.hint },
        }
    });
    let status = StatusCode::from_u16(fault.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    if let Some(wait_ms) = fault.retry_after_ms {
        response.headers_mut().insert(RETRY_AFTER, wait_ms.div_ceil(1000).max(1).into());
    }
    response
}

/// Ends connections and streams whose key counts no more, until the server ends.
async fn watch(server: McpServer) {
    loop {
        tokio::select! {
            () = server.stop().cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        for id in server.key_watch.round(&*server.shared.tools).await {
            if let Err(error) = server.sessions.close_session(&id.into()).await {
                tracing::debug!(%error, "a connection without a key had ended already");
            }
        }
    }
}

/// Answers a message that cannot be read in words of the protocol, whatever it calls itself, and holds a stream of events
/// to the key that reads it.
async fn readable(State(server): State<McpServer>, request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<Principal>().cloned();
    let request = if request.method() == Method::POST {
        let (parts, body) = request.into_parts();
        let Ok(bytes) = sse::whole(body).await else {
            return Unreadable::broken_off().response();
        };
        if !media_type::is_sound(&parts.headers) {
            return Unreadable::media_type().response();
        }
        let unreadable = match message::read(&bytes) {
            ParsedMessage::Unreadable(unreadable) => Some(unreadable),
            // The SDK answers one message a request.
            ParsedMessage::Batch(_) => Some(Unreadable::batch()),
            ParsedMessage::Nothing if bytes.trim_ascii().is_empty() => Some(Unreadable::empty()),
            ParsedMessage::Message(_) | ParsedMessage::Nothing => None,
        };
        if let Some(unreadable) = unreadable {
            return unreadable.response();
        }
        let mended = match message::mended(&bytes) {
            Cow::Owned(mended) => Body::from(mended),
            Cow::Borrowed(_) => Body::from(bytes.clone()),
        };
        Request::from_parts(parts, mended)
    } else {
        request
    };
    let response = next.run(request).await;
    let lasts = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENTS));
    match principal {
        Some(principal) if lasts => {
            let open = server.key_watch.open(&principal);
            let ended = open.ended().clone().cancelled_owned();
            response.map(|body| {
                let frames = body.into_data_stream().take_until(ended).map(move |frame| {
                    let _open = &open;
                    frame
                });
                Body::from_stream(frames)
            })
        }
        _ => response,
    }
}

/// The protocol's answer for a connection that is not there.
pub(crate) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not Found: Session not found").into_response()
}
