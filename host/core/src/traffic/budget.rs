//! A budget that many callers draw on at once: memory, bodies under way, connections. Whoever finds it spent is refused
//! and told so; nobody waits. The limit comes with each draw, because configuration changes while draws are out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What is drawn at the moment. A clone is the same budget.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    used: AtomicU64,
    refused: AtomicU64,
}

/// How a budget stands, for `/health/ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub used: u64,
    /// 0 is no limit.
    pub limit: u64,
    /// Draws that found it spent, since the start.
    pub refused: u64,
}

/// The budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    pub limit: u64,
}

/// A part of a budget; it goes back when this is dropped.
#[derive(Debug)]
pub struct Draw {
    budget: Budget,
    amount: u64,
}

impl Budget {
    /// Takes `amount` while no more than `limit` is out then; 0 is no limit.
    pub fn draw(&self, amount: u64, limit: u64) -> Result<Draw, Spent> {
        self.add(amount, limit)?;
        Ok(Draw { budget: self.clone(), amount })
    }

    pub fn standing(&self, limit: u64) -> Standing {
        Standing {
            used: self.0.used.load(Ordering::Relaxed),
            limit,
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    fn add(&self, amount: u64, limit: u64) -> Result<(), Spent> {
        let fits = |used: u64| {
            let next = used.checked_add(amount)?;
            (limit == 0 || next <= limit).then_some(next)
        };
        if self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            return Ok(());
        }
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Err(Spent { limit })
    }
}

impl Draw {
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// Draws `more` on top, or leaves everything as it is.
    pub fn grow(&mut self, more: u64, limit: u64) -> Result<(), Spent> {
        self.budget.add(more, limit)?;
        self.amount += more;
        Ok(())
    }

    /// Gives `less` of it back, at most all.
    pub fn shrink(&mut self, less: u64) {
        let less = less.min(self.amount);
        self.budget.0.used.fetch_sub(less, Ordering::Relaxed);
        self.amount -= less;
    }
}

impl Drop for Draw {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
