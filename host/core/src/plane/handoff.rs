//! Handoffs: the one note of a workspace that says where work stopped. A newer one replaces it, one session
//! picks it up, and after a day it counts as stale: that is computed when it is read, never written by reading.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Handoff, Id, Session};
use crate::{Fault, Millis};

/// How long a handoff waits to be picked up before it is stale, unless the configuration says otherwise.
pub const STALE_AFTER_HOURS: u32 = 24;

/// Where a handoff stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandoffStatus {
    /// Waits to be picked up.
    Active,
    PickedUp,
    /// Taken back, or replaced by a newer one.
    Cleared,
    /// Waited too long.
    Stale,
}

impl HandoffStatus {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PickedUp => "picked_up",
            Self::Cleared => "cleared",
            Self::Stale => "stale",
        }
    }

    /// What a stored status means at `now`.
    #[must_use]
    pub fn aged(self, set_at: Millis, now: Millis, stale_after_ms: i64) -> Self {
        if self == Self::Active && now.since(set_at) >= stale_after_ms { Self::Stale } else { self }
    }
}

impl fmt::Display for HandoffStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One handoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffRecord {
    pub id: Id<Handoff>,
    /// Slug of the workspace.
    pub workspace: String,
    pub title: String,
    pub body: String,
    pub status: HandoffStatus,
    /// Slug of the operator who set it.
    pub set_by: String,
    pub set_by_session: Option<Id<Session>>,
    /// Whether an agent set it, rather than a person.
    #[serde(default)]
    pub set_by_agent: bool,
    pub set_at: Millis,
    /// Slug of the operator who picked it up.
    pub picked_up_by: Option<String>,
    pub picked_up_by_session: Option<Id<Session>>,
    /// Whether an agent picked it up, rather than a person.
    #[serde(default)]
    pub picked_up_by_agent: bool,
    pub picked_up_at: Option<Millis>,
    pub cleared_at: Option<Millis>,
    /// Why it was cleared.
    pub clear_reason: Option<String>,
}

impl HandoffRecord {
    /// As it stands at `now`.
    #[must_use]
    pub fn aged(mut self, now: Millis, stale_after_ms: i64) -> Self {
        self.status = self.status.aged(self.set_at, now, stale_after_ms);
        self
    }

    /// Whether it may be picked up now. A stale one only by who names it.
    pub fn may_pick(&self, named: bool) -> Result<(), Fault> {
        match self.status {
            HandoffStatus::Active => Ok(()),
            HandoffStatus::Stale if named => Ok(()),
            HandoffStatus::Stale => Err(Fault::not_found("active handoff in", &self.workspace)
                .code("no_active_handoff")
                .hint(format!(
                    "the last one, `{}`, is stale; name it as `handoff` to pick it up all the same",
                    self.id
                ))),
            HandoffStatus::PickedUp => {
                let by = self
                    .picked_up_by_session
                    .as_ref()
                    .map(ToString::to_string)
                    .or_else(|| self.picked_up_by.clone())
                    .unwrap_or_default();
                Err(Fault::conflict(format!("the handoff `{}` was picked up by {by}", self.id))
                    .code("handoff_taken")
                    .hint("`list_handoffs` shows what is left"))
            }
            HandoffStatus::Cleared => Err(Fault::conflict(format!("the handoff `{}` was cleared", self.id))
                .code("handoff_cleared")
                .hint("`list_handoffs` shows what is left")),
        }
    }
}

/// Nothing to pick up or to clear.
pub fn none_active(workspace: &str) -> Fault {
    Fault::not_found("active handoff in", workspace)
        .code("no_active_handoff")
        .hint("`list_handoffs` with `all` shows earlier ones; `set_handoff` leaves one")
}

#[cfg(test)]
mod tests;
