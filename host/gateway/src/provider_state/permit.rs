//! The permit to call one candidate: a place at its provider and a pass of its breaker. It follows the request's events,
//! so that provider, breaker and health learn what came of it. Dropped early it says nothing about the provider.

use std::sync::{Arc, Weak};

use brains_core::plane::trace::TraceRecord;
use brains_core::traffic::breaker::{Breaker, BreakerSettings, Pass};
use brains_runtime::Instance;

use super::{ModelHealth, ModelState, ProviderStates};
use crate::record::{RequestEvent, RequestListener};

/// The permit to call one model of one provider.
#[derive(Debug)]
pub(crate) struct Permit {
    states: Arc<ProviderStates>,
    provider: String,
    model: String,
    /// Whose breaker gave the pass: that of a later instance of the same name is another one.
    instance: Weak<Instance>,
    settings: BreakerSettings,
    /// Until the breaker knows what came of it; none when the breaker is switched off.
    pass: Option<Pass>,
}

impl Permit {
    pub(super) fn new(
        states: &Arc<ProviderStates>,
        instance: &Arc<Instance>,
        model: &str,
        settings: BreakerSettings,
        pass: Option<Pass>,
    ) -> Self {
        Self {
            states: Arc::clone(states),
            provider: instance.name().to_owned(),
            model: model.to_owned(),
            instance: Arc::downgrade(instance),
            settings,
            pass,
        }
    }

    /// Whether this one call decides about the breaker.
    pub(crate) fn is_probe(&self) -> bool {
        self.pass.is_some_and(|pass| pass.probe)
    }

    /// The answer has begun. A probe has shown what it was to show; what becomes of its answer counts as that of any
    /// other call.
    fn answer_began(&mut self) {
        let Some(pass) = self.pass.filter(|pass| pass.probe) else { return };
        let (now_ms, settings) = (self.states.now_ms(), self.settings);
        let mut next = None;
        self.with_model(|health, judged| {
            health.recovered();
            if let Some(breaker) = judged {
                breaker.succeeded(pass);
                next = breaker.admit(now_ms, settings).ok();
            }
        });
        self.pass = next;
    }

    /// An attempt is over; after the last one the breaker is told.
    fn attempt_ended(&mut self, good: Option<bool>, is_last: bool, first_byte_ms: Option<u64>) {
        let (now_ms, settings) = (self.states.now_ms(), self.settings);
        let pass = if is_last { self.pass.take() } else { None };
        self.with_model(|health, judged| {
            health.ended(good, first_byte_ms, now_ms);
            match (judged, pass, good) {
                (Some(breaker), Some(pass), Some(true)) => breaker.succeeded(pass),
                (Some(breaker), Some(pass), Some(false)) => breaker.failed(pass, now_ms, settings),
                (Some(breaker), Some(pass), None) => breaker.abandoned(pass),
                (None, _, _) | (_, None, _) => {}
            }
        });
    }

    /// Changes what is known of the model, if it is still remembered. The breaker is there only while it is the one that
    /// gave the pass.
    fn with_model(&self, change: impl FnOnce(&mut ModelHealth, Option<&mut Breaker>)) {
        let mut by_name = self.states.lock();
        let model = by_name.get_mut(&self.provider).and_then(|state| state.models.get_mut(&self.model));
        let Some(ModelState { instance, breaker, health, .. }) = model else { return };
        change(health, instance.ptr_eq(&self.instance).then_some(breaker));
    }
}

impl RequestListener for Permit {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord) {
        match event {
            RequestEvent::Planned | RequestEvent::Ended(_) => {}
            RequestEvent::AttemptStarted { silence: _ } => self.with_model(|health, _| health.started()),
            RequestEvent::FirstByte => self.answer_began(),
            RequestEvent::AttemptEnded { good, is_last } => {
                self.attempt_ended(good, is_last, record.first_byte_ms);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.with_model(|_, judged| {
                if let Some(breaker) = judged {
                    breaker.abandoned(pass);
                }
            });
        }
        if let Some(state) = self.states.lock().get_mut(&self.provider) {
            state.under_way.leave();
        }
    }
}
