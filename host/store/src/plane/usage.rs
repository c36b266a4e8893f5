//! The ledger's rows: added once per request, never changed, never pruned.

use std::sync::LazyLock;

use brains_core::id::Trace;
use brains_core::plane::trace::TraceUsage;
use brains_core::plane::usage::{UsageRecord, UsageSum};
use brains_core::redact::redact;
use brains_core::{Id, Millis};

use crate::bounds::{NAME, cut};
use crate::error::StoreError;
use crate::rows::{Rows, fetch_optional, from_row, insert_all, many};
use crate::text::{enum_name, from_enum_name, id, signed, storable, unsigned};
use crate::write::Tx;

/// No request has more tokens of a sort than this: whatever an upstream claims, sums stay within bounds.
const TOKENS_MAX: u64 = 1_000_000_000_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

const INSERT: &str = "
    INSERT INTO ledger (
        trace, at, operator, key_id, provider, model, tier, outcome, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, estimated, cost_usd
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (trace) DO NOTHING";
static MANY: LazyLock<&str> = LazyLock::new(|| many(INSERT));
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
            outcome: from_enum_name("outcome", row.try_get("outcome")?)?,
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

/// Binds one row's values to a statement, in the order of its columns.
macro_rules! bind_row {
    ($query:expr, $row:expr) => {{
        let row: &UsageRecord = $row;
        $query
            .bind(row.trace.as_str())
            .bind(row.at.0)
            .bind(row.operator.as_str())
            .bind(row.key.as_ref().map(Id::as_str))
            .bind(storable(&row.provider))
            .bind(cut(storable(&redact(&row.model)), NAME).into_owned())
            .bind(row.tier.as_deref().map(storable))
            .bind(enum_name(&row.outcome))
            .bind(signed(row.usage.input_tokens.min(TOKENS_MAX)))
            .bind(signed(row.usage.output_tokens.min(TOKENS_MAX)))
            .bind(signed(row.usage.cached_tokens.min(TOKENS_MAX)))
            .bind(signed(row.usage.reasoning_tokens.min(TOKENS_MAX)))
            .bind(row.usage.estimated)
            .bind(row.cost_usd.filter(|cost| cost.is_finite()))
    }};
}

impl Tx {
    /// Adds rows. One that is there already stays as it is.
    pub(crate) async fn insert_usages(&mut self, rows: &[UsageRecord]) -> Result<(), StoreError> {
        insert_all!(&mut self.rows, INSERT, MANY, rows, bind_row)
    }
}
