//! What the transactions of both databases share: clock, signing key, and who hears of a commit.

use std::sync::Arc;

use brains_core::Ambient;

use crate::audit::sealing::Sealing;
use crate::births::Births;
use crate::generation::CommitSignal;
use crate::notifier::Notifier;
use crate::round_trips::RoundTripCounter;
use crate::rows::{DatabaseSession, Rows};
use crate::write::tx::Tx;

/// Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct WriteContext {
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) births: Births,
    pub(crate) sealing: Sealing,
    pub(crate) commit_signal: CommitSignal,
    pub(crate) notifier: Notifier,
    pub(crate) round_trips: RoundTripCounter,
}

impl WriteContext {
    pub(crate) fn new(ambient: Arc<dyn Ambient>, sealing: Sealing) -> Self {
        Self {
            ambient,
            births: Births::default(),
            sealing,
            commit_signal: CommitSignal::default(),
            notifier: Notifier::default(),
            round_trips: RoundTripCounter::default(),
        }
    }

    /// What closures write through, over a session that has begun.
    pub(crate) fn transaction(&self, session: DatabaseSession) -> Tx {
        let rows = Rows::new(session, self.round_trips.clone());
        Tx::new(rows, self.ambient.clone(), self.births.clone(), self.sealing.clone())
    }

    /// Wakes whoever waits for what was committed.
    pub(crate) fn committed(&self, bumped: bool, announced: &[String]) {
        if bumped {
            self.commit_signal.committed();
        }
        self.notifier.publish(announced);
    }
}
