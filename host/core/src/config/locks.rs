//! How locks of one repository's working trees stand to each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How locks are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Locks {
    /// What a lock in another working tree of the same repository does to one that meets it: it is told as a warning, the
    /// other is refused, or nothing is said of it.
    pub siblings: SiblingLocks,
}

/// What locks of siblings do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SiblingLocks {
    /// Granted, with word of who holds the same there.
    #[default]
    Warn,
    /// Refused as if it were held here.
    Refuse,
    /// Nothing is said of them.
    Off,
}
