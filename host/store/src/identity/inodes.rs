//! Which files a database is made of, and what tells one file from another of the same name.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The inodes of the database, its log and the log's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatabaseFiles {
    pub(crate) database: u64,
    pub(crate) log: u64,
    pub(crate) index: u64,
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
