//! One text, two databases: [`Rows`] is a connection inside a transaction, and the macros run a constant
//! statement on whichever database it belongs to.

use sqlx::PgConnection;
use sqlx::postgres::PgArguments;

use crate::error::StoreError;
use crate::readers::SqliteReader;
use crate::round_trips::RoundTripCounter;
use crate::server::{AnswerTimeout, ServerTransaction};

pub(crate) mod columns;
mod deferred_statements;
pub(crate) mod from_row;
pub(crate) mod sqlite;
pub(crate) mod sqlite_row;
pub(crate) mod statements;

use deferred_statements::DeferredStatements;

pub(crate) use columns::{column_list, statements};
pub(crate) use from_row::{FromRow, from_row};
pub(crate) use statements::{
    execute, execute_deferred, fetch_all, fetch_optional, insert_all, insert_all_returning, many,
};

/// What can be read, in a snapshot or inside a write. The reading verbs of the planes are methods of it.
pub struct Rows {
    session: DatabaseSession,
    /// A statement was refused. Postgres would then turn a commit into a rollback without a word, so the
    /// write is given up on both databases.
    refused: bool,
    deferred: DeferredStatements,
    round_trips: RoundTripCounter,
}

pub(crate) enum DatabaseSession {
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
    pub(crate) fn new(session: DatabaseSession, round_trips: RoundTripCounter) -> Self {
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
        let DatabaseSession::Postgres(ServerTransaction { tx, timeout }) = &mut self.session else {
            return Ok(());
        };
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
            DatabaseSession::Writer(conn) => Conn::Sqlite(conn),
            DatabaseSession::Sqlite(reader) => Conn::Sqlite(reader.conn()?),
            DatabaseSession::Postgres(ServerTransaction { tx, timeout }) => Conn::Postgres(tx, timeout),
        })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.session, DatabaseSession::Postgres(_))
    }

    pub(crate) fn into_session(self) -> DatabaseSession {
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
