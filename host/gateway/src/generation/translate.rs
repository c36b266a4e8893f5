//! The translate lane: the request in canonical form goes to the component, canonical events come back and are
//! written in the client's wire.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::{Fault, FaultKind, Millis, Origin};
use brains_dialect::canon::exchange::{Body, Field, Frame, Framing, Head, Request, Response};
use brains_dialect::canon::{BlockKind, CallContext, ChatRequest, Event, Json, Usage};
use brains_dialect::continuing::{self, Continuing};
use brains_dialect::ingress::{AnswerCut, AnswerIdentity, ErrorReport, Ingress, StreamWriter};
use brains_dialect::{envelope, ndjson, said, sse};
use brains_egress::{EgressError, Upstream};
use brains_runtime::{CallFault, Exchange, Instance};

use super::drain_ready;
use super::form::{self, AnswerForm};
use super::framer::Framer;
use super::own_accord::OwnAccord;
use super::received;
use super::relay::END_GRACE;
use crate::catalogue::payload;
use crate::conversation::ConversationState;
use crate::exchange::{ExchangeSender, component_fault, redact_message, send};
use crate::record::Recorder;
use crate::reply::{AnswerSource, Progress};

/// The word for a candidate that does not go on exactly from what was said.
pub(crate) const NO_PREFILL: &str = "no_prefill";
/// Frames that go to a decoder in one call.
const FRAMES: usize = 32;

/// What the component's side of the lane has opened.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The answer is there.
    Events(Vec<Event>),
    Stream(Box<TranslateStream>),
}

/// One request to one provider.
#[derive(Debug)]
pub(crate) struct TranslateCall<'a> {
    pub(crate) sender: &'a ExchangeSender,
    pub(crate) instance: &'a Arc<Instance>,
    pub(crate) request: ChatRequest,
    /// The client's, as far as they go on.
    pub(crate) headers: &'a [Field],
    pub(crate) ctx: CallContext,
    pub(crate) deadline: Instant,
    pub(crate) now: Millis,
    pub(crate) accord: OwnAccord<'a>,
    /// The answer has begun elsewhere, and broke off.
    pub(crate) continued: Option<Continued>,
}

/// An answer that is to be gone on with.
#[derive(Debug)]
pub(crate) struct Continued {
    /// In the middle of its text.
    pub(crate) writer: StreamWriter,
    pub(crate) continuing: Continuing,
}

/// Lets the component answer: by itself, or over an exchange that it describes.
pub(crate) async fn open(
    call: TranslateCall<'_>,
    answer: &ClientAnswer,
    recorder: &mut Recorder,
) -> Result<Opened, Fault> {
    let TranslateCall { sender, instance, request, headers, ctx, deadline, now, mut accord, continued } =
        call;
    let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
    let exports = instance.exports();
    if exports.standalone {
        return component.answer(request, ctx).await.map(Opened::Events).map_err(|fault| fault.to_fault());
    }
    if !exports.chat {
        return Err(Fault::new(
            FaultKind::Unsupported,
            Origin::Component,
            "this provider does not speak chat",
        )
        .failover());
    }
    let streamed = request.stream;
    let choices = request.sampling.choices.unwrap_or(1);
    let mut outbound =
        component.encode(request, headers.to_vec(), ctx.clone()).await.map_err(|fault| fault.to_fault())?;
    if continued.is_some() && outbound.losses.iter().any(|loss| loss == continuing::NOT_EXACT) {
        return Err(not_exact());
    }
    let body = text(&mut outbound.request);
    let mut upstream = loop {
        recorder.losses(&outbound.losses);
        let body = without(&body, &outbound.added, accord.withheld(), recorder)?;
        let upstream = send(sender, instance, outbound.request.clone(), body, deadline).await?;
        if (200..300).contains(&upstream.status()) {
            accord.answered();
            break upstream;
        }
        let again = accord.refused(&mut component, upstream, &outbound.added, now, recorder).await;
        // Said in another wire than the client's.
        again.map_err(|fault| Fault { upstream_body: None, ..fault })?;
    };
    let head = Head { status: upstream.status(), headers: upstream.fields() };
    let events = matches!(outbound.framing, Framing::Sse);
    if !streamed || (events && form::of(&mut upstream).await? == AnswerForm::Whole) {
        let media_type = upstream.media_type();
        let body = received::whole(upstream, recorder).await?;
        let events = whole_events(&mut component, head, &media_type, &body, ctx).await;
        if events.is_err() {
            recorder.usage(None, received::said_bytes(&body));
        }
        return events.map(Opened::Events).map_err(|fault| fault.to_fault());
    }
    component.open_decoder(head, ctx).await.map_err(|fault| fault.to_fault())?;
    let framer = match outbound.framing {
        Framing::Raw => Framer::Raw,
        Framing::Sse => Framer::Sse(sse::Frames::default()),
        Framing::Ndjson => Framer::Ndjson(ndjson::Lines::default()),
    };
    let instance = Arc::clone(instance);
    let (writer, continuing) = match continued {
        Some(Continued { writer, continuing }) => (writer, Some(continuing)),
        None => (answer.writer(), None),
    };
    Ok(Opened::Stream(Box::new(TranslateStream {
        upstream,
        instance,
        component,
        framer,
        ingress: answer.ingress,
        writer,
        continuing,
        refuses: false,
        arrived: None,
        begun: false,
        said_bytes: 0,
        unfinished: choices,
        done: false,
    })))
}

/// What a whole answer says, also where it came as the frames of a stream.
async fn whole_events(
    component: &mut Exchange,
    head: Head,
    media_type: &str,
    body: &Bytes,
    ctx: CallContext,
) -> Result<Vec<Event>, CallFault> {
    let frames = form::frames_of_whole(media_type, body);
    if frames.is_empty() {
        return component.decode_unary(Response { head, body: payload(body) }, ctx).await;
    }
    component.open_decoder(head, ctx).await?;
    let mut events = component.push(frames).await?;
    events.extend(component.finish(true).await?);
    Ok(events)
}

/// Takes the text of a request's body out of it: it may be sent more than once, and is not copied for that.
fn text(request: &mut Request) -> Bytes {
    match std::mem::replace(&mut request.body, Body::Empty) {
        Body::Text(text) => text.into(),
        other => {
            request.body = other;
            Bytes::new()
        }
    }
}

/// The body as the component wrote it, without what it `added` and the upstream has refused.
fn without(
    body: &Bytes,
    added: &[String],
    withheld: &[String],
    recorder: &mut Recorder,
) -> Result<Bytes, Fault> {
    let gone: Vec<String> = added.iter().filter(|path| withheld.contains(path)).cloned().collect();
    if gone.is_empty() || body.is_empty() {
        return Ok(body.clone());
    }
    let text = String::from_utf8_lossy(body);
    let left = envelope::without(&text, &gone).map_err(|error| {
        let what = format!("the component's body does not hold what it says: {error}");
        Fault::new(FaultKind::Plugin, Origin::Component, what).failover()
    })?;
    recorder.withheld(&gone);
    Ok(left.into())
}

/// How the answer looks to the client: its wire, and what is the same on every piece of it.
#[derive(Debug)]
pub(crate) struct ClientAnswer {
    pub(crate) ingress: Ingress,
    pub(crate) identity: AnswerIdentity,
    pub(crate) include_usage: bool,
    pub(crate) state: ConversationState,
}

impl ClientAnswer {
    /// A relayed answer as it goes out: when it is kept it says so, for its upstream was told to keep nothing.
    pub(crate) fn told(&self, body: Bytes) -> Bytes {
        if !self.state.kept {
            return body;
        }
        self.ingress.kept_answer(&String::from_utf8_lossy(&body), self.state.echo().previous).into()
    }

    fn writer(&self) -> StreamWriter {
        self.ingress.stream_writer(&self.identity, self.include_usage)
    }

    /// The whole answer.
    pub(crate) fn whole(&self, events: &[Event], recorder: &mut Recorder) -> Result<Bytes, Fault> {
        let body = self.ingress.answer(events, &self.identity).map_err(component_fault)?;
        let body = Bytes::from(body);
        recorder.sent(&body);
        recorder.usage(last_usage(events), said::bytes_of_events(events));
        Ok(body)
    }

    /// The whole answer as a stream, and as it would be kept.
    pub(crate) fn streamed(
        &self,
        events: &[Event],
        recorder: &mut Recorder,
    ) -> Result<(Bytes, Option<Json>), Fault> {
        let (mut writer, mut out) = (self.writer(), String::new());
        for event in events {
            writer.push(event, &mut out).map_err(component_fault)?;
        }
        writer.finish(&mut out).map_err(component_fault)?;
        recorder.usage(writer.usage(), said::bytes_of_events(events));
        Ok((out.into(), writer.kept()))
    }
}

fn last_usage(events: &[Event]) -> Option<&Usage> {
    events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(usage),
        Event::Start(_)
        | Event::BlockStart(_)
        | Event::Delta(_)
        | Event::Annotation(_)
        | Event::BlockEnd(_)
        | Event::Finish(_)
        | Event::Other(_) => None,
    })
}

/// An answer that is already whole, as a stream of one piece.
#[derive(Debug)]
pub(crate) struct SinglePiece(pub(crate) Option<Bytes>);

impl AnswerSource for SinglePiece {
    fn spoke(&self) -> bool {
        true
    }

    async fn next(&mut self, _recorder: &mut Recorder) -> Progress {
        self.0.take().map_or(Progress::End, Progress::Bytes)
    }
}

/// A streamed answer under way through the component's decoder.
#[derive(Debug)]
pub(crate) struct TranslateStream {
    upstream: Upstream,
    instance: Arc<Instance>,
    component: Exchange,
    framer: Framer,
    ingress: Ingress,
    writer: StreamWriter,
    /// It goes on with an answer that began elsewhere.
    continuing: Option<Continuing>,
    /// A refusal is among what it says.
    refuses: bool,
    /// The end of the body, or its failure, when that was seen while frames were gathered.
    arrived: Option<Result<Option<Bytes>, EgressError>>,
    /// Something was said.
    begun: bool,
    /// How much.
    said_bytes: u64,
    /// Choices that have not said yet why they stopped.
    unfinished: u32,
    done: bool,
}

impl TranslateStream {
    async fn step(&mut self, out: &mut String) -> Result<(), Fault> {
        let chunk = if let Some(arrived) = self.arrived.take() {
            arrived
        } else {
            let whole = self.unfinished == 0;
            tokio::select! {
                chunk = self.upstream.chunk() => chunk,
                () = tokio::time::sleep(END_GRACE), if whole => {
                    return self.stayed_open(out).await;
                }
                recalled = self.component.recalled() => return Err(recalled.to_fault()),
            }
        };
        match chunk {
            Ok(Some(chunk)) => self.decode(&chunk, out).await,
            Ok(None) => {
                let rest = self.framer.finish();
                let mut events = self.push(rest).await.map_err(|fault| fault.to_fault())?;
                events.extend(self.component.finish(true).await.map_err(|fault| fault.to_fault())?);
                self.write(&events, out)?;
                self.end(out)
            }
            Err(error) => {
                // What the decoder still holds is worth having: usage, a reason that came with the last frame.
                if let Ok(events) = self.component.finish(false).await {
                    self.write(&events, out)?;
                    // It has said why it stopped: nothing of it is missing, however the connection ends.
                    if self.unfinished == 0 {
                        return self.end(out);
                    }
                }
                Err(error.to_fault())
            }
        }
    }

    /// The answer is whole and the connection does not end.
    async fn stayed_open(&mut self, out: &mut String) -> Result<(), Fault> {
        let events = self.component.finish(false).await.map_err(|fault| fault.to_fault())?;
        self.write(&events, out)?;
        self.end(out)
    }

    fn end(&mut self, out: &mut String) -> Result<(), Fault> {
        self.done = true;
        self.writer.finish(out).map_err(component_fault)
    }

    /// Takes a piece to the decoder, with the frames that have arrived behind it by now: a call costs more than a frame
    /// of it. The first of an answer is not held up for that.
    async fn decode(&mut self, chunk: &Bytes, out: &mut String) -> Result<(), Fault> {
        let mut cut = self.framer.push(chunk);
        let mut frames = Vec::new();
        let wrong = loop {
            match cut {
                Ok(None) => {
                    let events = self.component.push_bytes(chunk.to_vec()).await;
                    return self.write(&events.map_err(|fault| fault.to_fault())?, out);
                }
                Ok(Some(more)) => frames.extend(more),
                Err(error) => break Some(too_long(error)),
            }
            if !self.begun || frames.len() >= FRAMES {
                break None;
            }
            match drain_ready::next_ready(&mut self.upstream).await {
                Some(Ok(Some(chunk))) => cut = self.framer.push(&chunk),
                arrived => {
                    self.arrived = arrived;
                    break None;
                }
            }
        };
        let events = self.push(frames).await.map_err(|fault| fault.to_fault())?;
        self.write(&events, out)?;
        wrong.map_or(Ok(()), Err)
    }

    async fn push(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, CallFault> {
        if frames.is_empty() { Ok(Vec::new()) } else { self.component.push(frames).await }
    }

    fn write(&mut self, events: &[Event], out: &mut String) -> Result<(), Fault> {
        self.said_bytes += said::bytes_of_events(events);
        let more;
        let events = match &mut self.continuing {
            Some(continuing) => {
                more = continuing.events(events.to_vec()).map_err(component_fault)?;
                &more
            }
            None => events,
        };
        self.begun |= events.iter().any(says_something);
        self.refuses |= events.iter().any(refuses);
        for _ in events.iter().filter(|event| matches!(event, Event::Finish(_))) {
            self.unfinished = self.unfinished.saturating_sub(1);
        }
        events.iter().try_for_each(|event| self.writer.push(event, out)).map_err(component_fault)
    }
}

fn refuses(event: &Event) -> bool {
    matches!(event, Event::BlockStart(start) if start.kind == BlockKind::Refusal)
}

/// The candidate would not go on with the text, but say something about it.
fn not_exact() -> Fault {
    let what = "the model does not go on exactly from a turn of the assistant's";
    Fault::new(FaultKind::Unsupported, Origin::Component, what).code(NO_PREFILL).failover()
}

/// Whether an event is more than the promise of an answer.
fn says_something(event: &Event) -> bool {
    match event {
        Event::Delta(delta) => !delta.text.is_empty(),
        Event::BlockStart(start) => match start.kind {
            BlockKind::Text | BlockKind::Reasoning | BlockKind::Refusal => false,
            BlockKind::RedactedReasoning(_)
            | BlockKind::ToolCall(_)
            | BlockKind::Media(_)
            | BlockKind::Other(_) => true,
        },
        Event::Annotation(_) | Event::Finish(_) => true,
        Event::Start(_) | Event::BlockEnd(_) | Event::Usage(_) | Event::Other(_) => false,
    }
}

impl AnswerSource for TranslateStream {
    fn spoke(&self) -> bool {
        self.begun
    }

    fn is_plain(&self) -> bool {
        !self.refuses
    }

    fn failure(&mut self, error: &ErrorReport<'_>) -> Option<String> {
        self.writer.failure(error)
    }

    fn kept(&mut self) -> Option<Json> {
        if self.done { self.writer.kept() } else { None }
    }

    fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        self.writer.cut(cut)
    }

    async fn next(&mut self, recorder: &mut Recorder) -> Progress {
        let mut out = String::new();
        while !self.done {
            let stepped = self.step(&mut out).await;
            let counted = self.continuing.as_ref().map_or_else(|| self.writer.usage(), Continuing::counted);
            recorder.usage(counted, self.said_bytes);
            if let Err(fault) = stepped {
                self.done = true;
                return Progress::Failed {
                    sent_before: out.into(),
                    fault: redact_message(fault, &self.instance),
                    own_word: Bytes::new(),
                };
            }
            if !out.is_empty() {
                return Progress::Bytes(out.into());
            }
        }
        debug_assert!(
            out.is_empty() || out.ends_with(self.ingress.terminator()),
            "a finished stream ends in its terminator"
        );
        Progress::End
    }
}

fn too_long(error: sse::FrameTooLong) -> Fault {
    Fault::new(FaultKind::Upstream, Origin::Upstream, error.to_string()).failover()
}
