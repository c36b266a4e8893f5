//! Whether the files of a SQLite database are still those that were opened. SQLite goes on writing into a file that was
//! deleted or replaced, and what it acknowledges then is gone with the process (sqlite.org, "How To Corrupt An SQLite
//! Database File", 1.3, 1.4, 4.2). So each commit is answered only after a look, and so is each read, at most a second
//! apart. What was acknowledged before is written beside the database, and a log never reaches another database than its
//! own.
//!
//! A file that is written over keeps its name and inode. In WAL mode SQLite changes it only when it takes pages over from
//! the log, which shows in the log's counters (`PRAGMA wal_checkpoint(NOOP)`) and its head: a change that they do not
//! explain, and that nothing explains within [`EXPLAINED_WITHIN`], is somebody else's. What is appended to the log, as
//! others commit, explains nothing.

mod inodes;
mod owner;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use fs_err as fs;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use brains_core::sync::Unpoisoned as _;

use crate::error::StoreError;
use crate::rows::{from_row, sqlite};
use crate::sqlite_file::SqliteFile;

use inodes::{DatabaseFiles, FileState, Salts, beside, inode, salts};

pub(crate) use owner::set_aside;

/// Between two looks for the sake of reading.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a change of the file may go without an explanation: SQLite tells of pages it took over once they are on the
/// disk.
const EXPLAINED_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks at a change that has none yet.
const AGAIN: Duration = Duration::from_millis(20);

/// Pages of the log before they go into the file: those that change again and again then go once.
const LONG: i64 = 8_000;

const COUNTERS: &str = "PRAGMA wal_checkpoint(NOOP)";
const READABLE: &str = "SELECT COUNT(*) FROM generation";
const WRITABLE: &str = "PRAGMA query_only = OFF";
/// Tells first whether somebody else was at it.
const TAKE_OVER: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESCUE: &str = "VACUUM INTO $1";

/// Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct FileIdentity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: SqliteFile,
    /// Where it really is: SQLite puts the log there, not beside a link.
    place: PathBuf,
    ours: DatabaseFiles,
    seen: Mutex<Seen>,
    /// The file holds something else than was written. That does not pass.
    overwritten: AtomicBool,
    /// Where everything was written that had been acknowledged.
    rescued: OnceLock<String>,
    /// Stays open as long as the store, so that SQLite takes no log away, and is closed last.
    keeper: Mutex<Option<Connection>>,
    alarm: Notify,
}

/// What the last look found, and when it was.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Read before `state`, so that whatever changed the file later changed this later too.
    log: Log,
    state: FileState,
    at: Instant,
    /// Whether it found the same files.
    same: bool,
    /// The state that nothing explains yet, and since when the file has it.
    unexplained: Option<(FileState, Instant)>,
    note: Note,
}

/// What is written down beside the database of how its file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    /// This, or that somebody else takes the log over.
    Stands(FileState, Salts),
    /// Nothing that counts: the log is not the file's, or was not when this was last looked at.
    Nothing,
    /// This process takes the log over into the file.
    TakingOver,
    /// It has done so.
    TakenOver,
}

/// What changes when the log is taken over into the file, or begun anew after it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Log {
    pages: i64,
    /// How many of them are in the file.
    taken_over: i64,
    salts: Salts,
}

impl Log {
    /// Whether pages may have gone into the file since it was `before`.
    fn explains_since(&self, before: &Self) -> bool {
        self.taken_over != before.taken_over || self.salts != before.salts || self.pages < before.pages
    }
}

/// What `COUNTERS` tells.
struct Taken {
    pages: i64,
    taken_over: i64,
}

from_row! {
    row => Taken {
        Ok(Self { pages: row.try_get("log")?, taken_over: row.try_get("checkpointed")? })
    }
}

/// What a look found, when it found no other file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Sound,
    /// The file changed; it may be that SQLite is at it.
    Unexplained,
}

impl FileIdentity {
    /// Of a database that was just opened and brought up.
    pub(crate) fn take(file: SqliteFile) -> Result<Self, StoreError> {
        let keeper = file.open()?;
        // Reading makes the log, if there is none yet.
        sqlite::statement(&keeper, READABLE).fetch_optional::<i64>()?;
        let missing = |error: io::Error| StoreError::Unreachable { detail: error.kind().to_string() };
        let place = fs::canonicalize(file.path()).map_err(missing)?;
        let log = counters(&keeper, &place)?;
        let (state, database) = FileState::of(file.path()).map_err(missing)?;
        let ours = DatabaseFiles {
            database,
            log: inode(&beside(&place, "-wal")).map_err(missing)?,
            index: inode(&beside(&place, "-shm")).map_err(missing)?,
        };
        // What somebody else takes over now stands otherwise soon. An empty log nobody takes over.
        if log.pages == 0 || !owner::is_taken_over(&place, ours) {
            owner::note(&place, ours, state, log.salts);
        }
        let note = Note::Stands(state, log.salts);
        Ok(Self(Arc::new(Inner {
            file,
            place,
            ours,
            seen: Mutex::new(Seen { log, state, at: Instant::now(), same: true, unexplained: None, note }),
            overwritten: AtomicBool::new(false),
            rescued: OnceLock::new(),
            keeper: Mutex::new(Some(keeper)),
            alarm: Notify::new(),
        })))
    }

    /// For reading: looks, unless somebody did within the last second.
    pub(crate) fn look_now_and_then(&self) -> Result<(), StoreError> {
        let seen = *self.0.seen.lock_unpoisoned();
        // Once somebody was told, everybody is.
        if seen.same && seen.at.elapsed() < LOOK_EVERY { Ok(()) } else { self.check() }
    }

    /// Looks whether a name still leads to the same file.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.look().map(drop)
    }

    /// For writing: looks until every change of the file is explained.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        while self.look()? == Look::Unexplained {
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    fn look(&self) -> Result<Look, StoreError> {
        self.compare().map_err(|how| {
            self.0.alarm.notify_one();
            self.replaced(how)
        })
    }

    fn replaced(&self, how: Found) -> StoreError {
        match how {
            Found::Unreadable(kind) => StoreError::Unreachable { detail: kind.to_string() },
            Found::Replaced(how) => StoreError::Replaced { how, kept: self.0.rescued.get().cloned() },
        }
    }

    fn compare(&self) -> Result<Look, Found> {
        let mut seen = self.0.seen.lock_unpoisoned();
        let found = self.compare_to(&mut seen);
        seen.same = found.is_ok();
        found
    }

    fn compare_to(&self, seen: &mut Seen) -> Result<Look, Found> {
        let (inner, path) = (&self.0, self.0.file.path());
        if inner.overwritten.load(Ordering::Relaxed) {
            return Err(Found::Replaced(OVERWRITTEN));
        }
        let log = self.counters();
        let (now, database) = FileState::of(path).map_err(|error| found(&error, DELETED))?;
        if database != inner.ours.database {
            return Err(Found::Replaced(EXCHANGED));
        }
        for (ending, ours) in [("-wal", inner.ours.log), ("-shm", inner.ours.index)] {
            if inode(&beside(&inner.place, ending)).map_err(|error| found(&error, LOG))? != ours {
                return Err(Found::Replaced(LOG));
            }
        }
        let at = Instant::now();
        // Counters that cannot be read now explain nothing and accuse nobody.
        let Some(log) = log else { return Ok(Look::Sound) };
        if now == seen.state || self.counters().is_none_or(|later| later.explains_since(&seen.log)) {
            *seen = Seen {
                log,
                state: now,
                at,
                same: true,
                unexplained: None,
                note: self.noted(seen.note, now, log.salts),
            };
            return Ok(Look::Sound);
        }
        // However long this process itself takes.
        if seen.note == Note::TakingOver {
            return Ok(Look::Unexplained);
        }
        let since = seen.unexplained.filter(|(state, _)| *state == now).map_or(at, |(_, since)| since);
        seen.unexplained = Some((now, since));
        // Whoever ends this process now must not make what is written from here on the file's.
        if seen.note != Note::Nothing && !owner::is_taken_over(&inner.place, inner.ours) {
            owner::disown(&inner.place);
            seen.note = Note::Nothing;
        }
        if at - since < EXPLAINED_WITHIN {
            return Ok(Look::Unexplained);
        }
        // Somebody was at it and met an error, as on a full disk.
        if seen.note != Note::Nothing {
            *seen = Seen { state: now, unexplained: None, ..*seen };
            return Ok(Look::Sound);
        }
        // What is in the log belongs to another content than the file's.
        owner::disown(&inner.place);
        inner.overwritten.store(true, Ordering::Relaxed);
        Err(Found::Replaced(OVERWRITTEN))
    }

    /// Writes down how the file stands, when that is another way than before.
    fn noted(&self, before: Note, now: FileState, salts: Salts) -> Note {
        let Inner { place, ours, .. } = &*self.0;
        match before {
            Note::TakingOver => return before,
            Note::Stands(..) if before == Note::Stands(now, salts) => return before,
            Note::Stands(..) if owner::is_taken_over(place, *ours) => return Note::Stands(now, salts),
            Note::Stands(..) | Note::Nothing | Note::TakenOver => {}
        }
        if owner::note(place, *ours, now, salts) { Note::Stands(now, salts) } else { before }
    }

    /// Takes the log over into the file, once it is long. Nobody waits for it: it comes behind the answers. SQLite itself
    /// never does, for that this process is at it must be known before.
    pub(crate) fn take_over(&self, conn: &Connection) {
        {
            let mut seen = self.0.seen.lock_unpoisoned();
            let Log { pages, taken_over, .. } = seen.log;
            let due = seen.same && seen.unexplained.is_none() && pages >= LONG && taken_over < pages;
            if !due || !owner::begin_taking_over(&self.0.place, self.0.ours) {
                return;
            }
            seen.note = Note::TakingOver;
        }
        let taken = sqlite::statement(conn, TAKE_OVER).fetch_optional::<i64>();
        if let Err(error) = &taken {
            tracing::warn!(%error, "the log could not be taken over into the database, it is tried again");
        }
        {
            let mut seen = self.0.seen.lock_unpoisoned();
            // Somebody else who is at it writes down when it is done; what an error left unfinished stays so.
            let done = matches!(taken, Ok(Some(0)));
            seen.note = if done { Note::TakenOver } else { Note::Stands(seen.state, seen.log.salts) };
            if let (Err(_), Ok((state, _))) = (&taken, FileState::of(self.0.file.path())) {
                seen.state = state;
            }
        }
        drop(self.check());
    }

    fn counters(&self) -> Option<Log> {
        self.0.keeper.lock_unpoisoned().as_ref().and_then(|keeper| counters(keeper, &self.0.place).ok())
    }

    /// Looks every second until the store closes, and when the files are gone writes beside them what they held.
    pub(crate) async fn watch(self, closing: CancellationToken) {
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                () = self.0.alarm.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if let Err(how @ Found::Replaced(_)) = self.compare() {
                self.rescue(&self.replaced(how));
            }
        }
    }

    /// Writes everything that the open files hold into another one, once. A file that was written over holds no one
    /// state that could be kept.
    fn rescue(&self, error: &StoreError) {
        if self.0.rescued.get().is_some() {
            return;
        }
        tracing::error!(
            %error,
            "the database is not where it was opened: nothing is written any more; stop the service, put the database in place, start it again"
        );
        let mut name = String::new();
        if !self.0.overwritten.load(Ordering::Relaxed) {
            match self.write_copy() {
                Ok(copy) => {
                    name = copy.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    tracing::error!(copy = %copy.display(), "everything that was acknowledged is in this copy");
                }
                Err(error) => {
                    tracing::error!(%error, "no copy of what was acknowledged could be written, it is tried again");
                    return;
                }
            }
        }
        drop(self.0.rescued.set(name));
    }

    fn write_copy(&self) -> Result<PathBuf, StoreError> {
        use fs::os::unix::fs::OpenOptionsExt as _;
        let keeper = self.0.keeper.lock_unpoisoned();
        let Some(conn) = keeper.as_ref() else { return Err(StoreError::Closed) };
        let free = (1..1_000).map(|number| beside(&self.0.place, &format!(".rescued-{number}")));
        for copy in free {
            // Empty and closed to others: SQLite takes such a file as a new one.
            match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(StoreError::Unreachable { detail: error.kind().to_string() }),
            }
            let text = copy.to_string_lossy().into_owned();
            let written = sqlite::run(conn, WRITABLE)
                .and_then(|()| sqlite::statement(conn, RESCUE).bind(text).execute());
            if written.is_err() {
                drop(fs::remove_file(&copy));
            }
            return written.map(|_| copy);
        }
        Err(StoreError::Full)
    }

    /// Closes what was kept open. The log goes into the file only when both are still the same.
    pub(crate) fn close(&self) {
        let looked = self.compare();
        let Inner { place, ours, file, .. } = &*self.0;
        let others = owner::is_taken_over(place, *ours);
        let sound = matches!(looked, Ok(Look::Sound)) && owner::begin_taking_over(place, *ours);
        if let Err(how @ Found::Replaced(_)) = looked {
            self.rescue(&self.replaced(how));
        }
        let Some(keeper) = self.0.keeper.lock_unpoisoned().take() else { return };
        if sound && let Err(error) = keeper.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false) {
            tracing::warn!(%error, "the log stays beside the database");
        }
        if let Err((_, error)) = keeper.close() {
            tracing::warn!(db.error = %error, "the last connection did not close cleanly");
        }
        // Others have it open, or there was no room: the log stays, and is the file's as it stands now.
        if sound
            && !others
            && inode(&beside(place, "-wal")).ok() == Some(ours.log)
            && let (Ok((state, _)), Ok(salts)) = (FileState::of(file.path()), salts(&beside(place, "-wal")))
        {
            owner::note(place, *ours, state, salts);
        }
    }
}

/// Why a look failed.
#[derive(Debug, Clone, Copy)]
enum Found {
    Replaced(&'static str),
    Unreadable(io::ErrorKind),
}

const DELETED: &str = "the database file was deleted while it was open";
const EXCHANGED: &str = "another file was put in the place of the open database";
const LOG: &str = "the log beside the open database was deleted or replaced";
const OVERWRITTEN: &str = "the database file was written over while it was open";

fn found(error: &io::Error, gone: &'static str) -> Found {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Found::Replaced(gone),
        kind => Found::Unreadable(kind),
    }
}

fn counters(conn: &Connection, place: &Path) -> Result<Log, StoreError> {
    let replaced = sqlite::statement(conn, COUNTERS).fetch_optional::<Taken>()?;
    let Taken { pages, taken_over } = replaced.unwrap_or(Taken { pages: 0, taken_over: 0 });
    Ok(Log { pages, taken_over, salts: salts(&beside(place, "-wal")).unwrap_or_default() })
}
