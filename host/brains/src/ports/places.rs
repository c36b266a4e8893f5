//! Which working tree a directory belongs to, told from the file system alone: no git is run, and of the tree only
//! the two small files are read that say where its git directory is.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use brains_control::Pending;
use brains_control::ports::Places;
use brains_core::Fault;
use brains_core::plane::workspace::Location;
use brains_files::{Gate, Links, Place, Visit, look};
use fs_err as fs;

/// Files that say that a project lives in a directory (spec/surface.md 2.3).
const MARKERS: [&str; 15] = [
    ".hg",
    ".svn",
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Gemfile",
    "mix.exs",
    "composer.json",
    "requirements.txt",
    "setup.py",
    ".git",
];
const MARKER_ENDINGS: [&str; 4] = ["csproj", "sln", "fsproj", "vbproj"];
/// The two files of git that are read are one line each; a path is no longer than this.
const LINE_MAX: u64 = 64 << 10;

/// Working trees on this machine, looked at through a gate.
#[derive(Debug)]
pub(crate) struct Trees(pub(crate) Gate);

impl Places for Trees {
    fn locate(&self, path: PathBuf) -> Pending<'_, Result<Location, Fault>> {
        Box::pin(async move { self.0.run(Place::of(&path), move |visit| locate(visit, &path)).await? })
    }
}

fn locate(visit: &Visit, path: &Path) -> Result<Location, Fault> {
    let asked = visit.resolve(path).unwrap_or_else(|_| lexical(path));
    let exists = look(visit, &asked).is_ok_and(|found| found.is_dir());
    if let Some((tree, common_dir)) = git(visit, &asked) {
        return location(&asked, exists, &tree, &common_dir, true);
    }
    let marked = asked.ancestors().find(|directory| is_marked(visit, directory));
    let tree = marked.unwrap_or(&asked).to_owned();
    location(&asked, exists, &tree, &tree, marked.is_some())
}

fn location(
    asked: &Path,
    exists: bool,
    tree: &Path,
    common_dir: &Path,
    marked: bool,
) -> Result<Location, Fault> {
    Ok(Location { asked: text(asked)?, exists, path: text(tree)?, common_dir: text(common_dir)?, marked })
}

fn text(path: &Path) -> Result<String, Fault> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Fault::invalid(format!("the path `{}` is not UTF-8", path.display()))
            .code("invalid_path")
            .param("path")
    })
}

/// `.` and `..` taken out by their names, for what is not there to ask.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The working tree above `directory` and the git directory that it shares with its siblings. A `.git` that is neither a
/// directory nor a regular file, a link or a pipe, says where a tree is and nothing else.
fn git(visit: &Visit, directory: &Path) -> Option<(PathBuf, PathBuf)> {
    let (tree, found) =
        directory.ancestors().find_map(|above| Some((above, there(visit, &above.join(".git"))?)))?;
    let dot_git = tree.join(".git");
    let own = if found.is_file() {
        // A linked working tree, or a submodule.
        tree.join(line(visit, &dot_git)?.strip_prefix("gitdir:")?.trim())
    } else {
        dot_git
    };
    if !found.is_file() && !found.is_dir() {
        return Some((tree.to_owned(), own));
    }
    let common = match line(visit, &own.join("commondir")) {
        Some(common) => own.join(common.trim()),
        None => own,
    };
    Some((tree.to_owned(), visit.resolve(&common).unwrap_or_else(|_| lexical(&common))))
}

/// What stands at a path, without following it.
fn there(visit: &Visit, path: &Path) -> Option<Metadata> {
    look(visit, path).ok()
}

fn line(visit: &Visit, path: &Path) -> Option<String> {
    let text = brains_files::read_text(visit, path, Links::Refused, LINE_MAX).ok()?;
    text.lines().next().map(str::to_owned)
}

/// Whether a project lives in a directory; the root of the file system is none, whatever lies there.
fn is_marked(visit: &Visit, directory: &Path) -> bool {
    if directory.parent().is_none() {
        return false;
    }
    if MARKERS.iter().any(|marker| there(visit, &directory.join(marker)).is_some()) {
        return true;
    }
    if visit.enter(directory).is_err() {
        return false;
    }
    fs::read_dir(directory).is_ok_and(|entries| {
        entries.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name();
            let ending = Path::new(&name).extension().and_then(|ending| ending.to_str());
            ending.is_some_and(|ending| MARKER_ENDINGS.contains(&ending))
        })
    })
}

#[cfg(test)]
mod tests;
