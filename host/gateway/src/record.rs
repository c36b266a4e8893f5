//! The trace of one request while it runs. Whatever ends it (an answer, a fault, a client that left), it is
//! offered to the store exactly once, redacted, and never waited for; a request that called somebody leaves its row
//! in the ledger, for which its place was kept; and the gate that let it through learns what came of it.

use std::sync::Arc;

use brains_core::plane::trace::{Attempt, AttemptOutcome, TraceRecord};
use brains_core::plane::usage::{UsageOutcome, UsageRecord};
use brains_core::redact::redact;
use brains_core::secret::sha256_hex;
use brains_core::traffic::attempt::blames_provider;
use brains_core::{Ambient, Fault, FaultKind};
use brains_dialect::canon::Usage;
use brains_dialect::canon::task::exact;
use brains_store::{TraceQueue, UsageSlot};

use crate::gates::Permit;
use crate::health::Health;
use crate::plan::{Plan, RankedCandidate};

/// The status that stands for a client which left before the answer's end.
const CLIENT_LEFT: u16 = 499;

/// Keeps one request's facts until its end.
#[expect(clippy::struct_excessive_bools, reason = "each tells whether one thing has happened yet")]
#[derive(Debug)]
pub(crate) struct Recorder {
    record: TraceRecord,
    traces: TraceQueue,
    ambient: Arc<dyn Ambient>,
    health: Arc<Health>,
    started_us: u64,
    attempt_started_us: u64,
    /// The attempt under way, not yet in the list.
    attempting: bool,
    first_byte: bool,
    /// The upstream gave figures.
    counted: bool,
    prices: (Option<f64>, Option<f64>),
    body_limit: Option<usize>,
    /// Room in the ledger.
    place: Option<UsageSlot>,
    /// The gate of the candidate that is asked.
    permit: Option<Permit>,
    ended: bool,
}

impl Recorder {
    pub(crate) fn new(
        record: TraceRecord,
        body_limit: Option<usize>,
        traces: TraceQueue,
        ambient: Arc<dyn Ambient>,
        health: Arc<Health>,
    ) -> Self {
        let started_us = ambient.monotonic_us();
        Self {
            record,
            traces,
            ambient,
            health,
            started_us,
            attempt_started_us: started_us,
            attempting: false,
            first_byte: false,
            counted: false,
            prices: (None, None),
            body_limit,
            place: None,
            permit: None,
            ended: false,
        }
    }

    /// Where the request's row of the ledger goes.
    pub(crate) fn place(&mut self, place: UsageSlot) {
        self.place = Some(place);
    }

    pub(crate) fn head(&mut self, model: &str, stream: bool) {
        model.clone_into(&mut self.record.requested_model);
        self.record.stream = stream;
    }

    pub(crate) fn planned(&mut self, plan: &Plan) {
        let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.record.task = non_empty(&plan.task);
        self.record.complexity = non_empty(&plan.traits.complexity);
        self.record.confidence = (!plan.task.is_empty()).then(|| exact(plan.confidence));
        self.record.strategy = non_empty(plan.strategy);
        self.record.reason = non_empty(&plan.reason);
    }

    pub(crate) fn body(&mut self, body: &[u8]) {
        if let Some(limit) = self.body_limit {
            self.record.request_body = Some(cut(&redact(&String::from_utf8_lossy(body)), limit));
        }
    }

    pub(crate) fn preamble(&mut self, preamble: &str) {
        self.record.preamble_hash = Some(sha256_hex(preamble.as_bytes()));
    }

    /// A gate let the request through to a candidate.
    pub(crate) fn entered(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    /// The attempts at a candidate are over without an answer; `fault` is the last one's.
    pub(crate) fn gave_up(&mut self, fault: &Fault) {
        if let Some(permit) = self.permit.take() {
            permit.ended(blames_provider(fault.kind).then_some(false));
        }
    }

    /// The answer has begun.
    pub(crate) fn begun(&mut self) {
        let probed = self.permit.as_mut().is_some_and(Permit::begun);
        if let (true, Some(provider), Some(model)) = (probed, &self.record.provider, &self.record.model) {
            self.health.recovered(provider, model);
        }
    }

    pub(crate) fn is_probe(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_probe)
    }

    /// A candidate was not asked.
    pub(crate) fn skipped(&mut self, candidate: &RankedCandidate, cause: &str) {
        self.candidate(candidate);
        self.record.attempts.push(Attempt {
            provider: candidate.provider.clone(),
            model: candidate.model.clone(),
            outcome: AttemptOutcome::Skipped,
            status: None,
            latency_ms: 0,
            cause: Some(cause.to_owned()),
        });
    }

    fn candidate(&mut self, candidate: &RankedCandidate) {
        self.record.tier = (!candidate.tier.is_empty()).then(|| candidate.tier.clone());
        self.record.provider = Some(candidate.provider.clone());
        self.record.model = Some(candidate.model.clone());
    }

    /// An attempt begins; `prices` are US dollars per million tokens in and out.
    pub(crate) fn attempt(&mut self, candidate: &RankedCandidate, prices: (Option<f64>, Option<f64>)) {
        self.candidate(candidate);
        self.prices = prices;
        self.record.loss.clear();
        self.attempt_started_us = self.ambient.monotonic_us();
        self.attempting = true;
        self.health.began(&candidate.provider, &candidate.model);
    }

    /// The attempt under way failed; another one may follow.
    pub(crate) fn attempt_failed(&mut self, fault: &Fault) {
        self.close_attempt(
            AttemptOutcome::Failed,
            fault.upstream_status,
            Some(fault.message.clone()),
            blames_provider(fault.kind).then_some(false),
        );
    }

    pub(crate) fn losses(&mut self, losses: &[String]) {
        self.record.loss.extend_from_slice(losses);
    }

    pub(crate) fn losses_so_far(&self) -> Vec<String> {
        self.record.loss.clone()
    }

    /// Bytes of the answer's body go out.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        if !self.first_byte && !bytes.is_empty() {
            self.first_byte = true;
            self.record.first_byte_ms = Some(self.since_ms(self.started_us));
        }
        self.record.response_bytes = self.record.response_bytes.saturating_add(bytes.len() as u64);
        if let Some(limit) = self.body_limit {
            let kept = self.record.response_body.get_or_insert_default();
            if kept.len() < limit {
                kept.push_str(&String::from_utf8_lossy(bytes));
            }
        }
    }

    /// What the upstream counted, or what we guess when it counted nothing.
    pub(crate) fn usage(&mut self, counted: Option<&Usage>) {
        self.counted |= counted.is_some();
        let usage = &mut self.record.usage;
        if let Some(counted) = counted {
            usage.input_tokens = counted.input;
            usage.output_tokens = counted.output;
            usage.cached_tokens = counted.cached_input;
            usage.reasoning_tokens = counted.reasoning;
            usage.estimated = false;
        } else {
            // Four bytes to a token is the usual rule of thumb for English and code; a stream's frames weigh more.
            let bytes_per_token = if self.record.stream { 160 } else { 4 };
            usage.input_tokens = self.record.request_bytes / 4;
            usage.output_tokens = self.record.response_bytes.div_ceil(bytes_per_token);
            usage.estimated = true;
        }
    }

    /// Guesses anew from what has gone out by now, when the upstream counted nothing.
    pub(crate) fn guess(&mut self) {
        if self.record.usage.estimated && !self.counted {
            self.usage(None);
        }
    }

    /// The answer went out whole.
    pub(crate) fn answered(mut self) {
        self.guess();
        self.close_attempt(AttemptOutcome::Ok, Some(200), None, Some(true));
        if let Some(permit) = self.permit.take() {
            permit.ended(Some(true));
        }
        self.record.status = 200;
        self.offer(UsageOutcome::Ok);
    }

    /// The request ends in a fault, before or after its first byte.
    pub(crate) fn failed(mut self, fault: &Fault) {
        if self.attempting {
            self.attempt_failed(fault);
        }
        self.gave_up(fault);
        self.record.status = if self.first_byte { 200 } else { fault.kind.http_status() };
        self.record.error_kind = Some(format!("{:?}", fault.kind).to_lowercase());
        self.record.error_code = Some(fault.code.clone().into_owned());
        self.offer(UsageOutcome::Failed);
    }

    fn close_attempt(
        &mut self,
        outcome: AttemptOutcome,
        status: Option<u16>,
        cause: Option<String>,
        good: Option<bool>,
    ) {
        if !std::mem::take(&mut self.attempting) {
            return;
        }
        let (provider, model) =
            (self.record.provider.clone().unwrap_or_default(), self.record.model.clone().unwrap_or_default());
        let first_byte_ms = self.record.first_byte_ms.and_then(|ms| u32::try_from(ms).ok());
        let now_ms = self.ambient.monotonic_us() / 1000;
        self.health.ended(&provider, &model, good, first_byte_ms, now_ms);
        let latency_ms = self.since_ms(self.attempt_started_us);
        self.record.attempts.push(Attempt { provider, model, outcome, status, latency_ms, cause });
    }

    fn since_ms(&self, since_us: u64) -> u64 {
        self.ambient.monotonic_us().saturating_sub(since_us) / 1000
    }

    fn offer(&mut self, outcome: UsageOutcome) {
        self.ended = true;
        self.record.latency_ms = self.since_ms(self.started_us);
        self.record.cost_usd = self.cost();
        self.settle(outcome);
        // Redacted before it is cut, so that no half of a key stays; every other text is redacted where it is kept.
        if let (Some(limit), Some(body)) = (self.body_limit, &mut self.record.response_body) {
            *body = cut(&redact(body), limit);
        }
        if self.traces.offer(self.record.clone()) {
            return;
        }
        tracing::debug!(trace.id = %self.record.id, "trace queue is full, trace dropped");
    }

    /// Leaves the row of the ledger. A request that no candidate was asked for used nothing.
    fn settle(&mut self, outcome: UsageOutcome) {
        let (Some(place), record) = (self.place.take(), &self.record) else { return };
        let asked = record.attempts.iter().any(|attempt| attempt.outcome != AttemptOutcome::Skipped);
        let (true, Some(provider), Some(model)) = (asked, &record.provider, &record.model) else { return };
        place.put(UsageRecord {
            trace: record.id.clone(),
            at: record.at,
            operator: record.operator.clone(),
            key: record.key.clone(),
            provider: provider.clone(),
            model: model.clone(),
            tier: record.tier.clone(),
            outcome,
            usage: record.usage,
            cost_usd: record.cost_usd,
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^52")]
    fn cost(&self) -> Option<f64> {
        let (input, output) = (self.prices.0?, self.prices.1?);
        let usage = &self.record.usage;
        Some((usage.input_tokens as f64 * input + usage.output_tokens as f64 * output) / 1_000_000.0)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.attempting && !self.counted {
            // Nothing came back yet, but the prompt was sent and will be billed.
            self.usage(None);
        }
        self.close_attempt(AttemptOutcome::Cancelled, None, Some("the client left".into()), None);
        self.record.status = CLIENT_LEFT;
        self.record.error_kind = Some("cancelled".into());
        self.record.error_code = Some(FaultKind::Cancelled.code().into());
        self.offer(UsageOutcome::Cancelled);
    }
}

/// The first `limit` bytes, at a character's border.
fn cut(text: &str, limit: usize) -> String {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default().to_owned()
}
