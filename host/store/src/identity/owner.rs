//! Which database a log belongs to, written down beside it (`brains.db-owner`). SQLite itself would take any log that lies
//! beside a file for the file's own; after a crash, one would go into whatever was put there meanwhile.

use std::io::{self, Read as _};
use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::identity::inodes::{DatabaseFiles, beside, inode};

const ENDING: &str = "-owner";
/// It is one short line.
const BYTES_MAX: u64 = 4_096;

#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    /// Inode of the database; none when its content is not what the log was written for.
    database: Option<u64>,
    /// Inode of the log.
    log: u64,
}

/// Writes down that these belong together. Without the note a restore after a crash is not seen; nothing else is lost.
pub(super) fn note(path: &Path, files: DatabaseFiles) {
    write(path, &Owner { database: Some(files.database), log: files.log });
}

/// The log does not belong to what the file holds now.
pub(super) fn disown(path: &Path) {
    if let Ok(log) = inode(&beside(path, "-wal")) {
        write(path, &Owner { database: None, log });
    }
}

fn write(path: &Path, owner: &Owner) {
    let (place, fresh) = (beside(path, ENDING), beside(path, "-owner.unfinished"));
    let written = serde_json::to_vec(owner)
        .map_err(io::Error::other)
        .and_then(|bytes| fs::write(&fresh, bytes))
        .and_then(|()| fs::rename(&fresh, &place));
    if let Err(error) = written {
        tracing::debug!(%error, "it was not written down which database the log belongs to");
    }
}

fn read(path: &Path) -> Option<Owner> {
    let mut bytes = Vec::new();
    fs::File::open(beside(path, ENDING)).ok()?.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Before a database is opened: moves a log out of the way that was written for another one. It is kept.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let place = fs::canonicalize(path);
    let path = place.as_deref().unwrap_or(path);
    let log = beside(path, "-wal");
    let (Some(owner), Ok(found)) = (read(path), inode(&log)) else { return Ok(()) };
    if owner.log != found || owner.database.is_some() && owner.database == inode(path).ok() {
        return Ok(());
    }
    let aside = beside(path, &format!("-wal.of-another-{found}"));
    tracing::warn!(
        log = %aside.display(),
        "the database was replaced since it was open here: the old one's log is set aside, not written into it"
    );
    fs::rename(&log, aside)?;
    match fs::remove_file(beside(path, "-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
