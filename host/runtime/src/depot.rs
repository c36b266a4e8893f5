//! The content-addressed store of components: `sha256/<digest>.wasm`. A file appears whole or not at all, and is
//! checked against its name whenever it is read.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use fs_err as fs;

use crate::load::digest;

/// How unfinished files begin.
const UNFINISHED: &str = ".unfinished-";

/// The store.
#[derive(Debug)]
pub(crate) struct Depot {
    folder: PathBuf,
    /// What is being written is not what an interrupted write left behind.
    writing: Mutex<()>,
}

impl Depot {
    /// In the folder `components` of the state directory.
    pub(crate) fn new(components: &std::path::Path) -> Self {
        Self { folder: components.join("sha256"), writing: Mutex::default() }
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let is_one = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| self.folder.join(format!("{hex}.wasm")))
    }

    pub(crate) fn holds(&self, digest: &str) -> bool {
        self.path(digest).is_some_and(|path| path.is_file())
    }

    /// Keeps a content; one that is there already stays.
    pub(crate) fn put(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(path) = self.path(digest) else { return Err(io::ErrorKind::InvalidInput.into()) };
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if path.is_file() {
            return Ok(());
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // 0600 by itself.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|failed| failed.error)?;
        fs::File::open(&self.folder)?.sync_all()
    }

    /// A content, if it is there and still is what its name says.
    pub(crate) fn get(&self, wanted: &str) -> Option<Vec<u8>> {
        let path = self.path(wanted)?;
        let bytes = fs::read(&path).ok()?;
        if digest(&bytes) == wanted {
            return Some(bytes);
        }
        tracing::error!(
            component.digest = wanted,
            "a stored component is not what its name says, it is not used"
        );
        None
    }

    /// Removes every file that is not in `keep`, and what an interrupted write left behind.
    pub(crate) fn keep_only(&self, keep: &BTreeSet<String>) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let content = name.strip_suffix(".wasm");
            let needless = content.is_some_and(|hex| !keep.contains(&format!("sha256:{hex}")));
            if (needless || name.starts_with(UNFINISHED))
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(%error, "a component that nothing needs could not be removed");
            }
        }
    }
}
