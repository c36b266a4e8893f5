//! Which database a log belongs to, written down beside it (`brains.db-owner`). SQLite itself would take any log that lies
//! beside a file for the file's own; after a crash, one would go into whatever was put there meanwhile.
//!
//! A file that is written over keeps its inode, so it is written down, too, how the file stood. That changes only when the
//! log is taken over into the file: [`begin_taking_over`] says so before, and [`note`] when it is done.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::identity::inodes::{DatabaseFiles, FileState, Salts, beside, inode, salts};

const ENDING: &str = "-owner";
/// It is one short line.
const BYTES_MAX: u64 = 4_096;
/// Linux: another one after each start of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    /// Inode of the database; none when its content is not what the log was written for.
    database: Option<u64>,
    /// Inode of the log.
    log: u64,
    /// How the database's file stands; none while the log is taken over into it.
    #[serde(default)]
    state: Option<FileState>,
    /// Of the log; it has others when it came with a copy.
    #[serde(default)]
    salts: Option<Salts>,
    /// The run of the machine in which this was written. What is on the disk after power loss may be older than the note.
    #[serde(default)]
    boot: Option<String>,
}

impl Owner {
    fn of(files: DatabaseFiles, stands: Option<(FileState, Salts)>) -> Self {
        Self {
            database: Some(files.database),
            log: files.log,
            state: stands.map(|(state, _)| state),
            salts: stands.map(|(_, salts)| salts),
            boot: boot().map(str::to_owned),
        }
    }
}

/// Writes down that these belong together. Without the note a restore after a crash is not seen; nothing else is lost.
pub(super) fn note(path: &Path, files: DatabaseFiles, state: FileState, salts: Salts) -> bool {
    write(path, &Owner::of(files, Some((state, salts))))
}

/// The file changes from here on, until the next [`note`]. False when that could not be written down.
pub(super) fn begin_taking_over(path: &Path, files: DatabaseFiles) -> bool {
    write(path, &Owner::of(files, None))
}

/// Whether somebody takes the log over into the file, or was at it when they were ended.
pub(super) fn is_taken_over(path: &Path, files: DatabaseFiles) -> bool {
    read(path).is_some_and(|owner| {
        let these = (owner.database, owner.log) == (Some(files.database), files.log);
        // Whoever was at it before the machine was started anew is not any more.
        these && owner.state.is_none() && owner.boot.is_some() && owner.boot.as_deref() == boot()
    })
}

/// The log does not belong to what the file holds now.
pub(super) fn disown(path: &Path) {
    if let Ok(log) = inode(&beside(path, "-wal")) {
        write(path, &Owner { database: None, log, state: None, salts: None, boot: None });
    }
}

fn write(path: &Path, owner: &Owner) -> bool {
    let (place, fresh) = (beside(path, ENDING), beside(path, "-owner.unfinished"));
    let written = serde_json::to_vec(owner).map_err(io::Error::other).and_then(|bytes| {
        // It is on the disk before what it is about goes there: a note that is older than the file accuses the file.
        let mut file = fs::File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &place)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    });
    if let Err(error) = &written {
        tracing::debug!(%error, "it was not written down which database the log belongs to");
    }
    written.is_ok()
}

fn read(path: &Path) -> Option<Owner> {
    let mut bytes = Vec::new();
    fs::File::open(beside(path, ENDING)).ok()?.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn boot() -> Option<&'static str> {
    static READ: OnceLock<Option<String>> = OnceLock::new();
    READ.get_or_init(|| fs::read_to_string(BOOT).ok().map(|id| id.trim().to_owned())).as_deref()
}

/// Before a database is opened: moves a log out of the way that was written for another one. It is kept.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let place = fs::canonicalize(path);
    let path = place.as_deref().unwrap_or(path);
    let log = beside(path, "-wal");
    let Some(owner) = read(path) else { return Ok(()) };
    let found = match inode(&log) {
        // Nobody has it open. Of a log to come, whose inode may be the same, the note says nothing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            forget(path);
            return Ok(());
        }
        found => found?,
    };
    let same_file = owner.database.is_some() && owner.database == inode(path).ok();
    if owner.log != found || same_file && !is_written_over(&owner, path, &log) {
        return Ok(());
    }
    let aside = beside(path, &format!("-wal.of-another-{found}"));
    tracing::warn!(
        log = %aside.display(),
        "the database was replaced since it was open here: the old one's log is set aside, not written into it"
    );
    fs::rename(&log, aside)?;
    match fs::remove_file(beside(path, "-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    forget(path);
    Ok(())
}

/// What cannot be removed is about a log that is no more; whether anything can be written here is told by who opens.
fn forget(path: &Path) {
    drop(fs::remove_file(beside(path, ENDING)));
}

/// Whether somebody wrote into the file behind the log's back, and the log is the one that was there.
fn is_written_over(owner: &Owner, path: &Path, log: &Path) -> bool {
    let Some(noted) = owner.state.filter(|_| owner.boot.as_deref() == boot()) else { return false };
    let Ok((state, _)) = FileState::of(path) else { return false };
    boot().is_some() && state != noted && owner.salts == salts(log).ok()
}
