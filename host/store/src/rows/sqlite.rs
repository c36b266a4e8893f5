//! Statements on SQLite. They run where they are called: a change of thread costs more than most of them do.

use rusqlite::{CachedStatement, Connection, ToSql};

use crate::error::StoreError;
use crate::rows::from_row::FromRow;
use crate::rows::sqlite_row::SqliteRow;

/// A statement that is given its values.
pub(crate) struct Statement<'c>(Result<Ready<'c>, rusqlite::Error>);

struct Ready<'c> {
    conn: &'c Connection,
    statement: CachedStatement<'c>,
    bound: usize,
}

/// Prepares `text`, or takes it as it was prepared before.
pub(crate) fn statement<'c>(conn: &'c Connection, text: &str) -> Statement<'c> {
    // `$1` is a name here, which would be looked up; `?1` is a place.
    let prepared = conn.prepare_cached(&text.replace('$', "?"));
    Statement(prepared.map(|statement| Ready { conn, statement, bound: 0 }))
}

/// Runs a text without values: what begins and ends a transaction.
pub(crate) fn run(conn: &Connection, text: &str) -> Result<(), StoreError> {
    statement(conn, text).execute().map(drop)
}

/// Runs a text of several statements.
pub(crate) fn script(conn: &Connection, text: &str) -> Result<(), StoreError> {
    Ok(conn.execute_batch(text)?)
}

impl Statement<'_> {
    /// The next value.
    pub(crate) fn bind(mut self, value: impl ToSql) -> Self {
        if let Ok(ready) = &mut self.0 {
            ready.bound += 1;
            if let Err(error) = ready.statement.raw_bind_parameter(ready.bound, value) {
                self.0 = Err(error);
            }
        }
        self
    }

    /// Runs it and tells how many rows it touched.
    pub(crate) fn execute(self) -> Result<u64, StoreError> {
        let Ready { conn, mut statement, .. } = self.0?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(conn.changes())
    }

    /// Reads at most one row.
    pub(crate) fn fetch_optional<T: FromRow>(self) -> Result<Option<T>, StoreError> {
        let mut ready = self.0?;
        let mut rows = ready.statement.raw_query();
        rows.next()?.map(|row| T::from_sqlite(&SqliteRow::new(row))).transpose()
    }

    /// Reads all rows.
    pub(crate) fn fetch_all<T: FromRow>(self) -> Result<Vec<T>, StoreError> {
        let mut ready = self.0?;
        let mut rows = ready.statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(T::from_sqlite(&SqliteRow::new(row))?);
        }
        Ok(found)
    }
}
