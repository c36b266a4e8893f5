//! The clock of one call: how long it has computed, and when it is stopped.

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{StoreContextMut, UpdateDeadline};

use super::state::GuestState;
use crate::engine::TICK;

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
