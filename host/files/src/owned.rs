//! Checks owner and mode of the program's own files: nobody else may write where keys, configuration and components lie.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use brains_core::Fault;

/// Bits that let group and others write, and those that let them do anything.
const WRITABLE: u32 = 0o022;
const OPEN: u32 = 0o077;
const ROOT: u32 = 0;

/// Refuses what others may write or what belongs to somebody else. `me` is the user that the program runs as; root may
/// run it over somebody's directory, and what is root's is nobody's to change.
pub fn check(path: &Path, found: &Metadata, me: u32) -> Result<(), Fault> {
    let (owner, mode) = (found.uid(), found.mode());
    if owner != me && me != ROOT && owner != ROOT {
        return Err(Fault::forbidden(format!("`{}` belongs to another user ({owner})", path.display()))
            .code("not_ours")
            .hint(format!("give it to the user that runs Brains: sudo chown -R {me} '{}'", path.display())));
    }
    if mode & WRITABLE != 0 {
        let shown = mode & 0o777;
        return Err(Fault::forbidden(format!("others may write `{}` (mode {shown:04o})", path.display()))
            .code("writable_by_others")
            .hint(format!("take that from them: chmod go-w '{}'", path.display())));
    }
    Ok(())
}

/// Whether others may read it, which is worth a warning.
pub fn is_readable(found: &Metadata) -> bool {
    found.mode() & OPEN != 0
}
