//! A version that somebody brought or that waits: what it would take to let it serve.

use crate::config::manifest::{Asks, Plays};

/// A version that could serve, and what it would take.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedVersion {
    pub digest: String,
    pub plays: Plays,
    /// As it says itself; none when it was not asked.
    pub version: Option<String>,
    pub asks: Asks,
    /// What it asks for and the version that serves was not given; of a new component, all it asks for.
    pub more: Vec<String>,
    /// Why it was taken out of service before.
    pub quarantined: Option<String>,
}
