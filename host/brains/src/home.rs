//! The state directory and what lies in it (contract 2). Made on the first write, never by a reading verb.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use brains_core::config::document::DOCUMENT_BYTES;
use brains_core::{Fault, FaultKind, Origin};
use brains_files::{Gate, GateTarget, Links, Visit, owned};
use fs_err as fs;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::environment::Environment;

/// Mode of the directories.
pub(crate) const DIR_MODE: u32 = 0o700;
/// Mode of the files.
pub(crate) const FILE_MODE: u32 = 0o600;
/// How names of files begin that are not finished.
const UNFINISHED: &str = ".brains-";

/// Where Brains keeps its state.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    dir: PathBuf,
    /// Where component files, versions and compiled code lie; none is in it.
    components_of: Option<PathBuf>,
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
        Ok(Self { dir: std::path::absolute(&dir).unwrap_or(dir), components_of: None })
    }

    /// A state directory at a given place.
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), components_of: None }
    }

    /// The same, with the components of another one.
    pub(crate) fn with_components_of(self, other: &Self) -> Self {
        Self { components_of: Some(other.dir.clone()), ..self }
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

    /// What providers signed in with.
    pub(crate) fn vault(&self) -> PathBuf {
        self.dir.join("vault")
    }

    /// Tokens of the sessions that were started from the command line.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.dir.join("sessions")
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.components_of.as_ref().unwrap_or(&self.dir).join("plugins")
    }

    /// Versions of components, and which of them serve.
    pub(crate) fn components(&self) -> PathBuf {
        self.components_of.as_ref().unwrap_or(&self.dir).join("components")
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

/// What lies in a state directory and must be ours alone, keys first.
fn kept(home: &Home) -> [PathBuf; 8] {
    [
        home.admin_key(),
        home.audit_key(),
        home.operator_keys(),
        home.vault(),
        home.config(),
        home.overlay(),
        home.plugins(),
        home.components(),
    ]
}

/// How many of them are keys, which nobody else may write wherever they lie.
const KEYS: usize = 4;
/// Whether others get through a directory to what lies in it.
const PASSABLE: u32 = 0o011;

/// Refuses a state directory that others may write, and keys that they may; whatever else lies in it where they could
/// reach it. One that others may only read is told of in the log: `chmod` would be a surprise to who opened it.
pub(crate) fn check_owned(home: &Home, gate: &Gate) -> Result<(), Fault> {
    let home = home.clone();
    gate.wait(GateTarget::of(&home.dir.clone()), move |visit| {
        let me = rustix::process::geteuid().as_raw();
        let place = visit.resolve(home.dir()).unwrap_or_else(|_| home.dir.clone());
        let Ok(found) = brains_files::look(visit, &place) else { return Ok(()) };
        owned::check(home.dir(), &found, me)?;
        let passable = found.permissions().mode() & PASSABLE != 0;
        if owned::is_readable(&found) {
            let shown = home.dir().display();
            tracing::warn!("others may look into `{shown}`: chmod 700 '{shown}'");
        }
        for (at, path) in kept(&home).into_iter().enumerate() {
            let found = brains_files::look(visit, &path).ok().filter(|found| !found.is_symlink());
            if let Some(found) = found.filter(|_| at < KEYS || passable) {
                owned::check(&path, &found, me)?;
            }
        }
        Ok(())
    })?
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
    // A link stays a link: what it points to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    brains_files::write_atomically(&target, UNFINISHED, bytes)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", target.display())))
}

/// As [`write_atomically`], when the file's content is still `expected`; a file that is missing counts as empty.
/// Says whether it was. What somebody else writes at the very moment of the replacement is found and put back, so
/// that nothing of theirs is lost.
pub(crate) fn replace(
    visit: &Visit,
    path: &Path,
    links: Links,
    expected: &[u8],
    bytes: &[u8],
) -> io::Result<bool> {
    let target = match links {
        Links::Followed => visit.resolve(path).unwrap_or_else(|_| path.to_owned()),
        Links::Refused => path.to_owned(),
    };
    let Some(present) = content(visit, &target)? else {
        visit.check_time()?;
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
    visit.check_time()?;
    match exchange(&aside, &target) {
        Ok(()) => {}
        // A file system that cannot exchange: the check above is what there is.
        Err(error) if [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP].contains(&error) => {
            return write_atomically(path, bytes).map(|()| true);
        }
        Err(error) => return Err(error.into()),
    }
    // An edit that was found in the place goes back there, until what comes out is older than what goes in.
    let mut found = content(visit, &aside)?.unwrap_or_default();
    let ours = found == expected;
    let mut older = vec![expected.to_vec(), bytes.to_vec()];
    while !older.contains(&found) {
        exchange(&aside, &target)?;
        let out = content(visit, &aside)?.unwrap_or_default();
        older.push(std::mem::replace(&mut found, out));
    }
    fs::File::open(dir)?.sync_all()?;
    Ok(ours)
}

fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// None when there is no such file.
fn content(visit: &Visit, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match brains_files::read(visit, path, Links::Refused, DOCUMENT_BYTES as u64) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a file holds that was named on the command line: a regular one, of at most `most` bytes.
pub(crate) fn read_named(path: &Path, most: u64) -> Result<Vec<u8>, Fault> {
    let file = path.to_owned();
    let read = Gate::default()
        .wait(GateTarget::of(path), move |visit| brains_files::read(visit, &file, Links::Followed, most))?;
    read.map_err(|error| {
        let text = error.to_string();
        Fault::new(error_kind(&error.into()), Origin::Client, text)
    })
}

/// A file beside its goal, 0600, on disk.
fn staged(dir: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    brains_files::stage(dir, UNFINISHED, bytes)
        .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", dir.display())))
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

/// A file of the state directory that could not be written. Its path stays in the log: an answer may go to another machine.
pub(crate) fn unwritten(what: &str, error: io::Error) -> Fault {
    let fault = Fault::new(
        error_kind(&error),
        Origin::Brains,
        format!("{what} could not be written: {}", error.kind()),
    )
    .hint("check the state directory: `brains doctor`")
    .cause(error);
    tracing::warn!(fault = %fault.chain(), "a file of the state directory could not be written");
    fault
}

/// What a failed file access means to a script.
pub(crate) fn error_kind(error: &io::Error) -> FaultKind {
    match error.kind() {
        io::ErrorKind::NotFound => FaultKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => FaultKind::Forbidden,
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => FaultKind::Invalid,
        _ => FaultKind::Internal,
    }
}

#[cfg(test)]
mod tests;
