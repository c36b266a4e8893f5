//! What a directory may not be to its neighbours: how far the marks of one reach, and which ones are nobody's to take.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use fs_err as fs;

/// Below these, every directory is somebody's home.
const HOMES: [&str; 2] = ["/home", "/Users"];

/// `directory` and those above it whose marks reach it. What lies in the root of the file system or in a home directory
/// says nothing of the projects below.
pub(super) fn within_reach(directory: &Path) -> impl Iterator<Item = &Path> {
    let mut above = directory.ancestors();
    let first = above.next();
    first.into_iter().chain(above.take_while(|above| !is_root_of_many(above)))
}

/// Whether a working tree or a repository begins in a directory. A bare one does too: what stands above it has no say in
/// what is checked out below.
pub(super) fn is_root(directory: &Path) -> bool {
    [".git", ".hg", ".svn"].iter().any(|name| directory.join(name).exists()) || is_bare(directory)
}

fn is_bare(directory: &Path) -> bool {
    // The git directory of a tree looks the same, and so do those of its submodules.
    let inside = directory.components().any(|part| part.as_os_str() == ".git");
    !inside
        && directory.join("HEAD").is_file()
        && directory.join("objects").is_dir()
        && directory.join("refs").is_dir()
}

/// Whether it takes an administrator to make a workspace of a directory: the root, a home directory and what holds one,
/// the state directory with what is in it and what holds it, and what belongs to another user of this machine.
pub(super) fn is_reserved(directory: &Path, state: Option<&Path>) -> bool {
    let holds_a_home = HOMES.iter().any(|homes| Path::new(homes).starts_with(directory))
        || own_home().is_some_and(|home| home.starts_with(directory));
    let beside_the_state =
        state.is_some_and(|state| state.starts_with(directory) || directory.starts_with(state));
    is_root_of_many(directory) || holds_a_home || beside_the_state || is_foreign(directory)
}

/// The root of the file system, or a home directory.
fn is_root_of_many(directory: &Path) -> bool {
    let Some(parent) = directory.parent() else { return true };
    HOMES.iter().any(|homes| parent == Path::new(homes))
        || directory == Path::new("/root")
        || own_home().is_some_and(|home| home == directory)
}

fn own_home() -> Option<std::path::PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute())?;
    fs::canonicalize(&home).ok().or(Some(home))
}

/// Whether a directory belongs to another user than the one that this service runs as.
fn is_foreign(directory: &Path) -> bool {
    // What cannot be looked at is not there either.
    fs::metadata(directory).is_ok_and(|found| found.uid() != rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests;
