//! What one component went through on this machine: the version that serves, those before it, the one that waits, and
//! those that must not come back. A value with its rules; where it is kept is the runtime's matter.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::manifest::Manifest;
use crate::redact::redact;

/// Earlier versions of one component that can be brought back.
pub const EARLIER_VERSIONS: usize = 3;
/// Versions that are remembered as bad.
pub const QUARANTINED_VERSIONS: usize = 16;

/// The history of one component; a version is named by its digest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ComponentHistory {
    /// The version that served last.
    #[serde(default)]
    pub live: Option<String>,
    /// What served before it, newest first.
    #[serde(default)]
    pub past: Vec<String>,
    /// A version that waits for somebody to approve it.
    #[serde(default)]
    pub waiting: Option<String>,
    /// Versions that failed too often, and how.
    #[serde(default)]
    pub quarantined: BTreeMap<String, String>,
    /// The manifest that each version came with.
    #[serde(default)]
    pub manifests: BTreeMap<String, Manifest>,
}

impl ComponentHistory {
    /// Versions to go back to from `digest`, best first: what served last, then what served before.
    pub fn good(&self, digest: &str) -> impl Iterator<Item = &String> {
        let all = self.live.iter().chain(&self.past);
        all.filter(move |known| *known != digest && !self.quarantined.contains_key(*known))
    }

    /// Versions that something may still need.
    pub fn needed(&self) -> impl Iterator<Item = &String> {
        self.live.iter().chain(&self.past).chain(&self.waiting)
    }

    /// Whether a version serves or can be brought back.
    pub fn served(&self, digest: &str) -> bool {
        self.live.as_deref() == Some(digest) || self.past.iter().any(|past| past == digest)
    }

    /// The manifest of the version that served last.
    pub fn live_manifest(&self) -> Option<&Manifest> {
        self.manifests.get(self.live.as_ref()?)
    }

    /// `digest` serves now.
    pub fn serves(&mut self, digest: &str, manifest: &Manifest) {
        self.manifests.insert(digest.to_owned(), manifest.clone());
        self.past.retain(|known| known != digest);
        if self.waiting.as_deref() == Some(digest) {
            self.waiting = None;
        }
        if let Some(before) = self.live.replace(digest.to_owned())
            && before != digest
            && !self.quarantined.contains_key(&before)
        {
            self.past.insert(0, before);
            self.past.truncate(EARLIER_VERSIONS);
        }
    }

    /// `digest` must not come back by itself.
    pub fn quarantine(&mut self, digest: &str, reason: &str) {
        if self.quarantined.len() >= QUARANTINED_VERSIONS {
            self.quarantined.pop_first();
        }
        self.quarantined.insert(digest.to_owned(), redact(reason).into_owned());
        self.past.retain(|known| known != digest);
    }

    /// Forgets the manifests of versions that nothing needs.
    pub fn forget_others(&mut self) {
        let needed: BTreeSet<String> = self.needed().cloned().collect();
        self.manifests.retain(|digest, _| needed.contains(digest));
    }
}

#[cfg(test)]
mod tests;
