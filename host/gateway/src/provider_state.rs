//! What this process knows of its providers: how many requests each has under way, and for each of their models the
//! circuit breaker and the health. The rules of `core::traffic` with a lock and a clock. A reload that changes an instance
//! starts its breakers afresh; its health goes on.

mod health;
mod permit;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use brains_core::config::{Config, ProviderPolicy};
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::breaker::{Breaker, BreakerSettings, Pass, State};
use brains_core::traffic::occupancy::Occupancy;
use brains_core::{Ambient, Fault};
use brains_runtime::Instance;
use serde::Serialize;

pub(crate) use health::ModelHealth;
pub(crate) use permit::Permit;

/// Models of one provider that are remembered at most: clients choose their names.
const MODELS_MAX: usize = 4_096;
/// When to come back to a provider that is full: a place is free as soon as any answer ends.
const FULL_RETRY_MS: u64 = 1_000;

/// All providers that were called.
#[derive(Debug)]
pub(crate) struct ProviderStates {
    by_name: Mutex<HashMap<String, ProviderState>>,
    ambient: Arc<dyn Ambient>,
}

#[derive(Debug, Default)]
struct ProviderState {
    under_way: Occupancy,
    /// The cap that counted last.
    limit: u32,
    /// One bad model never closes another.
    models: HashMap<String, ModelState>,
}

#[derive(Debug)]
struct ModelState {
    /// Whose breaker it is.
    instance: Weak<Instance>,
    breaker: Breaker,
    settings: BreakerSettings,
    health: ModelHealth,
    /// Members that this instance's upstream refused by name, and whose instance it is.
    withheld: (Weak<Instance>, Vec<String>),
}

/// Why a candidate is not asked.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// One word for headers and traces.
    pub(crate) code: &'static str,
    /// What the client is told when nobody else answers.
    pub(crate) fault: Fault,
}

/// What a policy may know of a candidate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CandidateState {
    pub(crate) circuit: State,
    pub(crate) health: ModelHealth,
}

/// How busy the providers are and which breakers remember a failure, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Breakers that remember a failure.
    pub breakers: Vec<BreakerStanding>,
    pub providers: Vec<ProviderStanding>,
}

/// One breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerStanding {
    pub provider: String,
    pub model: String,
    pub state: State,
    /// Failures in a row.
    pub failures: u32,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderStanding {
    pub provider: String,
    /// Requests under way.
    pub in_flight: u32,
    /// How many may be; 0 is no limit.
    pub limit: u32,
}

impl ProviderStates {
    pub(crate) fn new(ambient: Arc<dyn Ambient>) -> Self {
        Self { by_name: Mutex::default(), ambient }
    }

    /// Asks to call `model` of an instance.
    pub(crate) fn enter(
        self: &Arc<Self>,
        instance: &Arc<Instance>,
        model: &str,
        policy: &ProviderPolicy,
    ) -> Result<Permit, Box<Rejected>> {
        let (settings, now_ms) = (policy.breaker(), self.now_ms());
        let mut by_name = self.lock();
        let provider = instance.name();
        if !by_name.contains_key(provider) {
            by_name.insert(provider.to_owned(), ProviderState::default());
        }
        let Some(state) = by_name.get_mut(provider) else { return Err(full(provider, 0)) };
        state.limit = policy.max_concurrent_requests;
        if !state.under_way.enter(state.limit) {
            return Err(full(provider, state.limit));
        }
        match state.admit(instance, model, settings, now_ms) {
            Ok(pass) => Ok(Permit::new(self, instance, model, settings, pass)),
            Err(rejected) => {
                state.under_way.leave();
                Err(rejected)
            }
        }
    }

    /// What is known of a model before it is called.
    pub(crate) fn candidate(&self, instance: &Arc<Instance>, model: &str, config: &Config) -> CandidateState {
        let settings = config.provider_policy(instance.name(), instance.aliases()).breaker();
        let now_ms = self.now_ms();
        let by_name = self.lock();
        let Some(known) = by_name.get(instance.name()).and_then(|state| state.models.get(model)) else {
            return CandidateState { circuit: State::Closed, health: ModelHealth::default().at(now_ms) };
        };
        let judged = settings.threshold > 0 && known.belongs_to(instance);
        let circuit = if judged { known.breaker.state(now_ms, settings) } else { State::Closed };
        CandidateState { circuit, health: known.health.at(now_ms) }
    }

    /// Whether a provider has as many requests under way as it may.
    pub(crate) fn is_full(&self, provider: &str) -> bool {
        let by_name = self.lock();
        let full = |state: &ProviderState| state.limit > 0 && state.under_way.inside() >= state.limit;
        by_name.get(provider).is_some_and(full)
    }

    /// Members of our own accord that a model of an instance has refused by name.
    pub(crate) fn withheld(&self, instance: &Arc<Instance>, model: &str) -> Vec<String> {
        let by_name = self.lock();
        let known = by_name.get(instance.name()).and_then(|state| state.models.get(model));
        let withheld = known.map(|known| &known.withheld).filter(|(owner, _)| is_of(owner, instance));
        withheld.map(|(_, members)| members.clone()).unwrap_or_default()
    }

    /// Remembers them, while the instance lives.
    pub(crate) fn withhold(&self, instance: &Arc<Instance>, model: &str, members: &[String]) {
        let mut by_name = self.lock();
        let known = by_name.get_mut(instance.name()).and_then(|state| state.models.get_mut(model));
        if let Some(known) = known {
            known.withheld = (Arc::downgrade(instance), members.to_vec());
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let now_ms = self.now_ms();
        let by_name = self.lock();
        let mut traffic = Traffic::default();
        for (provider, state) in by_name.iter() {
            let (in_flight, limit) = (state.under_way.inside(), state.limit);
            traffic.providers.push(ProviderStanding { provider: provider.clone(), in_flight, limit });
            let remembered = state
                .models
                .iter()
                .filter(|(_, model)| model.instance.strong_count() > 0 && !model.breaker.is_blank());
            traffic.breakers.extend(remembered.map(|(name, model)| BreakerStanding {
                provider: provider.clone(),
                model: name.clone(),
                state: model.breaker.state(now_ms, model.settings),
                failures: model.breaker.failures(),
            }));
        }
        traffic.breakers.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        traffic.providers.sort_by(|a, b| a.provider.cmp(&b.provider));
        traffic
    }

    fn now_ms(&self) -> u64 {
        self.ambient.monotonic_us() / 1000
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ProviderState>> {
        self.by_name.lock_unpoisoned()
    }
}

impl ProviderState {
    /// The breaker's answer; no pass when it is switched off.
    fn admit(
        &mut self,
        instance: &Arc<Instance>,
        model: &str,
        settings: BreakerSettings,
        now_ms: u64,
    ) -> Result<Option<Pass>, Box<Rejected>> {
        self.make_room(now_ms);
        if !self.models.contains_key(model) {
            self.models.insert(model.to_owned(), ModelState::new(settings));
        }
        let Some(known) = self.models.get_mut(model) else { return Ok(None) };
        known.settings = settings;
        if settings.threshold == 0 {
            (known.instance, known.breaker) = (Weak::new(), Breaker::new());
            return Ok(None);
        }
        if !known.belongs_to(instance) {
            (known.instance, known.breaker) = (Arc::downgrade(instance), Breaker::new());
        }
        known.breaker.admit(now_ms, settings).map(Some).map_err(|refusal| {
            let message = format!(
                "the circuit breaker of `{}/{model}` is open after {} failures in a row",
                instance.name(),
                refusal.failures
            );
            let fault = Fault::unavailable(message).retry_after_ms(refusal.retry_after_ms).failover();
            Box::new(Rejected { code: "circuit_open", fault })
        })
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.models.len() < MODELS_MAX {
            return;
        }
        self.models.retain(|_, model| {
            model.health.in_flight > 0 || model.breaker.state(now_ms, model.settings) == State::Open
        });
        if self.models.len() >= MODELS_MAX {
            self.models.clear();
        }
    }
}

impl ModelState {
    fn new(settings: BreakerSettings) -> Self {
        Self {
            instance: Weak::new(),
            breaker: Breaker::new(),
            settings,
            health: ModelHealth::default(),
            withheld: (Weak::new(), Vec::new()),
        }
    }

    fn belongs_to(&self, instance: &Arc<Instance>) -> bool {
        is_of(&self.instance, instance)
    }
}

fn is_of(owner: &Weak<Instance>, instance: &Arc<Instance>) -> bool {
    std::ptr::eq(owner.as_ptr(), Arc::as_ptr(instance))
}

fn full(provider: &str, limit: u32) -> Box<Rejected> {
    let message = format!("`{provider}` has as many requests under way as it may, {limit}");
    let fault = Fault::unavailable(message).retry_after_ms(FULL_RETRY_MS).failover();
    Box::new(Rejected { code: "at_capacity", fault })
}
