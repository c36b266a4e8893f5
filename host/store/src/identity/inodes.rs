//! Which files a database is made of, and what tells one file from another of the same name.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The inodes of the database, its log and the log's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatabaseFiles {
    pub(crate) database: u64,
    pub(crate) log: u64,
    pub(crate) index: u64,
}

/// What changes when somebody writes into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    size_bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl FileState {
    /// Of the file at `path`, and its inode. The file is not opened: closing it would end the locks that SQLite holds.
    pub(crate) fn of(path: &Path) -> io::Result<(Self, u64)> {
        let found = fs_err::metadata(path)?;
        let state = Self { size_bytes: found.len(), modified: (found.mtime(), found.mtime_nsec()) };
        Ok((state, found.ino()))
    }
}

/// Another number each time that a log begins anew.
pub(crate) type Salts = [u8; 8];
/// Where they stand in it (sqlite.org/fileformat2.html, 4.1).
const SALTS: usize = 16;

/// An empty log has none. SQLite holds no lock on the log that closing it could end.
pub(crate) fn salts(log: &Path) -> io::Result<Salts> {
    let mut head = [0; SALTS + size_of::<Salts>()];
    fs_err::File::open(log)?.read_exact(&mut head)?;
    Ok(head.last_chunk().copied().unwrap_or_default())
}

pub(crate) fn inode(path: &Path) -> io::Result<u64> {
    Ok(fs_err::metadata(path)?.ino())
}

/// A file whose name is the database's and an ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
