//! Vectors for texts, on the way that every request to a model takes: planned, walked, recorded. No classifier is asked, for
//! vectors of two models cannot stand in one index: the request names a model, or the configuration does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::config::Config;
use brains_core::spending::RequestSize;
use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon::Usage;
use brains_dialect::canon::exchange::{Head, Response};
use brains_dialect::embeddings::EmbeddingsRequest;
use brains_dialect::envelope::Envelope;
use brains_runtime::Instance;
use brains_store::UsageSlot;

use crate::catalogue::payload;
use crate::exchange::{self, component_fault};
use crate::keepalive::KnownHead;
use crate::plan::{self, Plan, PlanContext, RankedCandidate};
use crate::record::{Recorder, UsageListener};
use crate::reply::Reply;
use crate::request::{GatewayCall, invalid_body};
use crate::resolve;
use crate::spending::{Reserved, SpendingRequest};
use crate::upstreams::Upstreams;
use crate::walk::{ProviderAttempt, Walk};
use crate::{GatewayState, JSON, Outcome};

/// What these requests are called in traces.
const API: &str = "embeddings";
/// The largest answer that is read into memory.
const ANSWER_BYTES: usize = 32 << 20;

/// One request, to whichever provider.
struct EmbeddingsAttempt<'a> {
    upstreams: &'a Upstreams,
    request: &'a EmbeddingsRequest,
    request_id: &'a str,
    deadline: Instant,
}

impl ProviderAttempt for EmbeddingsAttempt<'_> {
    type Answer = Bytes;

    async fn attempt(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        recorder: &mut Recorder,
    ) -> Result<Bytes, Fault> {
        if !instance.exports().embeddings {
            return Err(gives_none(candidate));
        }
        let Upstreams { sender, ambient, .. } = self.upstreams;
        let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
        let ctx = exchange::context(sender, instance, self.request_id, recorder.attempts()).await?;
        let batch = self.request.batch(&candidate.model);
        let sent = component.encode_batch(batch, ctx).await.map_err(|fault| fault.to_fault())?;
        recorder.losses(&self.request.losses);
        let upstream = exchange::send(sender, instance, sent, Bytes::new(), self.deadline).await?;
        if !(200..300).contains(&upstream.status()) {
            let refused = exchange::Refused::read(upstream).await;
            return Err(exchange::refusal(&mut component, instance, refused, ambient.now()).await);
        }
        let head = Head { status: upstream.status(), headers: upstream.fields() };
        let body = upstream.read_all(ANSWER_BYTES).await.map_err(|error| error.to_fault())?;
        let response = Response { head, body: payload(&body) };
        let texts = self.request.inputs.len();
        let vectors = component.decode_vectors(response, texts).await.map_err(|fault| fault.to_fault())?;

        let counted = Usage { input: vectors.input_tokens, ..Usage::default() };
        recorder.usage(Some(&counted).filter(|counted| counted.input > 0), 0);
        let tokens = recorder.input_tokens();
        let answer = self.request.answer(&vectors, &candidate.model, tokens).map_err(component_fault)?;
        Ok(answer.into())
    }
}

fn gives_none(candidate: &RankedCandidate) -> Fault {
    let RankedCandidate { provider, model, .. } = candidate;
    let what = format!("the provider `{provider}` of `{model}` gives no embeddings");
    Fault::new(FaultKind::Unsupported, Origin::Component, what)
        .code("no_embeddings")
        .param("model")
        .failover()
}

impl GatewayState {
    pub(crate) async fn answer_embeddings(&self, call: &GatewayCall) -> Outcome {
        let mut recorder = self.recorder(API, call, KnownHead::default());
        let embedded = self.embed(call, &mut recorder).await;
        let (headers, attempts) = (recorder.headers(), recorder.attempts());
        let result = match embedded {
            Ok(body) => {
                recorder.sent(&body);
                recorder.answered();
                Ok(Reply::Whole { content_type: JSON, body })
            }
            Err(fault) => {
                recorder.failed(&fault);
                Err(fault)
            }
        };
        Outcome { headers, attempts, result }
    }

    async fn embed(&self, call: &GatewayCall, recorder: &mut Recorder) -> Result<Bytes, Fault> {
        let snapshot = &*call.active;
        let deadline = Instant::now() + Duration::from_secs_f64(snapshot.config.total_timeout_seconds);
        let envelope = Envelope::scan(&call.body).map_err(invalid_body)?;
        let request = EmbeddingsRequest::read(&envelope).map_err(invalid_body)?;
        let model = named_model(request.model.as_deref(), &snapshot.config)?;
        resolve::check_length(model)?;
        recorder.head(model, false);

        let mut plan = plan::named(model, PlanContext { snapshot, upstreams: &self.upstreams }).await?;
        recorder.planned(&plan);
        // Whoever is called leaves a row, so there must be room for it before anybody is, and for what it may cost.
        let slot = self.reserve_embeddings(&request, call, &mut plan, recorder).await?;
        recorder.listeners().usage = UsageListener(Some(slot));
        let attempt = EmbeddingsAttempt {
            upstreams: &self.upstreams,
            request: &request,
            request_id: &call.request_id,
            deadline,
        };
        let walk = Walk { upstreams: &self.upstreams, snapshot, deadline, hedge_after_ms: None };
        walk.first_answer(&attempt, &plan.attempts, recorder).await
    }
}

impl GatewayState {
    async fn reserve_embeddings(
        &self,
        request: &EmbeddingsRequest,
        call: &GatewayCall,
        plan: &mut Plan,
        recorder: &mut Recorder,
    ) -> Result<UsageSlot, Fault> {
        let slot = self.ledger.place().await?;
        let bytes: usize = request.inputs.iter().map(String::len).sum();
        let size = || Ok(RequestSize { input_tokens: (bytes as u64).div_ceil(4), output_tokens: 0 });
        let Some(asks) = SpendingRequest::of(call, None, size)? else { return Ok(slot) };
        match self.reserve(&asks, plan, false, slot, recorder).await? {
            Reserved::Here(slot) | Reserved::InTier(slot, ..) => Ok(slot),
        }
    }
}

/// The client's, else the configuration's; a choice that is left to us is the configuration's, too.
fn named_model<'a>(asked: Option<&'a str>, config: &'a Config) -> Result<&'a str, Fault> {
    match asked {
        Some(model) if !resolve::is_automatic(model) => Ok(model),
        _ if !config.embed_model.is_empty() => Ok(&config.embed_model),
        _ => Err(Fault::invalid("`model` must name a model that gives embeddings: none is configured")
            .code("model_required")
            .param("model")
            .hint("name one as `<provider>/<model>`, or set `embed_model`")),
    }
}
