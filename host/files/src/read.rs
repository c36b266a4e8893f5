//! Reads a file whole: only a regular one, only up to a size, and through a link only where the operator wrote the path.
//! Errors name path and kind, never what the file holds.

use std::fmt;
use std::fs::{self, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::visit::Visit;

/// Whether a file may be reached by a link that stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Directories of ours take none.
    Refused,
    /// The operator named the path.
    Followed,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    System(io::ErrorKind),
    Is(&'static str),
    Larger(u64),
    NoText,
}

impl ReadError {
    /// What it is for a program.
    pub fn kind(&self) -> io::ErrorKind {
        match self.why {
            Why::System(kind) => kind,
            Why::Is(_) => io::ErrorKind::InvalidInput,
            Why::Larger(_) => io::ErrorKind::FileTooLarge,
            Why::NoText => io::ErrorKind::InvalidData,
        }
    }

    pub fn is_absent(&self) -> bool {
        self.why == Why::System(io::ErrorKind::NotFound)
    }

    /// Without the path, for where it is told already.
    pub fn reason(&self) -> String {
        match self.why {
            Why::System(io::ErrorKind::NotFound) => "is not there".to_owned(),
            Why::System(kind) => format!("cannot be read: {kind}"),
            Why::Is(what) => format!("is {what}, not a regular file"),
            Why::Larger(bytes) if bytes >= 1 << 20 => format!("is larger than {} MiB", bytes >> 20),
            Why::Larger(bytes) => format!("is larger than {} KiB", bytes >> 10),
            Why::NoText => "is not UTF-8 text".to_owned(),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.reason())
    }
}

impl std::error::Error for ReadError {}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// What stands at a path; an error when it is no regular file.
pub fn regular(visit: &Visit, path: &Path, links: Links) -> Result<Metadata, ReadError> {
    find(visit, path, links).map(|(_, found)| found)
}

/// What stands at a path, whatever it is; a link is told as such.
pub fn look(visit: &Visit, path: &Path) -> io::Result<Metadata> {
    let place = beside(visit, path)?;
    fs::symlink_metadata(place)
}

/// What a regular file of at most `most` bytes holds.
pub fn read(visit: &Visit, path: &Path, links: Links, most: u64) -> Result<Vec<u8>, ReadError> {
    let refused = |why: Why| ReadError { path: path.to_owned(), why };
    let system = |error: io::Error| refused(Why::System(error.kind()));
    let (place, found) = find(visit, path, links)?;
    if found.len() > most {
        return Err(refused(Why::Larger(most)));
    }
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(place)
        .map_err(system)?;
    // What was looked at may have been replaced since.
    let opened = file.metadata().map_err(system)?;
    irregular(opened.file_type()).map_or(Ok(()), |what| Err(refused(Why::Is(what))))?;
    let mut bytes = Vec::with_capacity(usize::try_from(opened.len().min(most)).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(system)?;
    if bytes.len() as u64 > most { Err(refused(Why::Larger(most))) } else { Ok(bytes) }
}

/// As [`read`], for text.
pub fn read_text(visit: &Visit, path: &Path, links: Links, most: u64) -> Result<String, ReadError> {
    String::from_utf8(read(visit, path, links, most)?)
        .map_err(|_| ReadError { path: path.to_owned(), why: Why::NoText })
}

fn find(visit: &Visit, path: &Path, links: Links) -> Result<(PathBuf, Metadata), ReadError> {
    let refused = |why: Why| ReadError { path: path.to_owned(), why };
    let place = match links {
        Links::Refused => beside(visit, path),
        Links::Followed => visit.resolve(path),
    };
    let found = place.and_then(|place| Ok((fs::symlink_metadata(&place)?, place)));
    let (found, place) = found.map_err(|error| refused(Why::System(error.kind())))?;
    match irregular(found.file_type()) {
        Some(what) => Err(refused(Why::Is(what))),
        None => Ok((place, found)),
    }
}

/// The path with its folder resolved, and entered.
fn beside(visit: &Visit, path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let place = match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => visit.resolve(folder)?.join(name),
        _ => visit.resolve(&path)?,
    };
    visit.enter(&place)?;
    Ok(place)
}

fn irregular(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    })
}
