//! What is kept of requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is kept of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// Rows kept at most; 0 is no limit.
    pub retention_rows: u64,
    /// Days kept at most; 0 is no limit.
    pub retention_days: u32,
    /// Keep bodies too, redacted.
    pub bodies: bool,
    /// Bytes kept of each body.
    pub body_max_bytes: u32,
    /// Traces that may wait for the store; more are dropped and counted. Counts from the next start on.
    #[schemars(range(min = 1), extend("x-hot" = false))]
    pub queue: u32,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            retention_rows: 100_000,
            retention_days: 30,
            bodies: false,
            body_max_bytes: 64 * 1024,
            queue: 4096,
        }
    }
}
