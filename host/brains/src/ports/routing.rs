//! The gateway's own classification and routing, in the words of the operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_control::BoxedFuture;
use brains_control::ports::{
    Classification, ExplainedStep, Explanation, LabelScore, ModelName, PlannedAttempt, RoutePlan,
    RoutingPort, SignalSeen,
};
use brains_core::Fault;
use brains_core::caller::ClientFacts;
use brains_dialect::canon::task::{Score, Signal, exact};
use brains_dialect::ingress::Ingress;
use brains_gateway::{Classified, Gateway, Plan, RankedCandidate, RoutingHeaders, TRACE_ID, Traits};

/// The wire in which operations give a request.
const INGRESS: Ingress = Ingress::OpenAiChat;

/// Asks the gateway.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) gateway: Arc<Gateway>,
}

impl RoutingPort for Routes {
    fn classify(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<Classification, Fault>> {
        Box::pin(async move {
            let Classified { verdict, traits, component } = self.gateway.classify(INGRESS, &body).await?;
            let label = labelled(&verdict.label, verdict.confidence, &verdict.scores, &verdict.signals);
            Ok(classification(label, &traits, component))
        })
    }

    fn plan(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<RoutePlan, Fault>> {
        Box::pin(async move {
            let plan = self.gateway.explain(INGRESS, &body, &ClientFacts::default()).await?;
            Ok(RoutePlan {
                classification: of_plan(&plan),
                tier: tier(&plan),
                strategy: plan.strategy.to_owned(),
                reason: plan.reason,
                attempts: attempts(&plan.attempts),
            })
        })
    }

    fn explain(
        &self,
        body: Vec<u8>,
        request_class: Option<String>,
    ) -> BoxedFuture<'_, Result<Explanation, Fault>> {
        Box::pin(async move {
            let told = ClientFacts { request_class, ..ClientFacts::default() };
            let plan = self.gateway.explain(INGRESS, &body, &told).await?;
            let first = plan.attempts.first();
            Ok(Explanation {
                provider: first.map(|attempt| attempt.provider.clone()).unwrap_or_default(),
                model: first.map(|attempt| attempt.model.clone()).unwrap_or_default(),
                classification: of_plan(&plan),
                tier: tier(&plan),
                strategy: plan.strategy.to_owned(),
                attempts: attempts(&plan.attempts),
                headers: shown(self.gateway.expected_headers(&plan)),
                steps: plan
                    .steps
                    .into_iter()
                    .map(|step| ExplainedStep { step: step.step.to_owned(), detail: step.detail })
                    .collect(),
                requested: plan.requested,
                reason: plan.reason,
            })
        })
    }

    fn models(&self) -> BoxedFuture<'_, Result<Vec<ModelName>, Fault>> {
        Box::pin(async move {
            let models = self.gateway.models().await.into_iter();
            Ok(models
                .map(|entry| ModelName {
                    id: entry.id,
                    kind: entry.kind.to_owned(),
                    tier: entry.tier,
                    provider: entry.provider,
                    model: entry.model,
                })
                .collect())
        })
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// None when the request names its model itself: then nothing was classified.
fn of_plan(plan: &Plan) -> Option<Classification> {
    let label = || labelled(&plan.task, plan.confidence, &plan.scores, &plan.signals);
    let classified = plan.steps.iter().any(|step| step.step == "classify");
    classified.then(|| classification(label(), &plan.traits, plan.classifier.clone()))
}

/// A label with what the classifier adds to it.
fn classification(label: Classification, traits: &Traits, component: Option<String>) -> Classification {
    Classification {
        complexity: non_empty(&traits.complexity),
        recommended_model_tier: non_empty(&traits.tier),
        needs_codebase: traits.needs_codebase,
        needs_external_docs: traits.needs_external_docs,
        freshness_required: traits.freshness_required,
        component,
        ..label
    }
}

fn labelled(label: &str, confidence: f32, scores: &[Score], signals: &[Signal]) -> Classification {
    let mut scores: Vec<LabelScore> = scores
        .iter()
        .map(|score| LabelScore { label: score.label.clone(), score: exact(score.value) })
        .collect();
    scores.sort_by(|a, b| b.score.total_cmp(&a.score));
    let signals = signals.iter().map(|signal| SignalSeen {
        name: signal.name.clone(),
        weight: exact(signal.weight),
        evidence: signal.evidence.clone(),
    });
    Classification {
        task_type: if label.is_empty() { "unknown".to_owned() } else { label.to_owned() },
        confidence: exact(confidence),
        complexity: None,
        recommended_model_tier: None,
        needs_codebase: false,
        needs_external_docs: false,
        freshness_required: false,
        scores,
        signals: signals.collect(),
        component: None,
    }
}

fn tier(plan: &Plan) -> Option<String> {
    plan.attempts.first().and_then(|attempt| non_empty(&attempt.tier))
}

fn attempts(candidates: &[RankedCandidate]) -> Vec<PlannedAttempt> {
    let attempt = |candidate: &RankedCandidate| PlannedAttempt {
        provider: candidate.provider.clone(),
        model: candidate.model.clone(),
        tier: non_empty(&candidate.tier),
        lane: candidate.lane.map(str::to_owned),
        score: candidate.score.map(exact),
    };
    candidates.iter().map(attempt).collect()
}

/// The headers by name. That of a trace that there will not be says nothing.
fn shown(headers: RoutingHeaders) -> BTreeMap<String, String> {
    let kept = headers.into_iter().filter(|(name, _)| *name != TRACE_ID);
    kept.map(|(name, value)| (name.to_owned(), value)).collect()
}
