//! Which providers and models may answer, in configured order, with what is known of each.

use brains_core::config::Config;
use brains_core::price::TokenRate;
use brains_core::traffic::breaker::State;
use brains_dialect::canon::task::{Candidate, Circuit};
use brains_runtime::ActiveSet;

use crate::affinity::Stay;
use crate::provider_state::CandidateState;
use crate::resolve::ModelTarget;
use crate::upstreams::Upstreams;

/// Lists the candidates for a target: every one of every tier for an automatic model, those of one
/// tier, or the one that was named. Targets whose provider has no live instance are left out.
pub(crate) fn candidates(
    target: &ModelTarget,
    snapshot: &ActiveSet,
    upstreams: &Upstreams,
) -> Vec<Candidate> {
    let one = |tier: &str, provider: &str, model: &str| {
        let instance = snapshot.provider(provider)?;
        let CandidateState { circuit, health } =
            upstreams.states.candidate(instance, model, &snapshot.config);
        let entry = upstreams.catalogue.find(instance.name(), model);
        let listed = entry.as_ref().and_then(|known| known.price.as_ref());
        let price = upstreams.price_beside(&snapshot.config, instance, model, listed).map(|(_, price)| price);
        let dollars = |rate: Option<TokenRate>| rate.map(TokenRate::dollars_per_million);
        Some(Candidate {
            id: format!("{}/{model}", instance.name()),
            provider: instance.name().to_owned(),
            model: model.to_owned(),
            tier: tier.to_owned(),
            input_price: price.as_ref().and_then(|price| dollars(price.input)),
            output_price: price.as_ref().and_then(|price| dollars(price.output)),
            context: entry.as_ref().and_then(|known| known.context).unwrap_or(0),
            p50_ms: health.first_byte_ms,
            error_rate: health.error_rate,
            circuit: match circuit {
                State::Closed => Circuit::Closed,
                State::HalfOpen => Circuit::HalfOpen,
                State::Open => Circuit::Open,
            },
            in_flight: health.in_flight,
            labels: entry.map(|known| known.caps).unwrap_or_default(),
            ..Candidate::default()
        })
    };
    match target {
        ModelTarget::Exact { provider, model } => one("", provider, model).into_iter().collect(),
        ModelTarget::Tier(tier) => {
            targets(&snapshot.config, tier).filter_map(|(p, m)| one(tier, p, m)).collect()
        }
        ModelTarget::Auto => snapshot
            .config
            .models
            .keys()
            .flat_map(|tier| targets(&snapshot.config, tier).map(move |(p, m)| (tier, p, m)))
            .filter_map(|(tier, p, m)| one(tier, p, m))
            .collect(),
    }
}

/// A tier's own target and its fallbacks, in order.
fn targets<'a>(config: &'a Config, tier: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    config.models.get(tier).into_iter().flat_map(|tier| {
        std::iter::once((tier.provider.as_str(), tier.model.as_str()))
            .chain(tier.fallbacks.iter().map(|target| (target.provider.as_str(), target.model.as_str())))
    })
}

/// The configured order: the answer when no policy is loaded or the policy failed. The tier that was asked for first,
/// for an automatic model the tier of the label's route, else the default tier.
pub(crate) fn configured_order(
    target: &ModelTarget,
    label: &str,
    config: &Config,
    candidates: &[Candidate],
    stay: Option<&Stay>,
) -> Vec<usize> {
    let tier = match target {
        ModelTarget::Exact { .. } => return (0..candidates.len()).collect(),
        ModelTarget::Tier(tier) => tier,
        ModelTarget::Auto => config.routes.get(label).unwrap_or(&config.default_tier),
    };
    let of_tier = |tier: &str| -> Vec<usize> {
        candidates.iter().enumerate().filter(|(_, c)| c.tier == tier).map(|(index, _)| index).collect()
    };
    let order = of_tier(tier);
    let mut order = if order.is_empty() { of_tier(&config.default_tier) } else { order };
    if let Some(stay) = stay {
        stay.prefer(&mut order, candidates);
    }
    order
}
