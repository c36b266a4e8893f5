//! What stands behind one instance's imports: its settings, its meters, its small store. One per wasmtime store.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::traffic::budget::{Draw, Spent};
use brains_core::{Ambient, Secret, SecretSet};
use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::allowances::Allowances;
use crate::engine::TICK;
use crate::factor::RetainedState;
use crate::grant::Grants;
use crate::guest_log::GuestLog;
use crate::limits::CallLimits;

/// What all calls of one named instance share.
pub(crate) struct InstanceContext {
    pub(crate) name: String,
    pub(crate) component: String,
    /// The settings as the guest reads them.
    pub(crate) config: String,
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// These and those of earlier versions, in every spelling: what nobody is shown.
    pub(crate) known: Arc<SecretSet>,
    pub(crate) grants: Grants,
    pub(crate) limits: CallLimits,
    /// Kept from version to version of the same component under the same name.
    pub(crate) retained: Arc<RetainedState>,
    /// Its newest lines.
    pub(crate) guest_log: Arc<GuestLog>,
    /// What it draws on together with all others.
    pub(crate) allowances: Arc<Allowances>,
    pub(crate) ambient: Arc<dyn Ambient>,
}

impl InstanceContext {
    /// A secret that is granted and set.
    pub(crate) fn secret(&self, name: &str) -> Option<&Secret> {
        if !self.grants.secrets.contains(name) {
            return None;
        }
        self.secrets.get(name).filter(|secret| !secret.is_empty())
    }
}

/// The data of one wasmtime store.
pub(crate) struct GuestState {
    pub(crate) settings: Arc<InstanceContext>,
    pub(crate) meter: Meter,
    pub(crate) memory: Memory,
    /// What it wrote to stdout and stderr since the last full line.
    pub(crate) line: Vec<u8>,
    /// How often it presented something that is not the secret.
    pub(crate) missed: u32,
}

impl GuestState {
    pub(crate) fn new(settings: Arc<InstanceContext>) -> Self {
        let memory = Memory {
            limit_bytes: settings.limits.memory_bytes,
            held_bytes: 0,
            refused: None,
            drawn: None,
            allowances: Arc::clone(&settings.allowances),
        };
        Self { settings, meter: Meter::default(), memory, line: Vec::new(), missed: 0 }
    }
}

/// Linear memory and tables of one instance, its part of what all have together, and which of the two ran out.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) limit_bytes: usize,
    pub(crate) held_bytes: usize,
    pub(crate) refused: Option<RanOut>,
    /// Goes back when the instance goes.
    drawn: Option<Draw>,
    allowances: Arc<Allowances>,
}

/// Why more memory was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RanOut {
    /// The instance has what one may have.
    Own,
    /// All instances together have what there is for them.
    Together(Spent),
}

impl Memory {
    fn refuse(&mut self, why: RanOut) -> wasmtime::Error {
        self.refused = Some(why);
        // An error traps at once; a plain refusal would leave the guest to abort without saying why.
        wasmtime::Error::msg("memory limit")
    }

    fn draw(&mut self, more_bytes: usize) -> wasmtime::Result<()> {
        match self.allowances.memory(&mut self.drawn, more_bytes as u64) {
            Ok(()) => Ok(()),
            Err(spent) => Err(self.refuse(RanOut::Together(spent))),
        }
    }
}

/// What one element of a table takes.
const ELEMENT_BYTES: usize = 8;
const TABLE_ELEMENTS: usize = 20_000;

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let held = self.held_bytes.saturating_add(more);
        if held > self.limit_bytes {
            return Err(self.refuse(RanOut::Own));
        }
        self.draw(more)?;
        self.held_bytes = held;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(RanOut::Own);
        Err(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Err(self.refuse(RanOut::Own));
        }
        self.draw(desired.saturating_sub(current).saturating_mul(ELEMENT_BYTES))?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        40
    }

    fn tables(&self) -> usize {
        40
    }

    fn memories(&self) -> usize {
        8
    }
}

/// Computing time of the call that runs. The first half of the budget is wall time, which costs nothing to keep;
/// only a call that outlasts it has its thread's clock read, so that an honest guest on a busy machine is not
/// stopped for time that others had.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    half_ms: u32,
    /// The thread's clock when the first half had passed.
    since_us: Option<u64>,
}

impl Meter {
    /// Ticks until the meter wants to be asked.
    pub(crate) fn arm(&mut self, budget_ms: u32) -> u64 {
        self.half_ms = budget_ms.div_ceil(2);
        self.since_us = None;
        ticks(self.half_ms)
    }

    fn judge(&mut self, thread_us: u64) -> UpdateDeadline {
        let since_us = *self.since_us.get_or_insert(thread_us);
        let used_ms = thread_us.saturating_sub(since_us) / 1_000;
        match u64::from(self.half_ms).checked_sub(used_ms) {
            None | Some(0) => UpdateDeadline::Interrupt,
            Some(left_ms) => UpdateDeadline::Continue(ticks(u32::try_from(left_ms).unwrap_or(self.half_ms))),
        }
    }
}

fn ticks(ms: u32) -> u64 {
    u64::from(ms).div_ceil(u64::try_from(TICK.as_millis()).unwrap_or(1).max(1)) + 1
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that wasmtime wants")]
pub(crate) fn on_epoch(mut store: StoreContextMut<'_, GuestState>) -> wasmtime::Result<UpdateDeadline> {
    Ok(store.data_mut().meter.judge(thread_us()))
}

/// The processor time that this thread has had.
fn thread_us() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1_000)
}

#[cfg(test)]
mod tests;
