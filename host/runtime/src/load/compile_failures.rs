//! Versions whose code could not be compiled, and how far it was tried: none of them is tried again before it may go further,
//! or before there is another compiler. In `refused.json` beside the compiled code, so that a restart does not forget.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use brains_core::sync::Unpoisoned as _;

use crate::load::LoadError;
use crate::load::compiler::Reach;

/// Versions that are remembered.
const MOST: usize = 256;
const FILE: &str = "refused.json";
/// The largest file that is read: what is larger was not written here.
const FILE_BYTES: u64 = 1 << 20;

/// How it went, and how far it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CompileFailure {
    reason: String,
    seconds: u32,
    memory_mib: u32,
    /// The program's version, which is the compiler's.
    by: String,
}

impl CompileFailure {
    /// Whether another try could not go any further.
    fn holds(&self, reach: Reach) -> bool {
        let within = |now: u32, then: u32| then == 0 || (now != 0 && now <= then);
        self.by == VERSION && within(reach.seconds, self.seconds) && within(reach.memory_mib, self.memory_mib)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug)]
pub(crate) struct CompileFailures {
    path: PathBuf,
    known: Mutex<BTreeMap<String, CompileFailure>>,
}

impl CompileFailures {
    /// Those that were written down in `folder`; one that cannot be read counts for nothing.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let small =
            fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES);
        let bytes = if small { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        Self { path, known: Mutex::new(serde_json::from_slice(&bytes).unwrap_or_default()) }
    }

    /// Why this version is not tried again.
    pub(crate) fn of(&self, digest: &str, reach: Reach) -> Option<LoadError> {
        let known = self.known.lock_unpoisoned();
        let failure = known.get(digest).filter(|failure| failure.holds(reach))?;
        Some(LoadError::Refused { reason: failure.reason.clone() })
    }

    /// Remembers why a version could not be compiled, when that says something about its code.
    pub(crate) fn note(&self, digest: &str, reach: Reach, error: &LoadError) {
        let its_own = matches!(
            error,
            LoadError::NotAComponent { .. }
                | LoadError::CompileTime { .. }
                | LoadError::CompileMemory { .. }
                | LoadError::CompileEnd { .. }
        );
        if !its_own {
            return;
        }
        let Reach { seconds, memory_mib } = reach;
        let failure = CompileFailure { reason: error.to_string(), seconds, memory_mib, by: VERSION.into() };
        let mut known = self.known.lock_unpoisoned();
        if known.len() >= MOST {
            known.pop_first();
        }
        known.insert(digest.to_owned(), failure);
        if let Err(error) = self.write(&known) {
            tracing::warn!(%error, "what could not be compiled could not be written down");
        }
    }

    fn write(&self, known: &BTreeMap<String, CompileFailure>) -> std::io::Result<()> {
        brains_files::write_atomically(&self.path, ".refused-", &serde_json::to_vec(known)?)
    }
}

#[cfg(test)]
mod tests;
