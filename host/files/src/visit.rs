//! A visit: what a piece of work at the gate holds. It reports each path before it touches it, so that work which a link
//! leads from a healthy mount to a dead one is counted against the dead one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use brains_core::Fault;
use tokio::time::Instant;

use crate::gate::{GateShared, GateTarget};

/// As many as the kernel follows.
const LINKS: usize = 40;

/// The booking of one piece of work.
#[derive(Debug)]
pub struct Visit {
    gate: Arc<GateShared>,
    place: GateTarget,
    at: RefCell<(String, u64)>,
    until: Instant,
    refused: RefCell<Option<Fault>>,
    /// Something was touched where it is now.
    touched: Cell<bool>,
}

impl Visit {
    pub(crate) fn new(
        gate: Arc<GateShared>,
        place: GateTarget,
        key: String,
        ticket: u64,
        until: Instant,
    ) -> Self {
        Self {
            gate,
            place,
            at: RefCell::new((key, ticket)),
            until,
            refused: RefCell::new(None),
            touched: Cell::new(false),
        }
    }

    /// Says that `path` is touched next. An error is the end of the work: who asked for it is told why.
    pub fn enter(&self, path: &Path) -> io::Result<()> {
        let to = self.gate.mounts.of(path);
        let (from, ticket) = self.at.borrow().clone();
        // What was touched before has answered, or this were not said.
        let answered = self.touched.replace(true);
        if from == to {
            return Ok(());
        }
        match self.gate.move_on((&from, ticket, answered), &to, &self.place, self.until) {
            Ok(ticket) => {
                self.at.replace((to, ticket));
                Ok(())
            }
            Err(fault) => {
                // Nothing is booked any more, and nothing more may be touched.
                self.at.replace((String::new(), 0));
                self.refused.replace(Some(fault));
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// Whether somebody still waits for the work: what would be changed after that would be changed untold.
    pub fn check_time(&self) -> io::Result<()> {
        if Instant::now() < self.until { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    /// The path without links, `.` and `..`, as [`std::fs::canonicalize`] tells it, with each place entered before it is
    /// touched.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut resolved = PathBuf::from("/");
        let mut ahead = parts(&std::path::absolute(path)?);
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            if part == ".." {
                resolved.pop();
                continue;
            }
            resolved.push(&part);
            self.enter(&resolved)?;
            let found = fs::symlink_metadata(&resolved)?;
            if found.is_symlink() {
                links += 1;
                if links > LINKS {
                    return Err(io::Error::other("too many links"));
                }
                let target = fs::read_link(&resolved)?;
                resolved.pop();
                if target.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                let mut led = parts(&target);
                led.append(&mut ahead);
                ahead = led;
            } else if !found.is_dir() && !ahead.is_empty() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(resolved)
    }

    /// The end: the booking goes back. Why it was refused, when it was.
    pub(crate) fn end(&self) -> Option<Fault> {
        let (key, ticket) = self.at.borrow().clone();
        if ticket != 0 {
            self.gate.end(&key, ticket, true);
        }
        self.refused.take()
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|part| match part {
        Component::ParentDir => Some(OsString::from("..")),
        Component::Normal(name) => Some(name.to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    named.collect()
}
