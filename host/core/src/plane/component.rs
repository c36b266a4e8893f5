//! Components as the service has them: which are there, which are live, and why one is not. The rule that says which
//! version serves is in `plan`, over what `history` remembers.
//!
//! ```text
//! seen → checking → live → draining → previous     any step → rejected (the last good one serves)
//!           └→ pending, with the step that approves it     live → quarantined, when its faults rise: the one before serves
//! ```
//!
//! A component that nothing uses, or that was switched off, is `off`.

pub mod history;
pub mod plan;
pub mod reason;
mod staged;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::config::manifest::Plays;

pub use staged::StagedVersion;

/// Where a component, or one version of it, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ComponentStanding {
    /// Its file is there; whether it is whole is not known yet.
    Seen,
    /// It is read, compiled and asked who it is.
    Checking,
    /// It asks for what nobody gave; `reason` says how to.
    Pending,
    /// It serves.
    Live,
    /// A later version serves; exchanges that began on this one are finished on it.
    Draining,
    /// An earlier version that can be brought back.
    Previous,
    /// It failed a check; `reason` says which.
    Rejected,
    /// It served and failed too often; an earlier version serves.
    Quarantined,
    /// Nothing uses it, or it was switched off.
    Off,
}

impl ComponentStanding {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Checking => "checking",
            Self::Pending => "pending",
            Self::Live => "live",
            Self::Draining => "draining",
            Self::Previous => "previous",
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
            Self::Off => "off",
        }
    }
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentState {
    pub id: String,
    /// `sha256:` and the hex digits of its file.
    pub digest: String,
    /// As it says itself; none when it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays: Option<Plays>,
    pub state: ComponentStanding,
    /// Why it is not live, or what waits beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One component, with everything there is to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentRecord {
    #[serde(flatten)]
    pub component: ComponentState,
    /// `bundle`, or the file's name.
    pub source: String,
    pub size_bytes: u64,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// Instances that run it.
    pub instances: Vec<String>,
    /// Flat keys that it answers to.
    pub flat_keys: Vec<String>,
    /// What serves, what waits, what is drained and what can be brought back. Only a running process knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<ComponentVersion>,
}

/// One version: code, settings and grants that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentVersion {
    pub state: ComponentStanding,
    /// `sha256:` and the hex digits of its file.
    pub digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The instance that runs it; none when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// First hex digits of the digest of its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_digest: Option<String>,
    /// First hex digits of the digest of what it is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants_digest: Option<String>,
    /// Exchanges under way on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<u64>,
}

/// One line that an instance wrote, secrets covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentLogLine {
    pub at: Millis,
    pub level: String,
    pub component: String,
    pub instance: String,
    pub message: String,
    /// `name=value`, with spaces between.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fields: String,
}
