//! Which working tree a directory belongs to, told from the file system alone: no git is run, and of the tree only
//! the two small files are read that say where its git directory is.

mod ground;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use brains_control::BoxedFuture;
use brains_control::ports::DirectoriesPort;
use brains_core::Fault;
use brains_core::plane::workspace::Location;
use brains_files::{Gate, GateTarget, Links, Visit, look};
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
pub(crate) struct Trees {
    gate: Gate,
    /// The state directory of the service that asks.
    state: Option<PathBuf>,
}

impl Trees {
    pub(crate) fn of(gate: Gate) -> Self {
        Self { gate, state: None }
    }

    /// The trees around a service whose state directory this is.
    pub(crate) fn beside(gate: Gate, state: &Path) -> Self {
        Self { gate, state: Some(state.to_owned()) }
    }
}

impl DirectoriesPort for Trees {
    fn locate(&self, path: PathBuf) -> BoxedFuture<'_, Result<Location, Fault>> {
        let state = self.state.clone();
        Box::pin(async move {
            let looked =
                self.gate.run(GateTarget::of(&path), move |visit| locate(visit, &path, state.as_deref()));
            looked.await?
        })
    }

    fn branch(&self, tree: PathBuf) -> BoxedFuture<'_, Option<String>> {
        Box::pin(async move {
            let target = GateTarget::of(&tree);
            // What does not answer in time is on no branch that anybody could be told.
            self.gate.run(target, move |visit| branch(visit, &tree)).await.ok().flatten()
        })
    }
}

/// The branch that a working tree is on.
fn branch(visit: &Visit, tree: &Path) -> Option<String> {
    let head = line(visit, &git_dir(visit, tree)?.join("HEAD"))?;
    head.strip_prefix("ref: refs/heads/").map(|branch| branch.trim().to_owned())
}

fn locate(visit: &Visit, path: &Path, state: Option<&Path>) -> Result<Location, Fault> {
    let asked = visit.resolve(path).unwrap_or_else(|_| lexical(path));
    let exists = look(visit, &asked).is_ok_and(|found| found.is_dir());
    let (tree, common_dir, marked) = if let Some((tree, common_dir)) = repository(visit, &asked) {
        (tree, common_dir, true)
    } else {
        let marked = ground::within_reach(visit, &asked).find(|directory| is_marked(visit, directory));
        let tree = marked.unwrap_or(&asked).to_owned();
        (tree.clone(), tree, marked.is_some())
    };
    let own = identity(visit, &tree);
    let state = state.map(|state| visit.resolve(state).unwrap_or_else(|_| lexical(state)));
    let reserved = ground::is_reserved(visit, &tree, state.as_deref());
    let (path, common_dir) = (text(&tree)?, text(&common_dir)?);
    Ok(Location { asked: text(&asked)?, exists, path, common_dir, marked, reserved, tree: own })
}

/// What a tree is to its file system: its own git directory, which stays the same when the tree is moved, else the
/// directory itself. When it was made tells it from a later one that got the same number.
fn identity(visit: &Visit, tree: &Path) -> Option<String> {
    let own = git_dir(visit, tree).unwrap_or_else(|| tree.to_owned());
    let found = there(visit, &own).filter(Metadata::is_dir)?;
    let made = found.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}:{}:{}", found.dev(), found.ino(), made.as_nanos()))
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

/// The nearest repository or working tree above `directory`, and the git directory that it shares with its siblings.
fn repository(visit: &Visit, directory: &Path) -> Option<(PathBuf, PathBuf)> {
    let tree = ground::within_reach(visit, directory).find(|above| ground::is_root(visit, above))?;
    let common = common_dir(visit, tree).unwrap_or_else(|| tree.to_owned());
    Some((tree.to_owned(), common))
}

/// The git directory that a working tree shares with its siblings; none for what is no tree of git. A `.git` that is
/// neither a directory nor a regular file, a link or a pipe, says where a tree is and nothing else.
fn common_dir(visit: &Visit, tree: &Path) -> Option<PathBuf> {
    let dot_git = tree.join(".git");
    let Some(own) = git_dir(visit, tree) else {
        return there(visit, &dot_git).filter(|found| !found.is_file()).map(|_| dot_git);
    };
    let common = match line(visit, &own.join("commondir")) {
        Some(common) => own.join(common.trim()),
        None => own,
    };
    Some(visit.resolve(&common).unwrap_or_else(|_| lexical(&common)))
}

/// The git directory of one working tree alone.
fn git_dir(visit: &Visit, tree: &Path) -> Option<PathBuf> {
    let dot_git = tree.join(".git");
    let found = there(visit, &dot_git)?;
    if found.is_file() {
        // A linked working tree, or a submodule.
        return Some(tree.join(line(visit, &dot_git)?.strip_prefix("gitdir:")?.trim()));
    }
    found.is_dir().then_some(dot_git)
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
