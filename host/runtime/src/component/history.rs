//! The histories of components on this machine: the memory that outlives the process, in `versions.json` beside the blob
//! store. The configuration's pins stand above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use brains_core::plane::component::history::ComponentHistory;
use brains_core::sync::Unpoisoned as _;
use brains_files::{Gate, GateTarget, Links};
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// The largest file that is one of ours.
const FILE_BYTES: u64 = 16 << 20;

type Histories = BTreeMap<String, ComponentHistory>;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct HistoryFile {
    v: u32,
    components: Histories,
}

/// All components' histories and the file that holds them.
#[derive(Debug)]
pub(crate) struct VersionHistory {
    path: PathBuf,
    gate: Gate,
    known: Mutex<Known>,
    /// One writer at a time, the newest last.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    now: Histories,
    /// As the file holds them.
    written: Histories,
}

impl VersionHistory {
    /// Reads what is there. A file that cannot be read is set aside: what serves then is what configuration and
    /// files say.
    pub(crate) fn open(components: &Path, gate: Gate) -> Self {
        let path = components.join("versions.json");
        let file = path.clone();
        let read = gate.wait(GateTarget::of(&path), move |visit| {
            let text = match brains_files::read(visit, &file, Links::Refused, FILE_BYTES) {
                Err(error) if error.is_absent() => return Ok(Histories::new()),
                Err(error) => Err(error.to_string()),
                Ok(bytes) => serde_json::from_slice::<HistoryFile>(&bytes).map_err(|error| {
                    format!("it is not readable at line {} column {}", error.line(), error.column())
                }),
            };
            text.map(|written| written.components).inspect_err(|_| {
                drop(fs::rename(&file, file.with_extension("unreadable.json")));
            })
        });
        let histories = match read {
            Ok(Ok(histories)) => histories,
            Ok(Err(error)) => {
                tracing::error!(error, "the record of component versions cannot be read, it is set aside");
                Histories::new()
            }
            Err(fault) => {
                tracing::error!(%fault, "the record of component versions cannot be read");
                Histories::new()
            }
        };
        let known = Known { now: histories.clone(), written: histories };
        Self { path, gate, known: Mutex::new(known), writing: Mutex::default() }
    }

    pub(crate) fn of(&self, id: &str) -> Option<ComponentHistory> {
        self.known().now.get(id).cloned()
    }

    pub(crate) fn all(&self) -> Histories {
        self.known().now.clone()
    }

    /// Changes what is known of one component.
    pub(crate) fn update(&self, id: &str, change: impl FnOnce(&mut ComponentHistory)) {
        change(self.known().now.entry(id.to_owned()).or_default());
    }

    /// A version waits for somebody.
    pub(crate) fn waits(&self, id: &str, digest: &str, manifest: &brains_core::config::manifest::Manifest) {
        self.update(id, |history| {
            history.manifests.insert(digest.to_owned(), manifest.clone());
            history.waiting = Some(digest.to_owned());
        });
        self.save();
    }

    /// A version may come back although it was taken out of service.
    pub(crate) fn unquarantine(&self, id: &str, digest: &str) {
        if let Some(history) = self.known().now.get_mut(id) {
            history.quarantined.remove(digest);
        }
        self.save();
    }

    /// Nothing of a component is remembered any more.
    pub(crate) fn forget(&self, id: &str) {
        self.known().now.remove(id);
        self.save();
    }

    /// Every version that something may still need.
    pub(crate) fn needed(&self) -> BTreeSet<String> {
        self.known().now.values().flat_map(ComponentHistory::needed).cloned().collect()
    }

    /// Writes the file anew when anything changed, in one step. Whoever looks something up meanwhile does not wait.
    pub(crate) fn save(&self) {
        let _one_at_a_time = self.writing.lock_unpoisoned();
        let Some(components) = self.unwritten() else { return };
        let (path, document) = (self.path.clone(), HistoryFile { v: 1, components: components.clone() });
        let written = self.gate.wait_write(GateTarget::of(&self.path), move |_| write(&path, &document));
        match written {
            Ok(Ok(())) => self.known().written = components,
            Ok(Err(error)) => tracing::warn!(%error, "the record of component versions could not be written"),
            Err(fault) => tracing::warn!(%fault, "the record of component versions could not be written"),
        }
    }

    fn unwritten(&self) -> Option<Histories> {
        let mut known = self.known();
        known.now.values_mut().for_each(ComponentHistory::forget_others);
        (known.now != known.written).then(|| known.now.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock_unpoisoned()
    }
}

fn write(path: &Path, document: &HistoryFile) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    brains_files::write_atomically(path, ".versions-", &serde_json::to_vec_pretty(document)?)
}

#[cfg(test)]
mod tests;
