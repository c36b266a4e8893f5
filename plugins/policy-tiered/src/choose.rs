//! Which tier, and in which order.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use brains_sdk::canon::task::{Candidate, Circuit, Decision, Pick, RouteInput};
use brains_sdk::canon::{Fault, FaultKind};
use serde::Deserialize;

use crate::Settings;

/// What the host tells beside the candidates.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tables {
    tiers: Vec<String>,
    routes: BTreeMap<String, String>,
    default_tier: String,
}

/// What a classifier may recommend.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Recommended {
    tier: Option<String>,
}

/// A tier, and why.
#[derive(Debug)]
struct Choice {
    tier: String,
    why: String,
    named: bool,
}

pub(crate) fn decide(settings: &Settings, input: &RouteInput) -> Result<Decision, Fault> {
    if input.candidates.is_empty() {
        return Err(Fault {
            kind: FaultKind::NotFound,
            message: "there is no candidate to route to".to_owned(),
            code: None,
            retry_after_ms: None,
            failover: false,
        });
    }
    let tables: Tables = parsed(input.extra.as_deref());
    let room = Room::of(settings, input);
    let wanted = tier(settings, input, &tables);
    let (tier, moved) = roomy(&wanted, input, &tables, &room);
    let mut order = ordered(settings, input, &tier, &room);
    let sticky = keep(settings, input, &tables, &wanted, &tier, &room);
    if let Some(index) = sticky {
        order.retain(|it| *it != index);
        order.insert(0, index);
    }
    let reason = reason(input, &wanted, &tier, moved, sticky.is_some(), &order);
    let score = |rank: u16| 1.0 / (f32::from(rank) + 1.0);
    let picks = (0..).zip(&order).map(|(rank, index)| Pick {
        index: u32::try_from(*index).unwrap_or(u32::MAX),
        score: score(rank),
        timeout_ms: None,
    });
    let extra = serde_json::json!({ "tier": tier }).to_string();
    Ok(Decision { picks: picks.collect(), reason, hedge_after_ms: None, extra: Some(extra) })
}

/// The tier that the request asks for, by name or by its task.
fn tier(settings: &Settings, input: &RouteInput, tables: &Tables) -> Choice {
    let known = |tier: &str| tables.tiers.iter().any(|it| it == tier);
    let tag = input.tags.iter().find(|(name, _)| name == "tier").map(|(_, tier)| tier.as_str());
    let alias = || {
        let name = input.requested.strip_prefix("claude-").unwrap_or(&input.requested);
        name.strip_prefix("brains-").filter(|tier| known(tier))
    };
    if let Some(tier) = tag.or_else(alias) {
        return Choice { tier: tier.to_owned(), why: format!("{tier} requested"), named: true };
    }
    let named = input.candidates.iter().find(|candidate| candidate.id == input.requested);
    if let Some(candidate) = named {
        return Choice { tier: candidate.tier.clone(), why: "model requested".to_owned(), named: true };
    }

    let class = input.features.hints.iter().find(|(name, _)| name == "request_class");
    let cheap = class.and_then(|(_, class)| Some((class, settings.request_classes.get(class)?)));
    if let Some((class, tier)) = cheap.filter(|(_, tier)| known(tier)) {
        return Choice { tier: tier.clone(), why: format!("{class} request"), named: false };
    }
    let verdict = &input.verdict;
    let default = || tables.default_tier.clone();
    let chosen = |tier: String, why: String| Choice { tier, why, named: false };
    if verdict.confidence <= 0.0 {
        return chosen(default(), "not classified".to_owned());
    }
    let task = format!("{} ({:.2})", verdict.label, verdict.confidence);
    // `unknown` is what a classifier says when it does not trust itself; it has a route like any other task.
    if verdict.confidence < settings.confidence_threshold && verdict.label != "unknown" {
        let tier = settings.fallback_tier.clone().filter(|tier| known(tier)).unwrap_or_else(default);
        return chosen(tier, format!("{task} below {:.2}", settings.confidence_threshold));
    }
    let routed = tables.routes.get(&verdict.label).cloned();
    let recommended = || parsed::<Recommended>(verdict.extra.as_deref()).tier;
    let tier = routed.filter(|tier| known(tier)).or_else(|| recommended().filter(|tier| known(tier)));
    chosen(tier.unwrap_or_else(default), task)
}

/// What the request needs of a candidate.
#[derive(Debug)]
struct Room {
    tokens: u64,
    images: bool,
}

impl Room {
    fn of(settings: &Settings, input: &RouteInput) -> Self {
        let asked = u64::from(input.features.approx_input_tokens);
        Self { tokens: asked + u64::from(settings.output_reserve_tokens), images: input.features.has_images }
    }

    /// Whether the candidate can take the request, as far as is known of it.
    fn fits(&self, candidate: &Candidate) -> bool {
        let sees = ["images", "image", "vision"];
        let blind = !candidate.labels.is_empty()
            && !candidate.labels.iter().any(|label| sees.contains(&label.as_str()));
        (candidate.context == 0 || self.tokens <= u64::from(candidate.context)) && !(self.images && blind)
    }
}

/// The wanted tier, or the next stronger one with a candidate that fits; then whether it moved. A named tier
/// never moves, and neither does one when nothing fits anywhere.
fn roomy(wanted: &Choice, input: &RouteInput, tables: &Tables, room: &Room) -> (String, bool) {
    let has = |tier: &str| input.candidates.iter().any(|it| it.tier == tier && room.fits(it));
    if wanted.named || has(&wanted.tier) {
        return (wanted.tier.clone(), false);
    }
    let from = rank(tables, &wanted.tier);
    let stronger = tables.tiers.iter().skip(from.map_or(0, |rank| rank + 1));
    let weaker = tables.tiers.iter().take(from.unwrap_or(0)).rev();
    match stronger.chain(weaker).find(|tier| has(tier)) {
        Some(tier) => (tier.clone(), true),
        None => (wanted.tier.clone(), false),
    }
}

fn rank(tables: &Tables, tier: &str) -> Option<usize> {
    tables.tiers.iter().position(|it| it == tier)
}

/// The tier's candidates in the order to try them; all candidates when it has none.
fn ordered(settings: &Settings, input: &RouteInput, tier: &str, room: &Room) -> Vec<usize> {
    let candidates = &input.candidates;
    let mut order: Vec<(usize, &Candidate)> =
        candidates.iter().enumerate().filter(|(_, candidate)| candidate.tier == tier).collect();
    if order.is_empty() {
        order = candidates.iter().enumerate().collect();
    }
    // Providers of one model are equals: they stand where the first of them stands.
    let stands = |model: &str| order.iter().position(|(_, other)| other.model == model);
    let mut keyed: Vec<(Standing, usize, &Candidate, usize)> = order
        .iter()
        .map(|(index, it)| (standing(settings, it, room), stands(&it.model).unwrap_or(0), *it, *index))
        .collect();
    keyed
        .sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| among_equals(a.2, b.2)).then(a.3.cmp(&b.3)));
    keyed.into_iter().map(|(_, _, _, index)| index).collect()
}

/// How fit a candidate is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Well,
    Failing,
    Open,
    TooSmall,
}

fn standing(settings: &Settings, candidate: &Candidate, room: &Room) -> Standing {
    if !room.fits(candidate) {
        return Standing::TooSmall;
    }
    match candidate.circuit {
        Circuit::Open => Standing::Open,
        Circuit::Closed if candidate.quota_left.is_some_and(|left| left <= 0.0) => Standing::Open,
        Circuit::Closed if candidate.error_rate > settings.error_rate_limit => Standing::Failing,
        // The host lets one call through to see whether a half-open one is well again; where it stands at the end, none
        // comes.
        Circuit::HalfOpen | Circuit::Closed => Standing::Well,
    }
}

/// Errors in tenths, then price, then latency. What is not known comes after what is.
fn among_equals(a: &Candidate, b: &Candidate) -> Ordering {
    let errors = |it: &Candidate| (it.error_rate * 10.0).round();
    let price = |it: &Candidate| match (it.input_price, it.output_price) {
        (Some(input), Some(output)) => input + output,
        _ => f64::INFINITY,
    };
    let latency = |it: &Candidate| it.p50_ms.unwrap_or(u32::MAX);
    errors(a)
        .total_cmp(&errors(b))
        .then_with(|| price(a).total_cmp(&price(b)))
        .then_with(|| latency(a).cmp(&latency(b)))
}

/// The candidate that the conversation is at, when it may stay there.
fn keep(
    settings: &Settings,
    input: &RouteInput,
    tables: &Tables,
    wanted: &Choice,
    tier: &str,
    room: &Room,
) -> Option<usize> {
    let given = input.sticky.and_then(|index| usize::try_from(index).ok());
    let index = given.or_else(|| input.candidates.iter().position(|candidate| candidate.sticky))?;
    let candidate = input.candidates.get(index)?;
    let strong_enough = if wanted.named {
        candidate.tier == tier
    } else {
        candidate.tier == tier || rank(tables, &candidate.tier) > rank(tables, tier)
    };
    let well = standing(settings, candidate, room) == Standing::Well;
    (strong_enough && well).then_some(index)
}

/// One line: why, which tier, what first, how many behind it.
fn reason(
    input: &RouteInput,
    wanted: &Choice,
    tier: &str,
    moved: bool,
    sticky: bool,
    order: &[usize],
) -> String {
    let first = order.first().and_then(|index| input.candidates.get(*index));
    let id = first.map_or("nothing", |candidate| candidate.id.as_str());
    let fallbacks = match order.len() {
        0 | 1 => String::new(),
        2 => ", 1 fallback".to_owned(),
        more => format!(", {} fallbacks", more - 1),
    };
    let stays = if sticky { ", same as before" } else { "" };
    let moves = if moved { format!(" {} does not fit ->", wanted.tier) } else { String::new() };
    let tier = first.map_or(tier, |candidate| candidate.tier.as_str());
    let target = if tier.is_empty() { id.to_owned() } else { format!("{tier}: {id}") };
    format!("{} ->{moves} {target}{stays}{fallbacks}", wanted.why)
}

fn parsed<T: Default + serde::de::DeserializeOwned>(text: Option<&str>) -> T {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
