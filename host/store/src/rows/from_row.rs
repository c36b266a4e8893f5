//! How a value is read from a row of either database.

use sqlx::postgres::PgRow;

use crate::error::StoreError;
use crate::rows::sqlite_row::SqliteRow;

/// A value that a row of either database holds.
pub(crate) trait FromRow: Sized {
    fn from_sqlite(row: &SqliteRow<'_>) -> Result<Self, StoreError>;
    fn from_postgres(row: &PgRow) -> Result<Self, StoreError>;
}

/// Implements [`FromRow`] from one body.
macro_rules! from_row {
    ($($row:ident => $of:ty $body:block)+) => {$(
        impl $crate::rows::from_row::FromRow for $of {
            fn from_sqlite($row: &$crate::rows::sqlite_row::SqliteRow<'_>) -> Result<Self, $crate::error::StoreError> $body
            fn from_postgres($row: &sqlx::postgres::PgRow) -> Result<Self, $crate::error::StoreError> {
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
    row => (i64, String, i64) { Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)) }
}
