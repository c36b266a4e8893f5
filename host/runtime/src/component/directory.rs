//! The plugins directory: which component files lie there, and what they hold once they are whole. A file counts when
//! two looks in a row find it unchanged; until then the version that it held before is the one that it offers.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use brains_core::Fault;
use brains_core::config::document::DOCUMENT_BYTES;
use brains_core::config::manifest::{Manifest, Plays};
use brains_core::redact::redact;
use brains_core::sync::Unpoisoned as _;
use brains_files::{Gate, GateTarget, Links, Visit};
use fs_err as fs;

use crate::load::digest;
use crate::load::inspect::admit;
use crate::load::shape::FILE_BYTES;

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
    /// Something offers another version than before.
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
        let flaw = self.unfit.clone().or_else(|| manifest.map(|reason| format!("its manifest: {reason}")));
        flaw.map(|flaw| redact(&flaw).into_owned())
    }

    /// The part that it plays, by its manifest, else by its exports.
    pub(crate) fn plays(&self) -> Plays {
        self.manifest().map(|manifest| manifest.plays).or(self.part).unwrap_or(Plays::Provider)
    }

    /// What its manifest says, when it has one that can be read; without one it asks for nothing.
    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref().and_then(|manifest| manifest.as_ref().ok())
    }
}

/// What tells one state of a file from another. One that is no regular file has a state too: it is told as such.
type Stamp = Option<(u64, i64, i64, u64)>;
/// Those of a component and of the manifest beside it.
type Stamps = (Stamp, Stamp);

#[derive(Debug, Default)]
struct File {
    /// Component and manifest, as the newest look found them.
    found: Stamps,
    /// The stamps of what is offered.
    taken: Stamps,
    offered: Option<Offered>,
}

/// The directory, and files elsewhere that the configuration names. What they hold is read at the gate, and nobody who
/// only asks what was found waits for that.
#[derive(Debug)]
pub(crate) struct Directory {
    folder: PathBuf,
    gate: Gate,
    /// One look at a time.
    looking: Mutex<()>,
    files: Mutex<BTreeMap<PathBuf, File>>,
}

impl Directory {
    pub(crate) fn new(folder: PathBuf, gate: Gate) -> Self {
        Self { folder, gate, looking: Mutex::default(), files: Mutex::default() }
    }

    /// Looks at every component file of the directory, and again at those elsewhere. What does not answer stays as it
    /// was found before.
    pub(crate) fn look(&self, how: Look) -> Looked {
        let _one_at_a_time = self.looking.lock_unpoisoned();
        let mut looked = Looked::default();
        let folder = self.folder.clone();
        let own = self.gate.wait(GateTarget::of(&self.folder), move |visit| present(visit, &folder));
        let elsewhere = self.elsewhere().into_iter().filter_map(|path| {
            let stamps = self.stamps(&path).ok()?;
            Some((path, stamps))
        });
        let mut found: BTreeMap<PathBuf, Stamps> = elsewhere.collect();
        match own {
            Ok(own) => {
                let gone: Vec<PathBuf> =
                    self.own().into_iter().filter(|path| !own.contains_key(path)).collect();
                found.extend(gone.into_iter().map(|path| (path, Stamps::default())));
                found.extend(own);
            }
            Err(fault) => tracing::warn!(%fault, "the plugins directory cannot be looked at"),
        }
        for (path, stamps) in found {
            if self.counts(&path, stamps, how, &mut looked) {
                let offered = self.read_offer(&path, stamps);
                looked.changed |= self.take(&path, stamps, offered);
            }
        }
        looked
    }

    /// Whether what stands at `path` now is to be read.
    fn counts(&self, path: &Path, found: Stamps, how: Look, looked: &mut Looked) -> bool {
        let mut files = self.lock();
        if found.0.is_none() {
            looked.changed |= files.remove(path).is_some_and(|file| file.offered.is_some());
            return false;
        }
        let file = files.entry(path.to_owned()).or_default();
        let settled = how == Look::Once || file.found == found;
        file.found = found;
        if file.offered.is_some() && file.taken == found {
            return false;
        }
        looked.unsettled |= !settled;
        settled
    }

    /// What a file offers; one that was not looked at yet is taken as it is.
    pub(crate) fn offered(&self, path: &Path) -> io::Result<Offered> {
        if let Some(offered) = self.lock().get(path).and_then(|file| file.offered.clone()) {
            return Ok(offered);
        }
        let found = self.stamps(path)?;
        if found.0.is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let offered = self.read_offer(path, found);
        self.take(path, found, offered.clone());
        Ok(offered)
    }

    /// What a component's file holds.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = path.to_owned();
        let read = self.gate.wait(GateTarget::of(path), move |visit| {
            brains_files::read(visit, &file, Links::Refused, FILE_BYTES)
        });
        Ok(read.map_err(stalled)??)
    }

    /// Removes a component's file and the manifest beside it.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        let file = path.to_owned();
        let removed = self.gate.wait_write(GateTarget::of(path), move |visit| {
            visit.check_time()?;
            fs::remove_file(&file)?;
            drop(fs::remove_file(file.with_extension("yaml")));
            Ok(())
        });
        removed.map_err(stalled)?
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

    fn own(&self) -> Vec<PathBuf> {
        self.lock().keys().filter(|path| path.parent() == Some(&self.folder)).cloned().collect()
    }

    fn elsewhere(&self) -> Vec<PathBuf> {
        self.lock().keys().filter(|path| path.parent() != Some(&self.folder)).cloned().collect()
    }

    fn stamps(&self, path: &Path) -> io::Result<Stamps> {
        let file = path.to_owned();
        let found = self.gate.wait(GateTarget::of(path), move |visit| stamps(visit, &file));
        found.map_err(stalled)
    }

    fn read_offer(&self, path: &Path, found: Stamps) -> Offered {
        let manifest = found.1.map(|_| {
            let file = path.with_extension("yaml");
            let text = self.gate.wait(GateTarget::of(path), move |visit| {
                brains_files::read_text(visit, &file, Links::Refused, DOCUMENT_BYTES as u64)
            });
            match text {
                Ok(Ok(text)) => Manifest::parse(&text).map_err(|error| error.to_string()),
                Ok(Err(error)) => Err(format!("it {}", error.reason())),
                Err(fault) => Err(fault.message),
            }
        });
        let mut offered = Offered {
            path: path.to_owned(),
            digest: String::new(),
            size_bytes: found.0.map_or(0, |stamp| stamp.0),
            manifest,
            unfit: None,
            part: None,
        };
        let file = path.to_owned();
        let read = self.gate.wait(GateTarget::of(path), move |visit| {
            brains_files::read(visit, &file, Links::Refused, FILE_BYTES)
        });
        match read {
            Ok(Ok(bytes)) => {
                offered.digest = digest(&bytes);
                match admit(&bytes) {
                    Ok(found) => offered.part = found.exports.part(),
                    Err(error) => offered.unfit = Some(error.to_string()),
                }
            }
            Ok(Err(error)) => offered.unfit = Some(format!("it {}", error.reason())),
            Err(fault) => offered.unfit = Some(fault.message),
        }
        offered
    }

    /// From now on the file offers this; true when that is something else than before.
    fn take(&self, path: &Path, found: Stamps, offered: Offered) -> bool {
        let mut files = self.lock();
        let file = files.entry(path.to_owned()).or_default();
        file.found = found;
        file.taken = found;
        file.offered.replace(offered.clone()) != Some(offered)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, File>> {
        self.files.lock_unpoisoned()
    }
}

/// The component files of a folder.
fn present(visit: &Visit, folder: &Path) -> BTreeMap<PathBuf, Stamps> {
    let entries = visit.resolve(folder).and_then(fs::read_dir);
    let Ok(entries) = entries else { return BTreeMap::new() };
    let names = entries.flatten().map(|entry| folder.join(entry.file_name()));
    let components = names.filter(|path| {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|ending| ending == "wasm")
    });
    let stamped = components.map(|path| {
        let stamps = stamps(visit, &path);
        (path, stamps)
    });
    stamped.filter(|(_, stamps)| stamps.0.is_some()).collect()
}

fn stamps(visit: &Visit, path: &Path) -> Stamps {
    (stamp(visit, path), stamp(visit, &path.with_extension("yaml")))
}

fn stamp(visit: &Visit, path: &Path) -> Stamp {
    let found = brains_files::look(visit, path).ok().filter(|found| !found.is_dir())?;
    Some((found.len(), found.mtime(), found.mtime_nsec(), found.ino()))
}

fn stalled(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, fault)
}

#[cfg(test)]
mod tests;
