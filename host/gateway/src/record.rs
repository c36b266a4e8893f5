//! One request's record while it runs: the only place where it is written down. The recorder keeps time, changes the
//! record, and tells its listeners what happened. Whatever ends the request (an answer, a fault, a client that left), it
//! ends exactly once.

mod listeners;
mod part;
mod trace;
mod usage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_core::id::{Id, Trace};
use brains_core::plane::trace::{Attempt, AttemptOutcome, TraceRecord, TraceUsage};
use brains_core::plane::usage::UsageOutcome;
use brains_core::price::{ModelPrice, PriceOrigin};
use brains_core::redact::redact;
use brains_core::traffic::attempt::blames_provider;
use brains_core::{Ambient, Fault, FaultKind, Millis};
use brains_dialect::canon::Usage;
use brains_dialect::canon::task::exact;

use crate::plan::{Plan, RankedCandidate};
use crate::provider_state::Permit;
use crate::routing_headers::{self, RoutingHeaders};

pub(crate) use listeners::{Listeners, RequestEvent, RequestListener};
pub(crate) use part::PartListener;
pub(crate) use trace::TraceListener;
pub(crate) use usage::UsageListener;

/// The status that stands for a client which left before the answer's end.
const CLIENT_LEFT: u16 = 499;

/// Keeps one request's record until its end.
#[derive(Debug)]
pub(crate) struct Recorder {
    record: TraceRecord,
    listeners: Listeners,
    ambient: Arc<dyn Ambient>,
    started_us: u64,
    attempt_started_us: u64,
    /// The last attempt of the list is under way.
    attempting: bool,
    /// The upstream gave figures.
    counted: bool,
    /// What the candidate that is asked costs, and who says so.
    price: Option<(PriceOrigin, ModelPrice)>,
    body_limit: Option<usize>,
    /// What is asked, with what the client did not send again, and without how it wants the answer.
    asked_bytes: u64,
    /// What was said in answer, as far as it has come.
    said_bytes: u64,
    /// What is lost whoever answers.
    always_lost: Vec<String>,
    /// Attempts that ended beside this recorder's own and are not in its record yet.
    beside: Option<Arc<Mutex<Vec<Attempt>>>>,
    ended: bool,
}

impl Recorder {
    pub(crate) fn new(
        record: TraceRecord,
        body_limit: Option<usize>,
        listeners: Listeners,
        ambient: Arc<dyn Ambient>,
    ) -> Self {
        let (started_us, asked_bytes) = (ambient.monotonic_us(), record.request_bytes);
        Self {
            record,
            listeners,
            ambient,
            started_us,
            attempt_started_us: started_us,
            attempting: false,
            counted: false,
            price: None,
            body_limit,
            asked_bytes,
            said_bytes: 0,
            always_lost: Vec::new(),
            beside: None,
            ended: false,
        }
    }

    /// The routing headers as the record stands.
    pub(crate) fn headers(&self) -> RoutingHeaders {
        let mut headers = routing_headers::headers(&self.record);
        headers.extend(self.listeners.head.limits());
        headers
    }

    /// What the client learns of a limit that it has.
    pub(crate) fn limited(&self, limits: RoutingHeaders) {
        self.listeners.head.limited(limits);
    }

    /// Attempts that were made so far, the one under way included.
    pub(crate) fn attempts(&self) -> u32 {
        routing_headers::attempts(&self.record)
    }

    pub(crate) const fn listeners(&mut self) -> &mut Listeners {
        &mut self.listeners
    }

    pub(crate) fn head(&mut self, model: &str, stream: bool) {
        model.clone_into(&mut self.record.requested_model);
        self.record.stream = stream;
    }

    /// The trace of the request, and when it came in.
    pub(crate) const fn trace(&self) -> (&Id<Trace>, Millis) {
        (&self.record.id, self.record.at)
    }

    /// What is asked is as large.
    pub(crate) const fn asks(&mut self, bytes: usize) {
        self.asked_bytes = bytes as u64;
    }

    /// What the client said and nobody does.
    pub(crate) fn always_loses(&mut self, name: &str) {
        self.always_lost.push(name.to_owned());
    }

    /// What the request is for, as its body says. What its client told beside it stands.
    pub(crate) fn request_class(&mut self, class: Option<&str>) {
        let told = &mut self.record.request_class;
        *told = told.take().or_else(|| class.map(str::to_owned));
    }

    /// The client of this streamed answer bears so much silence, for now.
    pub(crate) fn bear_silence(&mut self, silence: Option<Duration>) {
        self.listeners.head.streamed(&self.record.id, silence);
    }

    pub(crate) fn body(&mut self, body: &[u8]) {
        if let Some(limit) = self.body_limit {
            self.record.request_body = Some(cut(&redact(&String::from_utf8_lossy(body)), limit));
        }
    }

    /// What is tried, and in which order, is decided.
    pub(crate) fn planned(&mut self, plan: &Plan) {
        describe(plan, &mut self.record);
        self.emit(RequestEvent::Planned);
    }

    pub(crate) fn preamble(&mut self, hash: Option<String>) {
        self.record.preamble_hash = hash;
    }

    /// A candidate may be asked.
    pub(crate) fn permitted(&mut self, permit: Permit) {
        self.listeners.permit = Some(permit);
    }

    /// Whether the attempt under way decides about a breaker.
    pub(crate) fn is_probe(&self) -> bool {
        self.listeners.permit.as_ref().is_some_and(Permit::is_probe)
    }

    /// A candidate was not asked. The record names it only while nobody was.
    pub(crate) fn skipped(&mut self, candidate: &RankedCandidate, code: &'static str, cause: &str) {
        if self.attempts() == 0 {
            name_candidate(candidate, &mut self.record);
        }
        self.record.attempts.push(Attempt {
            outcome: AttemptOutcome::Skipped,
            code: Some(code.to_owned()),
            cause: Some(cause.to_owned()),
            ..cancelled(candidate)
        });
    }

    /// An attempt begins; `price` is what the candidate costs. Until something else comes of it, it is one that was
    /// cancelled. `silence` is what the client of a streamed answer bears meanwhile.
    pub(crate) fn attempt(
        &mut self,
        candidate: &RankedCandidate,
        price: Option<(PriceOrigin, ModelPrice)>,
        silence: Option<Duration>,
    ) {
        name_candidate(candidate, &mut self.record);
        self.price = price;
        // What an attempt before it used was asked of somebody else, or asked anew.
        (self.counted, self.said_bytes, self.record.usage) = (false, 0, TraceUsage::default());
        self.record.loss.clone_from(&self.always_lost);
        self.record.attempts.push(cancelled(candidate));
        self.attempt_started_us = self.ambient.monotonic_us();
        self.attempting = true;
        self.emit(RequestEvent::AttemptStarted { silence });
    }

    /// The answer has begun: no other candidate is asked any more.
    pub(crate) fn answer_began(&mut self) {
        self.emit(RequestEvent::FirstByte);
    }

    /// The record as it stands.
    pub(crate) const fn record(&self) -> &TraceRecord {
        &self.record
    }

    /// The conversation is where it was, or is told why not.
    pub(crate) fn stays(&mut self, moved: Option<String>) {
        if let Some(moved) = moved {
            self.because(&moved);
        }
    }

    /// One more thing to know of why it went as it did.
    pub(crate) fn because(&mut self, what: &str) {
        let reason = self.record.reason.get_or_insert_default();
        reason.extend([if reason.is_empty() { "" } else { "; " }, what]);
    }

    /// The attempt under way failed; `is_last` when the candidate is not asked again.
    pub(crate) fn attempt_failed(&mut self, fault: &Fault, is_last: bool) {
        let good = blames_provider(fault.kind).then_some(false);
        self.end_attempt(good, is_last, |attempt| {
            attempt.outcome = AttemptOutcome::Failed;
            attempt.status = fault.upstream_status;
            attempt.code = Some(fault.code.clone().into_owned());
            attempt.cause = Some(fault.message.clone());
        });
    }

    /// The attempt under way failed for members that nobody asked for, and is made again without them: which says nothing
    /// about the candidate.
    pub(crate) fn asked_again(&mut self, candidate: &RankedCandidate, fault: &Fault, members: &str) {
        self.end_attempt(None, false, |attempt| {
            attempt.outcome = AttemptOutcome::Failed;
            attempt.status = fault.upstream_status;
            attempt.code = Some("member_refused".to_owned());
            attempt.cause = Some(format!("the upstream does not know {members}: {}", fault.message));
        });
        let (price, silence) = (self.price.take(), self.listeners.head.silence());
        self.attempt(candidate, price, silence);
    }

    /// The upstream refused these members before and is not sent them.
    pub(crate) fn withheld(&mut self, members: &[String]) {
        if let Some(attempt) = self.record.attempts.last_mut().filter(|_| !members.is_empty()) {
            let members = members.join(", ");
            attempt.cause = Some(format!("sent without {members}, which the upstream has refused"));
        }
    }

    pub(crate) fn losses(&mut self, losses: &[String]) {
        self.record.loss.extend_from_slice(losses);
    }

    /// Bytes of the answer's body go out.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        if self.record.first_byte_ms.is_none() && !bytes.is_empty() {
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

    /// What the upstream counted, or what we guess from what it has said when it counted nothing.
    pub(crate) fn usage(&mut self, counted: Option<&Usage>, said_bytes: u64) {
        self.counted |= counted.is_some();
        self.said_bytes = said_bytes;
        let usage = &mut self.record.usage;
        if let Some(counted) = counted {
            usage.input_tokens = counted.input;
            usage.output_tokens = counted.output;
            usage.cached_tokens = counted.cached_input;
            usage.cache_write_1h_tokens = counted.cache_write_1h();
            usage.cache_write_5m_tokens = counted.cache_write.saturating_sub(usage.cache_write_1h_tokens);
            usage.reasoning_tokens = counted.reasoning;
            usage.estimated = false;
        } else {
            // As tokens are counted where nobody is asked: decision 25.
            usage.input_tokens = self.asked_bytes / 4;
            usage.output_tokens = self.said_bytes.div_ceil(4);
            usage.estimated = true;
        }
    }

    /// Tokens of the prompt, counted or guessed.
    pub(crate) const fn input_tokens(&self) -> u64 {
        self.record.usage.input_tokens
    }

    /// The answer went out whole.
    pub(crate) fn answered(mut self) {
        self.end_attempt(Some(true), true, |attempt| {
            attempt.outcome = AttemptOutcome::Ok;
            attempt.status = Some(200);
        });
        self.record.status = 200;
        self.end(UsageOutcome::Ok);
    }

    /// The request ends in a fault, before or after its first byte.
    pub(crate) fn failed(mut self, fault: &Fault) {
        self.attempt_failed(fault, true);
        let begun = self.record.first_byte_ms.is_some() || self.listeners.head.is_sent();
        self.record.status = if begun { 200 } else { fault.http_status() };
        self.record.error_kind = Some(format!("{:?}", fault.kind).to_lowercase());
        self.record.error_code = Some(fault.code.clone().into_owned());
        self.end(UsageOutcome::Failed);
    }

    /// Ends the attempt that is under way, if one is.
    fn end_attempt(&mut self, good: Option<bool>, is_last: bool, write: impl FnOnce(&mut Attempt)) {
        if !std::mem::take(&mut self.attempting) {
            return;
        }
        let latency_ms = self.since_ms(self.attempt_started_us);
        if let Some(attempt) = self.record.attempts.last_mut() {
            attempt.latency_ms = latency_ms;
            write(attempt);
        }
        self.emit(RequestEvent::AttemptEnded { good, is_last });
    }

    fn end(&mut self, outcome: UsageOutcome) {
        self.ended = true;
        self.record.latency_ms = self.since_ms(self.started_us);
        self.settle();
        self.gather();
        // Redacted before it is cut, so that no half of a key stays; every other text is redacted where it is kept.
        if let (Some(limit), Some(body)) = (self.body_limit, &mut self.record.response_body) {
            *body = cut(&redact(body), limit);
        }
        self.emit(RequestEvent::Ended(outcome));
    }

    fn emit(&mut self, event: RequestEvent) {
        self.listeners.emit(event, &self.record);
    }

    fn since_ms(&self, since_us: u64) -> u64 {
        self.ambient.monotonic_us().saturating_sub(since_us) / 1000
    }

    /// Writes down what the request costs, once, at the rates that were in force when its candidate was asked.
    fn settle(&mut self) {
        let usage = &self.record.usage;
        let price = self.price.take().map(|(origin, price)| price.in_force(origin, usage.input_tokens));
        let settled = price.as_ref().and_then(|price| price.settle(usage));
        self.record.cost_usd = settled.map(|settled| settled.cost);
        self.record.price = price;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.give_up(None, "the client left");
        self.record.status = CLIENT_LEFT;
        self.record.error_kind = Some("cancelled".into());
        self.record.error_code = Some(FaultKind::Cancelled.code().into());
        self.end(UsageOutcome::Cancelled);
    }
}

/// The record of a request of which nothing is known yet.
pub(crate) fn blank(id: Id<Trace>, at: Millis) -> TraceRecord {
    TraceRecord {
        id,
        request_id: String::new(),
        at,
        operator: String::new(),
        key: None,
        client: None,
        native_session: None,
        request_class: None,
        api: String::new(),
        requested_model: String::new(),
        model: None,
        provider: None,
        tier: None,
        task: None,
        complexity: None,
        confidence: None,
        strategy: None,
        reason: None,
        attempts: Vec::new(),
        status: 0,
        error_kind: None,
        error_code: None,
        first_byte_ms: None,
        latency_ms: 0,
        usage: TraceUsage::default(),
        cost_usd: None,
        price: None,
        stream: false,
        request_bytes: 0,
        response_bytes: 0,
        preamble_hash: None,
        loss: Vec::new(),
        request_body: None,
        response_body: None,
    }
}

/// Writes down what was decided.
pub(crate) fn describe(plan: &Plan, record: &mut TraceRecord) {
    let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    record.task = non_empty(&plan.task);
    record.complexity = non_empty(&plan.traits.complexity);
    record.confidence = (!plan.task.is_empty()).then(|| exact(plan.confidence));
    record.strategy = non_empty(plan.strategy);
    record.reason = non_empty(&plan.reason);
}

/// Writes down who is asked.
pub(crate) fn name_candidate(candidate: &RankedCandidate, record: &mut TraceRecord) {
    record.tier = (!candidate.tier.is_empty()).then(|| candidate.tier.clone());
    record.provider = Some(candidate.provider.clone());
    record.model = Some(candidate.model.clone());
}

/// An attempt that nobody waited for.
pub(crate) fn cancelled(candidate: &RankedCandidate) -> Attempt {
    Attempt {
        provider: candidate.provider.clone(),
        model: candidate.model.clone(),
        outcome: AttemptOutcome::Cancelled,
        status: None,
        latency_ms: 0,
        code: None,
        cause: None,
        billed: None,
    }
}

/// The first `limit` bytes, at a character's border.
fn cut(text: &str, limit: usize) -> String {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default().to_owned()
}
