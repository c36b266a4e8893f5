//! The limits in front of the gateway: requests per key, wrong keys, and how many requests may be under way at all.
//! The rules are `core`'s; here they get a clock, a lock and their headers. What all listeners count together, operations
//! among it, is in `counters`.

use std::sync::{Arc, Mutex};

use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::limit::{Admission, Window};
use brains_core::traffic::occupancy::Occupancy;
use brains_core::traffic::throttle::{Throttle, WrongKey};
use brains_core::{Ambient, Fault, FaultKind, Origin};
use http::{HeaderMap, HeaderName, HeaderValue};

/// When to come back to a gateway that is full: a place is free as soon as any answer ends.
const FULL_RETRY_MS: u64 = 1_000;

/// So many keys of one request are counted: more than the throttle takes.
const KEYS_COUNTED: usize = 128;

/// Wrong keys of the last moments, whoever sent them.
#[derive(Debug)]
pub(crate) struct WrongKeys {
    throttle: Mutex<Throttle>,
    ambient: Arc<dyn Ambient>,
}

impl WrongKeys {
    pub(crate) fn new(ambient: Arc<dyn Ambient>) -> Self {
        Self { throttle: Mutex::default(), ambient }
    }

    /// Counts as many as one request carried; how long to wait when there were too many.
    pub(crate) fn count(&self, keys: usize) -> Option<u64> {
        let mut throttle = self.throttle.lock_unpoisoned();
        let mut wait_ms = None;
        for _ in 0..keys.min(KEYS_COUNTED) {
            wait_ms = match throttle.wrong(now_ms(&*self.ambient)) {
                WrongKey::Wrong => None,
                WrongKey::Throttled { retry_after_ms } => Some(retry_after_ms),
            };
        }
        wait_ms
    }
}

/// Requests of the last minute by key.
#[derive(Debug)]
pub(crate) struct KeyRateLimits {
    window: Mutex<Window>,
    ambient: Arc<dyn Ambient>,
}

impl KeyRateLimits {
    pub(crate) fn new(ambient: Arc<dyn Ambient>) -> Self {
        Self { window: Mutex::default(), ambient }
    }

    /// Counts a request against its key; 0 is no limit.
    pub(crate) fn admit(&self, fingerprint: &str, per_minute: u32) -> Admission {
        let mut window = self.window.lock_unpoisoned();
        window.admit(fingerprint, now_ms(&*self.ambient), per_minute)
    }
}

/// Counts the requests under way, and refuses those over the limit at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<Occupancy>>);

/// The place of one request, free again when its answer's body has been sent or dropped.
#[derive(Debug)]
pub(crate) struct InFlightPermit(InFlight);

impl InFlight {
    /// Whether another one would be let in now.
    pub(crate) fn check(&self, limit: u32) -> Result<(), Fault> {
        if limit > 0 && self.count() >= limit { Err(full(limit)) } else { Ok(()) }
    }

    /// Lets a request in while fewer than `limit` are under way; 0 is no limit.
    pub(crate) fn enter(&self, limit: u32) -> Result<InFlightPermit, Fault> {
        if self.0.lock_unpoisoned().enter(limit) {
            return Ok(InFlightPermit(self.clone()));
        }
        Err(full(limit))
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.lock_unpoisoned().inside()
    }
}

fn full(limit: u32) -> Fault {
    Fault::unavailable(format!("as many requests are under way as may be, {limit}"))
        .retry_after_ms(FULL_RETRY_MS)
        .hint("`max_concurrent_requests` sets it")
}

impl Drop for InFlightPermit {
    fn drop(&mut self) {
        self.0.0.lock_unpoisoned().leave();
    }
}

pub(crate) fn now_ms(ambient: &dyn Ambient) -> u64 {
    ambient.monotonic_us() / 1000
}

/// The request over the limit as a fault.
pub(crate) fn refusal(admission: Admission) -> Fault {
    let limit = admission.limit;
    let message = format!("this key may make {limit} requests per minute");
    Fault::new(FaultKind::RateLimited, Origin::Client, message)
        .retry_after_ms(admission.retry_after_ms.max(1))
}

/// What is left, in the words of both families of SDKs. Without a limit there is nothing to say.
pub(crate) fn write(admission: Admission, now: brains_core::Millis, headers: &mut HeaderMap) {
    if admission.limit == 0 {
        return;
    }
    let limit = HeaderValue::from(admission.limit);
    let remaining = HeaderValue::from(admission.remaining);
    let reset_ms = i64::try_from(admission.reset_ms).unwrap_or(i64::MAX);
    let at = now.plus_ms(reset_ms).to_string();
    for (name, value) in [
        ("x-ratelimit-limit-requests", limit.clone()),
        ("x-ratelimit-remaining-requests", remaining.clone()),
        ("anthropic-ratelimit-requests-limit", limit),
        ("anthropic-ratelimit-requests-remaining", remaining),
    ] {
        headers.insert(HeaderName::from_static(name), value);
    }
    // One family wants a duration (`1.5s`), the other a point in time.
    let wait = format!("{}.{:03}s", admission.reset_ms / 1000, admission.reset_ms % 1000);
    if let (Ok(wait), Ok(at)) = (HeaderValue::try_from(wait), HeaderValue::try_from(at)) {
        headers.insert("x-ratelimit-reset-requests", wait);
        headers.insert("anthropic-ratelimit-requests-reset", at);
    }
}
