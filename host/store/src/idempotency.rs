//! Requests that carry a key: the first one's answer is kept in its own transaction and given to whoever asks again.

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_optional, from_row};
use crate::write::Tx;

/// How long an answer is kept.
pub const KEPT_MS: i64 = 24 * 3_600_000;

const FORGET: &str = "DELETE FROM idempotency WHERE operator = $1 AND party = $2 AND key = $3 AND at <= $4";
// What was kept before answers had a party is nobody's: it is told to nobody, and not done again either.
const BEGIN: &str = "
    INSERT INTO idempotency (operator, party, key, operation, digest, answer, at)
    SELECT $1, $2, $3, $4, $5, NULL, CAST($6 AS BIGINT) WHERE NOT EXISTS (
        SELECT 1 FROM idempotency
        WHERE operator = $1 AND party = '' AND key = $3 AND operation = $4 AND digest = $5 AND at > $7)
    ON CONFLICT DO NOTHING";
const KEPT: &str =
    "SELECT operation, digest, answer FROM idempotency WHERE operator = $1 AND party = $2 AND key = $3";
const KEEP: &str = "UPDATE idempotency SET answer = $4 WHERE operator = $1 AND party = $2 AND key = $3";
const PRUNE: &str = "DELETE FROM idempotency WHERE at <= $1";

/// What is known of a request's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyClaim {
    /// Nothing: this request is its party's first.
    First,
    /// It was used before, for this operation and this input; without an answer it is nobody's to be told.
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

/// Under what a request is kept: two parties of one operator do not share a key.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyKey<'a> {
    pub operator: &'a str,
    /// Who is proven; never empty.
    pub party: &'a str,
    pub key: &'a str,
}

impl Tx {
    /// Claims a key for this write, or tells what it was used for. Another write with the same key waits here.
    pub async fn begin_once(
        &mut self,
        under: IdempotencyKey<'_>,
        operation: &str,
        digest: &str,
    ) -> Result<IdempotencyClaim, StoreError> {
        let IdempotencyKey { operator, party, key } = under;
        let now = self.now().0;
        let past = now - KEPT_MS;
        let rows: &mut Rows = &mut self.rows;
        execute!(rows, FORGET, operator, party, key, past)?;
        if execute!(rows, BEGIN, operator, party, key, operation, digest, now, past)? == 1 {
            return Ok(IdempotencyClaim::First);
        }
        Ok(match fetch_optional!(rows, Kept, KEPT, operator, party, key)? {
            Some(Kept { operation, digest, answer }) => {
                IdempotencyClaim::Before { operation, digest, answer }
            }
            None => IdempotencyClaim::Before {
                operation: operation.to_owned(),
                digest: digest.to_owned(),
                answer: None,
            },
        })
    }

    /// Keeps the answer of a request that was begun.
    pub async fn keep_answer(&mut self, under: IdempotencyKey<'_>, answer: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, KEEP, under.operator, under.party, under.key, answer).map(drop)
    }

    /// Forgets answers that are past their time; tells how many.
    pub async fn prune_answers(&mut self) -> Result<u64, StoreError> {
        let now = self.now().0;
        execute!(&mut self.rows, PRUNE, now - KEPT_MS)
    }
}
