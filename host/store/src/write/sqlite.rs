//! The SQLite writer: one task, one connection. Closures wait in a bounded queue; those that are there
//! together share one `BEGIN IMMEDIATE`, each in a savepoint of its own, and are answered after its `COMMIT`.
//! The queue is an optimisation, the database's lock is the exclusion: other processes write to the same file.

use std::sync::Arc;

use brains_core::{Ambient, Fault};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::audit::Sealing;
use crate::changes::Nudge;
use crate::error::StoreError;
use crate::notices::Notices;
use crate::rows::{Rows, Session};
use crate::write::{Job, Tx};

/// Closures that share one commit at most.
const GROUP: usize = 128;

/// Wait between attempts at a lock that SQLite did not wait for by itself.
pub(crate) const AGAIN: Duration = Duration::from_millis(10);

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const SAVEPOINT: &str = "SAVEPOINT closure";
const RELEASE: &str = "RELEASE closure";
const ROLLBACK_TO: &str = "ROLLBACK TO closure";

pub(crate) struct Writer {
    pub(crate) options: SqliteConnectOptions,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) sealing: Sealing,
    pub(crate) closing: CancellationToken,
    pub(crate) nudge: Nudge,
    pub(crate) notices: Notices,
    /// How long to wait for another process's lock.
    pub(crate) patience: Duration,
    pub(crate) conn: Option<SqliteConnection>,
}

impl Writer {
    /// Runs until the store closes and its queue is empty.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
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
            && let Err(error) = conn.close().await
        {
            tracing::warn!(db.error = %error, "the writer's connection did not close cleanly");
        }
    }

    /// One group: begin, each closure in its savepoint, commit, answers.
    async fn commit(&mut self, group: &mut Vec<Box<dyn Job>>) {
        group.retain(|job| !job.abandoned());
        if group.is_empty() {
            return;
        }
        let conn = match self.begin().await {
            Ok(conn) => conn,
            Err(error) => return refuse(group.drain(..), &error.into()),
        };
        let mut tx = Tx::new(Rows::new(Session::Writer(conn)), self.ambient.clone(), self.sealing.clone());
        let mut kept = Vec::with_capacity(group.len());
        let mut lost = None;
        for mut job in group.drain(..) {
            if let Some(fault) = &lost {
                job.answer(Err(Fault::clone(fault)));
                continue;
            }
            match in_savepoint(&mut tx, &mut *job).await {
                Ok(()) => kept.push(job),
                Err(Failed::Alone(fault)) => job.answer(Err(fault)),
                Err(Failed::Whole(fault)) => {
                    job.answer(Err(fault.clone()));
                    lost = Some(fault);
                }
            }
        }
        let (bumped, announced) = (tx.bumped, tx.announced);
        let Session::Writer(mut conn) = tx.rows.into_session() else { return };
        let end = match lost {
            Some(fault) => Err(fault),
            None => self.end(&mut conn).await.map_err(Fault::from),
        };
        if let Err(fault) = end {
            // Whatever state the connection is in, closing it rolls back; the next group opens a new one.
            drop(conn);
            return refuse(kept.into_iter(), &fault);
        }
        self.conn = Some(conn);
        if bumped {
            self.nudge.committed();
        }
        self.notices.publish(&announced);
        for job in kept {
            job.answer(Ok(()));
        }
    }

    /// Takes the database's write lock, waiting for other processes as long as patience lasts.
    async fn begin(&mut self) -> Result<SqliteConnection, StoreError> {
        let give_up = Instant::now() + self.patience;
        loop {
            let mut conn = match self.conn.take() {
                Some(conn) => conn,
                None => self.options.connect().await?,
            };
            match exec(&mut conn, BEGIN).await.map_err(StoreError::from) {
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

    async fn end(&self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        let give_up = Instant::now() + self.patience;
        loop {
            match exec(conn, COMMIT).await.map_err(StoreError::from) {
                Err(StoreError::Locked) if Instant::now() < give_up => tokio::time::sleep(AGAIN).await,
                Ok(()) => return Ok(()),
                Err(error) => {
                    // A full disk may have ended the transaction already; then there is nothing to roll back.
                    drop(exec(conn, ROLLBACK).await);
                    return Err(error);
                }
            }
        }
    }
}

enum Failed {
    /// Only this closure was rolled back.
    Alone(Fault),
    /// SQLite gave up the whole transaction, as it may when the disk is full.
    Whole(Fault),
}

async fn in_savepoint(tx: &mut Tx, job: &mut dyn Job) -> Result<(), Failed> {
    let whole = |error: sqlx::Error| Failed::Whole(StoreError::from(error).into());
    exec(writer(tx)?, SAVEPOINT).await.map_err(whole)?;
    let Err(fault) = job.run(tx).await else {
        return exec(writer(tx)?, RELEASE).await.map_err(whole);
    };
    let conn = writer(tx)?;
    match (exec(conn, ROLLBACK_TO).await, exec(conn, RELEASE).await) {
        (Ok(()), Ok(())) => Err(Failed::Alone(fault)),
        // The savepoint is gone, and with it everything before: the closure's fault says why.
        _ => Err(Failed::Whole(fault)),
    }
}

fn writer(tx: &mut Tx) -> Result<&mut SqliteConnection, Failed> {
    match tx.rows.conn() {
        crate::rows::Conn::Sqlite(conn) => Ok(conn),
        crate::rows::Conn::Postgres(_) => Err(Failed::Whole(StoreError::Closed.into())),
    }
}

async fn exec(conn: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(conn).await.map(drop)
}

fn refuse(jobs: impl Iterator<Item = Box<dyn Job>>, fault: &Fault) {
    for job in jobs {
        job.answer(Err(fault.clone()));
    }
}
