//! Walks the plan: asks each candidate's component for the lane, until one answers or none is left. A fault of
//! the request itself never wanders through the candidates.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::Fault;
use brains_core::id::{Completion, Id};
use brains_dialect::canon::exchange::Field;
use brains_dialect::canon::relay::{Call, Lane};
use brains_dialect::canon::{CallContext, ChatRequest};
use brains_dialect::chat::DIALECT;
use brains_dialect::chat::request::{self, Decoded};
use brains_dialect::chat::response::Identity;
use brains_dialect::envelope::Envelope;
use brains_runtime::Instance;
use brains_runtime::swap::Snapshot;

use crate::facts::Facts;
use crate::plan::{Candidacy, Plan};
use crate::record::Recorder;
use crate::relay::{self, RelayStream, invalid_body, spliced};
use crate::reply::{self, Reply};
use crate::translate::{self, Asking, Opened, Ready, Writer, with_preamble};
use crate::{Gateway, exchange};

const JSON: &str = "application/json";
/// The surface of chat completions, as components name it.
const SURFACE: &str = "chat";

/// One request on its way to the candidates.
#[derive(Debug)]
pub(crate) struct Dispatch<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) envelope: &'a Envelope<'a>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) request_id: &'a str,
    pub(crate) headers: &'a [Field],
    pub(crate) query: &'a str,
    pub(crate) deadline: Instant,
}

impl Dispatch<'_> {
    /// Tries the candidates in order. The recorder ends in the reply, or here.
    pub(crate) async fn run(
        &self,
        plan: &Plan,
        facts: &mut Facts,
        mut recorder: Recorder,
    ) -> Result<Reply, Fault> {
        let last = plan.attempts.len().saturating_sub(1);
        for (at, candidate) in plan.attempts.iter().enumerate() {
            facts.tried(candidate);
            let known = self.gateway.catalogue.find(&candidate.provider, &candidate.model);
            let prices = known.map_or((None, None), |known| (known.input_price, known.output_price));
            recorder.attempt(&candidate.tier, &candidate.provider, &candidate.model, prices);
            recorder = match self.attempt(candidate, facts, recorder).await {
                Ok(reply) => return Ok(reply),
                Err((fault, mut recorder)) => {
                    recorder.attempt_failed(&fault);
                    if at == last || !fault.failover {
                        recorder.failed(&fault);
                        return Err(fault);
                    }
                    tracing::info!(
                        provider = candidate.provider, model = candidate.model, cause = %fault.code,
                        "attempt failed, the next candidate is tried"
                    );
                    recorder
                }
            };
        }
        let fault = Fault::unavailable("no candidate is left");
        recorder.failed(&fault);
        Err(fault)
    }

    /// One attempt. The recorder comes back with a fault, so that another attempt can follow.
    async fn attempt(
        &self,
        candidate: &Candidacy,
        facts: &mut Facts,
        mut recorder: Recorder,
    ) -> Result<Reply, (Fault, Recorder)> {
        let Some(instance) = self.snapshot.provider(&candidate.provider) else {
            return Err((Fault::unavailable(format!("provider `{}` is gone", candidate.provider)), recorder));
        };
        let lane = self.relayed(instance, candidate, facts.attempts, &mut recorder).await;
        let outcome = match lane {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => self.translated(instance, candidate, facts, &mut recorder).await,
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(Answer::Whole(body)) => {
                recorder.answered();
                Ok(Reply::Whole { content_type: JSON, body })
            }
            Ok(Answer::Relay(stream, begun)) => Ok(reply::stream(*stream, begun, recorder)),
            Ok(Answer::Translate(stream, begun)) => Ok(reply::stream(*stream, begun, recorder)),
            Ok(Answer::Ready(bytes)) => {
                let begun = reply::Begun { first: bytes, fault: None };
                Ok(reply::stream(Ready(None), begun, recorder))
            }
            Err(fault) => Err((fault, recorder)),
        }
    }

    /// The relay lane; none when the component does not speak the client's wire, or declines.
    async fn relayed(
        &self,
        instance: &Arc<Instance>,
        candidate: &Candidacy,
        attempt: u32,
        recorder: &mut Recorder,
    ) -> Result<Option<Answer>, Fault> {
        if !instance.surfaces().iter().any(|surface| surface.name == SURFACE && surface.dialect == DIALECT) {
            return Ok(None);
        }
        let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
        let call = Call {
            surface: SURFACE.to_owned(),
            model: candidate.model.clone(),
            stream: self.stream,
            query: self.query.to_owned(),
            headers: self.headers.to_vec(),
            ctx: self.context(attempt),
        };
        let outbound = match component.prepare(call).await.map_err(|fault| fault.to_fault())? {
            Lane::Translate => return Ok(None),
            Lane::Relay(outbound) => outbound,
        };
        let preamble = &self.snapshot.config.gateway_preamble;
        let body = spliced(self.envelope, preamble, self.stream, &outbound.edits)?;
        let upstream =
            exchange::send(&self.gateway.egress, instance, outbound.request, body, self.deadline).await?;
        if !(200..300).contains(&upstream.status()) {
            return Err(exchange::refusal(&mut component, upstream).await);
        }
        // The component has said all it has to say; its memory is not held while bytes move.
        drop(component);
        if !self.stream {
            return relay::whole(upstream, recorder).await.map(Answer::Whole).map(Some);
        }
        let mut stream = RelayStream::new(upstream, !self.include_usage);
        let begun = reply::begin(&mut stream, recorder).await?;
        Ok(Some(Answer::Relay(Box::new(stream), begun)))
    }

    async fn translated(
        &self,
        instance: &Arc<Instance>,
        candidate: &Candidacy,
        facts: &mut Facts,
        recorder: &mut Recorder,
    ) -> Result<Answer, Fault> {
        let mut request = self.canonical()?;
        request.model.clone_from(&candidate.model);
        with_preamble(&mut request, &self.snapshot.config.gateway_preamble);
        let identity = Identity {
            id: format!("chat{}", Id::<Completion>::mint(&*self.gateway.ambient)).replacen('_', "-", 1),
            created: self.gateway.ambient.now().0 / 1000,
            model: candidate.model.clone(),
        };
        let asked = Asking {
            egress: &self.gateway.egress,
            instance,
            request,
            ctx: self.context(facts.attempts),
            deadline: self.deadline,
        };
        let opened =
            translate::open(asked, Writer::new(identity.clone(), self.include_usage), recorder).await?;
        facts.losses.clone_from(&recorder.losses_so_far());
        match opened {
            Opened::Events(events) => {
                let writer = Writer::new(identity, self.include_usage);
                if self.stream {
                    writer.streamed(&events, recorder).map(Answer::Ready)
                } else {
                    writer.whole(&events, recorder).map(Answer::Whole)
                }
            }
            Opened::Stream(mut stream) => {
                let begun = reply::begin(&mut *stream, recorder).await?;
                Ok(Answer::Translate(stream, begun))
            }
        }
    }

    fn canonical(&self) -> Result<ChatRequest, Fault> {
        let Decoded { request, .. } =
            request::decode(self.envelope.text().as_bytes()).map_err(invalid_body)?;
        Ok(request)
    }

    fn context(&self, attempt: u32) -> CallContext {
        CallContext { request_id: self.request_id.to_owned(), attempt, ..CallContext::default() }
    }
}

enum Answer {
    Whole(Bytes),
    Ready(Bytes),
    Relay(Box<RelayStream>, reply::Begun),
    Translate(Box<translate::TranslateStream>, reply::Begun),
}
