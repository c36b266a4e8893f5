//! The breakers of all models and the caps of all providers: the rules of `core::traffic` with a lock and a clock.
//! Per process; a reload that changes an instance starts its breakers afresh.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use brains_core::config::{Config, ProviderPolicy};
use brains_core::traffic::breaker::{Breaker, BreakerSettings, Pass, State};
use brains_core::traffic::occupancy::Occupancy;
use brains_core::{Ambient, Fault};
use brains_runtime::Instance;
use serde::Serialize;

/// Breakers that are remembered at most: clients choose the names of models.
const BREAKERS_MAX: usize = 4_096;
/// When to come back to a provider that is full: a place is free as soon as any answer ends.
const FULL_RETRY_MS: u64 = 1_000;

/// All gates.
#[derive(Debug)]
pub(crate) struct Gates {
    inner: Mutex<Inner>,
    ambient: Arc<dyn Ambient>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By provider and model: one bad model never closes another.
    breakers: HashMap<(String, String), Guarded>,
    /// By provider, with the cap that counted last.
    rooms: HashMap<String, (Occupancy, u32)>,
}

#[derive(Debug)]
struct Guarded {
    instance: Weak<Instance>,
    breaker: Breaker,
    settings: BreakerSettings,
}

/// Why a candidate is not asked.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// One word for headers.
    pub(crate) code: &'static str,
    /// What the client is told when nobody else answers.
    pub(crate) fault: Fault,
}

/// The permit to ask one candidate. Dropped without a word it says nothing about the provider.
#[derive(Debug)]
pub(crate) struct Permit {
    gates: Arc<Gates>,
    key: (String, String),
    /// Whose breaker it was: a later instance of the same name is not judged by it.
    instance: Weak<Instance>,
    settings: BreakerSettings,
    pass: Option<Pass>,
}

/// What the gates are like, for people.
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

impl Gates {
    pub(crate) fn new(ambient: Arc<dyn Ambient>) -> Self {
        Self { inner: Mutex::default(), ambient }
    }

    /// Asks to call `model` of an instance.
    pub(crate) fn enter(
        self: &Arc<Self>,
        instance: &Arc<Instance>,
        model: &str,
        policy: &ProviderPolicy,
    ) -> Result<Permit, Box<Rejected>> {
        let (settings, now_ms) = (policy.breaker(), self.now_ms());
        let mut inner = self.lock();
        let provider = instance.name();
        if !inner.rooms.contains_key(provider) {
            inner.rooms.insert(provider.to_owned(), Default::default());
        }
        let limit = policy.max_concurrent_requests;
        if let Some((room, cap)) = inner.rooms.get_mut(provider) {
            *cap = limit;
            if !room.enter(limit) {
                return Err(full(provider, limit));
            }
        }
        let key = (provider.to_owned(), model.to_owned());
        let permit = |pass| Permit {
            gates: Arc::clone(self),
            key: key.clone(),
            instance: Arc::downgrade(instance),
            settings,
            pass,
        };
        if settings.threshold == 0 {
            inner.breakers.remove(&key);
            return Ok(permit(None));
        }
        inner.make_room(now_ms);
        let guarded = inner.breakers.entry(key.clone()).or_insert_with(|| Guarded::new(instance, settings));
        guarded.settings = settings;
        if !std::ptr::eq(guarded.instance.as_ptr(), Arc::as_ptr(instance)) {
            *guarded = Guarded::new(instance, settings);
        }
        match guarded.breaker.admit(now_ms, settings) {
            Ok(pass) => Ok(permit(Some(pass))),
            Err(refusal) => {
                inner.leave(provider);
                let message = format!(
                    "the circuit breaker of `{provider}/{model}` is open after {} failures in a row",
                    refusal.failures
                );
                let fault = Fault::unavailable(message).retry_after_ms(refusal.retry_after_ms).failover();
                Err(Box::new(Rejected { code: "circuit_open", fault }))
            }
        }
    }

    /// What a policy may know of a candidate's breaker.
    pub(crate) fn state(&self, instance: &Arc<Instance>, model: &str, config: &Config) -> State {
        let settings = config.provider_policy(instance.name(), instance.aliases()).breaker();
        if settings.threshold == 0 {
            return State::Closed;
        }
        let now_ms = self.now_ms();
        let inner = self.lock();
        let guarded = inner.breakers.get(&(instance.name().to_owned(), model.to_owned()));
        guarded
            .filter(|guarded| std::ptr::eq(guarded.instance.as_ptr(), Arc::as_ptr(instance)))
            .map_or(State::Closed, |guarded| guarded.breaker.state(now_ms, settings))
    }

    pub(crate) fn standing(&self) -> Traffic {
        let now_ms = self.now_ms();
        let inner = self.lock();
        let mut breakers: Vec<BreakerStanding> = inner
            .breakers
            .iter()
            .filter(|(_, guarded)| guarded.instance.strong_count() > 0 && !guarded.breaker.is_blank())
            .map(|((provider, model), guarded)| BreakerStanding {
                provider: provider.clone(),
                model: model.clone(),
                state: guarded.breaker.state(now_ms, guarded.settings),
                failures: guarded.breaker.failures(),
            })
            .collect();
        breakers.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        let mut providers: Vec<ProviderStanding> = inner
            .rooms
            .iter()
            .map(|(provider, (room, limit))| ProviderStanding {
                provider: provider.clone(),
                in_flight: room.inside(),
                limit: *limit,
            })
            .collect();
        providers.sort_by(|a, b| a.provider.cmp(&b.provider));
        Traffic { breakers, providers }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.ambient.monotonic_us() / 1000
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guarded {
    fn new(instance: &Arc<Instance>, settings: BreakerSettings) -> Self {
        Self { instance: Arc::downgrade(instance), breaker: Breaker::new(), settings }
    }
}

impl Inner {
    fn leave(&mut self, provider: &str) {
        if let Some((room, _)) = self.rooms.get_mut(provider) {
            room.leave();
        }
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.breakers.len() < BREAKERS_MAX {
            return;
        }
        self.breakers.retain(|_, guarded| guarded.breaker.state(now_ms, guarded.settings) == State::Open);
        if self.breakers.len() >= BREAKERS_MAX {
            self.breakers.clear();
        }
    }

    /// Hands what came of a pass to its breaker, if that is still there.
    fn settle(
        &mut self,
        key: &(String, String),
        instance: &Weak<Instance>,
        outcome: impl FnOnce(&mut Breaker),
    ) {
        if let Some(guarded) = self.breakers.get_mut(key)
            && guarded.instance.ptr_eq(instance)
        {
            outcome(&mut guarded.breaker);
        }
    }
}

impl Permit {
    /// Whether this one call decides about the breaker.
    pub(crate) fn is_probe(&self) -> bool {
        self.pass.is_some_and(|pass| pass.probe)
    }

    /// The answer has begun. A probe has shown what it was to show; what becomes of its answer counts as that of
    /// any other call. True for a probe.
    pub(crate) fn begun(&mut self) -> bool {
        let Some(pass) = self.pass.filter(|pass| pass.probe) else { return false };
        let now_ms = self.gates.now_ms();
        let (settings, mut next) = (self.settings, None);
        self.gates.lock().settle(&self.key, &self.instance, |breaker| {
            breaker.succeeded(pass);
            next = breaker.admit(now_ms, settings).ok();
        });
        self.pass = next;
        true
    }

    /// What came of the call; none when it says nothing about the provider.
    pub(crate) fn ended(mut self, good: Option<bool>) {
        self.settle(good);
    }

    fn settle(&mut self, good: Option<bool>) {
        let Some(pass) = self.pass.take() else { return };
        let (settings, now_ms) = (self.settings, self.gates.now_ms());
        self.gates.lock().settle(&self.key, &self.instance, |breaker| match good {
            Some(true) => breaker.succeeded(pass),
            Some(false) => breaker.failed(pass, now_ms, settings),
            None => breaker.abandoned(pass),
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.settle(None);
        self.gates.lock().leave(&self.key.0);
    }
}

fn full(provider: &str, limit: u32) -> Box<Rejected> {
    let message = format!("`{provider}` has as many requests under way as it may, {limit}");
    let fault = Fault::unavailable(message).retry_after_ms(FULL_RETRY_MS).failover();
    Box::new(Rejected { code: "at_capacity", fault })
}
