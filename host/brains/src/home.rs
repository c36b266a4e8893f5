//! The state directory and what lies in it (contract 2). Made on the first write, never by a reading verb.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use brains_core::{Fault, FaultKind, Origin};
use fs_err as fs;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::environment::Environment;

/// Mode of the directories.
pub(crate) const DIR_MODE: u32 = 0o700;
/// Mode of the files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Where Brains keeps its state.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    dir: PathBuf,
}

impl Home {
    /// `BRAINS_HOME`, else `BRAINS_STATE_DIR`, else `~/.brains`.
    pub(crate) fn find(environment: &Environment) -> Result<Self, Fault> {
        let named = environment.path("BRAINS_HOME").or_else(|| environment.path("BRAINS_STATE_DIR"));
        let dir =
            named.or_else(|| environment.path("HOME").map(|home| home.join(".brains"))).ok_or_else(|| {
                Fault::invalid("no state directory: neither `BRAINS_HOME` nor `HOME` is set")
                    .hint("set BRAINS_HOME to a directory that only you can read")
            })?;
        Ok(Self { dir: std::path::absolute(&dir).unwrap_or(dir) })
    }

    /// A state directory at a given place.
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn exists(&self) -> bool {
        self.dir.is_dir()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("brains.db")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("config.yaml")
    }

    pub(crate) fn overlay(&self) -> PathBuf {
        self.dir.join("brains.runtime.yaml")
    }

    pub(crate) fn admin_key(&self) -> PathBuf {
        self.dir.join("admin-key")
    }

    pub(crate) fn audit_key(&self) -> PathBuf {
        self.dir.join("audit-key")
    }

    /// Where each chain of the audit log stood.
    pub(crate) fn audit_anchors(&self) -> PathBuf {
        self.dir.join("audit-anchors")
    }

    pub(crate) fn operator_keys(&self) -> PathBuf {
        self.dir.join("operator-keys")
    }

    /// Tokens of the sessions that were started from the command line.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.dir.join("sessions")
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.dir.join("plugins")
    }

    /// Contents of components, and which of them serve.
    pub(crate) fn components(&self) -> PathBuf {
        self.dir.join("components")
    }

    /// Compiled code.
    pub(crate) fn compiled(&self) -> PathBuf {
        self.components().join("compiled")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.logs().join("brains.log")
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.dir.join("runtime.json")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// Makes the directory when it is missing, 0700.
    pub(crate) fn ensure(&self) -> Result<(), Fault> {
        ensure_dir(&self.dir).map_err(|error| {
            Fault::new(
                error_kind(&error),
                Origin::Brains,
                format!("could not make the state directory: {error}"),
            )
            .hint("set BRAINS_HOME to a directory that you can write")
        })
    }
}

/// Makes `dir` and its parents, closed to others.
pub(crate) fn ensure_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(dir)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", dir.display())))
}

/// Writes a whole file so that a reader sees the old or the new text, never half of one; 0600.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let file = staged(dir, bytes)?;
    // A link stays a link: what it points to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    file.persist(&target).map_err(|failed| {
        io::Error::new(failed.error.kind(), format!("`{}`: {}", target.display(), failed.error))
    })?;
    fs::File::open(target.parent().unwrap_or(dir))?.sync_all()
}

/// As [`write_atomically`], when the file's content is still `expected`; a file that is missing counts as empty.
/// Says whether it was. What somebody else writes at the very moment of the replacement is found and put back, so
/// that nothing of theirs is lost.
pub(crate) fn replace(path: &Path, expected: &[u8], bytes: &[u8]) -> io::Result<bool> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Some(present) = content(&target)? else {
        return match expected {
            [] => match write_new(&target, bytes) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            },
            _ => Ok(false),
        };
    };
    if present != expected {
        return Ok(false);
    }
    let dir = target.parent().unwrap_or(Path::new("."));
    let aside = staged(dir, bytes)?.into_temp_path();
    match exchange(&aside, &target) {
        Ok(()) => {}
        // A file system that cannot exchange: the check above is what there is.
        Err(error) if [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP].contains(&error) => {
            return write_atomically(path, bytes).map(|()| true);
        }
        Err(error) => return Err(error.into()),
    }
    // An edit that was found in the place goes back there, until what comes out is older than what goes in.
    let mut found = fs::read(&aside)?;
    let ours = found == expected;
    let mut older = vec![expected.to_vec(), bytes.to_vec()];
    while !older.contains(&found) {
        exchange(&aside, &target)?;
        older.push(std::mem::replace(&mut found, fs::read(&aside)?));
    }
    fs::File::open(dir)?.sync_all()?;
    Ok(ours)
}

fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// None when there is no such file.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file beside its goal, 0600, on disk.
fn staged(dir: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".brains-")
        .permissions(std::fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(dir)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", dir.display())))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Writes a file that must not be there yet, 0600. `AlreadyExists` tells that someone was faster.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    staged(dir, bytes)?.persist_noclobber(path).map_err(|failed| failed.error)?;
    Ok(())
}

/// Opens a file for appending, made 0600 when it is missing.
pub(crate) fn open_append(path: &Path) -> io::Result<fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true).mode(FILE_MODE);
    let file = options
        .open(path)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", path.display())))?;
    Ok(fs::File::from_parts(file, path))
}

/// What a failed file access means to a script.
pub(crate) fn error_kind(error: &io::Error) -> FaultKind {
    match error.kind() {
        io::ErrorKind::NotFound => FaultKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => FaultKind::Forbidden,
        _ => FaultKind::Internal,
    }
}

#[cfg(test)]
mod tests;
