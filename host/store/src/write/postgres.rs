//! Postgres writes. The lock on the audit head of the scope, taken first, makes the writes of one scope serial, as
//! they are on SQLite, whichever process they come from. Those of one workspace that wait in this process together
//! share a transaction, and so the lock, the commit and its sync of the disk; all others have one each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use brains_core::Fault;
use brains_core::sync::Unpoisoned as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::rows::DatabaseSession;
use crate::server::PostgresServer;
use crate::write::context::WriteContext;
use crate::write::group::{GroupOutcome, answer, run};
use crate::write::queued::QueuedWrite;
use crate::write::scope::Scope;

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
    pub(crate) context: WriteContext,
    pub(crate) queues: ScopeQueues,
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
        self.0.lock_unpoisoned().values().map(Vec::len).sum()
    }

    /// Puts a closure behind those of its scope; given back to whoever is the first and has to run them.
    fn join(&self, scope: &Scope, job: Placed) -> Option<Placed> {
        let mut queues = self.0.lock_unpoisoned();
        if let Some(waiting) = queues.get_mut(scope) {
            waiting.push(job);
            return None;
        }
        queues.insert(scope.clone(), Vec::new());
        Some(job)
    }

    /// What has come meanwhile; the queue ends when nothing has.
    fn next(&self, scope: &Scope) -> Vec<Placed> {
        let mut queues = self.0.lock_unpoisoned();
        let Some(waiting) = queues.get_mut(scope) else { return Vec::new() };
        if waiting.is_empty() {
            queues.remove(scope);
            return Vec::new();
        }
        let most = waiting.len().min(GROUP);
        waiting.drain(..most).collect()
    }
}

impl PostgresWriters {
    /// Runs a closure, with those of its scope that come meanwhile. Spawned, so that a caller that goes away cuts
    /// nothing in half.
    pub(crate) async fn write(self, scope: Option<Scope>, job: Placed) {
        let Some(scope) = scope else { return self.commit(vec![job]).await };
        let Some(first) = self.queues.join(&scope, job) else { return };
        let mut group = vec![first];
        while !group.is_empty() {
            self.commit(group).await;
            group = self.queues.next(&scope);
        }
    }

    /// One transaction. The places are given back when its closures are answered.
    async fn commit(&self, group: Vec<Placed>) {
        let (mut jobs, places): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        jobs.retain(|job| !job.abandoned());
        if jobs.is_empty() {
            return;
        }
        let begun = match self.server.begin(BEGIN, &self.context.round_trips).await {
            Ok(begun) => begun,
            Err(error) => return answer(jobs, &Err(error.into())),
        };
        let mut tx = self.context.transaction(DatabaseSession::Postgres(begun));
        let outcome = run(&mut tx, jobs.into_iter()).await;
        let (bumped, announced) = (tx.bumped, tx.announced);
        let DatabaseSession::Postgres(begun) = tx.rows.into_session() else { return };
        self.context.round_trips.count();
        match outcome {
            GroupOutcome::Commit(kept) => {
                let end = begun.commit().await.map_err(Fault::from);
                if end.is_ok() {
                    self.context.committed(bumped, &announced);
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
