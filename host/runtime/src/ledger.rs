//! Which content of each component serves here, which ones served before, and which ones must not come back: the
//! memory that outlives the process, in `versions.json` beside the store. The configuration's pins stand above it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use brains_core::config::manifest::Manifest;
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// Earlier contents of one component that can be brought back.
const PAST: usize = 3;
/// Contents that are remembered as bad.
const QUARANTINED: usize = 16;

/// The memory of one component.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Entry {
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

impl Entry {
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
    components: BTreeMap<String, Entry>,
}

/// All components' memories and the file that holds them.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    written: BTreeMap<String, Entry>,
}

impl Ledger {
    /// Reads what is there. A file that cannot be read is set aside: what serves then is what configuration and
    /// files say.
    pub(crate) fn open(components: &Path) -> Self {
        let path = components.join("versions.json");
        let entries = match fs::read(&path) {
            Err(_) => BTreeMap::new(),
            Ok(bytes) => match serde_json::from_slice::<Written>(&bytes) {
                Ok(written) => written.components,
                Err(error) => {
                    tracing::error!(%error, "the record of component versions cannot be read, it is set aside");
                    drop(fs::rename(&path, path.with_extension("unreadable.json")));
                    BTreeMap::new()
                }
            },
        };
        Self { path, written: entries.clone(), entries }
    }

    pub(crate) fn of(&self, id: &str) -> Option<&Entry> {
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
        entry.quarantined.insert(digest.to_owned(), reason.to_owned());
        entry.past.retain(|known| known != digest);
    }

    /// `digest` may come back.
    pub(crate) fn pardon(&mut self, id: &str, digest: &str) {
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
        self.entries.values().flat_map(Entry::named).cloned().collect()
    }

    /// Writes the file anew when anything changed, in one step.
    pub(crate) fn save(&mut self) {
        for entry in self.entries.values_mut() {
            let named: BTreeSet<String> = entry.named().cloned().collect();
            entry.manifests.retain(|digest, _| named.contains(digest));
        }
        if self.entries == self.written {
            return;
        }
        let document = Written { v: 1, components: self.entries.clone() };
        match self.write(&document) {
            Ok(()) => self.written.clone_from(&self.entries),
            Err(error) => tracing::warn!(%error, "the record of component versions could not be written"),
        }
    }

    fn write(&self, document: &Written) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".versions-").tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(document)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|failed| failed.error)?;
        fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests;
