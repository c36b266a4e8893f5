//! What a directory may not be to its neighbours: how far the marks of one reach, and which ones are nobody's to take.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use brains_files::Visit;

use super::there;

/// Below these, every directory is somebody's home.
const HOMES: [&str; 2] = ["/home", "/Users"];

/// `directory` and those above it whose marks reach it. What lies in the root of the file system or in a home directory
/// says nothing of the projects below.
pub(super) fn within_reach<'d>(
    visit: &Visit,
    directory: &'d Path,
) -> impl Iterator<Item = &'d Path> + use<'d> {
    let home = own_home(visit);
    let mut above = directory.ancestors();
    let first = above.next();
    first.into_iter().chain(above.take_while(move |above| !is_root_of_many(above, home.as_deref())))
}

/// Whether a working tree or a repository begins in a directory. A bare one does too: what stands above it has no say in
/// what is checked out below.
pub(super) fn is_root(visit: &Visit, directory: &Path) -> bool {
    [".git", ".hg", ".svn"].iter().any(|name| there(visit, &directory.join(name)).is_some())
        || is_bare(visit, directory)
}

fn is_bare(visit: &Visit, directory: &Path) -> bool {
    // The git directory of a tree looks the same, and so do those of its submodules.
    let inside = directory.components().any(|part| part.as_os_str() == ".git");
    let is_folder = |name: &str| there(visit, &directory.join(name)).is_some_and(|found| found.is_dir());
    !inside
        && there(visit, &directory.join("HEAD")).is_some_and(|found| found.is_file())
        && is_folder("objects")
        && is_folder("refs")
}

/// Whether it takes an administrator to make a workspace of a directory: the root, a home directory and what holds one,
/// the state directory with what is in it and what holds it, and what belongs to another user of this machine.
pub(super) fn is_reserved(visit: &Visit, directory: &Path, state: Option<&Path>) -> bool {
    let home = own_home(visit);
    let holds_a_home = HOMES.iter().any(|homes| Path::new(homes).starts_with(directory))
        || home.as_ref().is_some_and(|home| home.starts_with(directory));
    let beside_the_state =
        state.is_some_and(|state| state.starts_with(directory) || directory.starts_with(state));
    is_root_of_many(directory, home.as_deref())
        || holds_a_home
        || beside_the_state
        || is_foreign(visit, directory)
}

/// The root of the file system, or a home directory.
fn is_root_of_many(directory: &Path, home: Option<&Path>) -> bool {
    let Some(parent) = directory.parent() else { return true };
    HOMES.iter().any(|homes| parent == Path::new(homes))
        || directory == Path::new("/root")
        || home == Some(directory)
}

fn own_home(visit: &Visit) -> Option<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute())?;
    Some(visit.resolve(&home).unwrap_or(home))
}

/// Whether a directory belongs to another user than the one that this service runs as.
fn is_foreign(visit: &Visit, directory: &Path) -> bool {
    // What cannot be looked at is not there either.
    there(visit, directory).is_some_and(|found| found.uid() != rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests;
