//! Statements on SQLite. They run where they are called: a change of thread costs more than most of them do.

use std::cell::Cell;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, ToSql};

use crate::error::StoreError;
use crate::rows::FromRow;

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

/// A row, read as the other driver's are.
pub(crate) struct SqliteRow<'r> {
    row: &'r rusqlite::Row<'r>,
    /// The column behind the one that was read last: columns are mostly read in their order.
    next: Cell<usize>,
}

impl<'r> SqliteRow<'r> {
    fn new(row: &'r rusqlite::Row<'r>) -> Self {
        Self { row, next: Cell::new(0) }
    }

    pub(crate) fn try_get<T: Column<'r>, A: At>(&self, at: A) -> Result<T, StoreError> {
        let place = at.place(self)?;
        self.next.set(place + 1);
        T::read(self.row.get_ref(place)?).ok_or_else(|| {
            let column = self.row.as_ref().column_name(place).unwrap_or_default();
            StoreError::Value { column: column.to_owned() }
        })
    }
}

/// How a column is named.
pub(crate) trait At {
    fn place(self, row: &SqliteRow<'_>) -> Result<usize, StoreError>;
}

impl At for usize {
    fn place(self, _: &SqliteRow<'_>) -> Result<usize, StoreError> {
        Ok(self)
    }
}

impl At for &str {
    fn place(self, row: &SqliteRow<'_>) -> Result<usize, StoreError> {
        let statement = row.row.as_ref();
        let (next, count) = (row.next.get(), statement.column_count());
        (next..count)
            .chain(0..next.min(count))
            .find(|place| statement.column_name(*place).is_ok_and(|name| name == self))
            .ok_or_else(|| StoreError::Value { column: self.to_owned() })
    }
}

/// What a column may hold.
pub(crate) trait Column<'r>: Sized {
    /// None when it holds something else.
    fn read(value: ValueRef<'r>) -> Option<Self>;
}

impl<'r> Column<'r> for &'r str {
    fn read(value: ValueRef<'r>) -> Option<Self> {
        value.as_str().ok()
    }
}

impl<'r> Column<'r> for &'r [u8] {
    fn read(value: ValueRef<'r>) -> Option<Self> {
        value.as_blob().ok()
    }
}

impl Column<'_> for String {
    fn read(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().map(str::to_owned)
    }
}

impl Column<'_> for Vec<u8> {
    fn read(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok().map(<[u8]>::to_vec)
    }
}

impl Column<'_> for i64 {
    fn read(value: ValueRef<'_>) -> Option<Self> {
        value.as_i64().ok()
    }
}

impl Column<'_> for bool {
    fn read(value: ValueRef<'_>) -> Option<Self> {
        value.as_i64().ok().map(|value| value != 0)
    }
}

impl Column<'_> for f64 {
    fn read(value: ValueRef<'_>) -> Option<Self> {
        value.as_f64().ok()
    }
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn read(value: ValueRef<'r>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}
