//! What a request uses beside the attempt that answers it: a second candidate that is given up, the beginning of an answer that
//! another goes on with. A part has a recorder of its own while it runs, with its permit and its place in the ledger; whatever
//! ends it, it is settled once, and its attempts stand in the trace of its request.

use std::mem::swap;
use std::sync::{Arc, Mutex};

use brains_core::Fault;
use brains_core::id::{Id, Trace};
use brains_core::plane::trace::{Attempt, AttemptOutcome, BilledAttempt, TraceRecord};
use brains_core::plane::usage::{UsageOutcome, UsageRecord};
use brains_core::sync::Unpoisoned as _;
use brains_store::UsageSlot;

use super::usage::row;
use super::{Listeners, Recorder, RequestEvent, RequestListener, UsageListener};
use crate::keepalive::KnownHead;

/// Why an attempt was given up: another candidate was asked beside it, and its answer counts.
const HEDGED_OUT: &str = "hedged_out";

/// Leaves the part's row, and its attempts for the request's trace.
#[derive(Debug)]
pub(crate) struct PartListener {
    slot: Option<UsageSlot>,
    part_of: Id<Trace>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    /// It used something that is billed.
    is_billed: bool,
}

impl RequestListener for PartListener {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord) {
        let RequestEvent::Ended(outcome) = event else { return };
        self.attempts.lock_unpoisoned().extend_from_slice(&record.attempts);
        let billed = record.attempts.last().filter(|attempt| attempt.billed.is_some());
        let (Some(Attempt { provider, model, .. }), Some(slot)) = (billed, self.slot.take()) else { return };
        let part_of = Some(self.part_of.clone());
        slot.put(UsageRecord { part_of, ..row(record, provider, model, outcome) });
    }
}

impl Recorder {
    /// A recorder for what another candidate is asked; its row has a place.
    pub(crate) fn beside(&mut self, slot: UsageSlot) -> Self {
        let attempts = Arc::clone(self.beside.get_or_insert_default());
        let record = TraceRecord {
            id: Id::mint(&*self.ambient),
            attempts: Vec::new(),
            first_byte_ms: None,
            response_bytes: 0,
            request_body: None,
            response_body: None,
            ..self.record.clone()
        };
        let part_of = self.record.id.clone();
        let part = PartListener { slot: Some(slot), part_of, attempts, is_billed: false };
        let listeners = Listeners {
            permit: None,
            usage: UsageListener::default(),
            trace: None,
            head: KnownHead::default(),
            part: Some(part),
        };
        let mut other = Self::new(record, self.body_limit, listeners, Arc::clone(&self.ambient));
        other.started_us = self.started_us;
        other.asked_bytes = self.asked_bytes;
        other.always_lost.clone_from(&self.always_lost);
        other
    }

    /// This recorder's candidate counts, or neither does: what the other asked is given up, if it still runs.
    pub(crate) fn outpaces(&mut self, mut other: Self, why: &str) {
        let own = self.under_way();
        other.give_up(Some(HEDGED_OUT), why);
        other.end(UsageOutcome::Cancelled);
        self.gather();
        self.record.attempts.extend(own);
    }

    /// The other's candidate answers: what this recorder's own was asked is given up, if it still runs.
    pub(crate) fn gives_way(&mut self, mut other: Self, why: &str) {
        let answering = other.under_way();
        other.record.attempts.extend(self.under_way());
        self.swap_attempt(&mut other);
        let (own, their) = (&mut self.record, &mut other.record);
        swap(&mut own.first_byte_ms, &mut their.first_byte_ms);
        swap(&mut own.response_bytes, &mut their.response_bytes);
        swap(&mut own.response_body, &mut their.response_body);
        other.give_up(Some(HEDGED_OUT), why);
        other.end(UsageOutcome::Cancelled);
        self.gather();
        self.record.attempts.extend(answering);
        self.told_head();
    }

    /// The answer broke off, and the other's candidate goes on with it.
    pub(crate) fn goes_on_by(&mut self, mut other: Self, fault: &Fault) {
        let going_on = other.under_way();
        other.record.attempts.extend(self.under_way());
        self.swap_attempt(&mut other);
        other.note_billed();
        other.attempt_failed(fault, true);
        other.end(UsageOutcome::Failed);
        self.gather();
        self.record.attempts.extend(going_on);
    }

    /// The attempt under way was not made after all.
    pub(crate) fn not_asked(&mut self, fault: &Fault) {
        self.end_attempt(None, true, |attempt| {
            attempt.outcome = AttemptOutcome::Skipped;
            attempt.code = Some(fault.code.clone().into_owned());
            attempt.cause = Some(fault.message.clone());
        });
    }

    /// Nobody waits for the attempt under way any more, if one is.
    pub(crate) fn hedged_out(&mut self, why: &str) {
        self.give_up(Some(HEDGED_OUT), why);
    }

    /// The same, with a word for it.
    pub(super) fn give_up(&mut self, code: Option<&str>, why: &str) {
        if !self.attempting {
            return;
        }
        if !self.counted {
            // Nothing came back yet, but the prompt was sent and will be billed.
            self.usage(None, self.said_bytes);
        }
        self.note_billed();
        self.end_attempt(None, true, |attempt| {
            attempt.code = code.map(str::to_owned);
            attempt.cause = Some(why.to_owned());
        });
    }

    /// What was used is billed; of a part that makes it a row.
    fn note_billed(&mut self) {
        if let Some(part) = &mut self.listeners.part {
            part.is_billed = true;
        }
    }

    /// Takes over what ended beside; notes of a part, which has been settled, what it came to.
    pub(super) fn gather(&mut self) {
        if let Some(beside) = &self.beside {
            self.record.attempts.append(&mut beside.lock_unpoisoned());
        }
        if self.listeners.part.as_ref().is_some_and(|part| part.is_billed)
            && let Some(attempt) = self.record.attempts.last_mut()
        {
            attempt.billed = Some(BilledAttempt { usage: self.record.usage, cost_usd: self.record.cost_usd });
        }
    }

    /// Takes the attempt under way out of the record, if there is one.
    fn under_way(&mut self) -> Option<Attempt> {
        if self.attempting { self.record.attempts.pop() } else { None }
    }

    /// Exchanges who is asked, and what is known of that so far.
    fn swap_attempt(&mut self, other: &mut Self) {
        let (own, their) = (&mut self.record, &mut other.record);
        swap(&mut own.tier, &mut their.tier);
        swap(&mut own.provider, &mut their.provider);
        swap(&mut own.model, &mut their.model);
        swap(&mut own.usage, &mut their.usage);
        swap(&mut own.loss, &mut their.loss);
        swap(&mut self.price, &mut other.price);
        swap(&mut self.counted, &mut other.counted);
        swap(&mut self.said_bytes, &mut other.said_bytes);
        swap(&mut self.attempt_started_us, &mut other.attempt_started_us);
        swap(&mut self.attempting, &mut other.attempting);
        swap(&mut self.listeners.permit, &mut other.listeners.permit);
    }

    /// What may go out in the head is another candidate's from now on.
    fn told_head(&mut self) {
        let silence = self.listeners.head.silence();
        self.listeners.head.on(RequestEvent::AttemptStarted { silence }, &self.record);
    }
}
