//! Keeps the connection of a client that waits for a streamed answer: proxies and clients give up on one that is silent.
//! After so long without a byte the head goes out with what is known by then, and from there on keep-alives of the
//! client's wire, before the answer and between its pieces. Until the answer begins another candidate may still give it; a
//! failure after the head is the wire's error event.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, Sleep};

use brains_core::id::{Id, Trace};
use brains_core::plane::trace::TraceRecord;
use brains_core::sync::Unpoisoned as _;
use brains_dialect::ingress::Ingress;

use crate::Outcome;
use crate::record::{RequestEvent, RequestListener};
use crate::reply::Reply;
use crate::routing_headers::{self, RoutingHeaders, TRACE_ID};

/// What may go out in the head of an answer that has not begun, and how long the client bears silence.
#[derive(Debug, Default, Clone)]
pub(crate) struct KnownHead(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    headers: RoutingHeaders,
    /// What the client learns of a limit that it has, beside them.
    limits: RoutingHeaders,
    attempts: u32,
    /// None switches keep-alives off.
    silence: Option<Duration>,
    is_sent: bool,
}

impl KnownHead {
    /// The answer of this trace is streamed, and the client bears this much silence until a candidate's policy says
    /// otherwise.
    pub(crate) fn streamed(&self, trace: &Id<Trace>, silence: Option<Duration>) {
        let known = &mut *self.0.lock_unpoisoned();
        known.silence = silence;
        known.headers = vec![(TRACE_ID, trace.to_string())];
    }

    /// The client learns this of a limit that it has.
    pub(crate) fn limited(&self, limits: RoutingHeaders) {
        self.0.lock_unpoisoned().limits = limits;
    }

    pub(crate) fn limits(&self) -> RoutingHeaders {
        self.0.lock_unpoisoned().limits.clone()
    }

    pub(crate) fn silence(&self) -> Option<Duration> {
        self.0.lock_unpoisoned().silence
    }

    /// The head goes out now.
    fn send(&self) -> (RoutingHeaders, u32) {
        let known = &mut *self.0.lock_unpoisoned();
        known.is_sent = true;
        let mut headers = std::mem::take(&mut known.headers);
        headers.extend(known.limits.iter().cloned());
        (headers, known.attempts)
    }

    /// Whether the head went out before the answer.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.lock_unpoisoned().is_sent
    }
}

/// Without a silence to bear nothing is noted: the head goes out with the answer.
impl RequestListener for KnownHead {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord) {
        let RequestEvent::AttemptStarted { silence } = event else { return };
        let known = &mut *self.0.lock_unpoisoned();
        known.silence = silence.filter(|_| record.stream);
        if known.silence.is_some() {
            known.headers = routing_headers::headers(record);
            known.attempts = routing_headers::attempts(record);
        }
    }
}

/// The outcome of a request: as soon as it is there, or as soon as the client has heard nothing for too long.
pub(crate) async fn outcome(
    ingress: Ingress,
    known: KnownHead,
    generation: impl Future<Output = Outcome> + Send + 'static,
) -> Outcome {
    let mut generation = Box::pin(generation);
    let mut quiet = Quiet::new(known.clone());
    let first = std::future::poll_fn(|cx| match generation.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => quiet.poll(cx).map(|()| None),
    });
    match first.await {
        Some(Outcome { headers, attempts, result: Ok(Reply::Stream(frames)) }) => {
            quiet.heard();
            let kept = Kept { ingress, quiet, begun: true, frames };
            Outcome { headers, attempts, result: Ok(Reply::Stream(Box::pin(kept))) }
        }
        Some(outcome) => outcome,
        None => {
            let (headers, attempts) = known.send();
            let frames = Box::pin(stream::once(generation).flat_map(move |outcome| late(ingress, outcome)));
            let kept = Kept { ingress, quiet, begun: false, frames };
            Outcome { headers, attempts, result: Ok(Reply::Stream(Box::pin(kept))) }
        }
    }
}

/// What came of a request whose head went out before.
fn late(ingress: Ingress, outcome: Outcome) -> Pin<Box<dyn Stream<Item = Bytes> + Send>> {
    let only = |bytes: Bytes| Box::pin(stream::once(std::future::ready(bytes)));
    match outcome.result {
        Ok(Reply::Stream(frames)) => frames,
        Ok(Reply::Whole { body, .. }) => only(body),
        Err(fault) => only(crate::reply::error_event(ingress, &fault).into()),
    }
}

/// A stream in whose silences the client hears keep-alives.
struct Kept {
    ingress: Ingress,
    quiet: Quiet,
    /// The head went out with the answer; else a keep-alive goes out with it.
    begun: bool,
    frames: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
}

impl Stream for Kept {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        match this.frames.as_mut().poll_next(cx) {
            Poll::Ready(frame) => {
                this.begun = true;
                this.quiet.heard();
                Poll::Ready(frame)
            }
            Poll::Pending => {
                if std::mem::replace(&mut this.begun, true) {
                    ready!(this.quiet.poll(cx));
                }
                this.quiet.heard();
                Poll::Ready(Some(Bytes::from_static(this.ingress.keep_alive().as_bytes())))
            }
        }
    }
}

/// Becomes ready when the client has heard nothing for as long as it bears.
struct Quiet {
    known: KnownHead,
    since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Quiet {
    fn new(known: KnownHead) -> Self {
        Self { known, since: Instant::now(), timer: None }
    }

    /// Bytes go out.
    fn heard(&mut self) {
        self.since = Instant::now();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Whatever makes the bound another one also wakes this task.
        let Some(silence) = self.known.silence() else { return Poll::Pending };
        let due = self.since + silence;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            // One that is early costs a look; to move it at every piece of an answer would cost more.
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}
