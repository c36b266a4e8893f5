//! What a request comes to: a whole body, or a stream that has already said something. Until a stream has
//! said something, its failure is still a status; afterwards it is an error event, and never a quiet end.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon::Json;
use brains_dialect::ingress::{AnswerCut, ErrorReport, Ingress};

use crate::conversation::AnswerKeeper;
use crate::record::Recorder;

/// Comments and promises are held until the answer begins; no honest upstream makes more of them.
const HELD_BYTES: usize = 1 << 20;

/// The answer to a request.
pub enum Reply {
    Whole {
        content_type: &'static str,
        body: Bytes,
    },
    /// Frames of server-sent events; dropping it cancels the upstream call.
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { body, .. } => f.debug_struct("Whole").field("bytes", &body.len()).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// One step of a streamed answer.
#[derive(Debug)]
pub(crate) enum Progress {
    Bytes(Bytes),
    /// What was sound before the failure, then the failure. When it is told, the upstream's own word of it is at the end of
    /// what was sent.
    Failed {
        sent_before: Bytes,
        fault: Fault,
        is_told: bool,
    },
    End,
}

/// A streamed answer of either lane.
pub(crate) trait AnswerSource: Send + 'static {
    /// Whether a part of the answer came by; neither a comment nor the promise of an answer is one.
    fn spoke(&self) -> bool;
    /// A failure as the end of this very answer, where the client's wire has one.
    fn failure(&mut self, _: &ErrorReport<'_>) -> Option<String> {
        None
    }
    /// The whole answer, once its end has come by; none where answers are not kept.
    fn kept(&mut self) -> Option<Json> {
        None
    }
    /// What was said of an answer that does not become whole.
    fn cut(&self, _: AnswerCut<'_>) -> Option<Json> {
        None
    }
    fn next(&mut self, recorder: &mut Recorder) -> impl Future<Output = Progress> + Send;
}

/// Reads until the answer has begun. A failure before that is the attempt's, and another candidate may answer.
pub(crate) async fn begin<S: AnswerSource>(
    source: &mut S,
    recorder: &mut Recorder,
) -> Result<FirstBytes, Fault> {
    let mut held = Vec::new();
    loop {
        match source.next(recorder).await {
            Progress::Bytes(bytes) if source.spoke() && held.is_empty() => {
                return Ok(FirstBytes { first: bytes, failed: None });
            }
            Progress::Bytes(bytes) => {
                held.extend_from_slice(&bytes);
                if source.spoke() {
                    return Ok(FirstBytes { first: held.into(), failed: None });
                }
                if held.len() > HELD_BYTES {
                    let message = "the upstream talks without beginning to answer";
                    return Err(Fault::new(FaultKind::Upstream, Origin::Upstream, message).failover());
                }
            }
            Progress::Failed { sent_before, fault, is_told } if source.spoke() && !sent_before.is_empty() => {
                held.extend_from_slice(&sent_before);
                return Ok(FirstBytes { first: held.into(), failed: Some((fault, is_told)) });
            }
            Progress::Failed { fault, .. } => return Err(fault),
            Progress::End => return Ok(FirstBytes { first: held.into(), failed: None }),
        }
    }
}

/// The first bytes of an answer, and the failure that came right behind them.
#[derive(Debug)]
pub(crate) struct FirstBytes {
    pub(crate) first: Bytes,
    /// With it, and whether it is told in them.
    pub(crate) failed: Option<(Fault, bool)>,
}

/// The whole stream, from its first bytes to its record.
pub(crate) fn stream<S: AnswerSource>(
    ingress: Ingress,
    source: S,
    first: FirstBytes,
    recorder: Recorder,
    keeper: AnswerKeeper,
) -> Reply {
    let state = Streaming { source, recorder: Some(recorder), first: Some(first), keeper };
    Reply::Stream(Box::pin(futures_util::stream::unfold(state, move |mut state| async move {
        let mut recorder = state.recorder.take()?;
        let progress = match state.first.take() {
            Some(FirstBytes { first, failed: None }) => Progress::Bytes(first),
            Some(FirstBytes { first, failed: Some((fault, is_told)) }) => {
                Progress::Failed { sent_before: first, fault, is_told }
            }
            None => state.source.next(&mut recorder).await,
        };
        match progress {
            Progress::Bytes(bytes) => {
                recorder.sent(&bytes);
                // Who reads the last of it may go on from it at once.
                if state.keeper.waits()
                    && let Some(answer) = state.source.kept()
                {
                    state.keeper.keep(answer);
                }
                state.recorder = Some(recorder);
                Some((bytes, state))
            }
            Progress::Failed { sent_before, fault, is_told } => {
                let mut out = sent_before.to_vec();
                recorder.sent(&out);
                state.keep_cut(AnswerCut::Failed(&report(&fault)));
                if !is_told {
                    let own = state.source.failure(&report(&fault));
                    let event = own.unwrap_or_else(|| ingress.error_event(&report(&fault)));
                    recorder.sent(event.as_bytes());
                    out.extend_from_slice(event.as_bytes());
                }
                recorder.failed(&fault);
                Some((out.into(), state))
            }
            Progress::End => {
                state.keeper.leave();
                recorder.answered();
                None
            }
        }
    })))
}

/// A stream under way.
struct Streaming<S: AnswerSource> {
    source: S,
    recorder: Option<Recorder>,
    first: Option<FirstBytes>,
    keeper: AnswerKeeper,
}

impl<S: AnswerSource> Streaming<S> {
    /// Keeps what was said of an answer that does not become whole.
    fn keep_cut(&mut self, cut: AnswerCut<'_>) {
        if self.keeper.waits() {
            match self.source.cut(cut) {
                Some(answer) => self.keeper.keep(answer),
                None => self.keeper.leave(),
            }
        }
    }
}

impl<S: AnswerSource> Drop for Streaming<S> {
    /// A client that leaves drops its stream.
    fn drop(&mut self) {
        self.keep_cut(AnswerCut::Cancelled);
    }
}

/// What wires have a place for of a failure.
fn report(fault: &Fault) -> ErrorReport<'_> {
    ErrorReport {
        message: &fault.message,
        status: fault.http_status(),
        param: fault.param.as_deref(),
        code: Some(&fault.code),
    }
}

/// The error event of the client's wire, with what its clients wait for.
pub(crate) fn error_event(ingress: Ingress, fault: &Fault) -> String {
    ingress.error_event(&report(fault))
}
