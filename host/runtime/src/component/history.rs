//! Which content of each component serves here, which ones served before, and which ones must not come back: the
//! memory that outlives the process, in `versions.json` beside the store. The configuration's pins stand above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use brains_core::config::manifest::Manifest;
use brains_core::redact::redact;
use brains_core::sync::Unpoisoned as _;
use brains_files::{Gate, GateTarget, Links};
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// Earlier contents of one component that can be brought back.
const PAST: usize = 3;
/// The largest file that is one of ours.
const FILE_BYTES: u64 = 16 << 20;
/// Contents that are remembered as bad.
const QUARANTINED: usize = 16;

/// The memory of one component.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct ComponentHistory {
    /// The content that served last.
    #[serde(default)]
    pub(crate) live: Option<String>,
    /// What served before it, newest first.
    #[serde(default)]
    pub(crate) past: Vec<String>,
    /// A content that waits for somebody to approve it.
    #[serde(default)]
    pub(crate) waiting: Option<String>,
    /// Contents that failed too often, and how.
    #[serde(default)]
    pub(crate) quarantined: BTreeMap<String, String>,
    /// What each content came with.
    #[serde(default)]
    pub(crate) manifests: BTreeMap<String, Manifest>,
}

impl ComponentHistory {
    /// Contents to go back to from `digest`, best first: what served last, then what served before.
    pub(crate) fn good(&self, digest: &str) -> impl Iterator<Item = &String> {
        let all = self.live.iter().chain(&self.past);
        all.filter(move |known| *known != digest && !self.quarantined.contains_key(*known))
    }

    fn named(&self) -> impl Iterator<Item = &String> {
        self.live.iter().chain(&self.past).chain(&self.waiting)
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Written {
    v: u32,
    components: BTreeMap<String, ComponentHistory>,
}

/// All components' memories and the file that holds them.
#[derive(Debug)]
pub(crate) struct VersionHistory {
    path: PathBuf,
    gate: Gate,
    entries: BTreeMap<String, ComponentHistory>,
    written: BTreeMap<String, ComponentHistory>,
    /// One writer at a time, the newest last.
    writing: Arc<Mutex<()>>,
}

impl VersionHistory {
    /// Reads what is there. A file that cannot be read is set aside: what serves then is what configuration and
    /// files say.
    pub(crate) fn open(components: &Path, gate: Gate) -> Self {
        let path = components.join("versions.json");
        let file = path.clone();
        let read = gate.wait(GateTarget::of(&path), move |visit| {
            let text = match brains_files::read(visit, &file, Links::Refused, FILE_BYTES) {
                Err(error) if error.is_absent() => return Ok(BTreeMap::new()),
                Err(error) => Err(error.to_string()),
                Ok(bytes) => serde_json::from_slice::<Written>(&bytes).map_err(|error| {
                    format!("it is not readable at line {} column {}", error.line(), error.column())
                }),
            };
            text.map(|written| written.components).inspect_err(|_| {
                drop(fs::rename(&file, file.with_extension("unreadable.json")));
            })
        });
        let entries = match read {
            Ok(Ok(entries)) => entries,
            Ok(Err(error)) => {
                tracing::error!(error, "the record of component versions cannot be read, it is set aside");
                BTreeMap::new()
            }
            Err(fault) => {
                tracing::error!(%fault, "the record of component versions cannot be read");
                BTreeMap::new()
            }
        };
        Self { path, gate, written: entries.clone(), entries, writing: Arc::default() }
    }

    pub(crate) fn of(&self, id: &str) -> Option<&ComponentHistory> {
        self.entries.get(id)
    }

    /// Remembers what a content came with.
    pub(crate) fn came_with(&mut self, id: &str, digest: &str, manifest: &Manifest) {
        let entry = self.entries.entry(id.to_owned()).or_default();
        entry.manifests.insert(digest.to_owned(), manifest.clone());
    }

    /// `digest` serves now.
    pub(crate) fn serves(&mut self, id: &str, digest: &str, manifest: &Manifest) {
        self.came_with(id, digest, manifest);
        let entry = self.entries.entry(id.to_owned()).or_default();
        entry.past.retain(|known| known != digest);
        if entry.waiting.as_deref() == Some(digest) {
            entry.waiting = None;
        }
        if let Some(before) = entry.live.replace(digest.to_owned())
            && before != digest
            && !entry.quarantined.contains_key(&before)
        {
            entry.past.insert(0, before);
            entry.past.truncate(PAST);
        }
    }

    /// `digest` waits for somebody, or nothing does.
    pub(crate) fn waits(&mut self, id: &str, digest: Option<&str>) {
        match digest {
            Some(digest) => {
                self.entries.entry(id.to_owned()).or_default().waiting = Some(digest.to_owned());
            }
            None => {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.waiting = None;
                }
            }
        }
    }

    /// `digest` must not come back by itself.
    pub(crate) fn quarantine(&mut self, id: &str, digest: &str, reason: &str) {
        let entry = self.entries.entry(id.to_owned()).or_default();
        if entry.quarantined.len() >= QUARANTINED {
            entry.quarantined.pop_first();
        }
        entry.quarantined.insert(digest.to_owned(), redact(reason).into_owned());
        entry.past.retain(|known| known != digest);
    }

    /// `digest` may come back.
    pub(crate) fn unquarantine(&mut self, id: &str, digest: &str) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.quarantined.remove(digest);
        }
    }

    /// Nothing of a component is remembered any more.
    pub(crate) fn forget(&mut self, id: &str) {
        self.entries.remove(id);
    }

    /// Every content that something may still need.
    pub(crate) fn needed(&self) -> BTreeSet<String> {
        self.entries.values().flat_map(ComponentHistory::named).cloned().collect()
    }

    /// Writes the file anew when anything changed, in one step. Whoever looks something up meanwhile does not wait.
    pub(crate) fn save(this: &Mutex<Self>) {
        let lock = || this.lock_unpoisoned();
        let writing = Arc::clone(&lock().writing);
        let _one_at_a_time = writing.lock_unpoisoned();
        let Some((path, gate, entries)) = lock().unwritten() else { return };
        let document = Written { v: 1, components: entries.clone() };
        let written = gate.wait_write(GateTarget::of(&path.clone()), move |_| write(&path, &document));
        match written {
            Ok(Ok(())) => lock().written = entries,
            Ok(Err(error)) => tracing::warn!(%error, "the record of component versions could not be written"),
            Err(fault) => tracing::warn!(%fault, "the record of component versions could not be written"),
        }
    }

    fn unwritten(&mut self) -> Option<(PathBuf, Gate, BTreeMap<String, ComponentHistory>)> {
        for entry in self.entries.values_mut() {
            let named: BTreeSet<String> = entry.named().cloned().collect();
            entry.manifests.retain(|digest, _| named.contains(digest));
        }
        let changed = self.entries != self.written;
        changed.then(|| (self.path.clone(), self.gate.clone(), self.entries.clone()))
    }
}

fn write(path: &Path, document: &Written) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    brains_files::write_atomically(path, ".versions-", &serde_json::to_vec_pretty(document)?)
}

#[cfg(test)]
mod tests;
