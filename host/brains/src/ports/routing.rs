//! The gateway's own classification and routing, in the words of the operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_control::BoxedFuture;
use brains_control::ports::{
    Classification, ExplainedStep, Explanation, LabelScore, ModelName, PlannedAttempt, RoutePlan,
    RoutingPort, SignalSeen,
};
use brains_core::id::{Id, Trace};
use brains_core::{Ambient, Fault};
use brains_dialect::canon::task::{Score, Signal, Verdict, exact};
use brains_gateway::{Facts, Gateway, Plan, RankedCandidate};
use serde::Deserialize;

/// Asks the gateway.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ambient: Arc<dyn Ambient>,
}

impl RoutingPort for Routes {
    fn classify(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<Classification, Fault>> {
        Box::pin(async move {
            let (verdict, component) = self.gateway.classify(&body).await?;
            Ok(of_verdict(&verdict, component))
        })
    }

    fn plan(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<RoutePlan, Fault>> {
        Box::pin(async move {
            let plan = self.gateway.explain(&body).await?;
            Ok(RoutePlan {
                classification: of_plan(&plan),
                tier: tier(&plan),
                strategy: plan.strategy.to_owned(),
                reason: plan.reason,
                attempts: attempts(&plan.attempts),
            })
        })
    }

    fn explain(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<Explanation, Fault>> {
        Box::pin(async move {
            let plan = self.gateway.explain(&body).await?;
            let first = plan.attempts.first();
            Ok(Explanation {
                provider: first.map(|attempt| attempt.provider.clone()).unwrap_or_default(),
                model: first.map(|attempt| attempt.model.clone()).unwrap_or_default(),
                classification: of_plan(&plan),
                tier: tier(&plan),
                strategy: plan.strategy.to_owned(),
                attempts: attempts(&plan.attempts),
                headers: headers(&plan, Id::mint(&*self.ambient)),
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

fn of_verdict(verdict: &Verdict, component: Option<String>) -> Classification {
    let extra: Extra =
        verdict.extra.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Classification {
        complexity: extra.complexity,
        recommended_model_tier: extra.tier,
        needs_codebase: extra.needs_codebase,
        needs_external_docs: extra.needs_external_docs,
        freshness_required: extra.freshness_required,
        component,
        ..labelled(&verdict.label, verdict.confidence, &verdict.scores, &verdict.signals)
    }
}

/// None when the request names its model itself: then nothing was classified.
fn of_plan(plan: &Plan) -> Option<Classification> {
    plan.steps.iter().any(|step| step.step == "classify").then(|| Classification {
        complexity: non_empty(&plan.traits.complexity),
        needs_codebase: plan.traits.needs_codebase,
        needs_external_docs: plan.traits.needs_external_docs,
        freshness_required: plan.traits.freshness_required,
        recommended_model_tier: non_empty(&plan.traits.tier),
        component: plan.classifier.clone(),
        ..labelled(&plan.task, plan.confidence, &plan.scores, &plan.signals)
    })
}

/// What a classifier of tasks adds to its label.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extra {
    complexity: Option<String>,
    tier: Option<String>,
    needs_codebase: bool,
    needs_external_docs: bool,
    freshness_required: bool,
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

/// The headers of the same request sent next, should its first candidate answer.
fn headers(plan: &Plan, trace: Id<Trace>) -> BTreeMap<String, String> {
    let first = plan.attempts.first();
    let facts = Facts {
        trace,
        task: non_empty(&plan.task),
        complexity: non_empty(&plan.traits.complexity),
        confidence: (!plan.task.is_empty()).then_some(plan.confidence),
        tier: tier(plan),
        provider: first.map(|attempt| attempt.provider.clone()),
        model: first.map(|attempt| attempt.model.clone()),
        strategy: Some(plan.strategy),
        reason: non_empty(&plan.reason),
        attempts: 1,
        causes: Vec::new(),
        losses: Vec::new(),
        preamble: None,
    };
    // The name of a trace that there will not be says nothing.
    let told = facts.headers().into_iter().filter(|(name, _)| *name != "trace-id");
    told.map(|(name, value)| (format!("x-brains-{name}"), value)).collect()
}
