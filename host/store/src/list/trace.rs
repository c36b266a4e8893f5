//! Lists of traces.

use brains_core::Millis;
use brains_core::id::Trace;
use brains_core::plane::trace::TraceRecord;
use brains_core::{Id, id::Key};

use crate::error::StoreError;
use crate::list::Query;
use crate::rows::Rows;

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

impl Rows {
    pub async fn traces(&mut self, filter: &TraceFilter, limit: u32) -> Result<Vec<TraceRecord>, StoreError> {
        statement(filter, limit).fetch_all(self).await
    }
}

fn statement(filter: &TraceFilter, limit: u32) -> Query {
    let mut query = Query::new("SELECT * FROM trace WHERE TRUE");
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
