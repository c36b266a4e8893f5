//! Lists whose filters must meet an index: the one place where the text of a statement depends on its input.
//! Values are always bound.

pub(crate) mod event;
pub(crate) mod task;
pub(crate) mod trace;

use crate::rows::FromRow;

fn read<T: FromRow>(rows: Result<Vec<sqlx::sqlite::SqliteRow>, sqlx::Error>) -> Result<Vec<T>, sqlx::Error> {
    rows?.iter().map(T::from_sqlite).collect()
}

fn read_postgres<T: FromRow>(
    rows: Result<Vec<sqlx::postgres::PgRow>, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    rows?.iter().map(T::from_postgres).collect()
}
