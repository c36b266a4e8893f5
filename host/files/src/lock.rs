//! Files of ours that only we may read, and the right to change them: a lock that ends with its holder, however that ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt as _;

/// Held while the file is open. Dropping it lets go.
#[derive(Debug)]
pub struct FileLock {
    _open: File,
}

impl FileLock {
    /// The lock at `path`, which is made, 0600; none while another process has it. Waits for nobody.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.into_file();
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _open: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Makes a directory and its parents, 0700, unless it is there.
pub fn ensure_private(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{FileLock, ensure_private, remove};

    #[test]
    fn one_holds_a_lock_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("a/b");
        ensure_private(&dir).unwrap();
        ensure_private(&dir).unwrap();
        let path = dir.join("x.lock");
        let held = FileLock::take(&path).unwrap().unwrap();
        assert!(FileLock::take(&path).unwrap().is_none());
        drop(held);
        assert!(FileLock::take(&path).unwrap().is_some());
        let mode = |path: &std::path::Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&path)), (0o700, 0o600));
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }
}
