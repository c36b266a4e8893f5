//! An instance: a component with its settings, secrets and grants, under a name of its own. A provider gets a fresh guest
//! for each exchange; classifiers and policies, which keep nothing, are reused for a while.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use brains_core::sync::Unpoisoned as _;
use brains_core::{Secret, SecretSet};
use brains_dialect::canon::relay::Surface;
use brains_dialect::canon::task::{Decision, Features, RouteInput, Verdict};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::bindings::{exported, task};
use crate::context::InstanceContext;
use crate::engine::Ticker;
use crate::exchange::Exchange;
use crate::grant::GrantedOrigin;
use crate::guest::Guest;
use crate::limits::CallLimits;
use crate::load::{Component, Exports};
use crate::placement::Placement;
use crate::runtime::RuntimeCounters;
use crate::sign_in::SignIn;
use crate::watchdog::Alarm;
use crate::workers::NotRun;
use crate::{CallFault, RuntimeShared, bounds, load};

/// A reused instance is dropped after this many calls.
const CALLS_BEFORE_RETIREMENT: u32 = 10_000;
const WARM_AT_MOST: usize = 16;

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
    /// Commands that the operator lets be run for a token, by the name of the credential.
    pub commands: BTreeMap<String, Vec<String>>,
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
            && self.commands == other.commands
            && self.grants == other.grants
            && self.timeout_ms == other.timeout_ms
            && self.limits == other.limits
    }
}

/// One configured instance.
pub struct Instance {
    pub(crate) component: Arc<Component>,
    spec: InstanceSpec,
    context: Arc<InstanceContext>,
    shared: Arc<RuntimeShared>,
    surfaces: Vec<Surface>,
    warm: Mutex<Vec<Guest>>,
    placement: Placement,
    exchanges: OpenExchanges,
}

/// Exchanges under way on one version of an instance.
#[derive(Debug, Default)]
struct OpenExchanges {
    count: AtomicU32,
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
        context: Arc<InstanceContext>,
        shared: Arc<RuntimeShared>,
    ) -> Result<Self, CallFault> {
        let placement = Placement::new(shared.workers.share());
        let mut instance = Self {
            component,
            spec,
            context,
            shared,
            surfaces: Vec::new(),
            warm: Mutex::default(),
            placement,
            exchanges: OpenExchanges::default(),
        };
        instance.shared.counters.made();
        if instance.component.exports.relay {
            let mut guest = instance.shared.guest_for_loading(&instance.component, &instance.context)?;
            let ticker = &instance.shared.engine.ticker;
            let said =
                guest.call(SURFACES, ticker, 0, |store, exports, _| match exports.relay(store)? {
                    Some(relay) => relay.call_surfaces(store),
                    None => Ok(Vec::new()),
                })?;
            let surfaces: Vec<Surface> =
                said.into_iter().map(|s| Surface { name: s.name, dialect: s.dialect }).collect();
            bounds::surfaces(&surfaces).map_err(|what| instance.context.unusable(SURFACES, &what))?;
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
        self.context.factors.secrets.get(name)
    }

    /// All secrets that the configuration gives it.
    pub const fn secrets(&self) -> &BTreeMap<String, Secret> {
        &self.spec.secrets
    }

    /// Commands that may be run for a token, by the name of the credential.
    pub const fn commands(&self) -> &BTreeMap<String, Vec<String>> {
        &self.spec.commands
    }

    /// Every secret that it or an earlier version of it was given, so that none of them is told to anybody else.
    pub fn known(&self) -> Arc<SecretSet> {
        self.context.known()
    }

    /// Covers these from now on, too: what it was given while it runs.
    pub fn learn<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) {
        self.context.redaction.learn(secrets);
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

    /// A flow of signing in, in a guest of its own.
    pub async fn sign_in(self: &Arc<Self>) -> Result<SignIn, CallFault> {
        Ok(SignIn::new(self.guest().await?, Arc::clone(self)))
    }

    /// Labels a request.
    pub async fn classify(self: &Arc<Self>, features: &Features) -> Result<Verdict, CallFault> {
        let size =
            features.last_user_text.len() + features.recent_text.iter().map(String::len).sum::<usize>();
        let features: task::Features = features.clone().into();
        let said = self
            .warm_call(CLASSIFY, move |guest, ticker| {
                guest.call(CLASSIFY, ticker, size, |store, exports, _| match exports.classifier(store)? {
                    Some(classifier) => classifier.call_classify(store, &features).map(Some),
                    None => Ok(None),
                })
            })
            .await?;
        let verdict: Verdict = said
            .ok_or_else(|| CallFault::Missing { by: self.context.culprit(CLASSIFY) })?
            .map_err(|fault| self.context.refusal(fault.into()))?
            .into();
        bounds::verdict(verdict)
            .map_err(|what| self.context.unusable(CLASSIFY, &what))
            .inspect_err(|fault| self.blame(fault))
    }

    /// Orders the candidates.
    pub async fn decide(self: &Arc<Self>, input: RouteInput) -> Result<Decision, CallFault> {
        let candidates = input.candidates.len();
        let size = candidates * 256 + input.features.last_user_text.len();
        let input: exported::policy::RouteInput = input.into();
        let said = self
            .warm_call(DECIDE, move |guest, ticker| {
                guest.call(DECIDE, ticker, size, |store, exports, _| match exports.policy(store)? {
                    Some(policy) => policy.call_decide(store, &input).map(Some),
                    None => Ok(None),
                })
            })
            .await?;
        let decision: Decision = said
            .ok_or_else(|| CallFault::Missing { by: self.context.culprit(DECIDE) })?
            .map_err(|fault| self.context.refusal(fault.into()))?
            .into();
        bounds::decision(decision, candidates)
            .map_err(|what| self.context.unusable(DECIDE, &what))
            .inspect_err(|fault| self.blame(fault))
    }

    async fn warm_call<R: Send + 'static>(
        self: &Arc<Self>,
        export: &'static str,
        work: impl FnOnce(&mut Guest, &Ticker) -> Result<R, CallFault> + Send + 'static,
    ) -> Result<R, CallFault> {
        let warm = self.warm.lock_unpoisoned().pop();
        let guest = match warm {
            Some(guest) => guest,
            None => self.guest().await?,
        };
        let (guest, result) = self.run_call(export, guest, work).await;
        if let Some(guest) = guest
            && result.is_ok()
            && guest.calls < CALLS_BEFORE_RETIREMENT
            && !guest.has_outgrown()
        {
            let mut warm = self.warm.lock_unpoisoned();
            if warm.len() < WARM_AT_MOST {
                warm.push(guest);
            }
        }
        result
    }

    /// Runs a call where it holds up nobody: here, while the instance is quick, else on a bounded set of worker threads.
    pub(crate) async fn run_call<R: Send + 'static>(
        self: &Arc<Self>,
        export: &'static str,
        mut guest: Guest,
        work: impl FnOnce(&mut Guest, &Ticker) -> Result<R, CallFault> + Send + 'static,
    ) -> (Option<Guest>, Result<R, CallFault>) {
        self.shared.counters.call();
        if self.placement.is_quick() {
            let result = self.timed(&mut guest, work);
            return (Some(guest), result);
        }
        let this = Arc::clone(self);
        let ran = self.shared.workers.run(&self.placement.share, move || {
            let result = this.timed(&mut guest, work);
            (guest, result)
        });
        match ran.await {
            Ok((guest, result)) => (Some(guest), result),
            Err(NotRun::Full) => (None, Err(CallFault::Exhausted)),
            Err(NotRun::Died) => {
                let (by, message) = (self.context.culprit(export), "the worker thread failed".into());
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
        self.judge(result.as_ref().err(), ended_us);
        let is_over_budget = matches!(result, Err(CallFault::Deadline { .. }));
        self.placement.took(ended_us.saturating_sub(started_us), is_over_budget);
        result
    }

    async fn guest(&self) -> Result<Guest, CallFault> {
        self.shared.guest(&self.component, &self.context).await.inspect_err(|fault| self.blame(fault))
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
        self.exchanges.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.exchanges.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Exchanges under way on this version.
    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.count.load(Ordering::Relaxed).into()
    }

    pub(crate) const fn recall(&self) -> &CancellationToken {
        &self.exchanges.recall
    }

    /// What names the version beside its content: its settings and what it is granted.
    pub(crate) fn version_digests(&self) -> (String, String) {
        let spec = &self.spec;
        let secrets: Vec<(&str, String)> =
            spec.secrets.iter().map(|(name, secret)| (name.as_str(), secret.fingerprint())).collect();
        let config = serde_json::json!([spec.config, spec.aliases, spec.timeout_ms, secrets]);
        let origins: Vec<_> = spec.grants.iter().map(|grant| (&grant.url, grant.operator)).collect();
        let grants = serde_json::json!([origins, self.component.manifest.asks, spec.commands]);
        (short(&config), short(&grants))
    }

    pub(crate) fn counters(&self) -> &RuntimeCounters {
        &self.shared.counters
    }

    pub(crate) fn context(&self) -> &InstanceContext {
        &self.context
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
