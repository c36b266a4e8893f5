//! Rows of SQLite.

use std::cell::Cell;

use rusqlite::types::ValueRef;

use crate::error::StoreError;

/// A row, read as the other driver's are.
pub(crate) struct SqliteRow<'r> {
    row: &'r rusqlite::Row<'r>,
    /// The column behind the one that was read last: columns are mostly read in their order.
    next: Cell<usize>,
}

impl<'r> SqliteRow<'r> {
    pub(crate) fn new(row: &'r rusqlite::Row<'r>) -> Self {
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
