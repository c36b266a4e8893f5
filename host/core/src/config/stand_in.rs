//! Tiers without a model of their own. A provider that stands in (`providers.<name>.stand_in`) answers as long as no tier
//! names another one. From then on none leads to it, by itself or as a fallback: a tier without a model of its own leads to
//! the nearest one that has one, of two equally near to the stronger.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::layers::{Layer, Provenance};
use super::model::Config;
use super::resolve::Problem;
use super::routing::{Target, Tier};

/// A tier without a model of its own, and what answers for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TierLead {
    pub tier: String,
    /// The tier whose models answer; none while no model is configured and the stand-in does.
    pub leads_to: Option<String>,
    /// What answers first, `<provider>/<model>`.
    pub model: String,
}

impl std::fmt::Display for TierLead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tier, leads_to, model } = self;
        match leads_to {
            Some(other) => {
                write!(f, "`{tier}` has no model of its own and leads to `{other}` (`{model}`)")
            }
            None => write!(f, "`{tier}` has no model of its own: `{model}` stands in"),
        }
    }
}

/// Takes what stands in out of every tier, once a tier names another provider, and notes in `config` where each tier without
/// a model of its own leads. `scale` holds the tiers that have a rank, the weakest first. Gives what was asked for and is
/// passed over.
pub(super) fn settle(
    config: &mut Config,
    shown: &mut Value,
    provenance: &mut Provenance,
    scale: &[String],
) -> Vec<Problem> {
    let own: Vec<(String, Vec<Target>)> = config
        .models
        .iter()
        .map(|(name, tier)| {
            let targets = targets(tier).into_iter();
            (name.clone(), targets.filter(|target| !stands_in(config, &target.provider)).collect())
        })
        .collect();
    let with_own: Vec<&str> =
        own.iter().filter(|(_, targets)| !targets.is_empty()).map(|(name, _)| name.as_str()).collect();
    if with_own.is_empty() {
        let lead = |(name, tier): (&String, &Tier)| TierLead {
            tier: name.clone(),
            leads_to: None,
            model: format!("{}/{}", tier.provider, tier.model),
        };
        config.tier_leads = config.models.iter().map(lead).collect();
        return Vec::new();
    }
    let warnings = passed_over(config, provenance);
    for (name, targets) in &own {
        let leads_to = targets.is_empty().then(|| nearest(name, &with_own, scale, &config.default_tier));
        let source = leads_to.unwrap_or(name);
        let found = own.iter().find(|(other, _)| other == source).map(|(_, targets)| targets.as_slice());
        let Some([first, fallbacks @ ..]) = found else { continue };
        let Some(rules) = config.models.get(source).cloned() else { continue };
        let Some(tier) = config.models.get_mut(name) else { continue };
        let settled = Tier {
            provider: first.provider.clone(),
            model: first.model.clone(),
            fallbacks: fallbacks.to_vec(),
            ..rules
        };
        if *tier == settled {
            continue;
        }
        show(shown, name, &settled);
        *tier = settled;
        if let Some(other) = leads_to {
            provenance.follow(&["models".to_owned(), name.clone()], &["models".to_owned(), other.to_owned()]);
            config.tier_leads.push(TierLead {
                tier: name.clone(),
                leads_to: Some(other.to_owned()),
                model: format!("{}/{}", first.provider, first.model),
            });
        }
    }
    warnings
}

fn stands_in(config: &Config, provider: &str) -> bool {
    config.provider(provider).is_some_and(|(_, spec)| spec.stand_in)
}

/// A tier's own model and its fallbacks, in order.
fn targets(tier: &Tier) -> Vec<Target> {
    let own = Target { provider: tier.provider.clone(), model: tier.model.clone() };
    std::iter::once(own).chain(tier.fallbacks.iter().cloned()).collect()
}

/// The tier that answers for `tier`. What has no rank is no neighbour: then the default tier answers, else the first.
fn nearest<'a>(tier: &str, with_own: &[&'a str], scale: &[String], default: &str) -> &'a str {
    let rank = |name: &str| scale.iter().position(|ranked| ranked == name);
    let ranked = with_own.iter().filter_map(|name| Some((*name, rank(name)?)));
    let neighbour =
        rank(tier).and_then(|at| ranked.min_by_key(|(_, other)| (other.abs_diff(at), *other < at)));
    let fallback = || with_own.iter().find(|name| **name == default).or(with_own.first()).copied();
    neighbour.map(|(name, _)| name).or_else(fallback).unwrap_or_default()
}

/// Targets on what stands in that a person wrote down.
fn passed_over(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut look = |path: String, provider: &str| {
        let place = provenance.of(&path);
        if stands_in(config, provider) && place.layer > Layer::Bundle {
            found.push(Problem {
                path,
                place: place.clone(),
                message: format!(
                    "is passed over: `{provider}` answers tiers only until another model is configured"
                ),
                hint: Some("name another provider; one of your own on the same component counts".into()),
            });
        }
    };
    for (name, tier) in &config.models {
        look(format!("models.{name}.provider"), &tier.provider);
        for (at, fallback) in tier.fallbacks.iter().enumerate() {
            look(format!("models.{name}.fallbacks.{at}.provider"), &fallback.provider);
        }
    }
    found
}

fn show(shown: &mut Value, name: &str, tier: &Tier) {
    let Some(place) = shown.get_mut("models").and_then(|models| models.get_mut(name)) else { return };
    let Ok(mut value) = serde_json::to_value(tier) else { return };
    if let Some(members) = value.as_object_mut().filter(|_| tier.fallbacks.is_empty()) {
        members.shift_remove("fallbacks");
    }
    *place = value;
}
