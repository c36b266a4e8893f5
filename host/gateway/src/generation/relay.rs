//! The relay lane: client and upstream speak the same wire. The component decides the exchange, the host
//! splices a few top-level members and moves the bytes; every other byte stays as it was.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon::Json;
use brains_dialect::canon::exchange::Frame;
use brains_dialect::ingress::{AnswerCut, AnswerIdentity, ErrorReport, FrameOutcome, Ingress, RelayTee};
use brains_dialect::json::nonfinite_as_null;
use brains_dialect::refusal;
use brains_dialect::sse::{self, Batch, RawFrames};
use brains_egress::{EgressError, Upstream};
use brains_runtime::Instance;

use super::translate::ClientAnswer;
use super::{drain_ready, form, received};
use crate::exchange::{Private, component_fault, covered_frame, redact_message};
use crate::record::Recorder;
use crate::reply::{AnswerSource, Progress};

/// How long an answer that is whole may take to say so. Some servers say why they stopped and leave the connection open.
pub(crate) const END_GRACE: Duration = Duration::from_secs(5);
/// Frames are gathered into one write up to this size.
const GATHERED_BYTES: usize = 64 << 10;

/// Reads a whole answer and judges it before a byte of it goes out. One that came as a stream is put together.
pub(crate) async fn whole(
    answer: &ClientAnswer,
    upstream: Upstream,
    instance: &Instance,
    recorder: &mut Recorder,
) -> Result<Bytes, Fault> {
    let media_type = upstream.media_type();
    let body = received::whole(upstream, recorder).await?;
    let frames = form::frames_of_whole(&media_type, &body);
    let judged = if frames.is_empty() {
        judged(answer.ingress, &body, recorder)
    } else {
        joined(answer, &frames, recorder)
    };
    let body = answer.told(judged.map_err(|fault| redact_message(fault, instance))?);
    recorder.sent(&body);
    Ok(body)
}

/// Reads a whole answer where a stream was asked for, judges it, and tells it as one: the stream, and the answer.
pub(crate) async fn replayed(
    answer: &ClientAnswer,
    upstream: Upstream,
    instance: &Instance,
    recorder: &mut Recorder,
) -> Result<(Bytes, Bytes), Fault> {
    let body = received::whole(upstream, recorder).await?;
    let told = judged(answer.ingress, &body, recorder).and_then(|body| {
        let body = answer.told(body);
        let text = String::from_utf8_lossy(&body);
        let told = answer.ingress.replay(&text, answer.include_usage).map_err(component_fault)?;
        Ok((Bytes::from(told), body))
    });
    told.map_err(|fault| redact_message(fault, instance))
}

/// The whole answer as it may go out, if it is one.
fn judged(ingress: Ingress, body: &Bytes, recorder: &mut Recorder) -> Result<Bytes, Fault> {
    let body = body.slice_ref(sse::without_mark(body));
    let mended = std::str::from_utf8(&body).ok().and_then(nonfinite_as_null);
    let body = mended.map_or(body, Bytes::from);
    let mut tee = ingress.tee();
    let judged = tee.whole(&body);
    let seen = tee.observed();
    let said_bytes = if judged.is_ok() { seen.said_bytes } else { received::said_bytes(&body) };
    recorder.usage(seen.usage.as_ref(), said_bytes);
    judged.map(|()| body).map_err(component_fault)
}

/// The whole answer that the frames of a stream tell.
fn joined(answer: &ClientAnswer, frames: &[Frame], recorder: &mut Recorder) -> Result<Bytes, Fault> {
    let mut tee = answer.ingress.tee();
    let read = frames.iter().try_for_each(|frame| match tee.frame(Some(&frame.data)) {
        FrameOutcome::Error(fault) | FrameOutcome::Failed(fault) => Err(component_fault(fault)),
        FrameOutcome::Malformed => Err(truncated("the upstream sent a frame that is not JSON")),
        FrameOutcome::Forward
        | FrameOutcome::UsageOnly
        | FrameOutcome::Rewritten(_)
        | FrameOutcome::Done
        | FrameOutcome::DoneAs(_) => Ok(()),
    });
    let seen = tee.observed();
    recorder.usage(seen.usage.as_ref(), seen.said_bytes);
    read?;
    if !tee.ended() {
        return Err(truncated("the upstream closed its stream before the answer was whole"));
    }
    let own = &answer.identity;
    let identity = AnswerIdentity {
        id: seen.id.clone().unwrap_or_else(|| own.id.clone()),
        model: seen.model.clone().unwrap_or_else(|| own.model.clone()),
        created: own.created,
        echo: Arc::clone(&own.echo),
    };
    answer.ingress.joined(frames, &identity).map(Bytes::from).map_err(component_fault)
}

/// A streamed answer under way: whole frames go on as they arrive while the tee reads them.
#[derive(Debug)]
pub(crate) struct RelayStream {
    upstream: Upstream,
    instance: Arc<Instance>,
    frames: RawFrames,
    ingress: Ingress,
    tee: RelayTee,
    hide_usage: bool,
    /// A first piece of the answer went out.
    begun: bool,
    done: bool,
}

impl RelayStream {
    pub(crate) fn new(
        ingress: Ingress,
        upstream: Upstream,
        instance: Arc<Instance>,
        hide_usage: bool,
    ) -> Self {
        let (frames, tee) = (RawFrames::default(), ingress.tee());
        Self { upstream, instance, ingress, frames, tee, hide_usage, begun: false, done: false }
    }

    /// From now on the answer is kept as it passes.
    pub(crate) fn keep(&mut self, previous: Option<&str>) {
        self.tee.keep(previous);
    }

    /// Sorts a batch into what goes out now; an error inside it ends the stream.
    fn sort(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<(), Break> {
        for (bytes, message) in batch.iter() {
            match self.tee.frame(message.data.as_deref()) {
                FrameOutcome::Forward => out.extend_from_slice(bytes),
                FrameOutcome::UsageOnly if !self.hide_usage => out.extend_from_slice(bytes),
                FrameOutcome::UsageOnly => {}
                FrameOutcome::Rewritten(frame) => out.extend_from_slice(frame.as_bytes()),
                FrameOutcome::Done => {
                    if !self.tee.ended() {
                        return Err(
                            truncated("the upstream ended its stream before the answer was whole").into()
                        );
                    }
                    // Readers compare the data as it is.
                    let exact = message.data.is_some_and(|data| data.trim().len() == data.len());
                    out.extend_from_slice(if exact { bytes } else { self.ingress.terminator().as_bytes() });
                    self.done = true;
                    return Ok(());
                }
                FrameOutcome::DoneAs(frame) => {
                    out.extend_from_slice(frame.as_bytes());
                    self.done = true;
                    return Ok(());
                }
                FrameOutcome::Error(fault) => return Err(component_fault(fault).into()),
                FrameOutcome::Failed(fault) => {
                    let mut own_word = Bytes::new();
                    if self.tee.begun() {
                        let error = message.data.as_deref().and_then(refusal::error_part);
                        let frame = String::from_utf8_lossy(bytes);
                        let frame = covered_frame(&frame, error.as_deref(), &Private::of(&self.instance));
                        own_word = Bytes::copy_from_slice(frame.as_bytes());
                    }
                    return Err(Break { fault: Box::new(component_fault(fault)), own_word });
                }
                FrameOutcome::Malformed => {
                    return Err(truncated("the upstream sent a frame that is not JSON").into());
                }
            }
        }
        Ok(())
    }
}

/// Why a stream ended before its answer was whole, and the upstream's own word of it where that may go out.
struct Break {
    fault: Box<Fault>,
    own_word: Bytes,
}

impl From<Fault> for Break {
    fn from(fault: Fault) -> Self {
        Self { fault: Box::new(fault), own_word: Bytes::new() }
    }
}

impl AnswerSource for RelayStream {
    fn spoke(&self) -> bool {
        self.tee.begun()
    }

    fn failure(&mut self, error: &ErrorReport<'_>) -> Option<String> {
        self.tee.failure(error)
    }

    fn kept(&mut self) -> Option<Json> {
        if self.tee.ended() { self.tee.kept() } else { None }
    }

    fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        self.tee.cut(cut)
    }

    async fn next(&mut self, recorder: &mut Recorder) -> Progress {
        if self.done {
            return Progress::End;
        }
        let mut out = Vec::new();
        loop {
            let arrived = if !out.is_empty() {
                match self.more(out.len()).await {
                    Some(arrived) => arrived,
                    None => return Progress::Bytes(out.into()),
                }
            } else if self.tee.ended() {
                // What may still come is counts, and a frame that says so.
                let rest = tokio::time::timeout(END_GRACE, self.upstream.chunk()).await;
                rest.unwrap_or_else(|_| {
                    self.frames = RawFrames::default();
                    Ok(None)
                })
            } else {
                self.upstream.chunk().await
            };
            let sorted = match arrived {
                // It has said why it stopped: nothing of it is missing, however the connection ends.
                Err(_) if self.tee.ended() => self.ended(&mut out),
                Ok(Some(chunk)) => match self.frames.push(&chunk) {
                    Ok(batch) => self.sort(&batch, &mut out),
                    Err(error) => Err(truncated(&error.to_string()).into()),
                },
                Ok(None) => self.closed(&mut out),
                Err(error) => Err(error.to_fault().into()),
            };
            let seen = self.tee.observed();
            recorder.usage(seen.usage.as_ref(), seen.said_bytes);
            if let Err(Break { fault, own_word }) = sorted {
                self.done = true;
                let fault = redact_message(*fault, &self.instance);
                return Progress::Failed { sent_before: out.into(), fault, own_word };
            }
            if self.done {
                return if out.is_empty() { Progress::End } else { Progress::Bytes(out.into()) };
            }
        }
    }
}

impl RelayStream {
    /// What else has arrived by now, as far as one write takes it. The first bytes of an answer are not held up for that.
    async fn more(&mut self, held_bytes: usize) -> Option<Result<Option<Bytes>, EgressError>> {
        if !std::mem::replace(&mut self.begun, true) || held_bytes >= GATHERED_BYTES {
            return None;
        }
        drain_ready::next_ready(&mut self.upstream).await
    }
}

impl RelayStream {
    /// The upstream closed its stream: whole, or cut short.
    fn closed(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        if let Some(rest) = std::mem::take(&mut self.frames).finish() {
            let whole_done = rest
                .iter()
                .any(|(_, message)| message.data.is_some_and(|data| self.ingress.is_terminator(&data)));
            if whole_done {
                // The blank line never came; the client needs it.
                return self.ended(out);
            }
            self.sort(&rest, out)?;
            out.extend_from_slice(b"\n\n");
        }
        self.ended(out)
    }

    /// Not every upstream says `[DONE]`; clients of this wire wait for it.
    fn ended(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        if !self.tee.ended() {
            return Err(truncated("the upstream closed its stream before the answer was whole").into());
        }
        out.extend_from_slice(self.ingress.terminator().as_bytes());
        self.done = true;
        Ok(())
    }
}

fn truncated(what: &str) -> Fault {
    Fault::new(FaultKind::Upstream, Origin::Upstream, what).failover()
}
