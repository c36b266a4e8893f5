//! The key file as it is now. A rotated key counts with the next request, although no request looks at the file: the
//! system notes every change of the state directory in a queue, and reading the queue waits for nothing.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use brains_core::sync::Unpoisoned as _;
use brains_core::{Fault, Secret};
use brains_files::{Gate, GateTarget, Visit};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use super::read_at;

/// What happens to a file that is written, replaced, removed or closed to us; not every write to every file beside it.
const TOLD: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// The key file and what is known of it.
#[derive(Debug)]
pub(crate) struct AdminKeyFile {
    path: PathBuf,
    gate: Gate,
    changes: AtomicU64,
    /// The queue of the system; none where it has none.
    queue: Option<OwnedFd>,
    /// The queue tells of the folder as it is now. Otherwise every look is a change.
    watched: AtomicBool,
    held: Mutex<Option<Secret>>,
}

impl AdminKeyFile {
    pub(crate) fn new(path: PathBuf, gate: Gate) -> Self {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        if let Err(error) = &queue {
            tracing::warn!(%error, "the admin key cannot be watched, its file is read for every request");
        }
        Self {
            path,
            gate,
            changes: AtomicU64::new(0),
            queue: queue.ok(),
            watched: AtomicBool::new(false),
            held: Mutex::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Another number when the file may hold another key. Waits for nothing.
    pub(crate) fn generation(&self) -> u64 {
        if self.watched.load(Ordering::Acquire) && !self.stirred() {
            self.changes.load(Ordering::Acquire)
        } else {
            self.changes.fetch_add(1, Ordering::AcqRel) + 1
        }
    }

    /// The key as it was read last; none when there was none, or it could not be read.
    pub(crate) fn known(&self) -> Option<Secret> {
        self.held().clone()
    }

    /// The key in the file; none when there is none. What cannot be read lets nobody in by a stale one.
    pub(crate) async fn current(&self) -> Result<Option<Secret>, Fault> {
        let (path, queue) = (self.path.clone(), self.queue.as_ref().and_then(|queue| queue.try_clone().ok()));
        let watched = self.watched.load(Ordering::Acquire);
        let read = self.gate.run(GateTarget::of(&self.path), move |visit| {
            // Watched before it is read: what changes in between is told.
            let watched = watched || queue.is_some_and(|queue| watch(visit, &queue, &path));
            (watched, read_at(visit, &path))
        });
        let key = match read.await {
            Ok((watched, key)) => {
                self.watched.store(watched, Ordering::Release);
                key
            }
            Err(fault) => Err(fault),
        };
        *self.held() = key.as_ref().ok().cloned().flatten();
        key
    }

    /// Reads the file again although nothing was told: somebody else's machine may share it. Says whether it differs.
    pub(crate) async fn look(&self) -> bool {
        let before = self.known();
        let differs = self.current().await.is_ok_and(|now| now != before);
        if differs {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
        differs
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Secret>> {
        self.held.lock_unpoisoned()
    }

    /// Whether the queue tells of the file, or of the folder itself.
    fn stirred(&self) -> bool {
        let Some(queue) = &self.queue else { return true };
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut events = Reader::new(queue, &mut buffer);
        let mut stirred = false;
        while let Ok(event) = events.next() {
            let flags = event.events();
            let gone =
                ReadFlags::IGNORED | ReadFlags::UNMOUNT | ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF;
            if flags.intersects(gone) {
                self.watched.store(false, Ordering::Release);
            }
            let name = event.file_name().map(|name| name.to_bytes().to_vec());
            let own = self.path.file_name().map(|name| name.as_encoded_bytes().to_vec());
            stirred |= flags.intersects(gone | ReadFlags::QUEUE_OVERFLOW) || name.is_some() && name == own;
        }
        stirred
    }
}

/// Whether the system tells of changes of the folder from now on.
fn watch(visit: &Visit, queue: &OwnedFd, path: &Path) -> bool {
    let Some(folder) = path.parent() else { return false };
    let watched = visit.resolve(folder).and_then(|folder| Ok(inotify::add_watch(queue, folder, TOLD)?));
    if let Err(error) = &watched {
        tracing::debug!(%error, "the state directory cannot be watched");
    }
    watched.is_ok()
}
