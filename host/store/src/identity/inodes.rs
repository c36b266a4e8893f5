//! Which files a database is made of, and what tells one file from another of the same name.

use std::io;
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

/// When something about a file last changed; nobody can set it.
pub(crate) fn changed(path: &Path) -> io::Result<(i64, i64)> {
    let found = fs_err::metadata(path)?;
    Ok((found.ctime(), found.ctime_nsec()))
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
