//! A component with its settings, secrets and grants, under a name of its own. Providers get a fresh live
//! instance per exchange; classifiers and policies, which keep nothing, are reused for a while.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use brains_core::{Secret, SecretSet};
use brains_dialect::canon::relay::Surface;
use brains_dialect::canon::task::{Decision, Features, RouteInput, Verdict};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::bindings::{exported, task};
use crate::engine::Ticker;
use crate::exchange::Exchange;
use crate::grant::GrantedOrigin;
use crate::guest::Guest;
use crate::guest::state::InstanceContext;
use crate::limits::CallLimits;
use crate::load::{Component, Exports};
use crate::runtime::RuntimeCounters;
use crate::watchdog::Alarm;
use crate::workers::{Share, Unrun};
use crate::{CallFault, RuntimeShared, bounds, load};

/// A reused instance is dropped after this many calls.
const CALLS_BEFORE_RETIREMENT: u32 = 10_000;
const WARM_AT_MOST: usize = 16;
/// A call longer than this holds up the task that made it.
const SLOW_US: u64 = 1_000;
/// Slow calls, weighed against quick ones, after which an instance runs on the worker threads.
const SLOW_SCORE: u32 = 40;
/// Calls over the budget after which it stays there.
const OVERRUNS: u32 = 2;

const SURFACES: &str = "relay.surfaces";
const CLASSIFY: &str = "classifier.classify";
const DECIDE: &str = "policy.decide";

/// What an instance is made of.
#[derive(Debug, Clone)]
pub struct InstanceSpec {
    pub name: String,
    pub aliases: Vec<String>,
    pub config: Value,
    pub secrets: BTreeMap<String, Secret>,
    /// Origins that it may reach: what the operator wrote and what was allowed.
    pub grants: Vec<GrantedOrigin>,
    pub timeout_ms: u64,
    pub limits: CallLimits,
}

impl InstanceSpec {
    /// Whether nothing about the instance differs.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.aliases == other.aliases
            && self.config == other.config
            && self.secrets == other.secrets
            && self.grants == other.grants
            && self.timeout_ms == other.timeout_ms
            && self.limits == other.limits
    }
}

/// One configured instance.
pub struct Instance {
    pub(crate) component: Arc<Component>,
    spec: InstanceSpec,
    settings: Arc<InstanceContext>,
    shared: Arc<RuntimeShared>,
    surfaces: Vec<Surface>,
    warm: Mutex<Vec<Guest>>,
    slow: AtomicU32,
    overruns: AtomicU32,
    /// What it has of the worker threads, once it runs there.
    share: Share,
    /// Exchanges under way on this version.
    open: AtomicU32,
    /// Ends what is still under way when the version is not kept any longer.
    recall: CancellationToken,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.spec.name)
            .field("component", &self.component.id)
            .finish_non_exhaustive()
    }
}

impl Instance {
    pub(crate) fn new(
        component: Arc<Component>,
        spec: InstanceSpec,
        settings: Arc<InstanceContext>,
        shared: Arc<RuntimeShared>,
    ) -> Result<Self, CallFault> {
        let share = shared.workers.share();
        let mut instance = Self {
            component,
            spec,
            settings,
            shared,
            surfaces: Vec::new(),
            warm: Mutex::default(),
            slow: AtomicU32::new(0),
            overruns: AtomicU32::new(0),
            share,
            open: AtomicU32::new(0),
            recall: CancellationToken::new(),
        };
        instance.shared.counters.made();
        if instance.component.exports.relay {
            let mut guest = instance.shared.guest_for_loading(&instance.component, &instance.settings)?;
            let ticker = &instance.shared.engine.ticker;
            let said = guest.call(SURFACES, ticker, 0, |store, exports, _| match &exports.relay {
                Some(relay) => relay.call_surfaces(store),
                None => Ok(Vec::new()),
            })?;
            let surfaces: Vec<Surface> =
                said.into_iter().map(|s| Surface { name: s.name, dialect: s.dialect }).collect();
            bounds::surfaces(&surfaces).map_err(|what| instance.settings.unusable(SURFACES, &what))?;
            instance.surfaces = surfaces;
        }
        Ok(instance)
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    pub fn component_id(&self) -> &str {
        &self.component.id
    }

    pub fn component(&self) -> &Arc<Component> {
        &self.component
    }

    pub fn exports(&self) -> Exports {
        self.component.exports
    }

    /// What its relay lane serves; empty without one.
    pub fn surfaces(&self) -> &[Surface] {
        &self.surfaces
    }

    pub fn aliases(&self) -> &[String] {
        &self.spec.aliases
    }

    /// A secret that its component asks for and that is set.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.settings.secret(name)
    }

    /// Every secret that it or an earlier version of it was given, so that none of them is told to anybody else.
    pub fn known(&self) -> &Arc<SecretSet> {
        &self.settings.known
    }

    pub fn grants(&self) -> &[GrantedOrigin] {
        &self.spec.grants
    }

    /// The longest silence of its upstream.
    pub const fn timeout_ms(&self) -> u64 {
        self.spec.timeout_ms
    }

    /// A fresh live instance for one exchange. Waits a moment for a place when all are taken.
    pub async fn exchange(self: &Arc<Self>) -> Result<Exchange, CallFault> {
        Ok(Exchange::new(self.guest().await?, Arc::clone(self)))
    }

    /// Labels a request.
    pub async fn classify(self: &Arc<Self>, features: &Features) -> Result<Verdict, CallFault> {
        let size =
            features.last_user_text.len() + features.recent_text.iter().map(String::len).sum::<usize>();
        let features: task::Features = features.clone().into();
        let said = self
            .warm_call(CLASSIFY, move |guest, ticker| {
                guest.call(CLASSIFY, ticker, size, |store, exports, _| match &exports.classifier {
                    Some(classifier) => classifier.call_classify(store, &features).map(Some),
                    None => Ok(None),
                })
            })
            .await?;
        let verdict: Verdict = said
            .ok_or_else(|| CallFault::Missing { by: self.settings.culprit(CLASSIFY) })?
            .map_err(|fault| self.settings.refused(fault.into()))?
            .into();
        bounds::verdict(verdict)
            .map_err(|what| self.settings.unusable(CLASSIFY, &what))
            .inspect_err(|fault| self.blame(fault))
    }

    /// Orders the candidates.
    pub async fn decide(self: &Arc<Self>, input: RouteInput) -> Result<Decision, CallFault> {
        let candidates = input.candidates.len();
        let size = candidates * 256 + input.features.last_user_text.len();
        let input: exported::policy::RouteInput = input.into();
        let said = self
            .warm_call(DECIDE, move |guest, ticker| {
                guest.call(DECIDE, ticker, size, |store, exports, _| match &exports.policy {
                    Some(policy) => policy.call_decide(store, &input).map(Some),
                    None => Ok(None),
                })
            })
            .await?;
        let decision: Decision = said
            .ok_or_else(|| CallFault::Missing { by: self.settings.culprit(DECIDE) })?
            .map_err(|fault| self.settings.refused(fault.into()))?
            .into();
        bounds::decision(decision, candidates)
            .map_err(|what| self.settings.unusable(DECIDE, &what))
            .inspect_err(|fault| self.blame(fault))
    }

    async fn warm_call<R: Send + 'static>(
        self: &Arc<Self>,
        export: &'static str,
        work: impl FnOnce(&mut Guest, &Ticker) -> Result<R, CallFault> + Send + 'static,
    ) -> Result<R, CallFault> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let guest = match warm {
            Some(guest) => guest,
            None => self.guest().await?,
        };
        let (guest, result) = self.on_lane(export, guest, work).await;
        if let Some(guest) = guest
            && result.is_ok()
            && guest.calls < CALLS_BEFORE_RETIREMENT
            && !guest.has_outgrown()
        {
            let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
            if warm.len() < WARM_AT_MOST {
                warm.push(guest);
            }
        }
        result
    }

    /// Runs a call where it holds up nobody: here, while the instance is quick, else on a bounded set of worker threads.
    pub(crate) async fn on_lane<R: Send + 'static>(
        self: &Arc<Self>,
        export: &'static str,
        mut guest: Guest,
        work: impl FnOnce(&mut Guest, &Ticker) -> Result<R, CallFault> + Send + 'static,
    ) -> (Option<Guest>, Result<R, CallFault>) {
        self.shared.counters.call();
        if self.overruns.load(Ordering::Relaxed) < OVERRUNS && self.slow.load(Ordering::Relaxed) < SLOW_SCORE
        {
            let result = self.timed(&mut guest, work);
            return (Some(guest), result);
        }
        let this = Arc::clone(self);
        let ran = self.shared.workers.run(&self.share, move || {
            let result = this.timed(&mut guest, work);
            (guest, result)
        });
        match ran.await {
            Ok((guest, result)) => (Some(guest), result),
            Err(Unrun::Full) => (None, Err(CallFault::Exhausted)),
            Err(Unrun::Died) => {
                let (by, message) = (self.settings.culprit(export), "the worker thread failed".into());
                (None, Err(CallFault::Trap { by, message }))
            }
        }
    }

    fn timed<R>(
        &self,
        guest: &mut Guest,
        work: impl FnOnce(&mut Guest, &Ticker) -> Result<R, CallFault>,
    ) -> Result<R, CallFault> {
        let ambient = &*self.shared.ambient;
        let started_us = ambient.monotonic_us();
        let result = work(guest, &self.shared.engine.ticker);
        let ended_us = ambient.monotonic_us();
        let slow = ended_us.saturating_sub(started_us) > SLOW_US;
        self.judge(result.as_ref().err(), ended_us);
        // Twice over the budget moves the instance off the callers' threads for good; one call in twenty slow
        // does so until it is quick again.
        if matches!(result, Err(CallFault::Deadline { .. })) {
            self.overruns.fetch_add(1, Ordering::Relaxed);
        }
        let add = if slow { SLOW_SCORE / 2 } else { 0 };
        let score = self.slow.load(Ordering::Relaxed);
        let next =
            if add > 0 { score.saturating_add(add).min(SLOW_SCORE * 4) } else { score.saturating_sub(1) };
        if next != score {
            self.slow.store(next, Ordering::Relaxed);
        }
        result
    }

    async fn guest(&self) -> Result<Guest, CallFault> {
        self.shared.guest(&self.component, &self.settings).await.inspect_err(|fault| self.blame(fault))
    }

    /// What a call answered is of no use, although the call itself went well.
    pub(crate) fn blame(&self, fault: &CallFault) {
        self.judge(Some(fault), self.shared.ambient.monotonic_us());
    }

    fn judge(&self, fault: Option<&CallFault>, now_us: u64) {
        if let Some(risen) = self.component.watchdog.ended(fault, now_us) {
            let (id, digest) = (self.component.id.clone(), self.component.digest.clone());
            self.shared.alarms.raise(Alarm { id, digest, risen });
        }
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Exchanges under way on this version.
    pub(crate) fn exchanges(&self) -> u64 {
        self.open.load(Ordering::Relaxed).into()
    }

    pub(crate) const fn recall(&self) -> &CancellationToken {
        &self.recall
    }

    /// What names the version beside its content: its settings and what it is granted.
    pub(crate) fn version_digests(&self) -> (String, String) {
        let spec = &self.spec;
        let secrets: Vec<(&str, String)> =
            spec.secrets.iter().map(|(name, secret)| (name.as_str(), secret.fingerprint())).collect();
        let config = serde_json::json!([spec.config, spec.aliases, spec.timeout_ms, secrets]);
        let origins: Vec<_> = spec.grants.iter().map(|grant| (&grant.url, grant.operator)).collect();
        let grants = serde_json::json!([origins, self.component.manifest.asks]);
        (short(&config), short(&grants))
    }

    pub(crate) fn counters(&self) -> &RuntimeCounters {
        &self.shared.counters
    }

    pub(crate) fn settings(&self) -> &InstanceContext {
        &self.settings
    }

    pub(crate) const fn spec(&self) -> &InstanceSpec {
        &self.spec
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.shared.counters.unmade();
        // Whoever waits for a version to be gone looks again.
        self.shared.alarms.notify.notify_one();
    }
}

fn short(value: &Value) -> String {
    load::digest(value.to_string().as_bytes()).chars().skip("sha256:".len()).take(12).collect()
}
