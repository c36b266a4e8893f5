//! Requests per key in any 60 seconds: a true sliding window. Times may come from any clock that does not go back.

use std::collections::{HashMap, VecDeque};

/// Length of the window.
pub const WINDOW_MS: u64 = 60_000;
/// Keys that are remembered at most. Over that, the keys that were idle longest start afresh: a flood of keys costs
/// no memory.
const KEYS_MAX: usize = 10_000;

/// The answer to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    pub allowed: bool,
    /// Requests in any window; 0 is no limit.
    pub limit: u32,
    /// Requests that would be admitted now.
    pub remaining: u32,
    /// Until the whole window is free again.
    pub reset_ms: u64,
    /// Until the next request is admitted; 0 when one would be now.
    pub retry_after_ms: u64,
}

/// The windows of all keys.
#[derive(Debug, Default)]
pub struct Window {
    keys: HashMap<String, VecDeque<u64>>,
}

impl Window {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a request of `key` at `now_ms` if the window has room for it; a refused one is not counted.
    pub fn admit(&mut self, key: &str, now_ms: u64, limit: u32) -> Admission {
        if limit == 0 {
            self.keys.remove(key);
            return Admission { allowed: true, limit, remaining: u32::MAX, reset_ms: 0, retry_after_ms: 0 };
        }
        if !self.keys.contains_key(key) {
            self.make_room(now_ms);
        }
        let admitted = self.keys.entry(key.to_owned()).or_default();
        expire(admitted, now_ms);
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let allowed = admitted.len() < most;
        if allowed {
            admitted.push_back(now_ms);
        }
        let until = |at: u64| (at + WINDOW_MS).saturating_sub(now_ms);
        let remaining = most.saturating_sub(admitted.len());
        // The limit may have been lowered: enough must fall out of the window for one to fit.
        let blocking = (admitted.len() + 1).checked_sub(most + 1).and_then(|over| admitted.get(over));
        Admission {
            allowed,
            limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_ms: admitted.back().copied().map_or(0, until),
            retry_after_ms: if remaining > 0 { 0 } else { blocking.copied().map_or(0, until) },
        }
    }

    /// Keys that are remembered.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.keys.len() < KEYS_MAX {
            return;
        }
        self.keys.retain(|_, admitted| admitted.back().is_some_and(|last| last + WINDOW_MS > now_ms));
        if self.keys.len() >= KEYS_MAX {
            // A tenth at once, so that the search is paid for by many requests.
            let mut last: Vec<u64> =
                self.keys.values().filter_map(|admitted| admitted.back().copied()).collect();
            let (_, oldest, _) = last.select_nth_unstable(KEYS_MAX / 10);
            let (oldest, mut spare) = (*oldest, KEYS_MAX / 10);
            self.keys.retain(|_, admitted| {
                let idle = spare > 0 && admitted.back().is_none_or(|last| *last <= oldest);
                spare -= usize::from(idle);
                !idle
            });
        }
    }
}

fn expire(admitted: &mut VecDeque<u64>, now_ms: u64) {
    while admitted.front().is_some_and(|first| first + WINDOW_MS <= now_ms) {
        admitted.pop_front();
    }
}

#[cfg(test)]
mod tests;
