//! Closures that share a transaction: each in a savepoint of its own, so that one that fails, panics or takes too long
//! leaves no trace in what its neighbours did. Nobody is answered before the commit but those who failed.

use brains_core::Fault;

use crate::rows::{Conn, sqlite};
use crate::write::queued::QueuedWrite;
use crate::write::tx::Tx;

const SAVEPOINT: &str = "SAVEPOINT closure";
const RELEASE: &str = "RELEASE closure";
const NEXT: &str = "RELEASE closure; SAVEPOINT closure";
const ROLLBACK_TO: &str = "ROLLBACK TO closure";

/// What is to become of the transaction.
pub(crate) enum GroupOutcome {
    /// It holds what these did, and is to be committed.
    Commit(Vec<Box<dyn QueuedWrite>>),
    /// Nothing in it is to be kept.
    RollBack,
    /// The transaction is lost, and with it what these did.
    Lost(Vec<Box<dyn QueuedWrite>>, Fault),
}

/// Runs closures in a transaction that was begun.
pub(crate) async fn run(
    tx: &mut Tx,
    group: impl ExactSizeIterator<Item = Box<dyn QueuedWrite>>,
) -> GroupOutcome {
    let mut kept: Vec<Box<dyn QueuedWrite>> = Vec::with_capacity(group.len());
    let mut waiting = group;
    // The transaction itself is the savepoint of one that is alone.
    let alone = waiting.len() == 1;
    let mut savepoint = Some(SAVEPOINT);
    while let Some(mut job) = waiting.next() {
        let last = waiting.len() == 0;
        let done = if alone {
            by_itself(tx, &mut *job).await.map(|()| None).map_err(Failed::Alone)
        } else {
            in_savepoint(tx, savepoint, last, &mut *job).await
        };
        match done {
            Ok(next) => {
                kept.push(job);
                savepoint = next;
            }
            Err(Failed::Alone(fault)) => {
                job.answer(Err(fault));
                // It stands as it was before that one.
                savepoint = None;
            }
            Err(Failed::Whole(fault)) => {
                kept.push(job);
                kept.extend(waiting);
                return GroupOutcome::Lost(kept, fault);
            }
        }
    }
    if kept.is_empty() {
        return GroupOutcome::RollBack;
    }
    // The last one failed, and with it what it would have taken along.
    if !tx.is_sealed()
        && let Err(fault) = seal(tx).await
    {
        return GroupOutcome::Lost(kept, fault);
    }
    GroupOutcome::Commit(kept)
}

async fn by_itself(tx: &mut Tx, job: &mut dyn QueuedWrite) -> Result<(), Fault> {
    job.run(tx).await?;
    seal(tx).await
}

/// What says where the audit log stands, and whatever else waits.
async fn seal(tx: &mut Tx) -> Result<(), Fault> {
    tx.seal().await?;
    tx.rows.settle().await?;
    tx.keep_heads();
    tx.heads_are_sealed();
    Ok(())
}

enum Failed {
    /// Only this closure was rolled back.
    Alone(Fault),
    /// The database gave up the whole transaction, as it may when the disk is full or the connection is lost.
    Whole(Fault),
}

/// Tells what the next one has to begin with, if anything.
async fn in_savepoint(
    tx: &mut Tx,
    savepoint: Option<&'static str>,
    last: bool,
    job: &mut dyn QueuedWrite,
) -> Result<Option<&'static str>, Failed> {
    if let Some(text) = savepoint {
        exec(tx, text).await.map_err(Failed::Whole)?;
    }
    let done = job.run(tx).await;
    let done = match done {
        Ok(()) if last => seal(tx).await.map(|()| None),
        Ok(()) if !tx.rows.is_postgres() => exec(tx, RELEASE).await.map(|()| Some(SAVEPOINT)),
        // Two in one trip.
        Ok(()) => tx.rows.settle().await.map(|()| Some(NEXT)).map_err(Fault::from),
        Err(fault) => Err(fault),
    };
    match done {
        Ok(next) => {
            tx.keep_heads();
            Ok(next)
        }
        Err(fault) => {
            tx.start_over();
            match exec(tx, ROLLBACK_TO).await {
                Ok(()) => Err(Failed::Alone(fault)),
                // The savepoint is gone, and with it everything before: the closure's fault says why.
                Err(_) => Err(Failed::Whole(fault)),
            }
        }
    }
}

/// Tells all of them the same end.
pub(crate) fn answer(jobs: Vec<Box<dyn QueuedWrite>>, end: &Result<(), Fault>) {
    for job in jobs {
        job.answer(end.clone());
    }
}

async fn exec(tx: &mut Tx, text: &'static str) -> Result<(), Fault> {
    tx.rows.round_trips().count();
    let done = match tx.rows.bare()? {
        Conn::Sqlite(conn) => sqlite::run(conn, text),
        Conn::Postgres(conn, timeout) => timeout.wait(sqlx::raw_sql(text).execute(conn)).await.map(drop),
    };
    done.map_err(Fault::from)
}
