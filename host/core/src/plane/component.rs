//! Components as the service has them: which are there, which are live, and why one is not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::manifest::Plays;

/// Where a component stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ComponentStanding {
    /// It serves.
    Live,
    /// It failed a check; `reason` says which.
    Rejected,
    /// It asks for grants that nobody gave.
    Pending,
    /// Nothing uses it, or it was switched off.
    Off,
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentState {
    pub id: String,
    /// `sha256:` and the hex digits of its content.
    pub digest: String,
    /// As it says itself; none when it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays: Option<Plays>,
    pub state: ComponentStanding,
    /// Why it is not live.
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
}
