//! A chat request from its first byte to its record. [`Gateway::chat`] reads top to bottom: scan the envelope,
//! **plan** (resolve, classify, route: the same function that `explain` runs), **dispatch** (relay or translate,
//! or the next candidate), **reply**, **record**. Admission by key and limit happens before, in `http`.

mod candidates;
mod catalogue;
mod dispatch;
mod drain_ready;
mod exchange;
mod facts;
mod gates;
mod health;
mod models;
mod plan;
mod record;
mod relay;
mod reply;
mod resolve;
mod strategy;
mod translate;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::id::Id;
use brains_core::plane::trace::{TraceRecord, TraceUsage};
use brains_core::{Ambient, Fault, Principal};
use brains_dialect::canon::exchange::Field;
use brains_dialect::canon::task::Verdict;
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::Ingress;
use brains_egress::Egress;
use brains_runtime::ComponentRegistry;
use brains_store::{TraceQueue, UsageLedger};

use catalogue::ModelCatalogue;
use dispatch::Dispatch;
use gates::Gates;
use health::Health;
use plan::{PlanContext, model_target, plan};
use record::Recorder;
use relay::invalid_body;
use resolve::ModelTarget;

pub use facts::Facts;
pub use gates::{BreakerStanding, ProviderStanding, Traffic};
pub use models::ModelEntry;
pub use plan::{DEFAULT_MODEL, Plan, RankedCandidate, Step};
pub use reply::Reply;
pub use strategy::Traits;

/// The wire of all clients so far.
const INGRESS: Ingress = Ingress::OpenAiChat;

/// What the gateway stands on.
#[derive(Debug)]
pub struct GatewayParts {
    pub live: Arc<ComponentRegistry>,
    pub egress: Arc<Egress>,
    pub traces: TraceQueue,
    pub ledger: UsageLedger,
    pub ambient: Arc<dyn Ambient>,
}

/// The model gateway.
#[derive(Debug)]
pub struct Gateway {
    live: Arc<ComponentRegistry>,
    egress: Arc<Egress>,
    traces: TraceQueue,
    ledger: UsageLedger,
    ambient: Arc<dyn Ambient>,
    health: Arc<Health>,
    gates: Arc<Gates>,
    catalogue: ModelCatalogue,
}

/// A request that was admitted.
#[derive(Debug)]
pub struct ChatCall {
    pub principal: Principal,
    pub request_id: String,
    /// The client's headers that a provider may see; never credentials. See [`forwardable`].
    pub headers: Vec<Field>,
    pub query: String,
    /// Decompressed.
    pub body: Bytes,
    /// The client program, from its `user-agent`.
    pub client: Option<String>,
}

/// What became of a request, with the facts for its headers.
#[derive(Debug)]
pub struct Outcome {
    pub facts: Facts,
    pub result: Result<Reply, Fault>,
}

/// Whether a client's header says something to a provider. Everything else stays here: credentials above all.
pub fn forwardable(name: &str) -> bool {
    ["anthropic-", "openai-", "x-stainless-", "x-claude-code-"].iter().any(|prefix| name.starts_with(prefix))
        || ["session-id", "thread-id", "originator", "x-client-request-id"].contains(&name)
}

impl Gateway {
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts { live, egress, traces, ledger, ambient } = parts;
        let gates = Arc::new(Gates::new(Arc::clone(&ambient)));
        let (health, catalogue) = (Arc::default(), ModelCatalogue::default());
        Self { live, egress, traces, ledger, ambient, health, gates, catalogue }
    }

    /// The breakers that remember a failure, and how busy the providers are.
    pub fn traffic(&self) -> Traffic {
        self.gates.standing()
    }

    /// Answers one chat completion. Dropping the future, or the stream that comes of it, cancels the upstream
    /// call; the trace is kept all the same.
    pub async fn chat(&self, call: ChatCall) -> Outcome {
        let snapshot = self.live.current();
        let deadline = Instant::now() + Duration::from_secs_f64(snapshot.config.total_timeout_seconds);
        let mut facts = Facts::new(Id::mint(&*self.ambient));
        let bodies = snapshot.config.traces.bodies.then_some(snapshot.config.traces.body_max_bytes as usize);
        let mut recorder = Recorder::new(
            blank_record(&call, &facts, self.ambient.now()),
            bodies,
            self.traces.clone(),
            Arc::clone(&self.ambient),
            Arc::clone(&self.health),
        );
        recorder.body(&call.body);

        let prepared = self.prepare(&call.body, &snapshot, &mut recorder).await;
        let (envelope, head, plan) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => {
                recorder.failed(&fault);
                return Outcome { facts, result: Err(fault) };
            }
        };
        facts.planned(&plan);
        recorder.planned(&plan);
        if !snapshot.config.gateway_preamble.is_empty() {
            facts.preamble(&snapshot.config.gateway_preamble);
            recorder.preamble(&snapshot.config.gateway_preamble);
        }

        let result = match self.ledger.place().await {
            Ok(place) => {
                recorder.place(place);
                let dispatch = Dispatch {
                    gateway: self,
                    snapshot: &snapshot,
                    envelope: &envelope,
                    stream: head.stream,
                    include_usage: head.include_usage,
                    request_id: &call.request_id,
                    headers: &call.headers,
                    query: &call.query,
                    deadline,
                };
                dispatch.run(&plan, &mut facts, recorder).await
            }
            Err(fault) => {
                recorder.failed(&fault);
                Err(fault)
            }
        };
        Outcome { facts, result }
    }

    /// What a request would do, without doing it. Takes the body of a chat completion.
    pub async fn explain(&self, body: &[u8]) -> Result<Plan, Fault> {
        let snapshot = self.live.current();
        let envelope = Envelope::scan(body).map_err(invalid_body)?;
        let head = RequestHead::read(&envelope)?;
        let mut plan = self.planned(&envelope, &head, &snapshot).await?;
        let dispatch = Dispatch {
            gateway: self,
            snapshot: &snapshot,
            envelope: &envelope,
            stream: head.stream,
            include_usage: head.include_usage,
            request_id: "",
            headers: &[],
            query: "",
            deadline: Instant::now(),
        };
        for candidate in &mut plan.attempts {
            candidate.lane = dispatch.lane(candidate).await;
        }
        Ok(plan)
    }

    /// What the classifier says of a chat completion's body, whatever model it names. The second value is the
    /// classifier's name; none when the default stood in.
    pub async fn classify(&self, body: &[u8]) -> Result<(Verdict, Option<String>), Fault> {
        let snapshot = self.live.current();
        let envelope = Envelope::scan(body).map_err(invalid_body)?;
        RequestHead::read(&envelope)?;
        let features = INGRESS.features(&envelope).map_err(invalid_body)?;
        let (verdict, failed) = plan::classify(snapshot.classifier.as_ref(), &features).await;
        let by = plan::labelled_by(&snapshot, failed.as_deref());
        Ok((verdict, by))
    }

    async fn prepare<'b>(
        &self,
        body: &'b [u8],
        snapshot: &brains_runtime::ActiveSet,
        recorder: &mut Recorder,
    ) -> Result<(Envelope<'b>, RequestHead, Plan), Fault> {
        let envelope = Envelope::scan(body).map_err(invalid_body)?;
        let head = RequestHead::read(&envelope)?;
        recorder.head(&head.model, head.stream);
        let plan = self.planned(&envelope, &head, snapshot).await?;
        Ok((envelope, head, plan))
    }

    async fn planned(
        &self,
        envelope: &Envelope<'_>,
        head: &RequestHead,
        snapshot: &brains_runtime::ActiveSet,
    ) -> Result<Plan, Fault> {
        let context = self.plan_context(snapshot);
        let target = self.resolve_model(&head.model, context).await?;
        let features = || INGRESS.features(envelope).map_err(invalid_body);
        plan(&head.model, target, features, context).await
    }

    fn plan_context<'a>(&'a self, snapshot: &'a brains_runtime::ActiveSet) -> PlanContext<'a> {
        PlanContext { snapshot, health: &self.health, gates: &self.gates, catalogue: &self.catalogue }
    }

    /// What a name means. A bare id may stand in a list that was not asked for yet, so an unknown one asks for the
    /// lists once.
    async fn resolve_model(&self, name: &str, context: PlanContext<'_>) -> Result<ModelTarget, Fault> {
        if let Ok(target) = model_target(name, context) {
            return Ok(target);
        }
        self.catalogue.refresh(context.snapshot, &self.egress, &*self.ambient).await;
        model_target(name, context)
    }
}

/// What the envelope says to the host.
#[derive(Debug)]
struct RequestHead {
    model: String,
    stream: bool,
    include_usage: bool,
}

impl RequestHead {
    fn read(envelope: &Envelope<'_>) -> Result<Self, Fault> {
        let head = INGRESS.read_head(envelope).map_err(invalid_body)?;
        let model = head.model.unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        resolve::check_length(&model)?;
        Ok(Self { model, stream: head.stream, include_usage: head.include_usage })
    }
}

fn blank_record(call: &ChatCall, facts: &Facts, at: brains_core::Millis) -> TraceRecord {
    TraceRecord {
        id: facts.trace.clone(),
        request_id: call.request_id.clone(),
        at,
        operator: call.principal.operator.clone(),
        key: call.principal.key.clone(),
        client: call.client.clone(),
        api: INGRESS.name().to_owned(),
        requested_model: String::new(),
        model: None,
        provider: None,
        tier: None,
        task: None,
        complexity: None,
        confidence: None,
        strategy: None,
        reason: None,
        attempts: Vec::new(),
        status: 0,
        error_kind: None,
        error_code: None,
        first_byte_ms: None,
        latency_ms: 0,
        usage: TraceUsage::default(),
        cost_usd: None,
        stream: false,
        request_bytes: call.body.len() as u64,
        response_bytes: 0,
        preamble_hash: None,
        loss: Vec::new(),
        request_body: None,
        response_body: None,
    }
}
