//! Everything that is decided before a provider is called: resolve, classify, route. A request and
//! `brains explain` run this same function, so what one says is what the other does.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use brains_core::config::Config;
use brains_core::{Fault, FaultKind};
use brains_dialect::canon::task::{self, Candidate, Decision, Features, RouteInput, Score, Signal, Verdict};
use brains_runtime::ActiveSet;
use brains_runtime::Instance;

use crate::affinity::Stay;
use crate::candidates::{candidates, configured_order};
use crate::request::Asked;
use crate::resolve::{KnownNames, ModelTarget, resolve, suggest};
use crate::strategy::{Traits, strategy, traits};
use crate::upstreams::Upstreams;

/// One candidate of the plan, in the order of attempts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedCandidate {
    pub tier: String,
    pub provider: String,
    pub model: String,
    /// The policy's; none when nobody scored it.
    pub score: Option<f32>,
    /// `relay` or `translate`, as the provider's component says; only `explain` asks it before the call.
    pub lane: Option<&'static str>,
}

/// What was decided and why.
#[derive(Debug, Clone)]
pub struct Plan {
    pub requested: String,
    /// The component that labelled the request; none when the default stood in, or nothing was to be labelled.
    pub classifier: Option<String>,
    pub task: String,
    pub confidence: f32,
    pub traits: Traits,
    pub strategy: &'static str,
    /// In the order in which they are tried; never empty.
    pub attempts: Vec<RankedCandidate>,
    pub reason: String,
    pub scores: Vec<Score>,
    pub signals: Vec<Signal>,
    pub steps: Vec<Step>,
    /// What is known of its conversation; none where there is no choice.
    pub(crate) stay: Option<Stay>,
    /// After so long without an answer a second candidate is asked, where the tier does that and the policy has a word on it.
    pub(crate) hedge_after_ms: Option<u32>,
}

/// One step of the way, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub detail: String,
}

/// The name that a request without a `model` is taken to mean.
pub const DEFAULT_MODEL: &str = "brains-auto";

/// The newest turn as far as a policy sees it: as much as of each turn before.
const GLANCE_BYTES: usize = 1024;

/// A provider that would be a candidate and is being prepared.
fn awaited<'a>(target: &ModelTarget, snapshot: &'a ActiveSet) -> Option<&'a str> {
    let config = &snapshot.config;
    let tiers = config.models.iter().filter(|(name, _)| match target {
        ModelTarget::Auto => true,
        ModelTarget::Tier(tier) => tier == *name,
        ModelTarget::Exact { .. } => false,
    });
    let mut targets = tiers.flat_map(|(_, tier)| {
        std::iter::once(&tier.provider).chain(tier.fallbacks.iter().map(|target| &target.provider))
    });
    targets.find(|provider| snapshot.awaits(provider)).map(String::as_str)
}

/// What the plan needs to know of the rest of the gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanContext<'a> {
    pub(crate) snapshot: &'a ActiveSet,
    pub(crate) upstreams: &'a Upstreams,
}

/// Reads what `model` means, now.
pub(crate) fn model_target(model: &str, context: PlanContext<'_>) -> Result<ModelTarget, Fault> {
    let snapshot = context.snapshot;
    resolve(
        model,
        &snapshot.config,
        |name| snapshot.provider(name).map(|instance| instance.name().to_owned()),
        |id| context.upstreams.catalogue.provider_of(snapshot, id),
    )
    .map_err(|unknown| match model.split_once('/') {
        Some((provider, _)) if snapshot.awaits(provider) => preparing(provider),
        _ => unknown,
    })
}

/// What a name means. A bare id may stand in a list that was not asked for yet, so an unknown one asks for the lists once.
pub(crate) async fn resolve_model(name: &str, context: PlanContext<'_>) -> Result<ModelTarget, Fault> {
    if let Ok(target) = model_target(name, context) {
        return Ok(target);
    }
    context.upstreams.refresh_catalogue(context.snapshot).await;
    model_target(name, context).map_err(|refusal| match refusal.kind {
        FaultKind::NotFound => suggest(refusal, name, &context.snapshot.config, &known(context)),
        _ => refusal,
    })
}

/// The names that mean something now.
fn known(context: PlanContext<'_>) -> KnownNames<'_> {
    let PlanContext { snapshot, upstreams } = context;
    let config = &snapshot.config;
    let real = |name: &str| config.provider(name).is_none_or(|(_, spec)| !spec.stand_in);
    let live = snapshot.providers().filter(|instance| real(instance.name()));
    let mut known = KnownNames::default();
    for tier in config.models.values() {
        known.models.push((tier.provider.clone(), tier.model.clone()));
        known
            .models
            .extend(tier.fallbacks.iter().map(|target| (target.provider.clone(), target.model.clone())));
    }
    for instance in live {
        let aliases = instance.aliases().iter().map(String::as_str);
        known.providers.push(std::iter::once(instance.name()).chain(aliases).collect());
        let listed = upstreams.catalogue.models_of(instance.name()).into_iter();
        known.models.extend(listed.map(|model| (instance.name().to_owned(), model.id)));
    }
    known.models.retain(|(provider, _)| real(provider));
    let mut seen = std::collections::HashSet::new();
    known.models.retain(|model| seen.insert(model.clone()));
    known
}

/// The fault of a request that comes before its provider.
fn preparing(provider: &str) -> Fault {
    Fault::unavailable(format!(
        "the provider `{provider}` is being prepared: its component is compiled, then it joins"
    ))
    .code("provider_preparing")
    .retry_after_ms(2_000)
    .hint("`brains plugin list` shows how far it is")
}

/// Decides. `asked` is only called for names that leave something to decide, and told whether there is a choice.
pub(crate) async fn plan(
    requested: &str,
    asked: impl FnOnce(bool) -> Result<Asked, Fault>,
    context: PlanContext<'_>,
) -> Result<Plan, Fault> {
    let target = resolve_model(requested, context).await?;
    let PlanContext { snapshot, upstreams } = context;
    let config = &snapshot.config;
    let mut steps = vec![Step { step: "resolve", detail: describe(requested, &target, config) }];
    let mut candidates = candidates(&target, snapshot, upstreams);
    if candidates.is_empty() {
        return Err(no_candidate(&target, snapshot));
    }
    let asked =
        if matches!(target, ModelTarget::Exact { .. }) { None } else { Some(asked(candidates.len() > 1)?) };
    let mut stay = None;
    if let Some(conversation) = asked.as_ref().and_then(|asked| asked.conversation) {
        let Upstreams { places, states, ambient, .. } = upstreams;
        let stay = stay.insert(places.look(conversation, config.affinity, &**ambient).await);
        let cached_rate = |candidate: &Candidate| {
            let instance = snapshot.provider(&candidate.provider)?;
            upstreams.price(config, instance, &candidate.model)?.1.cached_input
        };
        stay.tell(&mut candidates, config, states, &cached_rate, &**ambient);
    }
    let features = asked.map(|asked| asked.features);

    let (mut verdict, mut classifier, mut unclassified) = (Verdict::default(), None, None);
    if let (ModelTarget::Auto, Some(features)) = (&target, &features) {
        let classified = classify(snapshot.classifier.as_ref(), features).await;
        verdict = classified.0;
        classifier = labelled_by(snapshot, classified.1.as_deref());
        steps.push(Step {
            step: "classify",
            detail: classified_detail(&verdict, classified.1.as_deref(), config),
        });
        unclassified = classified.1;
    }
    let traits = traits(&verdict);
    let strategy = strategy(&verdict.label, &traits);

    let Routed { order, reason, hedge_after_ms } = match features {
        None => Routed::without_policy(vec![(0, None)], format!("{requested}: named by the client")),
        Some(features) => {
            let input = RouteInput {
                requested: requested.to_owned(),
                features: glance(features),
                verdict: verdict.clone(),
                candidates: candidates.clone(),
                tags: match &target {
                    ModelTarget::Tier(tier) => vec![("tier".to_owned(), tier.clone())],
                    ModelTarget::Auto | ModelTarget::Exact { .. } => Vec::new(),
                },
                extra: Some(tables(config)),
                ..RouteInput::default()
            };
            let mut routed = match route(snapshot.policy.as_ref(), input).await {
                Ok(routed) => routed,
                Err(why) => {
                    // Without a verdict there is no route to take: the default tier answers.
                    let label = if verdict.confidence > 0.0 { verdict.label.as_str() } else { "" };
                    let order = configured_order(&target, label, config, &candidates, stay.as_ref());
                    let order = order.into_iter().map(|index| (index, None)).collect();
                    Routed::without_policy(order, format!("{why}; configured order"))
                }
            };
            // Whoever reads the trace or the headers sees that this was no considered choice.
            if let Some(why) = &unclassified {
                routed.reason = format!("{why}, the default tier stands in; {}", routed.reason);
            }
            routed
        }
    };
    let attempts = ranked(&candidates, &order);
    if attempts.is_empty() {
        return Err(no_candidate(&target, snapshot));
    }
    steps.push(Step { step: "route", detail: reason.clone() });
    let names: Vec<String> = attempts.iter().map(|a| format!("{}/{}", a.provider, a.model)).collect();
    steps.push(Step { step: "attempts", detail: names.join(", then ") });

    Ok(Plan {
        requested: requested.to_owned(),
        classifier,
        task: verdict.label,
        confidence: verdict.confidence,
        traits,
        strategy,
        attempts,
        reason,
        scores: verdict.scores,
        signals: verdict.signals,
        steps,
        stay,
        hedge_after_ms,
    })
}

/// Decides by the name alone: the model that it means, or those of its tier in configured order.
pub(crate) async fn named(requested: &str, context: PlanContext<'_>) -> Result<Plan, Fault> {
    let target = resolve_model(requested, context).await?;
    let PlanContext { snapshot, upstreams } = context;
    let candidates = candidates(&target, snapshot, upstreams);
    let order = configured_order(&target, "", &snapshot.config, &candidates, None);
    let order: Vec<Pick> = order.into_iter().map(|index| (index, None)).collect();
    let attempts = ranked(&candidates, &order);
    if attempts.is_empty() {
        return Err(no_candidate(&target, snapshot));
    }
    let verdict = Verdict::default();
    Ok(Plan {
        requested: requested.to_owned(),
        classifier: None,
        task: String::new(),
        confidence: verdict.confidence,
        traits: traits(&verdict),
        strategy: "",
        attempts,
        reason: describe(requested, &target, &snapshot.config),
        scores: Vec::new(),
        signals: Vec::new(),
        steps: Vec::new(),
        stay: None,
        hedge_after_ms: None,
    })
}

/// The candidates that were picked, in their order.
fn ranked(candidates: &[task::Candidate], order: &[Pick]) -> Vec<RankedCandidate> {
    let picked = order.iter().filter_map(|(index, score)| Some((candidates.get(*index)?, *score)));
    let ranked = picked.map(|(candidate, score)| RankedCandidate {
        tier: candidate.tier.clone(),
        provider: candidate.provider.clone(),
        model: candidate.model.clone(),
        score,
        lane: None,
    });
    ranked.collect()
}

/// Whose label it is: none when the classifier failed, and the default stood in.
pub(crate) fn labelled_by(snapshot: &ActiveSet, failed: Option<&str>) -> Option<String> {
    let instance = snapshot.classifier.as_ref().filter(|_| failed.is_none())?;
    Some(instance.component_id().to_owned())
}

/// Asks the classifier. A missing or failing one is no reason to fail a request: the label is `unknown`, the
/// second value says why, and the default tier answers.
pub(crate) async fn classify(
    classifier: Option<&Arc<Instance>>,
    features: &Features,
) -> (Verdict, Option<String>) {
    let unknown = |why: String| (Verdict { label: "unknown".into(), ..Verdict::default() }, Some(why));
    let Some(classifier) = classifier else { return unknown("no classifier is loaded".into()) };
    match classifier.classify(features).await {
        Ok(verdict) => (verdict, None),
        Err(fault) => {
            tracing::warn!(component = classifier.name(), cause = %fault.to_fault(), "classifier failed, default tier answers");
            unknown(format!("the classifier failed: {}", fault.to_fault()))
        }
    }
}

fn classified_detail(verdict: &Verdict, failed: Option<&str>, config: &Config) -> String {
    if let Some(why) = failed {
        return format!("{why}; the default tier `{}` answers", config.default_tier);
    }
    let evidence: Vec<String> =
        verdict.signals.iter().map(|s| format!("{} {:+.2} ({})", s.name, s.weight, s.evidence)).collect();
    let head = format!("{} with confidence {:.2}", verdict.label, verdict.confidence);
    if evidence.is_empty() { head } else { format!("{head}: {}", evidence.join(", ")) }
}

/// A candidate's place in the list, and the policy's score for it.
type Pick = (usize, Option<f32>);

/// An order, and why it is that.
struct Routed {
    order: Vec<Pick>,
    reason: String,
    hedge_after_ms: Option<u32>,
}

impl Routed {
    const fn without_policy(order: Vec<Pick>, reason: String) -> Self {
        Self { order, reason, hedge_after_ms: None }
    }
}

/// Asks the policy for an order and its reason; without a usable one, why there is none.
async fn route(policy: Option<&Arc<Instance>>, input: RouteInput) -> Result<Routed, String> {
    let Some(policy) = policy else { return Err("no routing policy is loaded".into()) };
    let candidates = input.candidates.len();
    match policy.decide(input).await {
        Ok(decision) => {
            let order = sound_picks(&decision.picks, candidates);
            if order.is_empty() {
                tracing::warn!(
                    component = policy.name(),
                    "routing policy picked nothing usable, configured order answers"
                );
                return Err("the routing policy picked nothing usable".into());
            }
            let Decision { reason, hedge_after_ms, .. } = decision;
            Ok(Routed { order, reason, hedge_after_ms })
        }
        Err(fault) => {
            tracing::warn!(component = policy.name(), cause = %fault.to_fault(), "routing policy failed, configured order answers");
            Err(format!("the routing policy failed: {}", fault.to_fault()))
        }
    }
}

/// What a policy sees of the newest turn: it routes by the verdict and by counts, and the text is there for rules of the
/// operator's own. Its whole length is in the token count.
fn glance(mut features: Features) -> Features {
    let text = &mut features.last_user_text;
    text.truncate(text.floor_char_boundary(GLANCE_BYTES));
    features
}

/// The picks that name a candidate, each once, in order.
fn sound_picks(picks: &[task::Pick], candidates: usize) -> Vec<Pick> {
    let mut order: Vec<Pick> = Vec::with_capacity(candidates);
    for pick in picks {
        let Ok(index) = usize::try_from(pick.index) else { continue };
        if index < candidates && !order.iter().any(|(taken, _)| *taken == index) {
            order.push((index, Some(pick.score)));
        }
    }
    order
}

/// What a policy needs of the configuration, as the `extra` of its input.
fn tables(config: &Config) -> String {
    json!({
        "tiers": config.models.keys().collect::<Vec<_>>(),
        "routes": config.routes,
        "default_tier": config.default_tier,
    })
    .to_string()
}

fn describe(requested: &str, target: &ModelTarget, config: &Config) -> String {
    match target {
        ModelTarget::Auto => format!("{requested}: the classifier decides"),
        ModelTarget::Tier(tier) => match config.tier_leads.iter().find(|lead| lead.tier == *tier) {
            Some(lead) => format!("{requested}: tier {lead}"),
            None => format!("{requested}: tier {tier}"),
        },
        ModelTarget::Exact { provider, model } => format!("{requested}: {model} of {provider}"),
    }
}

fn no_candidate(target: &ModelTarget, snapshot: &ActiveSet) -> Fault {
    if let Some(awaited) = awaited(target, snapshot) {
        return preparing(awaited);
    }
    if snapshot.providers().next().is_none() {
        return Fault::unavailable("no provider component is loaded")
            .code("no_component")
            .hint("build and bundle the components with `cargo xtask build`, then start again; `brains doctor` shows what is loaded");
    }
    let what = match target {
        ModelTarget::Auto => "any tier".to_owned(),
        ModelTarget::Tier(tier) => format!("tier `{tier}`"),
        ModelTarget::Exact { provider, model } => format!("`{provider}/{model}`"),
    };
    Fault::unavailable(format!("no live provider for {what}"))
        .code("no_candidate")
        .hint("`brains plugin list` shows which components are live and why others are not")
}
