//! The transport before Streamable HTTP, for clients that know no other: one stream of events for all answers, and
//! messages posted beside it. The SDK no longer has it; what goes through is the same.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use brains_core::Principal;
use brains_core::sync::Unpoisoned as _;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::{RoleServer, serve_server_with_ct};
use rmcp::transport::common::server_side_http::session_id;
use rmcp::transport::{Transport, TransportAdapterIdentity};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::caller::Connection;
use crate::connection_codec::{ConnectionCodec, DecodedInput};
use crate::connections::{InUse, Use};
use crate::server::{McpServer, not_found, refusal_response};

/// Messages that may wait on either side of a stream.
const QUEUE: usize = 64;
/// The pause after which a silent stream shows that it is alive.
const ALIVE: Duration = Duration::from_secs(15);
/// How long whoever lost a stream has to take up on another one what was begun over it.
const TAKE_UP: Duration = Duration::from_secs(8);

/// The open streams, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<String, Sending>>>);

/// Where the messages of a stream go, and what is answered to those that go nowhere.
#[derive(Debug, Clone)]
struct Sending {
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    answers: mpsc::Sender<String>,
    codec: Arc<ConnectionCodec>,
}

impl Streams {
    /// Lets a stream end: nobody can send to it any more.
    pub(crate) fn forget(&self, id: &str) {
        self.held().remove(id);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Sending>> {
        self.0.lock_unpoisoned()
    }
}

/// Opens a stream. Its first event says where to post messages; it ends with the connection.
pub(crate) async fn open(State(server): State<McpServer>, request: Request) -> Response {
    let Some(principal) = request.extensions().get::<Principal>().cloned() else { return not_found() };
    if let Err(fault) = server.make_room(&principal, 1).await {
        return refusal_response(&fault);
    }
    let id = session_id().to_string();
    let query = request.uri().query().map(|query| format!("&{query}")).unwrap_or_default();
    let (incoming, messages) = mpsc::channel(QUEUE);
    let (answers, outgoing) = mpsc::channel(QUEUE);
    server.connections().add(&id, &principal);
    let in_use = server.connections().begin(&id, Use::Stream);
    let codec = Arc::<ConnectionCodec>::default();
    let sending = Sending { messages: incoming, answers: answers.clone(), codec: Arc::clone(&codec) };
    server.streams().held().insert(id.clone(), sending);
    let stop = server.stop().child_token();
    let stopping = stop.clone();
    let serving = serve(
        server.clone(),
        id.clone(),
        principal.clone(),
        StdioTransport { messages, answers, codec },
        stop.clone(),
    );
    let open = server.key_watch().open(&principal);
    server.tasks().spawn(async move {
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return,
            () = open.ended().cancelled() => stopping.cancel(),
        }
        serving.await;
    });
    let first = format!("event: endpoint\ndata: /messages/?session_id={id}{query}\n\n");
    let events = Events { first: Some(first), answers: outgoing, _in_use: in_use, _stop: stop.drop_guard() };
    let mut response = Response::new(Body::from_stream(stream::unfold(events, next_event)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Takes one message for a stream of the same operator. The message is run as the key of this very request may.
pub(crate) async fn accept(
    State(server): State<McpServer>,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = query.get("session_id").map(String::as_str).unwrap_or_default();
    let operator = parts.extensions.get::<Principal>().map(|principal| principal.operator.as_str());
    let stream = server.streams().held().get(id).cloned();
    let (Some(stream), Some(operator)) = (stream, operator) else { return not_found() };
    if !server.connections().admits(id, operator) {
        return not_found();
    }
    let _in_use = server.connections().begin(id, Use::Request);
    let Ok(bytes) = whole(body).await else {
        return (StatusCode::BAD_REQUEST, "the message broke off").into_response();
    };
    parts.extensions.insert(Connection(id.to_owned()));
    let DecodedInput { messages, answers } = stream.codec.take(&bytes);
    let read = messages.len();
    for mut message in messages {
        message.insert_extension(parts.clone());
        if stream.messages.send(message).await.is_err() {
            return not_found();
        }
    }
    // What cannot be read is answered here, and where its sender waits for answers when it waits for one of that id.
    let refusal = answers.first().map(Value::to_string);
    for answer in answers.into_iter().filter(|answer| answer.get("id") != Some(&Value::Null)) {
        if stream.answers.send(answer.to_string()).await.is_err() {
            return not_found();
        }
    }
    if let Some(refusal) = refusal.filter(|_| read == 0) {
        return (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], refusal).into_response();
    }
    (StatusCode::ACCEPTED, "Accepted").into_response()
}

/// The body, which was read and capped before it came here.
pub(crate) async fn whole(body: Body) -> Result<Bytes, axum::Error> {
    use futures_util::TryStreamExt as _;
    let chunks: Vec<Bytes> = body.into_data_stream().try_collect().await?;
    Ok(chunks.concat().into())
}

/// Answers the messages of one stream until it ends, and forgets it. What was begun over it ends with it, when nobody
/// takes it up elsewhere; the end of the service ends nothing.
async fn serve(
    server: McpServer,
    id: String,
    principal: Principal,
    wire: StdioTransport,
    stop: CancellationToken,
) {
    let served =
        serve_server_with_ct::<_, _, _, TransportAdapterIdentity>(server.handler(), wire, stop.clone()).await;
    match served {
        Ok(service) => {
            if let Err(error) = service.waiting().await {
                tracing::error!(%error, "an event stream's server failed");
            }
        }
        Err(error) => tracing::debug!(%error, "an event stream ended before its first message"),
    }
    stop.cancel();
    server.streams().held().remove(&id);
    server.connections().remove(&id);
    tokio::select! {
        biased;
        () = server.stop().cancelled() => {}
        () = tokio::time::sleep(TAKE_UP) => server.end_what_was_begun(&principal, &id).await,
    }
}

/// The two queues of a stream as a transport.
#[derive(Debug)]
struct StdioTransport {
    messages: mpsc::Receiver<ClientJsonRpcMessage>,
    answers: mpsc::Sender<String>,
    codec: Arc<ConnectionCodec>,
}

/// Nobody reads the stream any more.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event stream is closed")
    }
}

impl std::error::Error for Closed {}

impl Transport<RoleServer> for StdioTransport {
    type Error = Closed;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Closed>> + Send + 'static {
        let (codec, answers) = (Arc::clone(&self.codec), self.answers.clone());
        async move {
            match codec.give(&message) {
                Ok(Some(text)) => answers.send(text).await.map_err(|_| Closed),
                Ok(None) => Ok(()),
                Err(error) => {
                    tracing::error!(%error, "an answer could not be written as JSON");
                    Err(Closed)
                }
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.messages.recv().await
    }

    async fn close(&mut self) -> Result<(), Closed> {
        self.messages.close();
        Ok(())
    }
}

/// What is written to the client. Dropped with the connection, it ends the stream's server.
struct Events {
    first: Option<String>,
    answers: mpsc::Receiver<String>,
    _in_use: InUse,
    _stop: DropGuard,
}

async fn next_event(mut events: Events) -> Option<(Result<String, Infallible>, Events)> {
    if let Some(first) = events.first.take() {
        return Some((Ok(first), events));
    }
    let text = match tokio::time::timeout(ALIVE, events.answers.recv()).await {
        Err(_) => ": alive\n\n".to_owned(),
        Ok(None) => return None,
        Ok(Some(json)) => format!("event: message\ndata: {json}\n\n"),
    };
    Some((Ok(text), events))
}
