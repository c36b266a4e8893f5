//! Lists of events of one scope, by kind or by session; each piece meets an index that has its order.

use brains_core::Id;
use brains_core::id::Session;

use crate::audit::{StoredEvent, event_columns};
use crate::error::StoreError;
use crate::list::Query;
use crate::rows::Rows;
use crate::write::Scope;

/// Which events of a scope to list.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Any of these; all kinds when empty.
    pub kinds: Vec<String>,
    pub session: Option<Id<Session>>,
    /// Only later ones.
    pub after: Option<i64>,
    /// Only earlier ones.
    pub before: Option<i64>,
    /// Whether the newest comes first.
    pub newest_first: bool,
}

impl Rows {
    pub async fn list_events(
        &mut self,
        scope: &Scope,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut events: Vec<StoredEvent> = Vec::new();
        let kinds: Vec<Option<&String>> =
            if filter.kinds.is_empty() { vec![None] } else { filter.kinds.iter().map(Some).collect() };
        for kind in kinds {
            events.extend(piece(scope, filter, kind, limit).fetch_all::<StoredEvent>(self).await?);
        }
        events.sort_unstable_by_key(|event| if filter.newest_first { -event.seq } else { event.seq });
        events.dedup_by_key(|event| event.seq);
        events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(events)
    }
}

pub(crate) fn piece(scope: &Scope, filter: &EventFilter, kind: Option<&String>, limit: u32) -> Query {
    let mut query = Query::new(concat!("SELECT ", event_columns!(), " FROM event WHERE scope = "));
    query.push_bind(scope.as_str().to_owned());
    if let Some(kind) = kind {
        query.push(" AND kind = ").push_bind(kind.clone());
    }
    if let Some(session) = &filter.session {
        query.push(" AND session = ").push_bind(session.as_str().to_owned());
    }
    if let Some(after) = filter.after {
        query.push(" AND seq > ").push_bind(after);
    }
    if let Some(before) = filter.before {
        query.push(" AND seq < ").push_bind(before);
    }
    query.push(if filter.newest_first { " ORDER BY seq DESC LIMIT " } else { " ORDER BY seq LIMIT " });
    query.push_bind(i64::from(limit));
    query
}
