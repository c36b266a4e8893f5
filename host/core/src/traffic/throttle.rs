//! Wrong keys: the first ones are told so, a flood of them is slowed down. One throttle for the whole listener, so
//! it keeps no memory of who asked; a right key never passes through it.

use std::collections::VecDeque;

/// Wrong keys within [`SPAN_MS`] that are still answered as wrong.
pub const FREE: usize = 20;
/// How long a wrong key counts.
pub const SPAN_MS: u64 = 2_000;

/// What to answer to a wrong key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongKey {
    /// That it is wrong.
    Wrong,
    /// To come back later.
    Throttled { retry_after_ms: u64 },
}

/// The wrong keys of the last moments.
#[derive(Debug, Default)]
pub struct Throttle {
    wrong: VecDeque<u64>,
}

impl Throttle {
    pub fn new() -> Self {
        Self::default()
    }

    /// A wrong key was presented at `now_ms`. One that is throttled does not count, so the flood's end is enough.
    pub fn wrong(&mut self, now_ms: u64) -> WrongKey {
        while self.wrong.front().is_some_and(|at| at + SPAN_MS <= now_ms) {
            self.wrong.pop_front();
        }
        match self.wrong.front() {
            Some(oldest) if self.wrong.len() >= FREE => {
                WrongKey::Throttled { retry_after_ms: (oldest + SPAN_MS).saturating_sub(now_ms).max(1) }
            }
            _ => {
                self.wrong.push_back(now_ms);
                WrongKey::Wrong
            }
        }
    }
}

#[cfg(test)]
mod tests;
