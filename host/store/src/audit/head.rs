//! The newest position of a chain, as a write holds it.

use brains_core::plane::audit::GENESIS;

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_optional};
use crate::write::scope::Scope;

const HEAD: &str = "SELECT seq, hash, born_ms FROM audit_head WHERE scope = $1";
const HEAD_POSTGRES: &str = "SELECT seq, hash, born_ms FROM audit_head WHERE scope = $1 FOR UPDATE";
const OPEN_SCOPE: &str =
    "INSERT INTO audit_head (scope, seq, hash) VALUES ($1, 0, $2) ON CONFLICT (scope) DO NOTHING";

/// The newest position of one scope's chain, held by the running write.
#[derive(Debug, Clone)]
pub(crate) struct AuditHead {
    pub(crate) scope: Scope,
    pub(crate) seq: i64,
    /// Where it stood when the transaction began.
    pub(crate) began: i64,
    pub(crate) hash: String,
    /// When the newest id of the scope was born.
    pub(crate) born_ms: i64,
}

impl AuditHead {
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Reads the head; on Postgres also locks it until the transaction ends.
    pub(crate) async fn lock(rows: &mut Rows, scope: &Scope) -> Result<Self, StoreError> {
        let text = if rows.is_postgres() { HEAD_POSTGRES } else { HEAD };
        let mut found = fetch_optional!(rows, (i64, String, i64), text, scope.as_str())?;
        if found.is_none() {
            execute!(rows, OPEN_SCOPE, scope.as_str(), GENESIS)?;
            found = fetch_optional!(rows, (i64, String, i64), text, scope.as_str())?;
        }
        let (seq, hash, born_ms) = found.ok_or(StoreError::Scope)?;
        Ok(Self { scope: scope.clone(), seq, began: seq, hash, born_ms })
    }
}
