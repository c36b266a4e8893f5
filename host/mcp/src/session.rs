//! Connections of the era of `initialize`: the SDK's own, and beside them whose each one is. A connection belongs to
//! the operator who opened it; another operator's message finds nothing there.

use std::time::Duration;

use brains_core::Principal;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt as _, stream};
use http::request::Parts;
use rmcp::model::{
    ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio_util::sync::CancellationToken;

use crate::answer_streams::AnswerStreams;
use crate::connections::Connections;
use crate::handler::Hangup;
use crate::key_watch::KeyWatch;
use crate::pending::{PendingRequests, taken};

/// How long a connection may idle: as long as a person may leave an agent alone.
const IDLE: Duration = Duration::from_hours(8);

/// The connections.
#[derive(Debug)]
pub(crate) struct Sessions {
    inner: LocalSessionManager,
    connections: Connections,
    key_watch: KeyWatch,
    pending: PendingRequests<(SessionId, RequestId)>,
    answers: AnswerStreams,
}

impl Sessions {
    pub(crate) fn new(connections: Connections, key_watch: KeyWatch, answers: AnswerStreams) -> Self {
        let mut inner = LocalSessionManager::default();
        let mut config = SessionConfig::default();
        config.keep_alive = Some(IDLE);
        inner.session_config = config;
        Self { inner, connections, key_watch, pending: PendingRequests::default(), answers }
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
        self.answers.forget(id);
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
        let answer = self.inner.create_stream(id, message).await?;
        Ok(Either::Right(self.answers.keep(id, answer, hangup, held)))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        // What the server says by itself is told again from what is true then, so nothing of it is resumed.
        let unnamed = |event: ServerSseMessage| {
            let mut event = event;
            event.event_id = None;
            event
        };
        Ok(self.inner.create_standalone_stream(id).await?.map(unnamed))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(match self.answers.resume(id, &last_event_id) {
            Some(rest) => Either::Left(rest),
            // The protocol has no word for it: a stream that ends at once.
            None => Either::Right(stream::empty()),
        })
    }
}
