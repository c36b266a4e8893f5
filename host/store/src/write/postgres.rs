//! Postgres writes. The lock on the audit head of the scope, taken first, makes the writes of one scope serial, as
//! they are on SQLite, whichever process they come from. Those of one workspace that wait in this process together
//! share a transaction, and so the lock, the commit and its sync of the disk; all others have one each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use brains_core::{Ambient, Fault};
use tokio::sync::OwnedSemaphorePermit;

use crate::audit::Sealing;
use crate::generation_watcher::CommitSignal;
use crate::notifier::Notifier;
use crate::rows::{RoundTripCounter, Rows, Session};
use crate::server::PostgresServer;
use crate::write::group::{GroupOutcome, answer, run};
use crate::write::{QueuedWrite, Scope, Tx};

/// The level is said: the server's default may be another one.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Closures that share a commit at most. Other processes wait for the scope that long, and a server remembers this
/// many savepoints of a transaction cheaply.
const GROUP: usize = 64;

/// A closure and its place among those that wait.
pub(crate) type Placed = (Box<dyn QueuedWrite>, OwnedSemaphorePermit);

/// What a transaction needs. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct PostgresWriters {
    pub(crate) server: PostgresServer,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) sealing: Sealing,
    pub(crate) commit_signal: CommitSignal,
    pub(crate) notifier: Notifier,
    pub(crate) round_trips: RoundTripCounter,
    pub(crate) lanes: ScopeQueues,
}

/// Closures that wait behind a running transaction of their scope. A scope that has an entry has somebody who runs it.
#[derive(Clone, Default)]
pub(crate) struct ScopeQueues(Arc<Mutex<HashMap<Scope, Vec<Placed>>>>);

impl std::fmt::Debug for ScopeQueues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScopeQueues").finish_non_exhaustive()
    }
}

impl ScopeQueues {
    /// Closures that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// Puts a closure behind those of its scope; given back to whoever is the first and has to run them.
    fn join(&self, scope: &Scope, job: Placed) -> Option<Placed> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = lanes.get_mut(scope) {
            waiting.push(job);
            return None;
        }
        lanes.insert(scope.clone(), Vec::new());
        Some(job)
    }

    /// What has come meanwhile; the lane ends when nothing has.
    fn next(&self, scope: &Scope) -> Vec<Placed> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = lanes.get_mut(scope) else { return Vec::new() };
        if waiting.is_empty() {
            lanes.remove(scope);
            return Vec::new();
        }
        let most = waiting.len().min(GROUP);
        waiting.drain(..most).collect()
    }
}

impl PostgresWriters {
    /// Runs a closure, with those of its scope that come meanwhile. Spawned, so that a caller that goes away cuts
    /// nothing in half.
    pub(crate) async fn write(self, lane: Option<Scope>, job: Placed) {
        let Some(scope) = lane else { return self.commit(vec![job]).await };
        let Some(first) = self.lanes.join(&scope, job) else { return };
        let mut group = vec![first];
        while !group.is_empty() {
            self.commit(group).await;
            group = self.lanes.next(&scope);
        }
    }

    /// One transaction. The places are given back when its closures are answered.
    async fn commit(&self, group: Vec<Placed>) {
        let (mut jobs, places): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        jobs.retain(|job| !job.abandoned());
        if jobs.is_empty() {
            return;
        }
        let begun = match self.server.begin(BEGIN, &self.round_trips).await {
            Ok(begun) => begun,
            Err(error) => return answer(jobs, &Err(error.into())),
        };
        let rows = Rows::new(Session::Postgres(begun), self.round_trips.clone());
        let mut tx = Tx::new(rows, self.ambient.clone(), self.sealing.clone());
        let verdict = run(&mut tx, jobs.into_iter()).await;
        let (bumped, announced) = (tx.bumped, tx.announced);
        let Session::Postgres(begun) = tx.rows.into_session() else { return };
        self.round_trips.count();
        match verdict {
            GroupOutcome::Commit(kept) => {
                let end = begun.commit().await.map_err(Fault::from);
                if end.is_ok() {
                    if bumped {
                        self.commit_signal.committed();
                    }
                    self.notifier.publish(&announced);
                }
                answer(kept, &end);
            }
            GroupOutcome::RollBack => begun.roll_back().await,
            GroupOutcome::Lost(all, fault) => {
                begun.roll_back().await;
                answer(all, &Err(fault));
            }
        }
        drop(places);
    }
}
