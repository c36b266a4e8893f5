//! One text, two databases: [`Rows`] is a connection inside a transaction, and the macros run a constant
//! statement on whichever database it belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::PgConnection;
use sqlx::postgres::{PgArguments, PgRow};

use crate::error::StoreError;
use crate::readers::SqliteReader;
use crate::server::{AnswerTimeout, ServerTransaction};

mod deferred_statements;
pub(crate) mod sqlite;

pub(crate) use deferred_statements::{DeferredStatements, execute_deferred};

/// How often a database was asked: what an operation costs before anything else does.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoundTripCounter(Arc<AtomicU64>);

impl RoundTripCounter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What can be read, in a snapshot or inside a write. The reading verbs of the planes are methods of it.
pub struct Rows {
    session: Session,
    /// A statement was refused. Postgres would then turn a commit into a rollback without a word, so the
    /// write is given up on both databases.
    refused: bool,
    deferred: DeferredStatements,
    round_trips: RoundTripCounter,
}

pub(crate) enum Session {
    /// The writer's connection; the queue begins and commits.
    Writer(rusqlite::Connection),
    Sqlite(SqliteReader),
    Postgres(ServerTransaction),
}

/// A connection of either database.
pub(crate) enum Conn<'c> {
    Sqlite(&'c mut rusqlite::Connection),
    /// Whatever it is asked is waited for through the second.
    Postgres(&'c mut PgConnection, &'c AnswerTimeout),
}

impl Rows {
    pub(crate) fn new(session: Session, round_trips: RoundTripCounter) -> Self {
        Self { session, refused: false, deferred: DeferredStatements::default(), round_trips }
    }

    /// The connection, for one statement: whatever waits goes first.
    pub(crate) async fn conn(&mut self) -> Result<Conn<'_>, StoreError> {
        self.settle().await?;
        self.round_trips.count();
        self.bare()
    }

    /// Sends the statements that wait, in one trip.
    pub(crate) async fn settle(&mut self) -> Result<(), StoreError> {
        if self.deferred.is_empty() {
            return Ok(());
        }
        self.round_trips.count();
        let (text, values) = self.deferred.take();
        let Session::Postgres(ServerTransaction { tx, timeout }) = &mut self.session else { return Ok(()) };
        let done = timeout.wait(sqlx::query_with(text, values).execute(&mut **tx)).await;
        done.map(drop).map_err(|error| self.fail(error))
    }

    /// Room for the values of a statement that may wait; for Postgres.
    pub(crate) async fn room(&mut self, text: &'static str) -> Result<&mut PgArguments, StoreError> {
        if !self.deferred.takes(text) {
            self.settle().await?;
        }
        Ok(self.deferred.add(text))
    }

    /// The connection as it is, for what begins and ends a transaction.
    pub(crate) fn bare(&mut self) -> Result<Conn<'_>, StoreError> {
        Ok(match &mut self.session {
            Session::Writer(conn) => Conn::Sqlite(conn),
            Session::Sqlite(reader) => Conn::Sqlite(reader.conn()?),
            Session::Postgres(ServerTransaction { tx, timeout }) => Conn::Postgres(tx, timeout),
        })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.session, Session::Postgres(_))
    }

    pub(crate) fn into_session(self) -> Session {
        self.session
    }

    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    pub(crate) fn round_trips(&self) -> &RoundTripCounter {
        &self.round_trips
    }

    /// Forgets what the closure before left behind: that it was refused, and what it had not sent.
    pub(crate) fn start_over(&mut self) {
        self.refused = false;
        self.deferred.clear();
    }

    /// Classifies a failed statement and remembers that there was one.
    pub(crate) fn fail(&mut self, error: impl Into<StoreError>) -> StoreError {
        self.refused = true;
        error.into()
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("postgres", &self.is_postgres()).finish_non_exhaustive()
    }
}

/// A consistent view of the database that sees no later write.
#[derive(Debug)]
pub struct ReadSnapshot(pub(crate) Rows);

impl std::ops::Deref for ReadSnapshot {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.0
    }
}

impl std::ops::DerefMut for ReadSnapshot {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.0
    }
}

/// An insertion of one row as one of many: the same text with the places of its values repeated, so that they share a
/// round trip.
pub(crate) fn many(insert: &'static str) -> &'static str {
    let Some((head, rest)) = insert.split_once("VALUES (") else { return insert };
    let Some((places, tail)) = rest.split_once(')') else { return insert };
    let columns = places.split(',').count();
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..ROWS_AT_ONCE).map(row).collect();
    // Made once and used as long as the program runs.
    format!("{head}VALUES {}{tail}", rows.join(", ")).leak()
}

/// A value that a row of either database holds.
pub(crate) trait FromRow: Sized {
    fn from_sqlite(row: &sqlite::SqliteRow<'_>) -> Result<Self, StoreError>;
    fn from_postgres(row: &PgRow) -> Result<Self, StoreError>;
}

/// Implements [`FromRow`] from one body.
macro_rules! from_row {
    ($($row:ident => $of:ty $body:block)+) => {$(
        impl $crate::rows::FromRow for $of {
            fn from_sqlite($row: &$crate::rows::sqlite::SqliteRow<'_>) -> Result<Self, $crate::StoreError> $body
            fn from_postgres($row: &sqlx::postgres::PgRow) -> Result<Self, $crate::StoreError> {
                use sqlx::Row as _;
                $body
            }
        }
    )+};
}
pub(crate) use from_row;

from_row! {
    row => i64 { let value: Self = row.try_get(0)?; Ok(value) }
    row => String { let value: Self = row.try_get(0)?; Ok(value) }
    row => (String, i64) { Ok((row.try_get(0)?, row.try_get(1)?)) }
    row => (i64, String) { Ok((row.try_get(0)?, row.try_get(1)?)) }
}

/// Runs a statement and tells how many rows it touched.
macro_rules! execute {
    ($rows:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let done = match rows.conn().await {
            Err(error) => Err(error),
            Ok($crate::rows::Conn::Sqlite(conn)) => {
                $crate::rows::sqlite::statement(conn, $sql)$(.bind($bind))*.execute()
            }
            Ok($crate::rows::Conn::Postgres(conn, timeout)) => {
                let asked = sqlx::query($sql)$(.bind($bind))*.execute(conn);
                timeout.wait(asked).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| rows.fail(error))
    }};
}
pub(crate) use execute;

/// Reads at most one row.
macro_rules! fetch_optional {
    ($rows:expr, $of:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let found = match rows.conn().await {
            Err(error) => Err(error),
            Ok($crate::rows::Conn::Sqlite(conn)) => {
                $crate::rows::sqlite::statement(conn, $sql)$(.bind($bind))*.fetch_optional::<$of>()
            }
            Ok($crate::rows::Conn::Postgres(conn, timeout)) => {
                let asked = sqlx::query($sql)$(.bind($bind))*.fetch_optional(conn);
                timeout.wait(asked).await.and_then(|row| {
                    row.as_ref().map(<$of as $crate::rows::FromRow>::from_postgres).transpose()
                })
            }
        };
        found.map_err(|error| rows.fail(error))
    }};
}
pub(crate) use fetch_optional;

/// Reads all rows.
macro_rules! fetch_all {
    ($rows:expr, $of:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let found = match rows.conn().await {
            Err(error) => Err(error),
            Ok($crate::rows::Conn::Sqlite(conn)) => {
                $crate::rows::sqlite::statement(conn, $sql)$(.bind($bind))*.fetch_all::<$of>()
            }
            Ok($crate::rows::Conn::Postgres(conn, timeout)) => {
                let asked = sqlx::query($sql)$(.bind($bind))*.fetch_all(conn);
                timeout.wait(asked).await.and_then(|found| {
                    found.iter().map(<$of as $crate::rows::FromRow>::from_postgres).collect::<Result<Vec<_>, _>>()
                })
            }
        };
        found.map_err(|error| rows.fail(error))
    }};
}
pub(crate) use fetch_all;

/// Rows that one statement of [`insert_all`] adds on Postgres.
pub(crate) const ROWS_AT_ONCE: usize = 32;

/// Adds rows; `$bind!` binds the values of one. On Postgres as many a statement as [`many`] has made of the one as long
/// as there are enough, and then one by one.
macro_rules! insert_all {
    ($rows:expr, $one:expr, $many:expr, $added:expr, $bind:ident) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let at_once = if rows.is_postgres() { $crate::rows::ROWS_AT_ONCE } else { 1 };
        let mut chunks = $added.chunks_exact(at_once);
        let singly = chunks.remainder().chunks(1).map(|chunk| ($one, chunk));
        for (many, chunk) in (&mut chunks).map(|chunk| (*$many, chunk)).chain(singly) {
            let done = match rows.conn().await {
                Err(error) => Err(error),
                Ok($crate::rows::Conn::Sqlite(conn)) => {
                    let statement = $crate::rows::sqlite::statement(conn, $one);
                    chunk.iter().fold(statement, |statement, row| $bind!(statement, row)).execute().map(drop)
                }
                Ok($crate::rows::Conn::Postgres(conn, timeout)) => {
                    let query = chunk.iter().fold(sqlx::query(many), |query, row| $bind!(query, row));
                    timeout.wait(query.execute(conn)).await.map(drop)
                }
            };
            done.map_err(|error| rows.fail(error))?;
        }
        Ok(())
    }};
}
pub(crate) use insert_all;
