//! One text, two databases: [`Rows`] is a connection inside a transaction, and the macros run a constant
//! statement on whichever database it belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{PgConnection, Postgres, SqliteConnection, Transaction};

use crate::error::StoreError;
use crate::readers::Reader;

mod later;

pub(crate) use later::{Later, Values, later};

/// How often a database was asked and waited for: what an operation costs before anything else does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trips(Arc<AtomicU64>);

impl Trips {
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
    later: Later,
    trips: Trips,
}

pub(crate) enum Session {
    /// The writer's connection; the queue begins and commits.
    Writer(SqliteConnection),
    Sqlite(Reader),
    Postgres(Transaction<'static, Postgres>),
}

/// A connection of either database.
pub(crate) enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Rows {
    pub(crate) fn new(session: Session, trips: Trips) -> Self {
        let later = Later::new(matches!(session, Session::Postgres(_)));
        Self { session, refused: false, later, trips }
    }

    /// The connection, for one statement: whatever waits goes first.
    pub(crate) async fn conn(&mut self) -> Result<Conn<'_>, StoreError> {
        self.settle().await?;
        self.trips.count();
        Ok(self.bare())
    }

    /// Sends the statements that wait, in one trip.
    pub(crate) async fn settle(&mut self) -> Result<(), StoreError> {
        if self.later.is_empty() {
            return Ok(());
        }
        self.trips.count();
        let (text, values) = self.later.take();
        let done = match (self.bare(), values) {
            (Conn::Sqlite(conn), Values::Sqlite(values)) => {
                sqlx::query_with(text, values).execute(conn).await.map(drop)
            }
            (Conn::Postgres(conn), Values::Postgres(values)) => {
                sqlx::query_with(text, values).execute(conn).await.map(drop)
            }
            (Conn::Sqlite(_), Values::Postgres(_)) | (Conn::Postgres(_), Values::Sqlite(_)) => {
                return Err(StoreError::Closed);
            }
        };
        done.map_err(|error| self.fail(error))
    }

    /// The same, and behind it a text without values; for SQLite, which takes scripts.
    pub(crate) async fn settle_and(&mut self, text: &'static str) -> Result<(), StoreError> {
        self.later.add(text);
        self.settle().await
    }

    /// Room for the values of a statement that may wait.
    pub(crate) async fn room(&mut self, text: &'static str) -> Result<&mut Values, StoreError> {
        if !self.later.takes(text) {
            self.settle().await?;
        }
        Ok(self.later.add(text))
    }

    /// The connection as it is, for what begins and ends a transaction.
    pub(crate) fn bare(&mut self) -> Conn<'_> {
        match &mut self.session {
            Session::Writer(conn) => Conn::Sqlite(conn),
            Session::Sqlite(reader) => Conn::Sqlite(reader.conn()),
            Session::Postgres(tx) => Conn::Postgres(tx),
        }
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

    pub(crate) fn trips(&self) -> &Trips {
        &self.trips
    }

    /// Forgets what the closure before left behind: that it was refused, and what it had not sent.
    pub(crate) fn start_over(&mut self) {
        self.refused = false;
        self.later.clear();
    }

    /// Classifies a failed statement and remembers that there was one.
    pub(crate) fn fail(&mut self, error: sqlx::Error) -> StoreError {
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
pub struct Snapshot(pub(crate) Rows);

impl std::ops::Deref for Snapshot {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.0
    }
}

impl std::ops::DerefMut for Snapshot {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.0
    }
}

/// An insertion of one row as one of many: the same text with the places of its values repeated. On SQLite a statement
/// costs two changes of thread, which is more than its rows do; and named places are looked up one by one there, so
/// that a thousand of them cost a million steps: it is given plain ones.
pub(crate) fn many(insert: &'static str, place: impl Fn(usize) -> String) -> &'static str {
    let Some((head, rest)) = insert.split_once("VALUES (") else { return insert };
    let Some((places, tail)) = rest.split_once(')') else { return insert };
    let columns = places.split(',').count();
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|column| place(row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..ROWS_AT_ONCE).map(row).collect();
    // Made once and used as long as the program runs.
    format!("{head}VALUES {}{tail}", rows.join(", ")).leak()
}

/// A value that a row of either database holds.
pub(crate) trait FromRow: Sized {
    fn from_sqlite(row: &SqliteRow) -> Result<Self, sqlx::Error>;
    fn from_postgres(row: &PgRow) -> Result<Self, sqlx::Error>;
}

/// Implements [`FromRow`] from one body.
macro_rules! from_row {
    ($($row:ident => $of:ty $body:block)+) => {$(
        impl $crate::rows::FromRow for $of {
            fn from_sqlite($row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                $body
            }
            fn from_postgres($row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                $body
            }
        }
    )+};
}
pub(crate) use from_row;

from_row! {
    row => i64 { row.try_get(0) }
    row => String { row.try_get(0) }
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
                Ok(sqlx::query($sql)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected()))
            }
            Ok($crate::rows::Conn::Postgres(conn)) => {
                Ok(sqlx::query($sql)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected()))
            }
        };
        done.and_then(|done| done.map_err(|error| rows.fail(error)))
    }};
}
pub(crate) use execute;

/// Reads at most one row.
macro_rules! fetch_optional {
    ($rows:expr, $of:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let found = match rows.conn().await {
            Err(error) => Err(error),
            Ok($crate::rows::Conn::Sqlite(conn)) => Ok(sqlx::query($sql)$(.bind($bind))*.fetch_optional(conn).await.and_then(
                |row| row.as_ref().map(<$of as $crate::rows::FromRow>::from_sqlite).transpose(),
            )),
            Ok($crate::rows::Conn::Postgres(conn)) => Ok(sqlx::query($sql)$(.bind($bind))*.fetch_optional(conn).await.and_then(
                |row| row.as_ref().map(<$of as $crate::rows::FromRow>::from_postgres).transpose(),
            )),
        };
        found.and_then(|found| found.map_err(|error| rows.fail(error)))
    }};
}
pub(crate) use fetch_optional;

/// Reads all rows.
macro_rules! fetch_all {
    ($rows:expr, $of:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let found = match rows.conn().await {
            Err(error) => Err(error),
            Ok($crate::rows::Conn::Sqlite(conn)) => Ok(sqlx::query($sql)$(.bind($bind))*.fetch_all(conn).await.and_then(
                |found| found.iter().map(<$of as $crate::rows::FromRow>::from_sqlite).collect::<Result<Vec<_>, _>>(),
            )),
            Ok($crate::rows::Conn::Postgres(conn)) => Ok(sqlx::query($sql)$(.bind($bind))*.fetch_all(conn).await.and_then(
                |found| found.iter().map(<$of as $crate::rows::FromRow>::from_postgres).collect::<Result<Vec<_>, _>>(),
            )),
        };
        found.and_then(|found| found.map_err(|error| rows.fail(error)))
    }};
}
pub(crate) use fetch_all;

/// Rows that one statement of [`insert_all`] adds.
pub(crate) const ROWS_AT_ONCE: usize = 32;

/// Adds rows, many a statement as long as there are enough and then one by one; `$bind!` binds the values of one. The
/// statement stands there for one row, and as [`many`] makes it for each database.
macro_rules! insert_all {
    ($rows:expr, $one:expr, $sqlite:expr, $postgres:expr, $added:expr, $bind:ident) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let text = if rows.is_postgres() { *$postgres } else { *$sqlite };
        let mut chunks = $added.chunks_exact($crate::rows::ROWS_AT_ONCE);
        let singly = chunks.remainder().chunks(1).map(|chunk| ($one, chunk));
        for (sql, chunk) in (&mut chunks).map(|chunk| (text, chunk)).chain(singly) {
            let done = match rows.conn().await {
                Err(error) => Err(error),
                Ok($crate::rows::Conn::Sqlite(conn)) => {
                    let query = chunk.iter().fold(sqlx::query(sql), |query, row| $bind!(query, row));
                    Ok(query.execute(conn).await.map(drop))
                }
                Ok($crate::rows::Conn::Postgres(conn)) => {
                    let query = chunk.iter().fold(sqlx::query(sql), |query, row| $bind!(query, row));
                    Ok(query.execute(conn).await.map(drop))
                }
            };
            done.and_then(|done| done.map_err(|error| rows.fail(error)))?;
        }
        Ok(())
    }};
}
pub(crate) use insert_all;
