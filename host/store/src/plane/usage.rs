//! The ledger's rows: added once per request, never changed, never pruned.

use brains_core::id::Trace;
use brains_core::plane::trace::TraceUsage;
use brains_core::plane::usage::{UsageRecord, UsageSum};
use brains_core::redact::redact;
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_optional, from_row};
use crate::text::{from_word, id, signed, storable, unsigned, word};
use crate::write::Tx;

pub(crate) const DAY_MS: i64 = 86_400_000;

const INSERT: &str = "
    INSERT INTO ledger (
        trace, at, operator, key_id, provider, model, tier, outcome, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, estimated, cost_usd
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (trace) DO NOTHING";
const GET: &str = "SELECT * FROM ledger WHERE trace = $1";

from_row! {
    row => UsageRecord {
        Ok(Self {
            trace: id("trace", row.try_get("trace")?)?,
            at: Millis(row.try_get("at")?),
            operator: row.try_get("operator")?,
            key: match row.try_get::<Option<&str>, _>("key_id")? {
                Some(key) => Some(id("key_id", key)?),
                None => None,
            },
            provider: row.try_get("provider")?,
            model: row.try_get("model")?,
            tier: row.try_get("tier")?,
            outcome: from_word("outcome", row.try_get("outcome")?)?,
            usage: TraceUsage {
                input_tokens: unsigned(row.try_get("input_tokens")?),
                output_tokens: unsigned(row.try_get("output_tokens")?),
                cached_tokens: unsigned(row.try_get("cached_tokens")?),
                reasoning_tokens: unsigned(row.try_get("reasoning_tokens")?),
                estimated: row.try_get("estimated")?,
            },
            cost_usd: row.try_get("cost_usd")?,
        })
    }
    row => UsageSum {
        let count = |name| row.try_get::<i64, _>(name).map(unsigned);
        Ok(Self {
            group: row.try_get("part")?,
            requests: count("requests")?,
            failed: count("failed")?,
            cancelled: count("cancelled")?,
            input_tokens: count("input_tokens")?,
            output_tokens: count("output_tokens")?,
            cached_tokens: count("cached_tokens")?,
            reasoning_tokens: count("reasoning_tokens")?,
            estimated: count("estimated")?,
            cost_usd: row.try_get("cost_usd")?,
            unpriced: count("unpriced")?,
        })
    }
}

impl Rows {
    /// What the request of this trace used.
    pub async fn usage_of(&mut self, trace: &Id<Trace>) -> Result<Option<UsageRecord>, StoreError> {
        fetch_optional!(self, UsageRecord, GET, trace.as_str())
    }
}

impl Tx {
    /// Adds one row. One that is there already stays as it is.
    pub(crate) async fn insert_usage(&mut self, row: &UsageRecord) -> Result<(), StoreError> {
        let model = redact(&row.model);
        execute!(
            &mut self.rows,
            INSERT,
            row.trace.as_str(),
            row.at.0,
            &row.operator,
            row.key.as_ref().map(Id::as_str),
            storable(&row.provider).as_ref(),
            storable(&model).as_ref(),
            row.tier.as_deref().map(storable),
            word(&row.outcome),
            signed(row.usage.input_tokens),
            signed(row.usage.output_tokens),
            signed(row.usage.cached_tokens),
            signed(row.usage.reasoning_tokens),
            row.usage.estimated,
            row.cost_usd
        )
        .map(drop)
    }
}
