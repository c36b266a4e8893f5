//! The audit log as values: entries that hang together by hashes, seals that sign where a chain stood, and the walk
//! that finds what was done to one. A seal names its public key; which keys count is told by hand-overs, each signed
//! by the old key and the new one.

mod seal;
mod walk;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::canonical;
use crate::secret::sha256_hex;
use crate::time::Millis;

pub use seal::{HandOver, Seal, SealingKey, Trusted};
pub use walk::{Break, Reason, Walk};

/// What stands before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The action of the entry that hands sealing over to another key.
pub const HAND_OVER: &str = "audit.hand_over";
/// After this many entries of a scope a seal is kept for good.
pub const CHECKPOINT: i64 = 1_000;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    pub scope: String,
    /// Position in the chain of its scope, from 1.
    pub seq: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Slug of the operator.
    pub operator: String,
    pub key: Option<String>,
    /// The session that did it, when one did.
    pub session: Option<String>,
    /// Through which door it came: `cli`, `http` or `mcp`.
    pub surface: Option<String>,
    pub action: String,
    /// Canonical JSON, as it was hashed.
    pub detail: String,
    pub prev_hash: String,
    pub hash: String,
}

impl Entry {
    /// SHA-256 over the canonical JSON of every column but the hash itself.
    pub fn digest(&self) -> String {
        let mut columns = json!({
            "action": self.action, "at": self.at, "detail": self.detail, "id": self.id, "key": self.key,
            "operator": self.operator, "prev_hash": self.prev_hash, "scope": self.scope, "seq": self.seq,
        });
        // Entries from before these columns have neither, and keep the digest that they were given.
        for (name, value) in [("session", &self.session), ("surface", &self.surface)] {
            if let (Some(value), Some(columns)) = (value, columns.as_object_mut()) {
                columns.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        sha256_hex(canonical(&columns).as_bytes())
    }

    /// When it happened.
    pub fn time(&self) -> Millis {
        Millis(self.at)
    }
}

#[cfg(test)]
mod tests;
