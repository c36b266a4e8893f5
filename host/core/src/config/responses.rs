//! Answers that clients go on from by their id.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers that clients go on from by their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeptResponses {
    /// Keep them, unless a request says `store: false`. Off: none is kept, whatever a request says.
    pub store: bool,
    /// Days kept since the last turn of a conversation; 0 is no limit.
    pub retention_days: u32,
    /// Bytes of all that is kept; beyond it the conversations go that nothing was added to for longest. 0 is no limit.
    pub retention_bytes: u64,
    /// Answers that may wait for the store; more are not kept, and counted. Counts from the next start on.
    #[schemars(range(min = 1), extend("x-hot" = false))]
    pub queue: u32,
}

impl Default for KeptResponses {
    fn default() -> Self {
        Self { store: true, retention_days: 30, retention_bytes: 1 << 30, queue: 1024 }
    }
}
