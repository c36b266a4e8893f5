//! The audit log as values: entries that hang together by hashes, seals that sign where a chain stood, and the walk
//! that finds what was done to one. A seal names its public key; which keys count is told by hand-overs, each signed
//! by the old key and the new one.

mod seal;
mod walk;

use serde_json::{Map, Value};

use crate::canonical::canonical;
use crate::secret::sha256_hex;
use crate::time::Millis;

pub use seal::{HandOver, Seal, SealingKey, Trusted};
pub use walk::{Break, BreakReason, ChainWalk};

/// What stands before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The action of the entry that hands sealing over to another key.
pub const HAND_OVER: &str = "audit.hand_over";
/// After this many entries of a scope a seal is kept for good.
pub const CHECKPOINT: i64 = 1_000;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: String,
    pub scope: String,
    /// Position in the chain of its scope, from 1.
    pub seq: i64,
    pub at: Millis,
    /// Slug of the operator.
    pub operator: String,
    pub key: Option<String>,
    /// The session that did it, when one did.
    pub session: Option<String>,
    /// Through which door it came: `cli`, `http` or `mcp`.
    pub surface: Option<String>,
    /// Whether an agent did it, rather than a person or the program.
    pub agent: bool,
    pub action: String,
    /// Canonical JSON, as it was hashed.
    pub detail: String,
    pub prev_hash: String,
    pub hash: String,
}

impl Entry {
    /// SHA-256 over the canonical JSON of every column but the hash itself.
    pub fn digest(&self) -> String {
        let mut columns = self.columns();
        columns.remove("hash");
        sha256_hex(canonical(&Value::Object(columns)).as_bytes())
    }

    /// The columns as they are hashed and exported; times are milliseconds since 1970.
    pub fn columns(&self) -> Map<String, Value> {
        let mut columns = Map::from_iter([
            ("scope".to_owned(), Value::from(self.scope.as_str())),
            ("seq".to_owned(), self.seq.into()),
            ("id".to_owned(), self.id.as_str().into()),
            ("at".to_owned(), self.at.0.into()),
            ("operator".to_owned(), self.operator.as_str().into()),
            ("key".to_owned(), self.key.as_deref().into()),
            ("action".to_owned(), self.action.as_str().into()),
            ("detail".to_owned(), self.detail.as_str().into()),
            ("prev_hash".to_owned(), self.prev_hash.as_str().into()),
            ("hash".to_owned(), self.hash.as_str().into()),
        ]);
        // Entries from before these columns have neither, and keep the digest that they were given.
        for (name, value) in [("session", &self.session), ("surface", &self.surface)] {
            if let Some(value) = value {
                columns.insert(name.to_owned(), value.as_str().into());
            }
        }
        if self.agent {
            columns.insert("agent".to_owned(), true.into());
        }
        columns
    }
}

#[cfg(test)]
mod tests;
