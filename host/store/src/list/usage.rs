//! Sums over the ledger.

use brains_core::plane::usage::{UsageGroup, UsageSum};
use brains_core::{Id, Millis, id::Key};

use crate::error::StoreError;
use crate::list::Query;
use crate::plane::usage::DAY_MS;
use crate::rows::Rows;

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
        let mut sums = sums(filter, group, limit).fetch_all::<UsageSum>(self).await?;
        if group == Some(UsageGroup::Day) {
            for sum in &mut sums {
                let day: i64 = sum.group.parse().unwrap_or(0);
                sum.group = Millis(day.saturating_mul(DAY_MS)).to_string().chars().take(10).collect();
            }
        }
        Ok(sums)
    }
}

fn sums(filter: &UsageFilter, group: Option<UsageGroup>, limit: u32) -> Query {
    let by = match group {
        None => "''",
        Some(UsageGroup::Model) => "provider || '/' || model",
        Some(UsageGroup::Provider) => "provider",
        Some(UsageGroup::Tier) => "COALESCE(tier, '')",
        Some(UsageGroup::Operator) => "operator",
        Some(UsageGroup::Key) => "COALESCE(key_id, '')",
        Some(UsageGroup::Day) => "CAST(at / 86400000 AS TEXT)",
    };
    let mut query = Query::new("SELECT ");
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
