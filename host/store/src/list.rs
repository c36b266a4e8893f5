//! Lists whose filters must meet an index: the one place where the text of a statement depends on its input.
//! Values are always bound.

use brains_core::Millis;
use brains_core::id::Trace;
use brains_core::plane::trace::TraceRecord;
use brains_core::plane::usage::{UsageGroup, UsageSum};
use brains_core::{Id, id::Key};
use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::error::StoreError;
use crate::plane::usage::DAY_MS;
use crate::rows::{Conn, FromRow as _, Rows};

/// Which traces to list; newest first.
#[derive(Debug, Clone, Default)]
pub struct TraceFilter {
    pub operator: Option<String>,
    pub key: Option<Id<Key>>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub tier: Option<String>,
    pub api: Option<String>,
    pub status: Option<u16>,
    /// Only those that ended in a fault.
    pub failed: bool,
    pub since: Option<Millis>,
    pub until: Option<Millis>,
    /// Cursor: only older ones than this, the last of the page before.
    pub before: Option<Id<Trace>>,
}

/// Which rows of the ledger to add up.
#[derive(Debug, Clone, Default)]
pub struct UsageFilter {
    pub operator: Option<String>,
    pub key: Option<Id<Key>>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub tier: Option<String>,
    pub since: Option<Millis>,
    pub until: Option<Millis>,
}

impl Rows {
    /// Sums by `group`, the newest day or the most tokens first; without a group one sum of everything.
    pub async fn usage(
        &mut self,
        filter: &UsageFilter,
        group: Option<UsageGroup>,
        limit: u32,
    ) -> Result<Vec<UsageSum>, StoreError> {
        let found = match self.conn() {
            Conn::Sqlite(conn) => sums(filter, group, limit)
                .build()
                .fetch_all(conn)
                .await
                .and_then(|rows| rows.iter().map(UsageSum::from_sqlite).collect::<Result<Vec<_>, _>>()),
            Conn::Postgres(conn) => sums(filter, group, limit)
                .build()
                .fetch_all(conn)
                .await
                .and_then(|rows| rows.iter().map(UsageSum::from_postgres).collect::<Result<Vec<_>, _>>()),
        };
        let mut sums = found.map_err(|error| self.fail(error))?;
        if group == Some(UsageGroup::Day) {
            for sum in &mut sums {
                let day: i64 = sum.group.parse().unwrap_or(0);
                sum.group = Millis(day.saturating_mul(DAY_MS)).to_string().chars().take(10).collect();
            }
        }
        Ok(sums)
    }

    pub async fn traces(&mut self, filter: &TraceFilter, limit: u32) -> Result<Vec<TraceRecord>, StoreError> {
        let found = match self.conn() {
            Conn::Sqlite(conn) => statement(filter, limit)
                .build()
                .fetch_all(conn)
                .await
                .and_then(|rows| rows.iter().map(TraceRecord::from_sqlite).collect::<Result<Vec<_>, _>>()),
            Conn::Postgres(conn) => {
                statement(filter, limit).build().fetch_all(conn).await.and_then(|rows| {
                    rows.iter().map(TraceRecord::from_postgres).collect::<Result<Vec<_>, _>>()
                })
            }
        };
        found.map_err(|error| self.fail(error))
    }
}

fn statement<DB>(filter: &TraceFilter, limit: u32) -> QueryBuilder<DB>
where
    DB: Database,
    String: Type<DB> + for<'q> Encode<'q, DB>,
    i64: Type<DB> + for<'q> Encode<'q, DB>,
{
    let mut query = QueryBuilder::new("SELECT * FROM trace WHERE TRUE");
    let equal = [
        (" AND operator = ", filter.operator.clone()),
        (" AND key_id = ", filter.key.as_ref().map(|key| key.as_str().to_owned())),
        (" AND provider = ", filter.provider.clone()),
        (" AND model = ", filter.model.clone()),
        (" AND tier = ", filter.tier.clone()),
        (" AND api = ", filter.api.clone()),
        (" AND id < ", filter.before.as_ref().map(|id| id.as_str().to_owned())),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    let numbers = [
        (" AND status = ", filter.status.map(i64::from)),
        (" AND at >= ", filter.since.map(|at| at.0)),
        (" AND at < ", filter.until.map(|at| at.0)),
    ];
    for (condition, value) in numbers {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    if filter.failed {
        query.push(" AND error_kind IS NOT NULL");
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
    query
}

fn sums<DB>(filter: &UsageFilter, group: Option<UsageGroup>, limit: u32) -> QueryBuilder<DB>
where
    DB: Database,
    String: Type<DB> + for<'q> Encode<'q, DB>,
    i64: Type<DB> + for<'q> Encode<'q, DB>,
{
    let by = match group {
        None => "''",
        Some(UsageGroup::Model) => "provider || '/' || model",
        Some(UsageGroup::Provider) => "provider",
        Some(UsageGroup::Tier) => "COALESCE(tier, '')",
        Some(UsageGroup::Operator) => "operator",
        Some(UsageGroup::Key) => "COALESCE(key_id, '')",
        Some(UsageGroup::Day) => "CAST(at / 86400000 AS TEXT)",
    };
    let mut query = QueryBuilder::new("SELECT ");
    query.push(by).push(
        " AS part, COUNT(*) AS requests,
        COUNT(CASE WHEN outcome = 'failed' THEN 1 END) AS failed,
        COUNT(CASE WHEN outcome = 'cancelled' THEN 1 END) AS cancelled,
        CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
        CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
        CAST(COALESCE(SUM(cached_tokens), 0) AS BIGINT) AS cached_tokens,
        CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens,
        COUNT(CASE WHEN estimated THEN 1 END) AS estimated,
        COALESCE(SUM(cost_usd), 0.0) AS cost_usd,
        COUNT(CASE WHEN cost_usd IS NULL THEN 1 END) AS unpriced
        FROM ledger WHERE TRUE",
    );
    let equal = [
        (" AND operator = ", filter.operator.clone()),
        (" AND key_id = ", filter.key.as_ref().map(|key| key.as_str().to_owned())),
        (" AND provider = ", filter.provider.clone()),
        (" AND model = ", filter.model.clone()),
        (" AND tier = ", filter.tier.clone()),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    for (condition, at) in [(" AND at >= ", filter.since), (" AND at < ", filter.until)] {
        if let Some(at) = at {
            query.push(condition).push_bind(at.0);
        }
    }
    match group {
        None => {}
        Some(UsageGroup::Day) => {
            query.push(" GROUP BY 1 ORDER BY 1 DESC");
        }
        Some(
            UsageGroup::Model
            | UsageGroup::Provider
            | UsageGroup::Tier
            | UsageGroup::Operator
            | UsageGroup::Key,
        ) => {
            query.push(" GROUP BY 1 ORDER BY SUM(input_tokens) + SUM(output_tokens) DESC, 1");
        }
    }
    query.push(" LIMIT ").push_bind(i64::from(limit));
    query
}
