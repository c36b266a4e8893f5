//! The content-addressed store of components: `sha256/<digest>.wasm`. A file appears whole or not at all, and is
//! checked against its name whenever it is read. Which versions there are is known without asking the file system.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use brains_core::sync::Unpoisoned as _;
use brains_files::{Gate, GateTarget, Links};
use fs_err as fs;

use crate::load::digest;

/// How unfinished files begin.
const UNFINISHED: &str = ".unfinished-";
/// The largest file.
const BYTES: u64 = 256 << 20;

/// The store.
#[derive(Debug)]
pub(crate) struct BlobStore {
    folder: PathBuf,
    gate: Gate,
    /// What is there, by digest.
    held: Mutex<BTreeSet<String>>,
    /// What is being written is not what an interrupted write left behind.
    writing: Mutex<()>,
}

impl BlobStore {
    /// In the folder `components` of the state directory.
    pub(crate) fn new(components: &Path, gate: Gate) -> Self {
        let folder = components.join("sha256");
        let looked = folder.clone();
        let found = gate.wait(GateTarget::of(&folder), move |_| {
            let names = fs::read_dir(looked).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let hex = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".wasm")?.to_owned()));
            hex.map(|hex| format!("sha256:{hex}")).collect()
        });
        let held = found.unwrap_or_else(|fault| {
            tracing::warn!(%fault, "earlier versions of components cannot be read");
            BTreeSet::new()
        });
        Self { folder, gate, held: Mutex::new(held), writing: Mutex::default() }
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let is_one = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| self.folder.join(format!("{hex}.wasm")))
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.held.lock_unpoisoned()
    }

    pub(crate) fn holds(&self, digest: &str) -> bool {
        self.held().contains(digest)
    }

    /// Keeps a version's code; what is there already stays.
    pub(crate) fn put(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(path) = self.path(digest) else { return Err(io::ErrorKind::InvalidInput.into()) };
        let _alone = self.writing.lock_unpoisoned();
        let (folder, bytes) = (self.folder.clone(), bytes.to_vec());
        let written = self.gate.wait_write(GateTarget::of(&path), move |visit| {
            if brains_files::regular(visit, &path, Links::Refused).is_ok() {
                return Ok(());
            }
            brains_files::ensure_private(&folder)?;
            brains_files::write_atomically(&path, UNFINISHED, &bytes)
        });
        written.map_err(|fault| io::Error::new(io::ErrorKind::TimedOut, fault))??;
        self.held().insert(digest.to_owned());
        Ok(())
    }

    /// A version's code, if it is there and still is what its name says.
    pub(crate) fn get(&self, wanted: &str) -> Option<Vec<u8>> {
        let path = self.path(wanted)?;
        let read = self.gate.wait(GateTarget::of(&path), move |visit| {
            brains_files::read(visit, &path, Links::Refused, BYTES)
        });
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if error.is_absent() => {
                self.held().remove(wanted);
                return None;
            }
            Ok(Err(error)) => {
                tracing::error!(%error, component.digest = wanted, "a stored component cannot be read");
                return None;
            }
            Err(fault) => {
                tracing::error!(%fault, component.digest = wanted, "a stored component cannot be read");
                return None;
            }
        };
        if digest(&bytes) == wanted {
            return Some(bytes);
        }
        tracing::error!(
            component.digest = wanted,
            "a stored component is not what its name says, it is not used"
        );
        None
    }

    /// Removes every file that is not in `keep`, and what an interrupted write left behind.
    pub(crate) fn keep_only(&self, keep: &BTreeSet<String>) {
        let _alone = self.writing.lock_unpoisoned();
        self.held().retain(|digest| keep.contains(digest));
        let (folder, keep) = (self.folder.clone(), keep.clone());
        let tidied =
            self.gate.wait_write(GateTarget::of(&self.folder), move |_| remove_others(&folder, &keep));
        if let Err(fault) = tidied {
            tracing::warn!(%fault, "components that nothing needs could not be removed");
        }
    }
}

fn remove_others(folder: &Path, keep: &BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let hex = name.strip_suffix(".wasm");
        let needless = hex.is_some_and(|hex| !keep.contains(&format!("sha256:{hex}")));
        if (needless || name.starts_with(UNFINISHED))
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "a component that nothing needs could not be removed");
        }
    }
}
