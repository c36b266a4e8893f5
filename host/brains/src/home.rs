//! The state directory and what lies in it (contract 2). Made on the first write, never by a reading verb.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use brains_core::{Fault, FaultKind, Origin};
use fs_err as fs;

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

    pub(crate) fn operator_keys(&self) -> PathBuf {
        self.dir.join("operator-keys")
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
    let mut file = tempfile::Builder::new()
        .prefix(".brains-")
        .permissions(std::fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(dir)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", dir.display())))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    // A link stays a link: what it points to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    file.persist(&target).map_err(|failed| {
        io::Error::new(failed.error.kind(), format!("`{}`: {}", target.display(), failed.error))
    })?;
    fs::File::open(target.parent().unwrap_or(dir))?.sync_all()
}

/// Writes a file that must not be there yet, 0600. `AlreadyExists` tells that someone was faster.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".brains-")
        .permissions(std::fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(dir)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", dir.display())))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|failed| failed.error)?;
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
