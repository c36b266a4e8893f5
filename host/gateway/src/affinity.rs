//! Conversations stay where their prompt is cached: before a request is routed, its candidates are told what of it is warm at
//! them; when one has answered, that is remembered, here and for the other processes. The rules are `core::traffic::affinity`;
//! whether it is worth staying is the policy's to say. Nothing waits for the database but the one look at a conversation that
//! this process does not know, or of which it knows that others may know more.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brains_core::config::{Affinity, Config};
use brains_core::plane::trace::{Attempt, TraceRecord};
use brains_core::price::TokenRate;
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::affinity::{
    AnsweredTurn, ConversationKey, ConversationMark, KnownPlaces, WarmPlace, WarmPlaces, unit,
};
use brains_core::{Ambient, Millis};
use brains_dialect::canon::task::{Candidate, Circuit};
use brains_store::SharedPlaces;
use serde_json::{Map, json};

use crate::provider_state::ProviderStates;

/// How long a request waits for what others know of its conversation.
const LOOK: Duration = Duration::from_millis(200);
/// Shorter prompts are cached nowhere: <https://developers.openai.com/api/docs/guides/prompt-caching>; Anthropic's models want as many
/// or more.
const CACHED_TOKENS_MIN: u32 = 1024;
/// For so long nobody looks again when the database did not answer.
const BLIND_US: u64 = 5_000_000;

/// Which conversation a request belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConversationId {
    pub(crate) mark: ConversationMark,
    /// Whose it is; none when nobody asks, and nothing is remembered.
    pub(crate) key: Option<ConversationKey>,
    /// Its client asks that the prompt is kept for an hour.
    pub(crate) keeps_long: bool,
    /// Tokens of the prompt, about.
    pub(crate) tokens: u32,
}

/// What this process knows of conversations. Shared by all requests.
#[derive(Debug)]
pub(crate) struct ConversationPlaces {
    known: Mutex<WarmPlaces>,
    shared: SharedPlaces,
    /// The database did not answer: until then nobody asks it.
    blind_until_us: AtomicU64,
}

/// What is known of one request's conversation while it is routed and answered.
#[derive(Debug, Clone)]
pub(crate) struct Stay {
    conversation: ConversationId,
    rules: Affinity,
    known: KnownPlaces,
    now: Millis,
    /// Places in the tiers that are asked, with why the request cannot stay there.
    asked: Vec<(WarmPlace, Option<&'static str>)>,
    /// How strongly the conversation is drawn to each candidate, where a tier shares out.
    draws: Vec<Option<f64>>,
}

impl ConversationPlaces {
    pub(crate) fn new(shared: SharedPlaces) -> Self {
        Self { known: Mutex::default(), shared, blind_until_us: AtomicU64::new(0) }
    }

    /// What is known of a conversation.
    pub(crate) async fn look(
        &self,
        conversation: ConversationId,
        rules: Affinity,
        ambient: &dyn Ambient,
    ) -> Stay {
        let now = ambient.now();
        let known = match conversation.key.filter(|_| rules.enabled) {
            Some(key) => self.find(key, rules, now, ambient).await,
            None => KnownPlaces::default(),
        };
        Stay { conversation, rules, known, now, asked: Vec::new(), draws: Vec::new() }
    }

    async fn find(
        &self,
        key: ConversationKey,
        rules: Affinity,
        now: Millis,
        ambient: &dyn Ambient,
    ) -> KnownPlaces {
        let here = self.known.lock_unpoisoned().find(&key, now);
        let generation = self.shared.generation();
        if let Some(known) = here.as_ref().filter(|known| known.generation == generation) {
            return known.clone();
        }
        let Some(told) = self.told(key, now, ambient).await else { return here.unwrap_or_default() };
        let mut known = self.known.lock_unpoisoned();
        known.learn(key, &told, now, rules.limits());
        let nothing = KnownPlaces { generation: told.generation, ..KnownPlaces::default() };
        known.find(&key, now).unwrap_or(nothing)
    }

    /// What others know; none when the database does not answer.
    async fn told(&self, key: ConversationKey, now: Millis, ambient: &dyn Ambient) -> Option<KnownPlaces> {
        let asked_us = ambient.monotonic_us();
        if asked_us < self.blind_until_us.load(Ordering::Relaxed) {
            return None;
        }
        let why = match tokio::time::timeout(LOOK, self.shared.find(key, now)).await {
            Ok(Ok(told)) => return Some(told),
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        self.blind_until_us.store(asked_us.saturating_add(BLIND_US), Ordering::Relaxed);
        tracing::debug!(cause = why, "where conversations are was not looked up");
        None
    }

    /// A candidate answers the request, as its record says: from now on the conversation is there. Gives what its client is
    /// told, when it was elsewhere.
    pub(crate) fn answered(&self, stay: &Stay, record: &TraceRecord, now: Millis) -> Option<String> {
        let key = stay.conversation.key.filter(|_| stay.rules.enabled)?;
        let (tier, provider, model) = (&record.tier, record.provider.as_ref()?, record.model.as_ref()?);
        let turn = AnsweredTurn {
            tier: tier.as_deref().unwrap_or_default(),
            provider,
            model,
            tokens: stay.conversation.tokens,
            lifetime_ms: stay.rules.lifetime_ms(stay.conversation.keeps_long),
        };
        let before = stay.known.places.iter().find(|place| place.tier == turn.tier);
        let place = WarmPlace::after(turn, before, now);
        let limits = stay.rules.limits();
        let told = self.known.lock_unpoisoned().note(key, place, stay.known.generation, limits);
        if let Some(place) = told {
            self.shared.put(key, place);
        }
        stay.moved(turn, &record.attempts)
    }
}

impl Stay {
    /// Tells the candidates what is warm at them and what reading it there costs, and how strongly the conversation is drawn to each.
    pub(crate) fn tell(
        &mut self,
        candidates: &mut [Candidate],
        config: &Config,
        states: &ProviderStates,
        cached_rate: &dyn Fn(&Candidate) -> Option<TokenRate>,
        ambient: &dyn Ambient,
    ) {
        for candidate in &mut *candidates {
            let here =
                worthy(&self.known.places).filter(|place| place.is_at(&candidate.provider, &candidate.model));
            let warm = here.max_by_key(|place| place.warm_tokens);
            candidate.sticky = warm.is_some() && bar(candidate, states).is_none();
            let spreads = config.models.get(&candidate.tier).is_some_and(|tier| tier.spread);
            let draw = spreads.then(|| self.draw(&candidate.id, ambient));
            self.draws.push(draw);
            let mut extra = Map::new();
            extra.extend(draw.map(|draw| ("spread".to_owned(), json!(draw))));
            if let Some(place) = warm {
                extra.insert("warm_tokens".to_owned(), json!(place.warm_tokens));
                extra.insert("warm_for_ms".to_owned(), json!(place.cold_at.since(self.now)));
                let rate = cached_rate(candidate).map(|rate| json!(rate.dollars_per_million()));
                extra.extend(rate.map(|rate| ("warm_input_price".to_owned(), rate)));
            }
            candidate.extra = (!extra.is_empty()).then(|| json!(extra).to_string());
        }
        let may_stay = |place: &WarmPlace| {
            let mut here = candidates.iter().filter(|it| place.is_at(&it.provider, &it.model));
            here.next().map_or(Some("no candidate any more"), |candidate| bar(candidate, states))
        };
        // What was asked of another tier is no business of this one.
        let is_asked = |place: &&WarmPlace| candidates.iter().any(|it| it.tier == place.tier);
        let asked = worthy(&self.known.places).filter(is_asked);
        self.asked = asked.map(|place| (place.clone(), may_stay(place))).collect();
    }

    /// Puts an order that no policy made into the one that it would have: first what is warm, then what the conversation is
    /// drawn to.
    pub(crate) fn prefer(&self, order: &mut [usize], candidates: &[Candidate]) {
        let draw = |at: usize| self.draws.get(at).copied().flatten();
        order.sort_by(|a, b| match (draw(*a), draw(*b)) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            _ => std::cmp::Ordering::Equal,
        });
        order.sort_by_key(|at| candidates.get(*at).is_none_or(|candidate| !candidate.sticky));
    }

    fn draw(&self, candidate: &str, ambient: &dyn Ambient) -> f64 {
        if self.rules.enabled {
            return self.conversation.mark.draw(candidate);
        }
        let mut random = [0; 8];
        ambient.fill_random(&mut random);
        unit(&random)
    }

    /// Where the conversation was, and why it is not there any more; none when it is, or was nowhere.
    fn moved(&self, turn: AnsweredTurn<'_>, attempts: &[Attempt]) -> Option<String> {
        let places = &self.known.places;
        if places.iter().any(|place| place.is_at(turn.provider, turn.model)) {
            return None;
        }
        let (left, barred) = self.asked.iter().max_by_key(|(it, _)| (it.tier == turn.tier, it.used_at))?;
        let WarmPlace { provider, model, .. } = left;
        let mut tried = attempts.iter().filter(|it| left.is_at(&it.provider, &it.model));
        let failed = tried.find_map(|attempt| attempt.code.as_deref());
        let why = barred.or(failed).unwrap_or("the policy chose another");
        Some(format!("moved from {provider}/{model}: {why}"))
    }
}

/// Places where there is something to lose.
fn worthy(places: &[WarmPlace]) -> impl Iterator<Item = &WarmPlace> {
    places.iter().filter(|place| place.warm_tokens >= CACHED_TOKENS_MIN)
}

/// Why a conversation cannot stay at a candidate.
fn bar(candidate: &Candidate, states: &ProviderStates) -> Option<&'static str> {
    match candidate.circuit {
        Circuit::Open | Circuit::HalfOpen => Some("circuit_open"),
        Circuit::Closed if states.is_full(&candidate.provider) => Some("at_capacity"),
        Circuit::Closed => None,
    }
}
