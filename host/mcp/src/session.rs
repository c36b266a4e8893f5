//! Connections of the era of `initialize`: the SDK's own, and beside them whose each one is. A connection belongs to
//! the operator who opened it; another operator's message finds nothing there.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use brains_core::Principal;
use futures_util::future::Either;
use futures_util::{Stream, stream};
use http::request::Parts;
use rmcp::model::{
    ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connections::Connections;
use crate::handler::Hangup;
use crate::key_watch::KeyWatch;
use crate::pending::{PendingGuard, PendingRequests, taken};

/// How long a connection may idle: as long as a person may leave an agent alone.
const IDLE: Duration = Duration::from_hours(8);

/// The connections.
#[derive(Debug)]
pub(crate) struct Sessions {
    inner: LocalSessionManager,
    connections: Connections,
    key_watch: KeyWatch,
    pending: PendingRequests<(SessionId, RequestId)>,
}

impl Sessions {
    pub(crate) fn new(connections: Connections, key_watch: KeyWatch) -> Self {
        let mut inner = LocalSessionManager::default();
        let mut config = SessionConfig::default();
        config.keep_alive = Some(IDLE);
        inner.session_config = config;
        Self { inner, connections, key_watch, pending: PendingRequests::default() }
    }
}

/// An answer's stream that tells when the client stops reading it.
#[derive(Debug)]
struct Watched<S> {
    inner: Pin<Box<S>>,
    held: Option<PendingGuard<(SessionId, RequestId)>>,
    _hangup: DropGuard,
}

impl<S: Stream<Item = ServerSseMessage>> Stream for Watched<S> {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ServerSseMessage>> {
        let polled = self.inner.as_mut().poll_next(cx);
        if let Poll::Ready(Some(ServerSseMessage { message: Some(message), .. })) = &polled
            && matches!(**message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))
        {
            self.held = None;
        }
        polled
    }
}

/// The answer to a request whose id is taken.
fn duplicate_id(id: &RequestId) -> ServerSseMessage {
    ServerSseMessage::from_message(ServerJsonRpcMessage::error(taken(id), Some(id.clone())))
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.inner.create_session().await
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        if let JsonRpcMessage::Request(request) = &message
            && let Some(parts) = request.request.extensions().get::<Parts>()
            && let Some(principal) = parts.extensions.get::<Principal>()
        {
            self.connections.add(id, principal);
            self.key_watch.connect(id, principal);
        }
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.connections.remove(id);
        self.key_watch.disconnect(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let held = match &message {
            JsonRpcMessage::Request(request) => {
                let Some(held) = self.pending.hold((id.clone(), request.id.clone())) else {
                    return Ok(Either::Left(stream::iter([duplicate_id(&request.id)])));
                };
                Some(held)
            }
            _ => None,
        };
        let hangup = CancellationToken::new();
        message.insert_extension(Hangup(hangup.clone()));
        let inner = self.inner.create_stream(id, message).await?;
        Ok(Either::Right(Watched { inner: Box::pin(inner), held, _hangup: hangup.drop_guard() }))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.resume(id, last_event_id).await
    }
}
