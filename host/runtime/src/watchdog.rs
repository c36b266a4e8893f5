//! Counts the calls of one component's content and rings when too many of them fail. The rule is
//! `brains_core::traffic::fault_rate`; what follows from it is decided by whoever listens.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use brains_core::traffic::fault_rate::{FaultRate, Risen};
use tokio::sync::Notify;

use crate::CallFault;

/// The calls of one component.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    calls: AtomicU64,
    faults: Mutex<FaultRate>,
    /// It rang; once is enough.
    rang: AtomicBool,
}

impl Watchdog {
    /// One more call ended. Tells, once in a component's life, that its faults have risen.
    pub(crate) fn ended(&self, fault: Option<&CallFault>, now_us: u64) -> Option<Risen> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if !fault.is_some_and(is_its_own) {
            return None;
        }
        let risen = self.faults.lock().unwrap_or_else(PoisonError::into_inner).fault(call, now_us / 1_000)?;
        (!self.rang.swap(true, Ordering::Relaxed)).then_some(risen)
    }
}

/// Whether the component is to blame, rather than what it was asked or the host's load.
fn is_its_own(fault: &CallFault) -> bool {
    match fault {
        CallFault::Trap { .. }
        | CallFault::Stack { .. }
        | CallFault::Deadline { .. }
        | CallFault::Memory { .. }
        | CallFault::Handles { .. }
        | CallFault::Guesses { .. }
        | CallFault::Output { .. } => true,
        CallFault::Exhausted
        | CallFault::Crowded { .. }
        | CallFault::Recalled
        | CallFault::Missing { .. }
        | CallFault::Refused(_) => false,
    }
}

/// A component whose faults have risen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub id: String,
    pub digest: String,
    pub risen: Risen,
}

/// Alarms that nobody has seen to yet, and the notify for whoever does.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    waiting: Mutex<Vec<Alarm>>,
    pub(crate) notify: Notify,
}

/// Alarms kept; a component rings once, so more would be more components than anybody has.
const WAITING: usize = 64;

impl Alarms {
    pub(crate) fn raise(&self, alarm: Alarm) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push(alarm);
        }
        self.notify.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Alarm> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
