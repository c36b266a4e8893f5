//! When the newest id of this process was born: the next one is later, in whatever scope, also where a clock was set back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::StoreError;
use crate::rows::{Rows, fetch_optional};

const LAST: &str = "SELECT COALESCE(MAX(born_ms), 0) FROM audit_head";

/// Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Births(Arc<AtomicI64>);

impl Births {
    /// Begins behind everything that was born in a database.
    pub(crate) async fn begin(&self, rows: &mut Rows) -> Result<(), StoreError> {
        let last = fetch_optional!(rows, i64, LAST)?.unwrap_or(0);
        self.0.fetch_max(last, Ordering::Relaxed);
        Ok(())
    }

    /// The time of the next id: `least_ms`, or later.
    pub(crate) fn next(&self, least_ms: i64) -> i64 {
        let after = |last: i64| least_ms.max(last.saturating_add(1));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        after(before.unwrap_or_else(|last| last))
    }
}
