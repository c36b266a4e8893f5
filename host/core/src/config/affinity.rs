//! How long conversations stay where their prompt is cached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::traffic::affinity::{HOUR_MS, PlaceLimits};

/// Names of candidates and tiers are short: conversations beyond this have absurd ones.
const MOST_BYTES: usize = 64 << 20;

/// How long conversations stay where their prompt is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Affinity {
    /// Whether they do. Off: each request is routed by itself.
    pub enabled: bool,
    /// How long a vendor keeps a prompt after its last use. An hour where the client asks for that, whatever stands here.
    #[schemars(range(min = 1, max = 86_400))]
    pub ttl_seconds: u32,
    /// Conversations that a process remembers; for one more the one goes whose cache ends first.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_entries: u32,
}

impl Affinity {
    /// How long a prompt stays warm, `long` where the client asked for an hour.
    pub fn lifetime_ms(&self, long: bool) -> i64 {
        let usual = i64::from(self.ttl_seconds) * 1_000;
        if long { usual.max(HOUR_MS) } else { usual }
    }

    pub const fn limits(&self) -> PlaceLimits {
        PlaceLimits { conversations: self.max_entries as usize, bytes: MOST_BYTES }
    }
}

impl Default for Affinity {
    fn default() -> Self {
        Self { enabled: true, ttl_seconds: 300, max_entries: 16_384 }
    }
}
