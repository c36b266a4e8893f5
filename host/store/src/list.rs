//! Lists whose filters must meet an index: the one place where the text of a statement depends on its input.
//! Values are always bound.

pub(crate) mod event;
pub(crate) mod task;
pub(crate) mod trace;
pub(crate) mod usage;

use sqlx::AssertSqlSafe;

use crate::error::StoreError;
use crate::rows::{Conn, FromRow, Rows, sqlite};

/// A statement that is put together from pieces, with its values.
pub(crate) struct Query {
    text: String,
    values: Vec<Value>,
}

pub(crate) enum Value {
    Text(String),
    Number(i64),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Query {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A value, at the place where it stands in the text.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.extend(["$", &self.values.len().to_string()]);
        self
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) async fn fetch_all<T: FromRow>(self, rows: &mut Rows) -> Result<Vec<T>, StoreError> {
        let found = match rows.conn().await? {
            Conn::Sqlite(conn) => {
                let statement = sqlite::statement(conn, &self.text);
                let statement = self.values.into_iter().fold(statement, |statement, value| match value {
                    Value::Text(text) => statement.bind(text),
                    Value::Number(number) => statement.bind(number),
                });
                statement.fetch_all()
            }
            Conn::Postgres(conn, timeout) => {
                // Made of constants of this program; what comes from outside is bound.
                let query = sqlx::query(AssertSqlSafe(self.text));
                let query = self.values.into_iter().fold(query, |query, value| match value {
                    Value::Text(text) => query.bind(text),
                    Value::Number(number) => query.bind(number),
                });
                let found = timeout.wait(query.fetch_all(conn)).await;
                found.and_then(|found| found.iter().map(T::from_postgres).collect())
            }
        };
        found.map_err(|error| rows.fail(error))
    }
}
