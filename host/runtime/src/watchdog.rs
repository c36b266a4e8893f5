//! Counts the calls of one version of a component and raises an alarm when too many of them fail. The rule is
//! `brains_core::traffic::fault_rate`; what follows from it is decided by the listener.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::fault_rate::{FaultRate, Risen};
use tokio::sync::Notify;

use crate::CallFault;

/// The calls of one component.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    calls: AtomicU64,
    faults: Mutex<FaultRate>,
    /// The alarm was raised; once is enough.
    raised: AtomicBool,
}

impl Watchdog {
    /// One more call ended. Tells, once in a component's life, that its faults have risen.
    pub(crate) fn ended(&self, fault: Option<&CallFault>, now_us: u64) -> Option<Risen> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if !fault.is_some_and(is_its_own) {
            return None;
        }
        let risen = self.faults.lock_unpoisoned().fault(call, now_us / 1_000)?;
        (!self.raised.swap(true, Ordering::Relaxed)).then_some(risen)
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

/// Pending alarms, and their notifier.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    pending: Mutex<Vec<Alarm>>,
    pub(crate) notify: Notify,
}

/// Alarms kept; a component raises one, so more would be more components than anybody has.
const PENDING: usize = 64;

impl Alarms {
    pub(crate) fn raise(&self, alarm: Alarm) {
        let mut pending = self.pending.lock_unpoisoned();
        if pending.len() < PENDING {
            pending.push(alarm);
        }
        self.notify.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Alarm> {
        std::mem::take(&mut *self.pending.lock_unpoisoned())
    }
}
