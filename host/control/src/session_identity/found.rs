//! The session that one call found its caller to be. It is looked up once; the write, the renewal of the lease and the
//! line about mail take it from here.

use std::sync::Mutex;

use brains_core::id::Session;
use brains_core::plane::session::SessionRecord;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Id, Millis};

/// How long what was found counts: a call that waits looks again.
const FRESH_MS: i64 = 1_000;

/// Which session a caller says that it is; the one that its connection is known as when neither is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClaimedIdentity {
    pub(super) named: Option<Id<Session>>,
    /// SHA-256 of the token.
    pub(super) token_hash: Option<String>,
}

/// What a call found, which it shares with everything that it does.
#[derive(Debug, Default)]
pub(crate) struct FoundSession(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    session: Option<(ClaimedIdentity, SessionRecord, Millis)>,
    /// A write was entered as this session, which renews its lease.
    entered: bool,
}

impl FoundSession {
    /// The session that `wanted` was found to be a moment ago.
    pub(super) fn get(&self, wanted: &ClaimedIdentity, now: Millis) -> Option<SessionRecord> {
        let found = self.0.lock_unpoisoned();
        let (was_wanted, session, at) = found.session.as_ref()?;
        (was_wanted == wanted && is_fresh(*at, now)).then(|| session.clone())
    }

    /// Whether `seen`, read just now, is the session that `wanted` was found to be, in the same hands: nobody took it up
    /// meanwhile.
    pub(super) fn is_still(&self, wanted: &ClaimedIdentity, seen: &SessionRecord, now: Millis) -> bool {
        self.get(wanted, now).is_some_and(|found| {
            (&found.id, found.epoch, &found.token_hash) == (&seen.id, seen.epoch, &seen.token_hash)
        })
    }

    pub(super) fn put(&self, wanted: &ClaimedIdentity, session: &SessionRecord, now: Millis) {
        self.0.lock_unpoisoned().session = Some((wanted.clone(), session.clone(), now));
    }

    /// A write was entered as the session that was found.
    pub(super) fn entered(&self) {
        self.0.lock_unpoisoned().entered = true;
    }

    /// The session that the call did its work as; none when it needed none, or too long ago.
    pub(crate) fn acted_as(&self, now: Millis) -> Option<SessionRecord> {
        let found = self.0.lock_unpoisoned();
        let (_, session, at) = found.session.as_ref()?;
        is_fresh(*at, now).then(|| session.clone())
    }

    /// Whether the call's write renewed the lease, if it was written at all.
    pub(crate) fn is_renewed(&self) -> bool {
        self.0.lock_unpoisoned().entered
    }

    /// The caller is another session than before, or none.
    pub(crate) fn forget(&self) {
        *self.0.lock_unpoisoned() = Found::default();
    }
}

/// A clock that was set back is no reason to trust what was found.
fn is_fresh(at: Millis, now: Millis) -> bool {
    (0..FRESH_MS).contains(&now.since(at))
}
