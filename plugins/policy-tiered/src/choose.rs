//! Which tier, and in which order.

use std::cmp::{Ordering, Reverse};
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

/// What the host tells of one candidate.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    /// How strongly the conversation is drawn to it, in a tier whose candidates are as good as each other.
    spread: Option<f64>,
    /// Tokens of the prompt that are cached there.
    warm_tokens: Option<u32>,
    /// What reading them from there costs, in US dollars per million.
    warm_input_price: Option<f64>,
}

fn told(candidate: &Candidate) -> Told {
    parsed(candidate.extra.as_deref())
}

/// A tier, and why.
#[derive(Debug)]
struct Choice {
    tier: String,
    why: String,
    asked: Asked,
}

/// How a tier came to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// By its client.
    Named,
    /// By the operator, for requests of this class.
    ByClass,
    /// By what the request seems to be about.
    ByTask,
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
    let there = order.first().and_then(|index| input.candidates.get(*index));
    let stay = keep(settings, input, &tables, &wanted, &tier, &room, there);
    if let Stay::Kept(index) = stay {
        order.retain(|it| *it != index);
        order.insert(0, index);
    }
    let reason = reason(input, &wanted, &tier, moved, &stay, &order);
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
        return Choice { tier: tier.to_owned(), why: format!("{tier} requested"), asked: Asked::Named };
    }
    let named = input.candidates.iter().find(|candidate| candidate.id == input.requested);
    if let Some(candidate) = named {
        return Choice {
            tier: candidate.tier.clone(),
            why: "model requested".to_owned(),
            asked: Asked::Named,
        };
    }

    let class = input.features.hints.iter().find(|(name, _)| name == "request_class");
    let cheap = class.and_then(|(_, class)| Some((class, settings.request_classes.get(class)?)));
    if let Some((class, tier)) = cheap.filter(|(_, tier)| known(tier)) {
        return Choice { tier: tier.clone(), why: format!("{class} request"), asked: Asked::ByClass };
    }
    let verdict = &input.verdict;
    let default = || tables.default_tier.clone();
    let chosen = |tier: String, why: String| Choice { tier, why, asked: Asked::ByTask };
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
    if wanted.asked == Asked::Named || has(&wanted.tier) {
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
    let spread: Vec<Option<f64>> = order.iter().map(|(_, it)| told(it).spread).collect();
    // Providers of one model are equals, and so are all that a tier shares out among: they stand where the first of them
    // stands.
    let first = |equal: &dyn Fn(usize, &Candidate) -> bool| {
        order.iter().enumerate().position(|(at, (_, other))| equal(at, other)).unwrap_or(0)
    };
    let mut keyed: Vec<Placed<'_>> = order
        .iter()
        .zip(&spread)
        .map(|((index, candidate), draw)| Placed {
            standing: standing(settings, candidate, room),
            stands: match draw {
                Some(_) => first(&|at, _| spread.get(at).copied().flatten().is_some()),
                None => first(&|_, other| other.model == candidate.model),
            },
            draw: *draw,
            candidate,
            index: *index,
        })
        .collect();
    keyed.sort_by(|a, b| {
        (a.standing, a.stands)
            .cmp(&(b.standing, b.stands))
            .then_with(|| among_equals(a, b))
            .then(a.index.cmp(&b.index))
    });
    keyed.into_iter().map(|placed| placed.index).collect()
}

/// A candidate with what puts it in its place.
#[derive(Debug)]
struct Placed<'a> {
    standing: Standing,
    stands: usize,
    draw: Option<f64>,
    candidate: &'a Candidate,
    index: usize,
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

/// Errors in tenths, then what the conversation is drawn to, else price, then latency. What is not known comes after what is.
fn among_equals(a: &Placed<'_>, b: &Placed<'_>) -> Ordering {
    let drawn = match (a.draw, b.draw) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        _ => Ordering::Equal,
    };
    let (a, b) = (a.candidate, b.candidate);
    let errors = |it: &Candidate| (it.error_rate * 10.0).round();
    let price = |it: &Candidate| match (it.input_price, it.output_price) {
        (Some(input), Some(output)) => input + output,
        _ => f64::INFINITY,
    };
    let latency = |it: &Candidate| it.p50_ms.unwrap_or(u32::MAX);
    errors(a)
        .total_cmp(&errors(b))
        .then(drawn)
        .then_with(|| price(a).total_cmp(&price(b)))
        .then_with(|| latency(a).cmp(&latency(b)))
}

/// What becomes of a conversation that is cached somewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stay {
    /// It is nowhere, or nowhere where it may stay.
    Nowhere,
    /// With this candidate.
    Kept(usize),
    /// This one is left for a stronger answer, which is worth what leaving costs.
    Left(usize, Leaving),
}

/// What is lost with a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Leaving {
    /// That are read anew.
    tokens: u32,
    /// More than reading them where they are; none where a price is not known.
    cost_usd: Option<f64>,
}

impl Leaving {
    fn of(here: &Candidate, there: Option<&Candidate>) -> Self {
        let Told { warm_tokens, warm_input_price, .. } = told(here);
        let tokens = warm_tokens.unwrap_or(0);
        let anew = there.and_then(|it| it.input_price);
        let cost_usd = anew.zip(warm_input_price).map(|(anew, warm)| f64::from(tokens) * (anew - warm) / 1e6);
        Self { tokens, cost_usd }
    }

    /// Whether that is more than a stronger answer is worth.
    fn is_too_much(self, settings: &Settings) -> bool {
        match self.cost_usd {
            Some(cost_usd) => cost_usd > settings.upgrade_usd,
            None => self.tokens > settings.upgrade_tokens,
        }
    }
}

/// The candidate that the conversation is at, when it may stay there; of several the one where most of it is. A stronger tier
/// than it needs is no reason to leave, and a weaker one is only while there is little to lose.
fn keep(
    settings: &Settings,
    input: &RouteInput,
    tables: &Tables,
    wanted: &Choice,
    tier: &str,
    room: &Room,
    there: Option<&Candidate>,
) -> Stay {
    let given = input.sticky.and_then(|index| usize::try_from(index).ok());
    let may_stay = |index: usize, candidate: &Candidate| {
        let here = given.map_or(candidate.sticky, |given| given == index);
        here && standing(settings, candidate, room) == Standing::Well
            && (candidate.tier == tier || wanted.asked == Asked::ByTask)
    };
    // Where one candidate is in several tiers, it is in the wanted one.
    let warmest = |list: &mut dyn Iterator<Item = (usize, &Candidate)>| {
        list.max_by_key(|(index, it)| (told(it).warm_tokens, it.tier == tier, Reverse(*index)))
            .map(|(index, _)| index)
    };
    let here = || input.candidates.iter().enumerate().filter(|(index, it)| may_stay(*index, it));
    let leaving = |it: &Candidate| Leaving::of(it, there);
    let is_worth_it = |it: &Candidate| {
        it.tier == tier || rank(tables, &it.tier) > rank(tables, tier) || leaving(it).is_too_much(settings)
    };
    if let Some(kept) = warmest(&mut here().filter(|(_, it)| is_worth_it(it))) {
        return Stay::Kept(kept);
    }
    let left = warmest(&mut here()).and_then(|index| Some((index, input.candidates.get(index)?)));
    let left = left.map(|(index, it)| (index, leaving(it))).filter(|(_, leaving)| leaving.tokens > 0);
    left.map_or(Stay::Nowhere, |(index, leaving)| Stay::Left(index, leaving))
}

/// One line: why, which tier, what first, how many behind it.
fn reason(
    input: &RouteInput,
    wanted: &Choice,
    tier: &str,
    moved: bool,
    stay: &Stay,
    order: &[usize],
) -> String {
    let first = order.first().and_then(|index| input.candidates.get(*index));
    let id = first.map_or("nothing", |candidate| candidate.id.as_str());
    let fallbacks = match order.len() {
        0 | 1 => String::new(),
        2 => ", 1 fallback".to_owned(),
        more => format!(", {} fallbacks", more - 1),
    };
    let stays = match stay {
        Stay::Kept(_) => match first.and_then(|candidate| told(candidate).warm_tokens) {
            Some(tokens) => format!(", same as before ({tokens} tokens warm)"),
            None => ", same as before".to_owned(),
        },
        Stay::Left(index, Leaving { tokens, cost_usd }) => {
            let left = input.candidates.get(*index).map_or("", |candidate| candidate.id.as_str());
            let cost = cost_usd.map(|cost_usd| format!(" for ${cost_usd:.4} more")).unwrap_or_default();
            format!(", not {left} where it is warm ({tokens} tokens read anew{cost})")
        }
        Stay::Nowhere => String::new(),
    };
    let moves = if moved { format!(" {} does not fit ->", wanted.tier) } else { String::new() };
    let tier = first.map_or(tier, |candidate| candidate.tier.as_str());
    let target = if tier.is_empty() { id.to_owned() } else { format!("{tier}: {id}") };
    format!("{} ->{moves} {target}{stays}{fallbacks}", wanted.why)
}

fn parsed<T: Default + serde::de::DeserializeOwned>(text: Option<&str>) -> T {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
