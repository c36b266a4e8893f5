//! Closures that share a transaction: each in a savepoint of its own, so that one that fails, panics or takes too long
//! leaves no trace in what its neighbours did. Nobody is answered before the commit but those who failed.

use brains_core::Fault;

use crate::error::StoreError;
use crate::rows::Conn;
use crate::write::{Job, Tx};

const SAVEPOINT: &str = "SAVEPOINT closure";
const NEXT: &str = "RELEASE closure; SAVEPOINT closure";
const ROLLBACK_TO: &str = "ROLLBACK TO closure";

/// What is to become of the transaction.
pub(crate) enum Verdict {
    /// It holds what these did, and is to be committed.
    Commit(Vec<Box<dyn Job>>),
    /// Nothing in it is to be kept.
    RollBack,
    /// The transaction is lost, and with it what these did.
    Lost(Vec<Box<dyn Job>>, Fault),
}

/// Runs closures in a transaction that was begun.
pub(crate) async fn run(tx: &mut Tx, group: impl ExactSizeIterator<Item = Box<dyn Job>>) -> Verdict {
    let mut kept: Vec<Box<dyn Job>> = Vec::with_capacity(group.len());
    let mut waiting = group;
    // The transaction itself is the savepoint of one that is alone.
    if waiting.len() == 1
        && let Some(mut job) = waiting.next()
    {
        return match job.run(tx).await {
            Ok(()) => Verdict::Commit(vec![job]),
            Err(fault) => {
                job.answer(Err(fault));
                Verdict::RollBack
            }
        };
    }
    let mut savepoint = Some(SAVEPOINT);
    while let Some(mut job) = waiting.next() {
        let fault = match in_savepoint(tx, savepoint, &mut *job).await {
            Ok(()) => {
                kept.push(job);
                savepoint = Some(NEXT);
                continue;
            }
            Err(Failed::Alone(fault)) => {
                job.answer(Err(fault));
                // It stands as it was before that one.
                savepoint = None;
                continue;
            }
            Err(Failed::Whole(fault)) => fault,
        };
        kept.push(job);
        kept.extend(waiting);
        return Verdict::Lost(kept, fault);
    }
    if kept.is_empty() { Verdict::RollBack } else { Verdict::Commit(kept) }
}

enum Failed {
    /// Only this closure was rolled back.
    Alone(Fault),
    /// The database gave up the whole transaction, as it may when the disk is full or the connection is lost.
    Whole(Fault),
}

async fn in_savepoint(tx: &mut Tx, savepoint: Option<&'static str>, job: &mut dyn Job) -> Result<(), Failed> {
    if let Some(text) = savepoint {
        exec(tx, text).await.map_err(Failed::Whole)?;
    }
    let Err(fault) = job.run(tx).await else { return Ok(()) };
    match exec(tx, ROLLBACK_TO).await {
        Ok(()) => Err(Failed::Alone(fault)),
        // The savepoint is gone, and with it everything before: the closure's fault says why.
        Err(_) => Err(Failed::Whole(fault)),
    }
}

/// Tells all of them the same end.
pub(crate) fn answer(jobs: Vec<Box<dyn Job>>, end: &Result<(), Fault>) {
    for job in jobs {
        job.answer(end.clone());
    }
}

async fn exec(tx: &mut Tx, text: &'static str) -> Result<(), Fault> {
    tx.rows.trips().count();
    let done = match tx.rows.bare() {
        Conn::Sqlite(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
        Conn::Postgres(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
    };
    done.map_err(|error| StoreError::from(error).into())
}
