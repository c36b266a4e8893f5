//! Memory of one guest: what it may have itself, and what all guests have together.

use std::sync::Arc;

use brains_core::traffic::budget::{Draw, Spent};
use wasmtime::ResourceLimiter;

use crate::allowances::Allowances;

/// Linear memory and tables of one instance, its part of what all have together, and which of the two ran out.
#[derive(Debug)]
pub(crate) struct GuestMemory {
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

impl GuestMemory {
    pub(crate) const fn new(limit_bytes: usize, allowances: Arc<Allowances>) -> Self {
        Self { limit_bytes, held_bytes: 0, refused: None, drawn: None, allowances }
    }

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

impl ResourceLimiter for GuestMemory {
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

#[cfg(test)]
mod tests;
