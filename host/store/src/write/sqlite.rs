//! The SQLite writer: one thread, one connection. Closures wait in a bounded queue; those that are there
//! together share one `BEGIN IMMEDIATE`, each in a savepoint of its own, and are answered after its `COMMIT`.
//! The queue is an optimisation, the database's lock is the exclusion: other processes write to the same file.

use brains_core::Fault;
use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::identity::FileIdentity;
use crate::rows::{DatabaseSession, sqlite};
use crate::sqlite_file::SqliteFile;
use crate::write::context::WriteContext;
use crate::write::group::{GroupOutcome, answer, run};
use crate::write::queued::QueuedWrite;

/// Closures that share one commit at most.
const GROUP: usize = 128;

/// Wait between attempts at a lock that SQLite did not wait for by itself.
pub(crate) const AGAIN: Duration = Duration::from_millis(10);

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

pub(crate) struct SqliteWriter {
    pub(crate) file: SqliteFile,
    pub(crate) identity: FileIdentity,
    pub(crate) context: WriteContext,
    pub(crate) closing: CancellationToken,
    /// How long to wait for another process's lock.
    pub(crate) patience: Duration,
    pub(crate) conn: Option<Connection>,
}

impl SqliteWriter {
    /// Runs until the store closes and its queue is empty.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn QueuedWrite>>) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            let taken = tokio::select! {
                taken = queue.recv_many(&mut group, GROUP) => taken,
                () = self.closing.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            };
            if taken == 0 {
                break;
            }
            self.commit(&mut group).await;
        }
        if let Some(conn) = self.conn.take()
            && let Err((_, error)) = conn.close()
        {
            tracing::warn!(db.error = %error, "the writer's connection did not close cleanly");
        }
    }

    /// One group: begin, each closure in its savepoint, commit, answers.
    async fn commit(&mut self, group: &mut Vec<Box<dyn QueuedWrite>>) {
        group.retain(|job| !job.abandoned());
        if group.is_empty() {
            return;
        }
        let conn = match self.begin().await {
            Ok(conn) => conn,
            Err(error) => return answer(std::mem::take(group), &Err(error.into())),
        };
        let mut tx = self.context.transaction(DatabaseSession::Writer(conn));
        let outcome = run(&mut tx, group.drain(..)).await;
        let (bumped, announced) = (tx.bumped, tx.announced);
        let DatabaseSession::Writer(conn) = tx.rows.into_session() else { return };
        self.context.round_trips.count();
        // Whatever state a lost connection is in, closing it rolls back; the next group opens a new one.
        match outcome {
            GroupOutcome::Commit(kept) => {
                let end = self.end(&conn).await.map_err(Fault::from);
                if end.is_ok() {
                    self.context.committed(bumped, &announced);
                }
                answer(kept, &end);
                if end.is_ok() {
                    self.identity.take_over(&conn);
                    self.conn = Some(conn);
                }
            }
            GroupOutcome::RollBack => {
                if sqlite::run(&conn, ROLLBACK).is_ok() {
                    self.conn = Some(conn);
                }
            }
            GroupOutcome::Lost(all, fault) => {
                drop(conn);
                answer(all, &Err(fault));
            }
        }
    }

    /// Takes the database's write lock, waiting for other processes as long as patience lasts.
    async fn begin(&mut self) -> Result<Connection, StoreError> {
        let give_up = Instant::now() + self.patience;
        self.context.round_trips.count();
        loop {
            self.identity.settle().await?;
            let conn = match self.conn.take() {
                Some(conn) => conn,
                None => self.file.open()?,
            };
            match sqlite::run(&conn, BEGIN) {
                Ok(()) => return Ok(conn),
                Err(StoreError::Locked) if Instant::now() < give_up => {
                    self.conn = Some(conn);
                    tokio::time::sleep(AGAIN).await;
                }
                Err(StoreError::Locked) => {
                    self.conn = Some(conn);
                    return Err(StoreError::Locked);
                }
                // A connection that met a full disk or a replaced file is not used again.
                Err(error) => return Err(error),
            }
        }
    }

    async fn end(&self, conn: &Connection) -> Result<(), StoreError> {
        let give_up = Instant::now() + self.patience;
        loop {
            match sqlite::run(conn, COMMIT) {
                Err(StoreError::Locked) if Instant::now() < give_up => tokio::time::sleep(AGAIN).await,
                // What went into another file than the one that was opened is not kept.
                Ok(()) => return self.identity.settle().await,
                Err(error) => {
                    // A full disk may have ended the transaction already; then there is nothing to roll back.
                    drop(sqlite::run(conn, ROLLBACK));
                    return Err(error);
                }
            }
        }
    }
}
