//! The rows of turns and of their items.

use brains_core::Millis;

use super::stored::{ResponseRetention, StoredResponse};
use crate::error::StoreError;
use crate::rows::{Rows, execute, execute_deferred, fetch_all, fetch_optional, from_row};
use crate::text::{id, signed, unsigned};
use crate::write::Tx;

const DAY_MS: i64 = 86_400_000;
/// Threads that one write deletes.
const PRUNE_CHUNK: i64 = 64;

/// The id of a turn is its upstream's. One that is there already and is not this very turn's names neither from then on.
const INSERT: &str = "
    INSERT INTO response (operator, id, credential, trace, thread, at, previous, input, answer, bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (operator, id) DO UPDATE SET repeated = TRUE WHERE response.trace <> excluded.trace";
const INSERT_ITEM: &str =
    "INSERT INTO response_item (operator, item, response) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const GET: &str = "SELECT * FROM response WHERE operator = $1 AND id = $2 AND NOT repeated";
/// A turn and those before it, newest first, until they are as large as may be read.
const CHAIN: &str = "
    WITH RECURSIVE chain (id, previous, depth, total) AS (
        SELECT id, previous, 0, bytes FROM response WHERE operator = $1 AND id = $2 AND NOT repeated
        UNION ALL
        SELECT earlier.id, earlier.previous, chain.depth + 1, chain.total + earlier.bytes
        FROM chain JOIN response earlier ON earlier.operator = $1 AND earlier.id = chain.previous
        WHERE chain.total <= $3 AND chain.depth < 10000 AND NOT earlier.repeated
    )
    SELECT response.* FROM chain JOIN response ON response.operator = $1 AND response.id = chain.id
    ORDER BY chain.depth";
const WITH_ITEM: &str = "
    SELECT response.* FROM response_item JOIN response
        ON response.operator = response_item.operator AND response.id = response_item.response
    WHERE response_item.operator = $1 AND response_item.item = $2 AND NOT response.repeated
    ORDER BY response.at DESC LIMIT 8";
const DELETE: &str = "DELETE FROM response WHERE operator = $1 AND id = $2";
const DELETE_ITEMS: &str = "DELETE FROM response_item WHERE operator = $1 AND response = $2";
const OLD_THREADS: &str = "SELECT thread FROM response GROUP BY thread HAVING MAX(at) < $1 LIMIT $2";
const ALL_BYTES: &str = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM response";
const OLDEST_THREADS: &str = "
    SELECT thread, CAST(SUM(bytes) AS BIGINT) FROM response GROUP BY thread ORDER BY MAX(at) LIMIT $1";
const DELETE_THREAD_ITEMS: &str = "
    DELETE FROM response_item
    WHERE (operator, response) IN (SELECT operator, id FROM response WHERE thread = $1)";
const DELETE_THREAD: &str = "DELETE FROM response WHERE thread = $1";

from_row! {
    row => StoredResponse {
        Ok(Self {
            operator: row.try_get("operator")?,
            id: row.try_get("id")?,
            credential: row.try_get("credential")?,
            trace: id("trace", row.try_get("trace")?)?,
            thread: id("thread", row.try_get("thread")?)?,
            at: Millis(row.try_get("at")?),
            previous: row.try_get("previous")?,
            input: row.try_get("input")?,
            answer: row.try_get("answer")?,
            items: Vec::new(),
        })
    }
}

impl Rows {
    pub(super) async fn response(
        &mut self,
        operator: &str,
        id: &str,
    ) -> Result<Option<StoredResponse>, StoreError> {
        fetch_optional!(self, StoredResponse, GET, operator, id)
    }

    /// A turn and those before it, newest first; the last of them may be the one that makes it more than `most_bytes`.
    pub(super) async fn response_chain(
        &mut self,
        operator: &str,
        id: &str,
        most_bytes: u64,
    ) -> Result<Vec<StoredResponse>, StoreError> {
        fetch_all!(self, StoredResponse, CHAIN, operator, id, signed(most_bytes))
    }

    /// The newest turns whose answers have an item of this id.
    pub(super) async fn responses_with_item(
        &mut self,
        operator: &str,
        item: &str,
    ) -> Result<Vec<StoredResponse>, StoreError> {
        fetch_all!(self, StoredResponse, WITH_ITEM, operator, item)
    }
}

impl Tx {
    /// Adds turns.
    pub(super) async fn insert_responses<'r>(
        &mut self,
        turns: impl Iterator<Item = &'r StoredResponse> + Send,
    ) -> Result<(), StoreError> {
        let rows = &mut self.rows;
        for turn in turns {
            execute!(
                rows,
                INSERT,
                turn.operator.as_str(),
                turn.id.as_str(),
                turn.credential.as_str(),
                turn.trace.as_str(),
                turn.thread.as_str(),
                turn.at.0,
                turn.previous.as_deref(),
                turn.input.as_str(),
                turn.answer.as_str(),
                signed(turn.bytes() as u64),
            )?;
            for item in &turn.items {
                execute_deferred!(
                    rows,
                    INSERT_ITEM,
                    turn.operator.as_str(),
                    item.as_str(),
                    turn.id.as_str()
                )?;
            }
        }
        Ok(())
    }

    /// Deletes one turn; false when there is none.
    pub(super) async fn delete_response(&mut self, operator: &str, id: &str) -> Result<bool, StoreError> {
        execute!(&mut self.rows, DELETE_ITEMS, operator, id)?;
        Ok(execute!(&mut self.rows, DELETE, operator, id)? > 0)
    }

    /// Deletes some of what is beyond the retention; true when there may be more.
    pub(super) async fn prune_responses(&mut self, retention: ResponseRetention) -> Result<bool, StoreError> {
        let mut threads = Vec::new();
        if let Some(days) = retention.days {
            let oldest = self.at.0.saturating_sub(signed(days).saturating_mul(DAY_MS));
            threads = fetch_all!(&mut self.rows, String, OLD_THREADS, oldest, PRUNE_CHUNK)?;
        }
        if let Some(most) = retention.bytes
            && threads.is_empty()
        {
            let all = fetch_optional!(&mut self.rows, i64, ALL_BYTES)?.unwrap_or(0);
            let mut over = unsigned(all).saturating_sub(most);
            if over > 0 {
                let oldest = fetch_all!(&mut self.rows, (String, i64), OLDEST_THREADS, PRUNE_CHUNK)?;
                for (thread, bytes) in oldest {
                    if over == 0 {
                        break;
                    }
                    over = over.saturating_sub(unsigned(bytes));
                    threads.push(thread);
                }
            }
        }
        for thread in &threads {
            execute!(&mut self.rows, DELETE_THREAD_ITEMS, thread.as_str())?;
            execute!(&mut self.rows, DELETE_THREAD, thread.as_str())?;
        }
        Ok(!threads.is_empty())
    }
}
