//! The plugins directory: which component files lie there, and what they hold once they are whole. A file counts when
//! two looks in a row find it unchanged; until then the content that it had before is the one that it offers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use brains_core::config::manifest::{Manifest, Plays};
use fs_err as fs;

use crate::inspect::admit;
use crate::load::digest;
use crate::shape::FILE_BYTES;

/// How a look at the directory is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Files are taken as they are: at the start, and when somebody asks for it.
    Once,
    /// A file counts when the look before found the same.
    Settled,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// Something offers another content than before.
    pub changed: bool,
    /// Something is still being written; look again in a moment.
    pub unsettled: bool,
}

/// What a file offers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Offered {
    pub(crate) path: PathBuf,
    pub(crate) digest: String,
    pub(crate) size_bytes: u64,
    /// None without a file beside it.
    pub(crate) manifest: Option<Result<Manifest, String>>,
    /// Why it could never serve, as far as that shows without compiling it.
    unfit: Option<String>,
    /// What its exports say.
    part: Option<Plays>,
}

impl Offered {
    /// Why it could never serve.
    pub(crate) fn flaw(&self) -> Option<String> {
        let manifest = self.manifest.as_ref().and_then(|manifest| manifest.as_ref().err());
        self.unfit.clone().or_else(|| manifest.map(|reason| format!("its manifest: {reason}")))
    }

    /// The part that it plays, by its manifest, else by its exports.
    pub(crate) fn plays(&self) -> Plays {
        self.told().map(|manifest| manifest.plays).or(self.part).unwrap_or(Plays::Provider)
    }

    /// What its manifest says, when it has one that can be read; without one it asks for nothing.
    pub(crate) fn told(&self) -> Option<&Manifest> {
        self.manifest.as_ref().and_then(|manifest| manifest.as_ref().ok())
    }
}

/// What tells one state of a file from another.
type Stamp = Option<(u64, i64, i64, u64)>;

#[derive(Debug, Default)]
struct File {
    /// Component and manifest, as the newest look found them.
    found: (Stamp, Stamp),
    /// The stamps of what is offered.
    taken: (Stamp, Stamp),
    offered: Option<Offered>,
}

/// The directory, and files elsewhere that the configuration names.
#[derive(Debug)]
pub(crate) struct Directory {
    folder: PathBuf,
    files: Mutex<BTreeMap<PathBuf, File>>,
}

impl Directory {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, files: Mutex::default() }
    }

    /// Looks at every component file of the directory, and again at those elsewhere.
    pub(crate) fn look(&self, how: Look) -> Looked {
        let mut files = self.lock();
        let mut looked = Looked::default();
        let known: BTreeSet<PathBuf> = files.keys().cloned().chain(self.present()).collect();
        for path in known {
            let file = files.entry(path.clone()).or_default();
            let found = (stamp(&path), stamp(&path.with_extension("yaml")));
            if found.0.is_none() {
                looked.changed |= file.offered.is_some();
                files.remove(&path);
                continue;
            }
            let settled = how == Look::Once || file.found == found;
            file.found = found;
            if file.offered.is_some() && file.taken == found {
                continue;
            }
            if !settled {
                looked.unsettled = true;
                continue;
            }
            looked.changed |= file.take(&path, found);
        }
        looked
    }

    /// What a file offers; one that was not looked at yet is taken as it is.
    pub(crate) fn offered(&self, path: &Path) -> io::Result<Offered> {
        let mut files = self.lock();
        if let Some(offered) = files.get(path).and_then(|file| file.offered.clone()) {
            return Ok(offered);
        }
        let found = (stamp(path), stamp(&path.with_extension("yaml")));
        if found.0.is_none() {
            // The error that the caller would have had.
            fs::metadata(path)?;
        }
        let file = files.entry(path.to_owned()).or_default();
        file.found = found;
        file.take(path, found);
        file.offered.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The files of the directory itself by their stem, with what they offer.
    pub(crate) fn dropped(&self) -> BTreeMap<String, Offered> {
        let files = self.lock();
        let own = files.iter().filter(|(path, _)| path.parent() == Some(&self.folder));
        own.filter_map(|(path, file)| {
            let stem = path.file_stem()?.to_str()?.to_owned();
            Some((stem, file.offered.clone()?))
        })
        .collect()
    }

    /// Files of the directory that are not whole yet, by their stem.
    pub(crate) fn unsettled(&self) -> Vec<String> {
        let files = self.lock();
        let waiting = files.iter().filter(|(_, file)| file.taken != file.found);
        waiting.filter_map(|(path, _)| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    }

    pub(crate) fn path(&self, source: &str) -> PathBuf {
        self.folder.join(source)
    }

    fn present(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
                !hidden && path.extension().is_some_and(|ending| ending == "wasm")
            })
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    /// Reads the file; true when it offers something else than before.
    fn take(&mut self, path: &Path, found: (Stamp, Stamp)) -> bool {
        let before = self.offered.take();
        let manifest = found.1.map(|_| match fs::read_to_string(path.with_extension("yaml")) {
            Ok(text) => Manifest::parse(&text).map_err(|error| error.to_string()),
            Err(error) => Err(format!("manifest: {}", error.kind())),
        });
        let mut offered = Offered {
            path: path.to_owned(),
            digest: String::new(),
            size_bytes: found.0.map_or(0, |stamp| stamp.0),
            manifest,
            unfit: None,
            part: None,
        };
        if offered.size_bytes > FILE_BYTES {
            offered.unfit = Some(format!("it is larger than {} MiB", FILE_BYTES >> 20));
        } else {
            match fs::read(path) {
                Ok(bytes) => {
                    offered.digest = digest(&bytes);
                    match admit(&bytes) {
                        Ok(found) => offered.part = found.exports.part(),
                        Err(error) => offered.unfit = Some(error.to_string()),
                    }
                }
                Err(error) => offered.unfit = Some(format!("it cannot be read: {}", error.kind())),
            }
        }
        self.taken = found;
        let changed = before.as_ref() != Some(&offered);
        self.offered = Some(offered);
        changed
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((found.len(), found.mtime(), found.mtime_nsec(), found.ino()))
}

#[cfg(test)]
mod tests;
