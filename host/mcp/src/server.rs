//! The server: what every connection shares, and the routes of its listener. Names, keys, limits and bodies are
//! checked by whoever mounts them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use brains_core::Principal;
use http::StatusCode;
use rmcp::transport::common::http_header::HEADER_SESSION_ID;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caller::Door;
use crate::handler::Handler;
use crate::port::Tools;
use crate::session::{Owners, Sessions};
use crate::sse::{self, Streams};
use crate::tool::{Catalogue, Profile};

/// Connections of one listener at most.
const CONNECTIONS: usize = 4_096;

/// How a server is set up.
#[derive(Debug)]
pub struct Options {
    pub tools: Arc<dyn Tools>,
    /// What a client is shown that does not say.
    pub profile: Profile,
    pub version: &'static str,
}

/// What every handler stands on.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) catalogue: Catalogue,
    pub(crate) profile: Profile,
    pub(crate) version: &'static str,
    /// Ends what is served.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl House {
    pub(crate) fn new(options: Options, stop: CancellationToken) -> Arc<Self> {
        let Options { tools, profile, version } = options;
        let catalogue = Catalogue::of(tools.registry());
        Arc::new(Self { catalogue, tools, profile, version, stop, tasks: TaskTracker::new() })
    }
}

/// The tools over HTTP.
#[derive(Debug, Clone)]
pub struct Server {
    house: Arc<House>,
    owners: Owners,
    streams: Streams,
}

impl Server {
    /// `stop` ends every connection.
    pub fn new(options: Options, stop: CancellationToken) -> Self {
        Self { house: House::new(options, stop), owners: Owners::default(), streams: Streams::default() }
    }

    /// The routes. A request that reaches them carries the principal of its key as an extension, and a whole body.
    pub fn router(&self) -> Router {
        let mut config = StreamableHttpServerConfig::default()
            // Both were checked before the key was.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(usize::MAX)
            // One answer is one JSON document; an answer that takes progress notes becomes a stream.
            .with_json_response(true);
        config.cancellation_token = self.house.stop.child_token();
        let house = Arc::clone(&self.house);
        let streamable = StreamableHttpService::new(
            move || Ok(Handler::new(Arc::clone(&house), Door::Http)),
            Arc::new(Sessions::new(self.owners.clone())),
            config,
        );
        Router::new()
            .route_service("/mcp", streamable.clone())
            .route_service("/mcp/", streamable)
            .layer(from_fn_with_state(self.clone(), own_connection))
            .route("/sse", get(sse::open))
            .route("/messages", post(sse::accept))
            .route("/messages/", post(sse::accept))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    /// Waits until every stream has ended; call it after `stop`.
    pub async fn finished(&self) {
        self.house.tasks.close();
        self.house.tasks.wait().await;
    }

    pub(crate) fn handler(&self) -> Handler {
        Handler::new(Arc::clone(&self.house), Door::Http)
    }

    pub(crate) fn owners(&self) -> &Owners {
        &self.owners
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.house.stop
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.house.tasks
    }

    /// Whether there is room for another connection.
    pub(crate) fn has_room(&self) -> bool {
        self.owners.len() < CONNECTIONS
    }
}

/// Refuses a message to a connection of another operator as if there were none.
async fn own_connection(State(server): State<Server>, request: Request, next: Next) -> Response {
    let named = request.headers().get(HEADER_SESSION_ID).map(|id| id.to_str().unwrap_or_default());
    let operator = request.extensions().get::<Principal>().map(|principal| principal.operator.as_str());
    match (named, operator) {
        (Some(id), Some(operator)) if !server.owners.admits(id, operator) => not_found(),
        (None, _) if !server.has_room() => {
            (StatusCode::SERVICE_UNAVAILABLE, "too many connections: end some, or wait").into_response()
        }
        _ => next.run(request).await,
    }
}

/// The protocol's answer for a connection that is not there.
pub(crate) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not Found: Session not found").into_response()
}
