//! The admin key: set by configuration, else 32 random bytes in the file `admin-key`. The file is looked at
//! on every use, so a rotated key counts at once; reading it again costs one `stat` while it is unchanged.

use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brains_core::{Ambient, Fault, Origin, Secret};
use fs_err as fs;

use crate::home::{self, Home};

/// Reads the key file.
pub(crate) fn read(path: &Path) -> Result<Option<Secret>, Fault> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            Err(Fault::invalid(format!("the key file `{}` is empty", path.display()))
                .hint("remove it: the next start makes a new key"))
        }
        Ok(text) => Ok(Some(Secret::new(text.trim()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::new(home::error_kind(&error), Origin::Brains, error.to_string())
            .hint("the key file must be readable by the user that runs Brains")),
    }
}

/// Makes the key file when there is none. Returns the key and whether it is new.
pub(crate) fn ensure(home: &Home, ambient: &dyn Ambient) -> Result<(Secret, bool), Fault> {
    let path = home.admin_key();
    if let Some(key) = read(&path)? {
        return Ok((key, false));
    }
    home.ensure()?;
    let key = mint(ambient);
    match home::write_new(&path, format!("{}\n", key.expose()).as_bytes()) {
        Ok(()) => Ok((key, true)),
        // Another process was faster: its key is the key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path)?
            .map(|key| (key, false))
            .ok_or_else(|| Fault::internal("the key file came and went while it was read")),
        Err(error) => Err(Fault::new(
            home::error_kind(&error),
            Origin::Brains,
            format!("could not write the admin key: {error}"),
        )
        .hint("check that the state directory can be written: `brains doctor`")),
    }
}

/// Replaces the key file in one step.
pub(crate) fn write(path: &Path, key: &Secret) -> Result<(), Fault> {
    home::write_atomically(path, format!("{}\n", key.expose()).as_bytes()).map_err(|error| {
        Fault::new(
            home::error_kind(&error),
            Origin::Brains,
            format!("could not write the admin key: {error}"),
        )
    })
}

fn mint(ambient: &dyn Ambient) -> Secret {
    let mut bytes = [0; 32];
    ambient.fill_random(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// Shows a fresh key, once, on stderr: stdout may be piped somewhere that keeps it.
pub(crate) fn show_once(key: &Secret, path: &Path) {
    // With stderr closed nobody can be shown anything; the file has the key.
    drop(writeln!(
        anstream::stderr().lock(),
        "Your admin key, shown this once:\n\n    {}\n\nIt is kept in {}\nNew one: brains admin-key rotate\n",
        key.expose(),
        path.display()
    ));
}

/// The key file as it is now.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    seen: Mutex<Option<(Stamp, Secret)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Watched {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key in the file; none when it is gone or cannot be read, so that nobody gets in by a stale one.
    pub(crate) fn current(&self) -> Option<Secret> {
        let metadata = fs::metadata(&self.path).ok()?;
        let stamp = Stamp {
            inode: metadata.ino(),
            size: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, key)) = seen.as_ref()
            && *of == stamp
        {
            return Some(key.clone());
        }
        let key = read(&self.path).ok().flatten();
        *seen = key.clone().map(|key| (stamp, key));
        key
    }
}

#[cfg(test)]
mod tests;
