//! One service per state directory: the lock that a service holds while it lives, and `runtime.json`, by
//! which every other command finds it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use brains_core::{Ambient, Fault, Millis, Origin, Secret};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::home::{self, Home};
use crate::listeners::{GATEWAY, LISTENERS, Listener};
use crate::process;

/// What a running service tells about itself. Holds no secret of anybody's: the database's URL is shown without its
/// password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningService {
    /// Layout of this file.
    pub(crate) v: u32,
    /// Absent in a file of an older program, which wrote it when it served.
    #[serde(default)]
    pub(crate) state: ServiceState,
    pub(crate) pid: u32,
    /// The kernel's own count of when the process began: tells it from a later one with the same pid.
    pub(crate) pid_started: Option<u64>,
    pub(crate) started_at: Millis,
    pub(crate) version: String,
    /// Base URL by listener; empty while it starts: nobody would answer there.
    pub(crate) urls: BTreeMap<String, String>,
    /// Port by listener.
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) db: String,
    pub(crate) log: String,
    /// What a command shows to prove that it could read this file; absent in one of an older program.
    #[serde(default)]
    pub(crate) proof: Option<Proof>,
}

/// How far a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceState {
    /// It has its ports and opens the rest: compiling components takes a while.
    Starting,
    #[default]
    Serving,
}

/// A text that only readers of the state directory know, for as long as one service runs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Proof(String);

impl Proof {
    pub(crate) fn mint(ambient: &dyn Ambient) -> Self {
        Self(Secret::generate("", ambient).expose().to_owned())
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.0.as_str())
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl RunningService {
    /// The base URL of a listener, when it is served.
    pub(crate) fn url_of(&self, listener: &Listener) -> Option<&str> {
        self.urls.get(listener.name).map(String::as_str)
    }

    /// The gateway's base URL, when it is served: operations are there.
    pub(crate) fn gateway(&self) -> Option<&str> {
        self.url_of(&GATEWAY)
    }

    /// The first listener's base URL: health is on each.
    pub(crate) fn any_url(&self) -> Option<&str> {
        LISTENERS.iter().find_map(|listener| self.url_of(listener))
    }

    pub(crate) fn starting(&self) -> bool {
        self.state == ServiceState::Starting
    }

    pub(crate) fn alive(&self) -> bool {
        process::alive(self.pid, self.pid_started)
    }
}

/// The service that `runtime.json` names, if it still runs. A file left by a dead one counts as none.
pub(crate) fn running(home: &Home) -> Result<Option<RunningService>, Fault> {
    Ok(read(home)?.filter(RunningService::alive))
}

/// What `runtime.json` says, true or not.
pub(crate) fn read(home: &Home) -> Result<Option<RunningService>, Fault> {
    let text = match fs::read(home.runtime()) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Fault::new(home::error_kind(&error), Origin::Brains, error.to_string())
                .hint("the state directory belongs to another user, or its permissions were changed"));
        }
    };
    // A file that cannot be read as ours cannot name a live service of ours.
    Ok(serde_json::from_slice(&text).ok())
}

/// The right to serve from one state directory. Dropping it removes `runtime.json` and lets go of the lock.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    home: Home,
    _lock: std::fs::File,
    published: bool,
}

impl InstanceLock {
    /// Takes the lock, or says who holds it.
    pub(crate) fn claim(home: &Home) -> Result<Self, Fault> {
        home.ensure()?;
        let path = home.lock();
        let lock = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(home::FILE_MODE)
            .open(&path)
            .map_err(|error| {
                Fault::new(
                    home::error_kind(&error),
                    Origin::Brains,
                    format!("could not open the lock `{}`: {error}", path.display()),
                )
                .hint("Brains needs to write its state directory; `brains doctor` checks it")
            })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { home: home.clone(), _lock: lock, published: false }),
            Err(TryLockError::WouldBlock) => Err(held(read(home)?)),
            Err(TryLockError::Error(error)) => {
                Err(Fault::internal(format!("could not lock `{}`: {error}", path.display())))
            }
        }
    }

    /// Writes `runtime.json`.
    pub(crate) fn publish(&mut self, running: &RunningService) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(running)?;
        text.push(b'\n');
        home::write_atomically(&self.home.runtime(), &text)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        if self.published {
            // The next start overwrites what could not be removed.
            drop(fs::remove_file(self.home.runtime()));
        }
    }
}

fn held(by: Option<RunningService>) -> Fault {
    let fault = match by {
        Some(running) if running.starting() => {
            Fault::conflict(format!("Brains is starting here already: pid {}", running.pid))
        }
        Some(running) => Fault::conflict(match running.gateway() {
            Some(url) => format!("Brains already runs here: pid {}, {url}", running.pid),
            None => format!("Brains already runs here: pid {}", running.pid),
        }),
        None => Fault::conflict("another Brains is starting in this state directory"),
    };
    fault
        .code("already_running")
        .hint("`brains stop` ends it; another BRAINS_HOME makes room for a second one")
}

#[cfg(test)]
mod tests;
