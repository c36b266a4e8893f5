//! How a constant statement is run: the same text on either database, with the values in their order.

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

/// Lets a statement wait whose outcome nobody looks at.
macro_rules! execute_deferred {
    ($rows:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        if rows.is_postgres() {
            match rows.room($sql).await {
                Err(error) => Err(error),
                Ok(values) => {
                    let added: Result<(), sqlx::error::BoxDynError> =
                        Ok(())$(.and_then(|()| sqlx::Arguments::add(values, $bind)))*;
                    added.map_err(|source| rows.fail(sqlx::Error::Encode(source)))
                }
            }
        } else {
            $crate::rows::execute!(rows, $sql $(, $bind)*).map(drop)
        }
    }};
}
pub(crate) use execute_deferred;

/// Rows that one statement of [`insert_all`] adds on Postgres.
pub(crate) const ROWS_AT_ONCE: usize = 32;

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

/// Adds rows; `$bind!` binds the values of one. On Postgres as many a statement as [`many`] has made of the one as long
/// as there are enough, and then one by one.
macro_rules! insert_all {
    ($rows:expr, $one:expr, $many:expr, $added:expr, $bind:ident) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let at_once = if rows.is_postgres() { $crate::rows::statements::ROWS_AT_ONCE } else { 1 };
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

/// The same for an insertion that gives something back of each row that it added.
macro_rules! insert_all_returning {
    ($rows:expr, $of:ty, $one:expr, $many:expr, $added:expr, $bind:ident) => {{
        let rows: &mut $crate::rows::Rows = $rows;
        let at_once = if rows.is_postgres() { $crate::rows::statements::ROWS_AT_ONCE } else { 1 };
        let mut chunks = $added.chunks_exact(at_once);
        let singly = chunks.remainder().chunks(1).map(|chunk| ($one, chunk));
        let mut all: Result<Vec<$of>, $crate::error::StoreError> = Ok(Vec::new());
        for (many, chunk) in (&mut chunks).map(|chunk| (*$many, chunk)).chain(singly) {
            let given: Result<Vec<$of>, $crate::error::StoreError> = match rows.conn().await {
                Err(error) => Err(error),
                Ok($crate::rows::Conn::Sqlite(conn)) => {
                    let statement = $crate::rows::sqlite::statement(conn, $one);
                    chunk.iter().fold(statement, |statement, row| $bind!(statement, row)).fetch_all::<$of>()
                }
                Ok($crate::rows::Conn::Postgres(conn, timeout)) => {
                    let query = chunk.iter().fold(sqlx::query(many), |query, row| $bind!(query, row));
                    timeout.wait(query.fetch_all(conn)).await.and_then(|given| {
                        given.iter().map(<$of as $crate::rows::FromRow>::from_postgres).collect()
                    })
                }
            };
            match (given.map_err(|error| rows.fail(error)), &mut all) {
                (Ok(given), Ok(all)) => all.extend(given),
                (Err(error), _) => {
                    all = Err(error);
                    break;
                }
                (Ok(_), Err(_)) => break,
            }
        }
        all
    }};
}
pub(crate) use insert_all_returning;
