//! The relay lane: client and upstream speak the same wire. The component decides the exchange, the host
//! splices a few top-level members and moves the bytes; every other byte stays as it was.

use std::sync::Arc;

use bytes::Bytes;

use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::ingress::{FrameOutcome, Ingress, RelayTee};
use brains_dialect::sse::{Batch, RawFrames};
use brains_egress::{EgressError, Upstream};
use brains_runtime::Instance;

use super::drain_ready;
use crate::exchange::{component_fault, redact_message};
use crate::record::Recorder;
use crate::reply::{AnswerSource, Progress};

/// The largest whole answer that is read into memory.
pub(crate) const WHOLE_BYTES: usize = 32 << 20;
/// Frames are gathered into one write up to this size.
const GATHERED_BYTES: usize = 64 << 10;

/// Reads a whole answer and judges it before a byte of it goes out.
pub(crate) async fn whole(
    ingress: Ingress,
    upstream: Upstream,
    instance: &Instance,
    recorder: &mut Recorder,
) -> Result<Bytes, Fault> {
    let body = upstream.read_all(WHOLE_BYTES).await.map_err(|error| error.to_fault())?;
    let mut tee = ingress.tee();
    tee.whole(&body).map_err(|fault| redact_message(component_fault(fault), instance))?;
    recorder.sent(&body);
    recorder.usage(tee.observed().usage.as_ref());
    Ok(body)
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

    /// Sorts a batch into what goes out now; an error inside it ends the stream.
    fn sort(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut untouched = true;
        let begin = out.len();
        for (bytes, message) in batch.iter() {
            match self.tee.frame(message.data.as_deref()) {
                FrameOutcome::Forward => out.extend_from_slice(bytes),
                FrameOutcome::UsageOnly if !self.hide_usage => out.extend_from_slice(bytes),
                FrameOutcome::UsageOnly => untouched = false,
                FrameOutcome::Done => {
                    if !self.tee.ended() {
                        return Err(truncated("the upstream ended its stream before the answer was whole"));
                    }
                    out.extend_from_slice(bytes);
                    self.done = true;
                    return Ok(());
                }
                FrameOutcome::Error(fault) => return Err(component_fault(fault)),
                FrameOutcome::Malformed => {
                    return Err(truncated("the upstream sent a frame that is not JSON"));
                }
            }
        }
        debug_assert!(!untouched || out.len() - begin == batch.bytes.len(), "frames cover the batch");
        Ok(())
    }
}

impl AnswerSource for RelayStream {
    fn spoke(&self) -> bool {
        self.tee.begun()
    }

    async fn next(&mut self, recorder: &mut Recorder) -> Progress {
        if self.done {
            return Progress::End;
        }
        let mut out = Vec::new();
        loop {
            let arrived = if out.is_empty() {
                self.upstream.chunk().await
            } else if let Some(arrived) = self.more(out.len()).await {
                arrived
            } else {
                return Progress::Bytes(out.into());
            };
            let sorted = match arrived {
                Ok(Some(chunk)) => match self.frames.push(&chunk) {
                    Ok(batch) => self.sort(&batch, &mut out),
                    Err(error) => Err(truncated(&error.to_string())),
                },
                Ok(None) => self.closed(&mut out),
                Err(error) => Err(error.to_fault()),
            };
            recorder.usage(self.tee.observed().usage.as_ref());
            if let Err(fault) = sorted {
                self.done = true;
                return Progress::Failed {
                    sent_before: out.into(),
                    fault: redact_message(fault, &self.instance),
                };
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
    fn closed(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
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
    fn ended(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.tee.ended() {
            return Err(truncated("the upstream closed its stream before the answer was whole"));
        }
        out.extend_from_slice(self.ingress.terminator().as_bytes());
        self.done = true;
        Ok(())
    }
}

fn truncated(what: &str) -> Fault {
    Fault::new(FaultKind::Upstream, Origin::Upstream, what).failover()
}
