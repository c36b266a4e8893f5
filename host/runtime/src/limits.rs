//! Limits of one call. Defaults are the host's; a component's entry in the configuration may tighten or widen some of them.

use brains_core::config::ComponentLimits as Wanted;
use brains_core::config::manifest::{Plays, USUAL_MEMORY_MIB};
use brains_dialect::sse::MAX_FRAME_BYTES;

/// Limits of one component's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Linear memory of one instance.
    pub memory_bytes: usize,
    /// Computing time of one call, before what its input earns.
    pub call_ms: u32,
    /// Further computing time for each mebibyte that is handed over.
    pub call_ms_per_mib: u32,
    /// Largest answer of one call, as it crosses the border.
    pub output_bytes: usize,
    /// Events in the answer to one push.
    pub events_per_push: usize,
    /// Events of a whole answer that is delivered at once.
    pub events_per_answer: usize,
    /// Largest frame that is handed over: as large as the host cuts them, in either lane.
    pub frame_bytes: usize,
    /// Largest whole body that is handed over.
    pub body_bytes: usize,
}

const MIB: usize = 1024 * 1024;
/// What a component may ask for by itself, for the operator to approve: enough for an interpreter with a program in it.
const MOST_MEMORY_BYTES: usize = 256 * MIB;
const MOST_CALL_MS: u32 = 50;

impl CallLimits {
    /// Of a provider: it may have to write or read a whole body.
    pub const PROVIDER: Self = Self {
        memory_bytes: USUAL_MEMORY_MIB as usize * MIB,
        call_ms: Plays::Provider.usual_call_ms(),
        call_ms_per_mib: 100,
        output_bytes: 64 * MIB,
        events_per_push: 4_096,
        events_per_answer: 65_536,
        frame_bytes: MAX_FRAME_BYTES,
        body_bytes: 32 * MIB,
    };

    /// Of a classifier or a policy: it stands before every request.
    pub const JUDGE: Self =
        Self { call_ms: Plays::Classifier.usual_call_ms(), output_bytes: 4 * MIB, ..Self::PROVIDER };

    /// While a component is loaded and asked who it is, which happens beside the requests.
    pub(crate) const PROBE: Self = Self { memory_bytes: MOST_MEMORY_BYTES, call_ms: 500, ..Self::PROVIDER };

    /// Of a component that plays this part. What it `asks` for beyond the usual and was approved it gets up to a ceiling, so
    /// that interpreters fit; what the operator says counts as it is.
    pub fn of(plays: Plays, asks: Wanted, operator: Wanted) -> Self {
        let mut limits = if plays == Plays::Provider { Self::PROVIDER } else { Self::JUDGE };
        let mib = |mib: u32| (mib as usize).saturating_mul(MIB);
        let kib = |kib: u32| (kib as usize).saturating_mul(1024);
        let memory = asks.memory_mib.map(|asked| mib(asked).min(MOST_MEMORY_BYTES));
        let output = asks.output_kib.map(|asked| kib(asked).min(limits.output_bytes));
        let call = asks.call_ms.map(|asked| asked.min(MOST_CALL_MS));
        limits.memory_bytes = operator.memory_mib.map(mib).or(memory).unwrap_or(limits.memory_bytes);
        limits.output_bytes = operator.output_kib.map(kib).or(output).unwrap_or(limits.output_bytes);
        limits.call_ms = operator.call_ms.or(call).unwrap_or(limits.call_ms);
        limits
    }

    /// Computing time of a call that is handed `input_bytes`.
    pub(crate) fn budget_ms(&self, input_bytes: usize) -> u32 {
        let earned = u64::from(self.call_ms_per_mib) * (input_bytes as u64) / (MIB as u64);
        self.call_ms.saturating_add(u32::try_from(earned).unwrap_or(u32::MAX))
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self::PROVIDER
    }
}

#[cfg(test)]
mod tests;
