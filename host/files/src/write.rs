//! Files that appear whole or not at all.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file, 0600, such that a reader meets the old content or the new and never half of one, whatever is lost
/// meanwhile. What is unfinished lies beside it under a name that begins with `prefix`.
pub fn write_atomically(path: &Path, prefix: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    stage(folder, prefix, bytes)?.persist(path).map_err(|failed| failed.error)?;
    fs_err::File::open(folder)?.sync_all()
}

/// A file in `folder` that has no lasting name yet, 0600, its content on the disk. Dropped it is gone.
pub fn stage(folder: &Path, prefix: &str, bytes: &[u8]) -> io::Result<NamedTempFile> {
    // 0600 by itself.
    let mut file = tempfile::Builder::new().prefix(prefix).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}
