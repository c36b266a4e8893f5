//! A circuit breaker: failures in a row open it, for a while nobody passes, then one probe decides. What a call
//! that began before the breaker last changed has to say no longer counts.

use serde::Serialize;

/// When it opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it; 0 switches it off.
    pub threshold: u32,
    pub cooldown_ms: u64,
}

/// What a breaker is like at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Closed,
    /// Its time is over: the next call is the probe, or one is under way.
    HalfOpen,
    Open,
}

/// The leave to call; its holder says what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The one call that decides whether the breaker closes.
    pub probe: bool,
    epoch: u64,
}

/// Why nobody passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Failures in a row so far.
    pub failures: u32,
    /// Until the next probe may be made. While one is under way nobody knows, and it is the least there is.
    pub retry_after_ms: u64,
}

/// One breaker. Times may come from any clock that does not go back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    /// When it last opened; none while it is closed.
    opened_ms: Option<u64>,
    probing: bool,
    /// Counts openings, probes and closings.
    epoch: u64,
}

impl Breaker {
    pub fn new() -> Self {
        Self::default()
    }

    /// May a call be made at `now_ms`?
    pub fn admit(&mut self, now_ms: u64, settings: BreakerSettings) -> Result<Pass, Refusal> {
        if settings.threshold == 0 {
            *self = Self { epoch: self.epoch, ..Self::default() };
        }
        let Some(opened_ms) = self.opened_ms else { return Ok(Pass { probe: false, epoch: self.epoch }) };
        let left_ms = opened_ms.saturating_add(settings.cooldown_ms).saturating_sub(now_ms);
        if left_ms > 0 || self.probing {
            return Err(Refusal { failures: self.failures, retry_after_ms: left_ms.max(1) });
        }
        self.probing = true;
        self.epoch += 1;
        Ok(Pass { probe: true, epoch: self.epoch })
    }

    /// The call went well.
    pub fn succeeded(&mut self, pass: Pass) {
        if pass.epoch == self.epoch {
            *self = Self { epoch: self.epoch + u64::from(pass.probe), ..Self::default() };
        }
    }

    /// The call failed by the provider's doing.
    pub fn failed(&mut self, pass: Pass, now_ms: u64, settings: BreakerSettings) {
        if pass.epoch != self.epoch || settings.threshold == 0 {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if pass.probe || self.failures >= settings.threshold {
            self.opened_ms = Some(now_ms);
            self.probing = false;
            self.epoch += 1;
        }
    }

    /// The call says nothing about the provider: the caller left, or its request was bad. After a probe the next
    /// call is one.
    pub fn abandoned(&mut self, pass: Pass) {
        if pass.probe && pass.epoch == self.epoch {
            self.probing = false;
        }
    }

    pub fn state(&self, now_ms: u64, settings: BreakerSettings) -> State {
        match self.opened_ms {
            Some(_) if settings.threshold == 0 => State::Closed,
            None => State::Closed,
            Some(opened_ms) if now_ms < opened_ms.saturating_add(settings.cooldown_ms) => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// Failures in a row so far.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it would behave like a fresh one.
    pub const fn is_blank(&self) -> bool {
        self.failures == 0 && self.opened_ms.is_none()
    }
}

#[cfg(test)]
mod tests;
