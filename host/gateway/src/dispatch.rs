//! Walks the plan: asks each candidate's gate and component, again and elsewhere as `core::traffic::attempt` has it,
//! until one answers or none is left. A fault of the request itself never wanders through the candidates.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::id::{Completion, Id};
use brains_core::traffic::attempt::{self, Moment, Next};
use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon::exchange::Field;
use brains_dialect::canon::relay::{Call, Lane, Outbound, Surface};
use brains_dialect::canon::{CallContext, ChatRequest};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::AnswerIdentity;
use brains_dialect::json;
use brains_runtime::ActiveSet;
use brains_runtime::{Exchange, Instance};

use crate::exchange::redact_message;
use crate::facts::Facts;
use crate::gates::Rejected;
use crate::plan::{Plan, RankedCandidate};
use crate::record::Recorder;
use crate::relay::{self, RelayStream, invalid_body, spliced};
use crate::reply::{self, Reply};
use crate::translate::{self, AnswerWriter, Opened, SinglePiece, TranslateCall, with_preamble};
use crate::{Gateway, INGRESS, exchange};

const JSON: &str = "application/json";

/// One request on its way to the candidates.
#[derive(Debug)]
pub(crate) struct Dispatch<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) snapshot: &'a ActiveSet,
    pub(crate) envelope: &'a Envelope<'a>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) request_id: &'a str,
    pub(crate) headers: &'a [Field],
    pub(crate) query: &'a str,
    pub(crate) deadline: Instant,
}

/// What follows when a candidate gave no answer.
struct FailedCandidate {
    fault: Fault,
    next: Next,
    /// It was not asked at all.
    skipped: bool,
}

impl Dispatch<'_> {
    /// Tries the candidates in order. The recorder ends in the reply, or here.
    pub(crate) async fn run(
        &self,
        plan: &Plan,
        facts: &mut Facts,
        mut recorder: Recorder,
    ) -> Result<Reply, Fault> {
        match self.walk(plan, facts, &mut recorder).await {
            Ok(answer) => Ok(answer.into_reply(recorder)),
            Err(fault) => {
                recorder.failed(&fault);
                Err(fault)
            }
        }
    }

    /// The first answer, or the fault that tells the client most: one of a candidate that was asked says more than
    /// a closed gate, and among closed gates the one that opens first.
    async fn walk(&self, plan: &Plan, facts: &mut Facts, recorder: &mut Recorder) -> Result<Answer, Fault> {
        let mut best: Option<FailedCandidate> = None;
        let mut larger_than: Option<u32> = None;
        for (at, candidate) in plan.attempts.iter().enumerate() {
            if let Some(window) = larger_than
                && self.window(candidate).is_none_or(|other| other <= window)
            {
                recorder.skipped(candidate, "its window is not known to be larger");
                facts.failed(candidate, "window_not_larger");
                continue;
            }
            let others = plan.attempts.len() - at - 1;
            let failed = match self.candidate(candidate, others, facts, recorder).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let next = failed.next;
            best = Some(match best {
                Some(before) if failed.skipped && !before.skipped => before,
                Some(before)
                    if failed.skipped && before.fault.retry_after_ms <= failed.fault.retry_after_ms =>
                {
                    before
                }
                _ => failed,
            });
            match next {
                Next::Other => {}
                Next::Larger => {
                    if self.window(candidate).is_none() {
                        let gateway = self.gateway;
                        gateway.catalogue.refresh(self.snapshot, &gateway.egress, &*gateway.ambient).await;
                    }
                    larger_than = Some(self.window(candidate).unwrap_or(0));
                }
                Next::End | Next::Again { .. } => break,
            }
        }
        Err(best.map_or_else(|| Fault::unavailable("no candidate is left"), |failed| failed.fault))
    }

    /// The candidate's window, when it is known.
    fn window(&self, candidate: &RankedCandidate) -> Option<u32> {
        self.gateway.catalogue.find(&candidate.provider, &candidate.model)?.context
    }

    /// All attempts at one candidate, as its policy has it.
    async fn candidate(
        &self,
        candidate: &RankedCandidate,
        others: usize,
        facts: &mut Facts,
        recorder: &mut Recorder,
    ) -> Result<Answer, FailedCandidate> {
        let after_skip = if others > 0 { Next::Other } else { Next::End };
        let Some(instance) = self.snapshot.provider(&candidate.provider) else {
            let fault = Fault::unavailable(format!("provider `{}` is gone", candidate.provider));
            return Err(FailedCandidate { fault, next: after_skip, skipped: true });
        };
        let policy = self.snapshot.config.provider_policy(instance.name(), instance.aliases());
        match self.gateway.gates.enter(instance, &candidate.model, &policy) {
            Ok(permit) => recorder.entered(permit),
            Err(rejected) => {
                let Rejected { code, fault } = *rejected;
                recorder.skipped(candidate, &fault.message);
                facts.failed(candidate, code);
                return Err(FailedCandidate { fault, next: after_skip, skipped: true });
            }
        }
        let known = self.gateway.catalogue.find(&candidate.provider, &candidate.model);
        let prices = known.map_or((None, None), |known| (known.input_price, known.output_price));
        let mut attempt = 1;
        loop {
            facts.tried(candidate);
            recorder.attempt(candidate, prices);
            let ended =
                tokio::time::timeout_at(self.deadline, self.attempt(instance, candidate, facts, recorder));
            let fault = match ended.await {
                Ok(Ok(answer)) => {
                    recorder.begun();
                    return Ok(answer);
                }
                Ok(Err(fault)) => redact_message(fault, instance),
                Err(_) => out_of_time(),
            };
            recorder.attempt_failed(&fault);
            facts.failed(candidate, &fault.code);
            let moment = Moment {
                attempt,
                others,
                probe: recorder.is_probe(),
                left_ms: self.left_ms(),
                entropy: self.entropy(),
            };
            let next = attempt::next(&fault, policy.retries(), moment);
            tracing::info!(
                provider = candidate.provider, model = candidate.model, attempt, cause = %fault.code, ?next,
                "attempt failed"
            );
            let Next::Again { wait_ms } = next else {
                recorder.gave_up(&fault);
                return Err(FailedCandidate { fault, next, skipped: false });
            };
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            attempt += 1;
        }
    }

    fn left_ms(&self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    fn entropy(&self) -> u64 {
        let mut bytes = [0; 8];
        self.gateway.ambient.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// One attempt.
    async fn attempt(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        facts: &mut Facts,
        recorder: &mut Recorder,
    ) -> Result<Answer, Fault> {
        match self.relayed(instance, candidate, facts.attempts, recorder).await? {
            Some(answer) => Ok(answer),
            None => self.translated(instance, candidate, facts, recorder).await,
        }
    }

    /// The relay lane; none when the component does not speak the client's wire, or declines.
    async fn relayed(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        attempt: u32,
        recorder: &mut Recorder,
    ) -> Result<Option<Answer>, Fault> {
        let Some((mut component, outbound)) = self.prepared(instance, candidate, attempt).await? else {
            return Ok(None);
        };
        let preamble = &self.snapshot.config.gateway_preamble;
        let body = spliced(self.envelope, preamble, self.stream, &outbound.edits)?;
        let upstream =
            exchange::send(&self.gateway.egress, instance, outbound.request, body, self.deadline).await?;
        if !(200..300).contains(&upstream.status()) {
            return Err(
                exchange::refusal(&mut component, instance, upstream, self.gateway.ambient.now()).await
            );
        }
        // The component has said all it has to say; its memory is not held while bytes move.
        drop(component);
        if !self.stream {
            return relay::whole(upstream, instance, recorder).await.map(Answer::Whole).map(Some);
        }
        let mut stream = RelayStream::new(upstream, Arc::clone(instance), !self.include_usage);
        let first = reply::begin(&mut stream, recorder).await?;
        Ok(Some(Answer::Relay(Box::new(stream), first)))
    }

    /// The exchange as the component describes it; none when the relay lane is not for this request.
    async fn prepared(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        attempt: u32,
    ) -> Result<Option<(Exchange, Outbound)>, Fault> {
        let relays =
            |surface: &Surface| surface.name == INGRESS.surface() && surface.dialect == INGRESS.name();
        if !instance.surfaces().iter().any(relays) {
            return Ok(None);
        }
        let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
        let call = Call {
            surface: INGRESS.surface().to_owned(),
            model: candidate.model.clone(),
            stream: self.stream,
            query: self.query.to_owned(),
            headers: self.headers.to_vec(),
            ctx: self.context(attempt),
        };
        match component.prepare(call).await.map_err(|fault| fault.to_fault())? {
            Lane::Translate => Ok(None),
            Lane::Relay(outbound) => Ok(Some((component, outbound))),
        }
    }

    /// The lane that a candidate's attempt would take, without making it.
    pub(crate) async fn lane(&self, candidate: &RankedCandidate) -> Option<&'static str> {
        let instance = self.snapshot.provider(&candidate.provider)?;
        match self.prepared(instance, candidate, 1).await {
            Ok(Some(_)) => Some("relay"),
            Ok(None) => Some("translate"),
            Err(_) => None,
        }
    }

    async fn translated(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        facts: &mut Facts,
        recorder: &mut Recorder,
    ) -> Result<Answer, Fault> {
        let mut request = self.canonical()?;
        request.model.clone_from(&candidate.model);
        with_preamble(&mut request, &self.snapshot.config.gateway_preamble);
        let identity = AnswerIdentity {
            id: INGRESS.answer_id(Id::<Completion>::mint(&*self.gateway.ambient).unique()),
            created: self.gateway.ambient.now().0 / 1000,
            model: candidate.model.clone(),
        };
        let call = TranslateCall {
            egress: &self.gateway.egress,
            instance,
            request,
            ctx: self.context(facts.attempts),
            deadline: self.deadline,
            now: self.gateway.ambient.now(),
        };
        let opened =
            translate::open(call, AnswerWriter::new(identity.clone(), self.include_usage), recorder).await?;
        facts.losses.clone_from(&recorder.losses_so_far());
        match opened {
            Opened::Events(events) => {
                let writer = AnswerWriter::new(identity, self.include_usage);
                if self.stream {
                    writer.streamed(&events, recorder).map(Answer::SinglePiece)
                } else {
                    writer.whole(&events, recorder).map(Answer::Whole)
                }
            }
            Opened::Stream(mut stream) => {
                let first = reply::begin(&mut *stream, recorder).await?;
                Ok(Answer::Translate(stream, first))
            }
        }
    }

    /// The request as a tree, which has a bound: the relay lane makes none, and so has none.
    fn canonical(&self) -> Result<ChatRequest, Fault> {
        let body = self.envelope.text().as_bytes();
        json::within(body, self.snapshot.config.budgets.json_nodes).map_err(|over| {
            Fault::invalid(format!("the request is too large a document: {over}"))
                .code("json_too_large")
                .hint("send less at once, or raise `budgets.json_nodes`")
        })?;
        INGRESS.decode(self.envelope).map_err(invalid_body)
    }

    fn context(&self, attempt: u32) -> CallContext {
        CallContext { request_id: self.request_id.to_owned(), attempt, ..CallContext::default() }
    }
}

/// With no time left nobody else can answer either.
fn out_of_time() -> Fault {
    Fault::new(FaultKind::Timeout, Origin::Upstream, "the request took longer than its total time")
        .hint("`total_timeout_seconds` sets it")
}

/// An answer that has first.
enum Answer {
    Whole(Bytes),
    SinglePiece(Bytes),
    Relay(Box<RelayStream>, reply::FirstBytes),
    Translate(Box<translate::TranslateStream>, reply::FirstBytes),
}

impl Answer {
    fn into_reply(self, recorder: Recorder) -> Reply {
        match self {
            Self::Whole(body) => {
                recorder.answered();
                Reply::Whole { content_type: JSON, body }
            }
            Self::Relay(stream, first) => reply::stream(*stream, first, recorder),
            Self::Translate(stream, first) => reply::stream(*stream, first, recorder),
            Self::SinglePiece(bytes) => {
                let first = reply::FirstBytes { first: bytes, fault: None };
                reply::stream(SinglePiece(None), first, recorder)
            }
        }
    }
}
