//! A request to a model from its first byte to its record. [`Gateway::answer`] reads top to bottom: read the head, **plan**
//! (resolve, classify, route: the same function that `explain` runs), **compose** what is sent, **walk** the candidates
//! until one answers, **reply**, **record**. Admission by key and limit happens before, in `http`.
//!
//! Architecture invariant: no vendor's name and no wire's name. What a client's wire must say stands in `dialect`.
//!
//! Architecture invariant: no SQL, no operation, no socket of its own: rows go to the store's queues, exchanges to egress.
//!
//! Architecture invariant: a request is written down once, in its record; whoever wants to know of it listens
//! (`record/listeners.rs`).

mod affinity;
mod beside;
mod cache_touch;
mod candidates;
mod catalogue;
mod compose;
mod conversation;
mod credentials;
mod embeddings;
mod exchange;
mod generation;
mod hedge_shares;
mod keepalive;
mod models;
mod plan;
mod provider_state;
mod record;
mod reply;
mod request;
mod resolve;
mod routing_headers;
mod served;
mod spending;
mod strategy;
mod token_count;
mod upstreams;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use brains_core::caller::ClientFacts;
use brains_core::plane::trace::TraceRecord;
use brains_core::price::{ModelPrice, PriceOrigin, PriceTable};
use brains_core::{Ambient, Fault, Id, Principal};
use brains_dialect::canon::task::Verdict;
use brains_dialect::ingress::Ingress;
use brains_egress::Egress;
use brains_files::Gate;
use brains_runtime::ComponentRegistry;

use brains_store::{Responses, SharedPlaces, SpendingBook, TraceQueue, UsageLedger};

use compose::Composed;
use conversation::AnswerKeeper;
use exchange::ExchangeSender;
use generation::{GeneratedAnswer, GenerationAttempt, GoingOn};
use keepalive::KnownHead;
use plan::{PlanContext, plan};
use record::{Listeners, Recorder, TraceListener, UsageListener};
use request::ClientRequest;
use upstreams::Upstreams;
use walk::Walk;

pub use brains_runtime::ActiveSet;
pub use conversation::KeptAsk;
pub use credentials::{AccountStanding, Credentials, SignedOut};
pub use models::ModelEntry;
pub use plan::{DEFAULT_MODEL, Plan, RankedCandidate, Step};
pub use provider_state::{BreakerStanding, ProviderStanding, Traffic};
pub use reply::Reply;
pub use request::GatewayCall;
pub use routing_headers::{RoutingHeaders, TRACE_ID};
pub use strategy::Traits;

/// The type of a whole answer.
const JSON: &str = "application/json";

/// What the gateway stands on.
#[derive(Debug)]
pub struct GatewayParts {
    pub live: Arc<ComponentRegistry>,
    pub egress: Arc<Egress>,
    pub traces: TraceQueue,
    pub ledger: UsageLedger,
    pub spending: SpendingBook,
    pub responses: Responses,
    pub places: SharedPlaces,
    /// Where what instances signed in with is kept.
    pub vault: PathBuf,
    pub files: Gate,
    pub ambient: Arc<dyn Ambient>,
}

/// The model gateway.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<GatewayState>);

#[derive(Debug)]
struct GatewayState {
    live: Arc<ComponentRegistry>,
    traces: TraceQueue,
    ledger: UsageLedger,
    spending: SpendingBook,
    responses: Responses,
    upstreams: Upstreams,
}

/// What became of a request.
#[derive(Debug)]
pub struct Outcome {
    /// What the caller learns of the routing.
    pub headers: RoutingHeaders,
    /// Attempts that were made.
    pub attempts: u32,
    pub result: Result<Reply, Fault>,
}

/// What the classifier says of a request.
#[derive(Debug, Clone)]
pub struct Classified {
    pub verdict: Verdict,
    pub traits: Traits,
    /// The component that said so; none when the default stood in.
    pub component: Option<String>,
}

impl Gateway {
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts { live, egress, traces, ledger, spending, responses, places, vault, files, ambient } =
            parts;
        let credentials = Credentials::new(Arc::clone(&egress), vault, files, Arc::clone(&ambient));
        let upstreams = Upstreams::new(ExchangeSender { egress, credentials }, places, ambient);
        Self(Arc::new(GatewayState { live, traces, ledger, spending, responses, upstreams }))
    }

    /// What instances sign in with.
    pub fn credentials(&self) -> &Credentials {
        &self.0.upstreams.sender.credentials
    }

    /// The breakers that remember a failure, and how busy the providers are.
    pub fn traffic(&self) -> Traffic {
        self.0.upstreams.states.traffic()
    }

    /// Answers one request. Dropping the future, or the stream that comes of it, cancels the upstream call; the trace is
    /// kept all the same.
    pub async fn answer(&self, ingress: Ingress, call: GatewayCall) -> Outcome {
        let (state, known) = (Arc::clone(&self.0), KnownHead::default());
        let generation = {
            let known = known.clone();
            async move { state.answer(ingress, &call, known).await }
        };
        keepalive::outcome(ingress, known, generation).await
    }

    /// Tells how many tokens a request of this body would have. Nothing of it is recorded.
    pub async fn count(&self, ingress: Ingress, call: GatewayCall) -> Outcome {
        self.0.answer_count(ingress, &call).await
    }

    /// Keeps warm what an upstream remembers of the prompt of an earlier request. Nothing of it is recorded.
    pub async fn touch(&self, ingress: Ingress, call: GatewayCall) -> Outcome {
        self.0.answer_touch(ingress, &call).await
    }

    /// Answers one request for embeddings. Dropping the future cancels the upstream call; the trace is kept all the same.
    pub async fn embed(&self, call: GatewayCall) -> Outcome {
        self.0.answer_embeddings(&call).await
    }

    /// What the vendors' models cost.
    pub fn price_table(&self) -> Arc<PriceTable> {
        Arc::clone(&self.0.upstreams.prices)
    }

    /// What a model of a provider costs, and who says so; none when nobody does.
    pub fn price(&self, provider: &str, model: &str) -> Result<Option<(PriceOrigin, ModelPrice)>, Fault> {
        let snapshot = self.0.live.current();
        let instance = snapshot.provider(provider).ok_or_else(|| {
            Fault::not_found("provider", provider)
                .param("provider")
                .hint("`brains config show providers` lists them")
        })?;
        Ok(self.0.upstreams.price(&snapshot.config, instance, model))
    }

    /// What a request of this body would do, without doing it.
    pub async fn explain(&self, ingress: Ingress, body: &[u8], told: &ClientFacts) -> Result<Plan, Fault> {
        let snapshot = self.0.live.current();
        let client = ClientRequest::read(ingress, body)?.told_by(None, told);
        let mut plan = self.0.plan(&client, &snapshot, None).await?;
        let attempt = GenerationAttempt {
            upstreams: &self.0.upstreams,
            composed: &Composed::new(&client, &snapshot.config),
            key: "",
            request_id: "",
            headers: &[],
            query: "",
            deadline: Instant::now(),
            ledger: &self.0.ledger,
        };
        for candidate in &mut plan.attempts {
            if let Some(instance) = snapshot.provider(&candidate.provider) {
                candidate.lane = attempt.lane(instance, candidate).await;
            }
        }
        Ok(plan)
    }

    /// The routing headers of the request that was explained, should it be sent next and its first candidate answer.
    pub fn expected_headers(&self, plan: &Plan) -> RoutingHeaders {
        let mut record = record::blank(Id::mint(&*self.0.upstreams.ambient), self.0.upstreams.ambient.now());
        record::describe(plan, &mut record);
        if let Some(first) = plan.attempts.first() {
            record::name_candidate(first, &mut record);
            record.attempts.push(record::cancelled(first));
        }
        routing_headers::headers(&record)
    }

    /// What the classifier says of a request of this body, whatever model it names.
    pub async fn classify(&self, ingress: Ingress, body: &[u8]) -> Result<Classified, Fault> {
        let snapshot = self.0.live.current();
        let features = ClientRequest::read(ingress, body)?.features()?;
        let (verdict, failed) = plan::classify(snapshot.classifier.as_ref(), &features).await;
        let component = plan::labelled_by(&snapshot, failed.as_deref());
        Ok(Classified { traits: strategy::traits(&verdict), verdict, component })
    }
}

impl GatewayState {
    async fn answer(self: &Arc<Self>, ingress: Ingress, call: &GatewayCall, known: KnownHead) -> Outcome {
        let mut recorder = self.recorder(ingress.name(), call, known);
        let generated = self.generate(ingress, call, &mut recorder).await;
        let (headers, attempts) = (recorder.headers(), recorder.attempts());
        let result = match generated {
            Ok((answer, keeper, going_on)) => Ok(answer.into_reply(ingress, recorder, keeper, going_on)),
            Err(fault) => {
                recorder.failed(&fault);
                Err(fault)
            }
        };
        Outcome { headers, attempts, result }
    }

    async fn generate(
        self: &Arc<Self>,
        ingress: Ingress,
        call: &GatewayCall,
        recorder: &mut Recorder,
    ) -> Result<(GeneratedAnswer, AnswerKeeper, Option<Box<GoingOn>>), Fault> {
        let snapshot = &*call.active;
        let deadline = Instant::now() + Duration::from_secs_f64(snapshot.config.total_timeout_seconds);
        let client = ClientRequest::read(ingress, &call.body)?;
        let mut resumed = self.resumed(ingress, &client, call).await?;
        let continued = resumed.body.take();
        let client = match &continued {
            Some(body) => ClientRequest::read(ingress, body.as_bytes())?,
            None => client,
        };
        recorder.asks(client.asked_bytes());
        if resumed.is_not_kept {
            recorder.always_loses("store");
        }
        let client = client.told_by(call.client.clone(), &call.told);
        recorder.head(&client.model, client.head.stream);
        recorder.request_class(client.class());
        if client.head.stream {
            recorder.bear_silence(snapshot.config.keepalive(None));
        }

        let plan = self.plan(&client, snapshot, Some(&call.principal)).await?;
        recorder.planned(&plan);
        let composed = Composed::new(&client, &snapshot.config).of_conversation(&resumed.state, true);
        recorder.preamble(composed.preamble_hash());

        // Whoever is called leaves a row, so there must be room for it before anybody is, and for what it may cost.
        let (slot, plan) = self.reserve_generation(&client, call, &composed, plan, recorder).await?;
        recorder.listeners().usage = UsageListener(Some(slot));
        let attempt = GenerationAttempt {
            upstreams: &self.upstreams,
            composed: &composed,
            key: &call.principal.fingerprint,
            request_id: &call.request_id,
            headers: &call.headers,
            query: &call.query,
            deadline,
            ledger: &self.ledger,
        };
        let hedge_after_ms = plan.hedge_after_ms;
        let walk = Walk { upstreams: &self.upstreams, snapshot, deadline, hedge_after_ms };
        let answer = walk.first_answer(&attempt, &plan.attempts, recorder).await?;
        if let Some(stay) = &plan.stay {
            let now = self.upstreams.ambient.now();
            recorder.stays(self.upstreams.places.answered(stay, recorder.record(), now));
        }
        let candidates = generation::candidates(&plan, recorder.record(), &snapshot.config);
        let going_on = candidates.filter(|_| client.head.stream).map(|candidates| {
            Box::new(GoingOn {
                state: Arc::clone(self),
                ingress,
                body: continued.as_ref().map_or_else(|| call.body.clone(), |body| body.clone().into()),
                active: Arc::clone(&call.active),
                request_id: call.request_id.clone(),
                headers: call.headers.clone(),
                conversation: resumed.state.clone(),
                candidates,
                deadline,
            })
        });
        let keeper = resumed.keeper(&self.responses, ingress, &call.principal, recorder);
        Ok((answer, keeper, going_on))
    }

    async fn plan(
        &self,
        client: &ClientRequest<'_>,
        snapshot: &ActiveSet,
        caller: Option<&Principal>,
    ) -> Result<Plan, Fault> {
        let context = PlanContext { snapshot, upstreams: &self.upstreams };
        plan(&client.model, |is_choice| client.asked(caller, is_choice), context).await
    }

    fn recorder(&self, api: &str, call: &GatewayCall, head: KnownHead) -> Recorder {
        let ambient = &self.upstreams.ambient;
        let record = TraceRecord {
            request_id: call.request_id.clone(),
            operator: call.principal.operator.clone(),
            key: call.principal.key.clone(),
            client: call.client.clone(),
            native_session: call.told.native_session.clone(),
            request_class: call.told.request_class.clone(),
            request_bytes: call.body.len() as u64,
            api: api.to_owned(),
            ..record::blank(Id::mint(&**ambient), ambient.now())
        };
        let traces = &call.active.config.traces;
        let body_limit = traces.bodies.then_some(traces.body_max_bytes as usize);
        let trace = Some(TraceListener(self.traces.clone()));
        let usage = UsageListener::default();
        let listeners = Listeners { permit: None, usage, trace, head, part: None };
        let mut recorder = Recorder::new(record, body_limit, listeners, Arc::clone(ambient));
        recorder.body(&call.body);
        recorder
    }
}
