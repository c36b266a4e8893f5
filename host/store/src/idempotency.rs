//! Requests that carry a key: the first one's answer is kept in its own transaction and given to whoever asks again.

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_optional, from_row};
use crate::write::Tx;

/// How long an answer is kept.
pub const KEPT_MS: i64 = 24 * 3_600_000;

const FORGET: &str = "DELETE FROM idempotency WHERE operator = $1 AND key = $2 AND at <= $3";
const BEGIN: &str = "
    INSERT INTO idempotency (operator, key, operation, digest, answer, at)
    VALUES ($1, $2, $3, $4, NULL, $5) ON CONFLICT DO NOTHING";
const KEPT: &str = "SELECT operation, digest, answer FROM idempotency WHERE operator = $1 AND key = $2";
const KEEP: &str = "UPDATE idempotency SET answer = $3 WHERE operator = $1 AND key = $2";
const PRUNE: &str = "DELETE FROM idempotency WHERE at <= $1";

/// What is known of a request's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: this request is the first.
    First,
    /// It was used before, for this operation and this input.
    Before { operation: String, digest: String, answer: Option<String> },
}

struct Kept {
    operation: String,
    digest: String,
    answer: Option<String>,
}

from_row! {
    row => Kept {
        Ok(Self {
            operation: row.try_get("operation")?,
            digest: row.try_get("digest")?,
            answer: row.try_get("answer")?,
        })
    }
}

impl Tx {
    /// Claims `key` for this write, or tells what it was used for. Another write with the same key waits here.
    pub async fn begin_once(
        &mut self,
        operator: &str,
        key: &str,
        operation: &str,
        digest: &str,
    ) -> Result<Begun, StoreError> {
        let now = self.now().0;
        let rows: &mut Rows = &mut self.rows;
        execute!(rows, FORGET, operator, key, now - KEPT_MS)?;
        if execute!(rows, BEGIN, operator, key, operation, digest, now)? == 1 {
            return Ok(Begun::First);
        }
        Ok(match fetch_optional!(rows, Kept, KEPT, operator, key)? {
            Some(Kept { operation, digest, answer }) => Begun::Before { operation, digest, answer },
            None => Begun::First,
        })
    }

    /// Keeps the answer of a request that was begun.
    pub async fn keep_answer(&mut self, operator: &str, key: &str, answer: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, KEEP, operator, key, answer).map(drop)
    }

    /// Forgets answers that are past their time; tells how many.
    pub async fn prune_answers(&mut self) -> Result<u64, StoreError> {
        let now = self.now().0;
        execute!(&mut self.rows, PRUNE, now - KEPT_MS)
    }
}
