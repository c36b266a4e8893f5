//! What answers the requests of a connection, kept for a while: a client whose stream breaks off reads the rest of it by
//! the id of the last event that it got, and its request goes on meanwhile (2025-11-25, transports: a disconnection is
//! no cancellation). Ids are unique in a connection: the number of the stream, and that of the event in it.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use brains_core::sync::Unpoisoned as _;
use futures_util::{Stream, StreamExt as _};
use rmcp::model::JsonRpcMessage;
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an answer waits for whoever lost its stream, and a wait for somebody who would get its answer.
const UNREAD: Duration = Duration::from_secs(10);
/// How long an answer that was written is kept.
const KEPT: Duration = Duration::from_mins(1);
/// Answers of one connection that are kept when they are complete.
const MOST_STREAMS: usize = 8;
/// Events of one answer that are kept: notes that a wait goes on, and the answer.
const MOST_EVENTS: usize = 32;

/// The answers of all connections. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct AnswerStreams {
    connections: Arc<Mutex<HashMap<SessionId, ConnectionStreams>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    unread: Duration,
    kept: Duration,
}

#[derive(Debug, Default)]
struct ConnectionStreams {
    numbers: u64,
    open: Vec<Arc<AnswerStream>>,
}

/// One answer: its events, and who reads them.
#[derive(Debug)]
struct AnswerStream {
    number: u64,
    state: Mutex<State>,
    attached: Notify,
    /// Nobody can find it any more: it is not to be kept.
    forgotten: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<ServerSseMessage>,
    /// The number of the first event that is kept.
    first: u64,
    complete: bool,
    reader: Option<mpsc::UnboundedSender<ServerSseMessage>>,
}

impl AnswerStreams {
    pub(crate) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { connections: Arc::default(), tasks, stop, unread: UNREAD, kept: KEPT }
    }

    /// Keeps what `answer` tells, and gives it to be read from its beginning. `abandoned` is cancelled when nobody has
    /// read it for a while; `guard` is held until the answer is there.
    pub(crate) fn keep<G: Send + 'static>(
        &self,
        connection: &SessionId,
        answer: impl Stream<Item = ServerSseMessage> + Send + 'static,
        abandoned: CancellationToken,
        guard: G,
    ) -> AnswerReader {
        let kept = {
            let mut connections = self.connections();
            let streams = connections.entry(connection.clone()).or_default();
            streams.numbers += 1;
            let kept = Arc::new(AnswerStream {
                number: streams.numbers,
                state: Mutex::default(),
                attached: Notify::new(),
                forgotten: CancellationToken::new(),
            });
            streams.open.push(Arc::clone(&kept));
            kept
        };
        let events = kept.read_from(0);
        let (all, connection) = (self.clone(), connection.clone());
        self.tasks.spawn(async move {
            all.follow(&kept, Box::pin(answer), abandoned, guard).await;
            kept.state().complete();
            all.trim(&connection);
            tokio::select! {
                () = tokio::time::sleep(all.kept) => {}
                () = kept.forgotten.cancelled() => return,
                () = all.stop.cancelled() => {}
            }
            all.drop_stream(&connection, kept.number);
        });
        events
    }

    /// What came after an event, in the stream that it was of; none when that is not kept any more.
    pub(crate) fn resume(&self, connection: &SessionId, last: &str) -> Option<AnswerReader> {
        let (number, event) = last.split_once('-')?;
        let (number, event) = (number.parse::<u64>().ok()?, event.parse::<u64>().ok()?);
        let kept = {
            let connections = self.connections();
            let mut open = connections.get(connection)?.open.iter();
            open.find(|kept| kept.number == number).map(Arc::clone)?
        };
        Some(kept.read_from(event.saturating_add(1)))
    }

    /// Forgets the answers of a connection that has ended.
    pub(crate) fn forget(&self, connection: &SessionId) {
        for kept in self.connections().remove(connection).unwrap_or_default().open {
            kept.forgotten.cancel();
        }
    }

    async fn follow(
        &self,
        kept: &AnswerStream,
        mut answer: impl Stream<Item = ServerSseMessage> + Unpin + Send,
        abandoned: CancellationToken,
        guard: impl Send,
    ) {
        let mut guarded = Some(guard);
        let mut lost = std::pin::pin!(kept.lost(self.unread));
        loop {
            tokio::select! {
                event = answer.next() => {
                    let Some(event) = event else { return };
                    if is_answer(&event) {
                        // Whoever reads it may give its id to another request at once.
                        drop(guarded.take());
                    }
                    kept.push(event);
                }
                () = &mut lost, if !abandoned.is_cancelled() => abandoned.cancel(),
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Forgets the oldest complete answers of a connection that has many.
    fn trim(&self, connection: &SessionId) {
        let mut connections = self.connections();
        let Some(streams) = connections.get_mut(connection) else { return };
        let complete = streams.open.iter().filter(|kept| kept.state().complete).count();
        let mut over = complete.saturating_sub(MOST_STREAMS);
        streams.open.retain(|kept| {
            let goes = over > 0 && kept.state().complete;
            over -= usize::from(goes);
            if goes {
                kept.forgotten.cancel();
            }
            !goes
        });
    }

    fn drop_stream(&self, connection: &SessionId, number: u64) {
        if let Some(streams) = self.connections().get_mut(connection) {
            streams.open.retain(|kept| kept.number != number);
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<SessionId, ConnectionStreams>> {
        self.connections.lock_unpoisoned()
    }
}

/// What somebody reads of an answer.
#[derive(Debug)]
pub(crate) struct AnswerReader(mpsc::UnboundedReceiver<ServerSseMessage>);

impl Stream for AnswerReader {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ServerSseMessage>> {
        self.0.poll_recv(cx)
    }
}

fn is_answer(event: &ServerSseMessage) -> bool {
    let message = event.message.as_deref();
    message.is_some_and(|message| matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)))
}

impl AnswerStream {
    fn push(&self, mut event: ServerSseMessage) {
        let mut state = self.state();
        let number = state.first + u64::try_from(state.events.len()).unwrap_or(u64::MAX);
        event.event_id = Some(format!("{}-{number}", self.number));
        if state.events.len() == MOST_EVENTS {
            state.events.pop_front();
            state.first += 1;
        }
        state.events.push_back(event.clone());
        if let Some(reader) = &state.reader {
            // One that reads no more is noticed by `lost`.
            drop(reader.send(event));
        }
    }

    /// The events from a number on. Whoever asked last reads; a reader before it gets no more.
    fn read_from(&self, number: u64) -> AnswerReader {
        let (reader, events) = mpsc::unbounded_channel();
        let mut state = self.state();
        let skipped = usize::try_from(number.saturating_sub(state.first)).unwrap_or(usize::MAX);
        for event in state.events.iter().skip(skipped) {
            drop(reader.send(event.clone()));
        }
        state.reader = (!state.complete).then_some(reader);
        drop(state);
        self.attached.notify_one();
        AnswerReader(events)
    }

    /// Returns when nobody has read for so long that nobody will.
    async fn lost(&self, unread: Duration) {
        loop {
            let reader = self.state().reader.clone();
            if let Some(reader) = reader {
                tokio::select! {
                    () = reader.closed() => {}
                    () = self.attached.notified() => continue,
                }
            }
            tokio::select! {
                () = tokio::time::sleep(unread) => return,
                () = self.attached.notified() => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock_unpoisoned()
    }
}

impl State {
    fn complete(&mut self) {
        self.complete = true;
        self.reader = None;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use rmcp::model::ServerJsonRpcMessage;
    use serde_json::json;

    use super::*;

    const HANG: Duration = Duration::from_secs(30);

    fn event(number: u32) -> ServerSseMessage {
        let answer = json!({ "jsonrpc": "2.0", "id": number, "result": {} });
        ServerSseMessage::from_message(serde_json::from_value::<ServerJsonRpcMessage>(answer).unwrap())
    }

    fn streams(unread_ms: u64, kept_ms: u64) -> AnswerStreams {
        AnswerStreams {
            unread: Duration::from_millis(unread_ms),
            kept: Duration::from_millis(kept_ms),
            ..AnswerStreams::new(TaskTracker::new(), CancellationToken::new())
        }
    }

    async fn ids(events: impl Stream<Item = ServerSseMessage>) -> Vec<String> {
        events.map(|event| event.event_id.unwrap()).collect().await
    }

    #[tokio::test]
    async fn what_a_reader_lost_is_read_by_the_id_of_its_last_event() {
        let (streams, one, two) = (streams(60_000, 500), SessionId::from("one"), SessionId::from("two"));
        let token = CancellationToken::new;
        let first = streams.keep(&one, stream::iter([event(1), event(2), event(3)]), token(), ());
        assert_eq!(ids(first).await, ["1-0", "1-1", "1-2"]);
        let second = streams.keep(&one, stream::iter([event(4)]), token(), ());
        assert_eq!(ids(second).await, ["2-0"], "no id comes twice in a connection");
        assert_eq!(ids(streams.resume(&one, "1-0").unwrap()).await, ["1-1", "1-2"]);
        assert!(streams.resume(&two, "1-0").is_none(), "another connection's");
        for unknown in ["", "0", "x-1", "7-0", "1"] {
            assert!(streams.resume(&one, unknown).is_none(), "{unknown}");
        }
        while streams.resume(&one, "1-0").is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn an_answer_goes_on_without_a_reader_and_is_abandoned_only_when_none_comes_back() {
        let (streams, one) = (streams(500, 60_000), SessionId::from("one"));
        let (send, receive) = mpsc::unbounded_channel::<ServerSseMessage>();
        let answer = stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive)));
        let abandoned = CancellationToken::new();
        let mut reader = streams.keep(&one, answer, abandoned.clone(), ());
        send.send(event(1)).unwrap();
        assert!(reader.next().await.is_some());
        let again = streams.resume(&one, "1-0").unwrap();
        drop(reader);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!abandoned.is_cancelled(), "somebody reads");
        drop(again);
        abandoned.cancelled().await;
        send.send(event(2)).unwrap();
        drop(send);
        assert_eq!(ids(streams.resume(&one, "1-0").unwrap()).await, ["1-1"]);
    }

    #[tokio::test]
    async fn no_more_is_kept_than_so_much() {
        let (streams, one) = (streams(60_000, 60_000), SessionId::from("one"));
        for _ in 0..MOST_STREAMS + 3 {
            let answer = streams.keep(&one, stream::iter([event(1)]), CancellationToken::new(), ());
            assert_eq!(answer.count().await, 1);
        }
        while streams.resume(&one, "3-0").is_some() {
            tokio::task::yield_now().await;
        }
        assert!(streams.resume(&one, "4-0").is_some());
        let few = async {
            while streams.tasks.len() > MOST_STREAMS {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(HANG, few).await.expect("nothing stands behind what is kept no more");
        let many = stream::iter((0..100).map(event));
        assert_eq!(streams.keep(&one, many, CancellationToken::new(), ()).count().await, 100);
        let number = MOST_STREAMS + 4;
        let rest = ids(streams.resume(&one, &format!("{number}-0")).unwrap()).await;
        assert_eq!(
            (rest.len(), rest.last().map(String::as_str)),
            (MOST_EVENTS, Some(&*format!("{number}-99")))
        );
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_connection_that_ended() {
        let (streams, one) = (streams(60_000, 60_000), SessionId::from("one"));
        let answer = streams.keep(&one, stream::iter([event(1)]), CancellationToken::new(), ());
        assert_eq!(answer.count().await, 1);
        streams.forget(&one);
        streams.tasks.close();
        tokio::time::timeout(HANG, streams.tasks.wait()).await.expect("its task ends");
    }
}
