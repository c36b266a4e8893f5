//! Limits that all components share: memory of guests, space of key-value stores, lines of the log. They are those of the
//! configuration in force.

use std::sync::Mutex;

use arc_swap::ArcSwap;
use brains_core::config::Budgets;
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::{Budget, Draw, Spent, Standing};

use crate::load::compiler::Reach;

/// How the budgets of components stand, by the names of their keys.
pub type Standings = [(&'static str, Standing); 3];

#[derive(Debug, Default)]
pub(crate) struct Allowances {
    limits: ArcSwap<Budgets>,
    memory: Budget,
    kept: Budget,
    log: Mutex<Second>,
}

/// The lines of the second under way.
#[derive(Debug, Default)]
struct Second {
    began_us: u64,
    lines: u64,
    refused: u64,
}

impl Allowances {
    /// The limits from here on; what is drawn already stays drawn.
    pub(crate) fn limit(&self, budgets: Budgets) {
        self.limits.store(budgets.into());
    }

    /// How far compiling a component may go.
    pub(crate) fn reach(&self) -> Reach {
        (**self.limits.load()).into()
    }

    /// Memory of an instance, on top of what it drew.
    pub(crate) fn memory(&self, drawn: &mut Option<Draw>, more_bytes: u64) -> Result<(), Spent> {
        draw(&self.memory, drawn, more_bytes, bytes(self.limits.load().component_memory_mib))
    }

    /// Room in a key-value space, on top of what it drew.
    pub(crate) fn kept(&self, drawn: &mut Option<Draw>, more_bytes: u64) -> Result<(), Spent> {
        draw(&self.kept, drawn, more_bytes, bytes(self.limits.load().component_kv_mib))
    }

    /// Whether one more line may be written in this second.
    pub(crate) fn line(&self, now_us: u64) -> bool {
        let limit = u64::from(self.limits.load().component_log_lines_per_second);
        let mut second = self.log.lock_unpoisoned();
        if now_us.saturating_sub(second.began_us) >= 1_000_000 {
            second.began_us = now_us;
            second.lines = 0;
        }
        let passes = limit == 0 || second.lines < limit;
        if passes {
            second.lines += 1;
        } else {
            second.refused += 1;
        }
        passes
    }

    pub(crate) fn standings(&self) -> Standings {
        let limits = self.limits.load();
        let lines = {
            let second = self.log.lock_unpoisoned();
            Standing {
                used: second.lines,
                limit: limits.component_log_lines_per_second.into(),
                refused: second.refused,
            }
        };
        [
            ("component_memory_mib", mebibytes(self.memory.standing(0), limits.component_memory_mib)),
            ("component_kv_mib", mebibytes(self.kept.standing(0), limits.component_kv_mib)),
            ("component_log_lines_per_second", lines),
        ]
    }
}

fn draw(budget: &Budget, drawn: &mut Option<Draw>, more: u64, limit: u64) -> Result<(), Spent> {
    match drawn {
        Some(drawn) => drawn.grow(more, limit),
        None => budget.draw(more, limit).map(|draw| *drawn = Some(draw)),
    }
}

fn bytes(mib: u32) -> u64 {
    u64::from(mib) << 20
}

/// A standing in bytes as its key counts: what is begun counts whole.
fn mebibytes(standing: Standing, limit: u32) -> Standing {
    Standing { used: standing.used.div_ceil(1 << 20), limit: limit.into(), ..standing }
}
