//! Sums over the ledger.

use brains_core::id::{Key, Task, Workspace};
use brains_core::plane::usage::{UsageGroup, UsageSum};
use brains_core::{Id, Millis};

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
    /// A session of ours, or a client's own id of one.
    pub session: Option<String>,
    pub task: Option<Id<Task>>,
    pub workspace: Option<Id<Workspace>>,
    pub client: Option<String>,
    pub request_class: Option<String>,
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

/// Whose a request was: a session of ours, else the client's own.
const SESSION: &str = "COALESCE(session, native_session, '')";

fn sums(filter: &UsageFilter, group: Option<UsageGroup>, limit: u32) -> Query {
    let by = match group {
        None => "''",
        Some(UsageGroup::Model) => "provider || '/' || model",
        Some(UsageGroup::Provider) => "provider",
        Some(UsageGroup::Tier) => "COALESCE(tier, '')",
        Some(UsageGroup::Operator) => "operator",
        Some(UsageGroup::Key) => "COALESCE(key_id, '')",
        Some(UsageGroup::Session) => SESSION,
        Some(UsageGroup::Task) => "COALESCE(task, '')",
        Some(UsageGroup::Workspace) => "COALESCE(workspace, '')",
        Some(UsageGroup::Client) => "COALESCE(client, '')",
        Some(UsageGroup::RequestClass) => "COALESCE(request_class, '')",
        Some(UsageGroup::Day) => "CAST(at / 86400000 AS TEXT)",
    };
    let mut query = Query::new("SELECT ");
    query.push(by).push(
        " AS part, COUNT(CASE WHEN part_of IS NULL THEN 1 END) AS requests, COUNT(part_of) AS parts,
        COUNT(CASE WHEN part_of IS NULL AND outcome = 'failed' THEN 1 END) AS failed,
        COUNT(CASE WHEN part_of IS NULL AND outcome = 'cancelled' THEN 1 END) AS cancelled,
        CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
        CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
        CAST(COALESCE(SUM(cached_tokens), 0) AS BIGINT) AS cached_tokens,
        CAST(COALESCE(SUM(cache_write_5m_tokens), 0) AS BIGINT) AS cache_write_5m_tokens,
        CAST(COALESCE(SUM(cache_write_1h_tokens), 0) AS BIGINT) AS cache_write_1h_tokens,
        CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens,
        COUNT(CASE WHEN estimated THEN 1 END) AS estimated,
        CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT) AS cost_nanos,
        CAST(COALESCE(SUM(saved_nanos), 0) AS BIGINT) AS saved_nanos,
        CAST(COALESCE(SUM(cache_write_nanos), 0) AS BIGINT) AS cache_write_nanos,
        COUNT(CASE WHEN cost_nanos IS NULL THEN 1 END) AS unpriced
        FROM ledger WHERE TRUE",
    );
    let equal = [
        (" AND operator = ", filter.operator.clone()),
        (" AND key_id = ", filter.key.as_ref().map(|key| key.as_str().to_owned())),
        (" AND provider = ", filter.provider.clone()),
        (" AND model = ", filter.model.clone()),
        (" AND tier = ", filter.tier.clone()),
        (" AND task = ", filter.task.as_ref().map(|task| task.as_str().to_owned())),
        (" AND workspace = ", filter.workspace.as_ref().map(|workspace| workspace.as_str().to_owned())),
        (" AND client = ", filter.client.clone()),
        (" AND request_class = ", filter.request_class.clone()),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    if let Some(session) = &filter.session {
        // An id of ours meets an index; whoever sends one of ours as its own is found as well.
        query.push(" AND (session = ").push_bind(session.clone());
        query.push(" OR session IS NULL AND native_session = ").push_bind(session.clone()).push(")");
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
            | UsageGroup::Key
            | UsageGroup::Session
            | UsageGroup::Task
            | UsageGroup::Workspace
            | UsageGroup::Client
            | UsageGroup::RequestClass,
        ) => {
            query.push(" GROUP BY 1 ORDER BY SUM(input_tokens) + SUM(output_tokens) DESC, 1");
        }
    }
    query.push(" LIMIT ").push_bind(i64::from(limit));
    query
}
