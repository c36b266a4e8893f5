//! Who served which request, kept for as long as an upstream may remember its prompt: what a client asks of an earlier
//! request goes to who served it, under the id that the upstream gave it.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use brains_core::Millis;
use brains_core::sync::Unpoisoned as _;

/// The longest that a vendor keeps a prompt.
const KEPT_MS: i64 = 3_600_000;
/// So many requests are remembered; those behind them are the least likely to be asked for.
const REMEMBERED: usize = 4096;

/// Where a request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) provider: String,
    pub(crate) model: String,
    /// Its id at the upstream.
    pub(crate) upstream_id: String,
}

/// Who asked, and the id that the request went by: nobody else learns of it.
type Asked = (String, String);

/// The requests that were served, the oldest first.
#[derive(Debug, Default)]
struct Known {
    by_asked: HashMap<Asked, (Millis, Served)>,
    order: VecDeque<Asked>,
}

/// Shared by all requests.
#[derive(Debug, Default)]
pub(crate) struct ServedRequests(Mutex<Known>);

impl ServedRequests {
    /// `key` is the fingerprint of the caller's.
    pub(crate) fn remember(&self, key: &str, id: &str, served: Served, now: Millis) {
        let mut known = self.0.lock_unpoisoned();
        let asked = (key.to_owned(), id.to_owned());
        if known.by_asked.insert(asked.clone(), (now, served)).is_none() {
            known.order.push_back(asked);
        }
        while known.order.len() > REMEMBERED {
            if let Some(oldest) = known.order.pop_front() {
                known.by_asked.remove(&oldest);
            }
        }
    }

    /// Who served the request, if it was this key's and not too long ago.
    pub(crate) fn find(&self, key: &str, id: &str, now: Millis) -> Option<Served> {
        let known = self.0.lock_unpoisoned();
        let (at, served) = known.by_asked.get(&(key.to_owned(), id.to_owned()))?;
        (now.0.saturating_sub(at.0) <= KEPT_MS).then(|| served.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(upstream_id: &str) -> Served {
        Served { provider: "up".to_owned(), model: "m".to_owned(), upstream_id: upstream_id.to_owned() }
    }

    #[test]
    fn a_request_is_its_keys_own_and_forgotten_in_time() {
        let known = ServedRequests::default();
        known.remember("k", "a", served("1"), Millis(0));
        assert_eq!(known.find("k", "a", Millis(KEPT_MS)), Some(served("1")));
        assert_eq!(known.find("other", "a", Millis(1)), None);
        assert_eq!(known.find("k", "a", Millis(KEPT_MS + 1)), None);
        assert_eq!(known.find("k", "b", Millis(1)), None);
        for number in 0..REMEMBERED {
            known.remember("k", &format!("r{number}"), served("2"), Millis(1));
        }
        assert_eq!(known.find("k", "a", Millis(1)), None, "the oldest makes room");
        known.remember("k", "r0", served("3"), Millis(2));
        assert_eq!(
            known.find("k", "r0", Millis(2)),
            Some(served("3")),
            "an id that comes again is the newer"
        );
        let known = known.0.lock_unpoisoned();
        assert_eq!(known.order.len(), known.by_asked.len());
    }
}
