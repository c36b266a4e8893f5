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
use crate::generation::{GoingOn, TranslateStream};
use crate::record::Recorder;

/// Comments and promises are held until the answer begins; no honest upstream makes more of them.
const HELD_BYTES: usize = 1 << 20;
/// An answer that is longer than that as it goes out is not gone on with.
const GONE_ON_BYTES: usize = 4 << 20;

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
    /// What was sound before the failure, then the failure, and the upstream's own word of it where it has one that the client
    /// understands.
    Failed {
        sent_before: Bytes,
        fault: Fault,
        own_word: Bytes,
    },
    End,
}

/// A streamed answer of either lane.
pub(crate) trait AnswerSource: Send + 'static {
    /// Whether a part of the answer came by; neither a comment nor the promise of an answer is one.
    fn spoke(&self) -> bool;
    /// Whether what was said is what it seems: a refusal may look like any text.
    fn is_plain(&self) -> bool {
        true
    }
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
            Progress::Failed { sent_before, fault, own_word }
                if source.spoke() && !sent_before.is_empty() =>
            {
                held.extend_from_slice(&sent_before);
                return Ok(FirstBytes { first: held.into(), failed: Some((fault, own_word)) });
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
    /// With the upstream's own word of it.
    pub(crate) failed: Option<(Fault, Bytes)>,
}

/// The whole stream, from its first bytes to its record.
pub(crate) fn stream<S: AnswerSource>(
    ingress: Ingress,
    source: S,
    first: FirstBytes,
    recorder: Recorder,
    keeper: AnswerKeeper,
    going_on: Option<Box<GoingOn>>,
) -> Reply {
    let state = Streaming {
        source: Source::Own(source),
        recorder: Some(recorder),
        first: Some(first),
        keeper,
        going_on: going_on.map(|going_on| (going_on, Vec::new())),
    };
    Reply::Stream(Box::pin(futures_util::stream::unfold(state, move |mut state| async move {
        let mut recorder = state.recorder.take()?;
        let progress = match state.first.take() {
            Some(FirstBytes { first, failed: None }) => Progress::Bytes(first),
            Some(FirstBytes { first, failed: Some((fault, own_word)) }) => {
                Progress::Failed { sent_before: first, fault, own_word }
            }
            None => state.source.next(&mut recorder).await,
        };
        match progress {
            Progress::Bytes(bytes) => {
                recorder.sent(&bytes);
                state.note(&bytes);
                // Who reads the last of it may go on from it at once.
                if state.keeper.waits()
                    && let Some(answer) = state.source.kept()
                {
                    state.keeper.keep(answer);
                }
                state.recorder = Some(recorder);
                Some((bytes, state))
            }
            Progress::Failed { sent_before, fault, own_word } => {
                recorder.sent(&sent_before);
                state.note(&sent_before);
                if state.going_on.is_some() && !sent_before.is_empty() {
                    // They do not wait for what comes behind them.
                    state.first = Some(FirstBytes { first: Bytes::new(), failed: Some((fault, own_word)) });
                    state.recorder = Some(recorder);
                    return Some((sent_before, state));
                }
                if let Some(bytes) = state.go_on(&fault, &mut recorder).await {
                    recorder.sent(&bytes);
                    state.recorder = Some(recorder);
                    return Some((bytes, state));
                }
                let mut out = sent_before.to_vec();
                state.keep_cut(AnswerCut::Failed(&report(&fault)));
                if own_word.is_empty() {
                    let own = state.source.failure(&report(&fault));
                    let event = own.unwrap_or_else(|| ingress.error_event(&report(&fault)));
                    recorder.sent(event.as_bytes());
                    out.extend_from_slice(event.as_bytes());
                } else {
                    recorder.sent(&own_word);
                    out.extend_from_slice(&own_word);
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
    source: Source<S>,
    recorder: Option<Recorder>,
    first: Option<FirstBytes>,
    keeper: AnswerKeeper,
    /// What goes on with an answer that breaks off, and what the client has of it; none where nothing does.
    going_on: Option<(Box<GoingOn>, Vec<u8>)>,
}

impl<S: AnswerSource> Streaming<S> {
    /// The client has these bytes, too.
    fn note(&mut self, bytes: &[u8]) {
        if let Some((_, has)) = &mut self.going_on {
            has.extend_from_slice(bytes);
        }
        self.going_on.take_if(|(_, has)| has.len() > GONE_ON_BYTES);
    }

    /// Lets another candidate go on with the answer, once: the first bytes of that, with a mark.
    async fn go_on(&mut self, fault: &Fault, recorder: &mut Recorder) -> Option<Bytes> {
        let (going_on, has) = self.going_on.take().filter(|_| self.source.is_plain())?;
        // Rare and large: a stream that breaks off nowhere has no room for it.
        let (source, FirstBytes { first, failed }) = Box::pin(going_on.begin(&has, fault, recorder)).await?;
        self.source = Source::Continued(source);
        self.first = failed.map(|failed| FirstBytes { first: Bytes::new(), failed: Some(failed) });
        Some([Ingress::CONTINUED.as_bytes(), &first].concat().into())
    }

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

/// Who gives the answer.
enum Source<S> {
    Own(S),
    /// Another, from where the first one broke off.
    Continued(Box<TranslateStream>),
}

impl<S: AnswerSource> AnswerSource for Source<S> {
    fn spoke(&self) -> bool {
        match self {
            Self::Own(own) => own.spoke(),
            Self::Continued(other) => other.spoke(),
        }
    }

    fn is_plain(&self) -> bool {
        match self {
            Self::Own(own) => own.is_plain(),
            Self::Continued(other) => other.is_plain(),
        }
    }

    fn failure(&mut self, error: &ErrorReport<'_>) -> Option<String> {
        match self {
            Self::Own(own) => own.failure(error),
            Self::Continued(other) => other.failure(error),
        }
    }

    fn kept(&mut self) -> Option<Json> {
        match self {
            Self::Own(own) => own.kept(),
            Self::Continued(other) => other.kept(),
        }
    }

    fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        match self {
            Self::Own(own) => own.cut(cut),
            Self::Continued(other) => other.cut(cut),
        }
    }

    async fn next(&mut self, recorder: &mut Recorder) -> Progress {
        match self {
            Self::Own(own) => own.next(recorder).await,
            Self::Continued(other) => other.next(recorder).await,
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
