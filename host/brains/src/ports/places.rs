//! Which working tree a directory belongs to, told from the file system alone: no git is run, and of the tree only
//! the two small files are read that say where its git directory is.

mod ground;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use brains_control::ports::Places;
use brains_core::Fault;
use brains_core::plane::workspace::Location;
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
/// The two files of git that are read are one line each.
const LINE_MAX: u64 = 4_096;

/// Working trees on this machine.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    /// The state directory of this service, without links.
    state: Option<PathBuf>,
}

impl Trees {
    /// The trees around a service whose state directory this is.
    pub(crate) fn beside(state: &Path) -> Self {
        Self { state: Some(fs::canonicalize(state).unwrap_or_else(|_| lexical(state))) }
    }
}

impl Places for Trees {
    fn locate(&self, path: &Path) -> Result<Location, Fault> {
        let asked = fs::canonicalize(path).unwrap_or_else(|_| lexical(path));
        let exists = asked.is_dir();
        let (tree, common_dir, marked) = match repository(&asked) {
            Some((tree, common_dir)) => (tree, common_dir, true),
            None => {
                let marked = ground::within_reach(&asked).find(|directory| is_marked(directory));
                let tree = marked.unwrap_or(&asked).to_owned();
                (tree.clone(), tree, marked.is_some())
            }
        };
        let reserved = ground::is_reserved(&tree, self.state.as_deref());
        let (path, common_dir) = (text(&tree)?, text(&common_dir)?);
        Ok(Location { asked: text(&asked)?, exists, path, common_dir, marked, reserved })
    }
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
fn repository(directory: &Path) -> Option<(PathBuf, PathBuf)> {
    let tree = ground::within_reach(directory).find(|above| ground::is_root(above))?;
    let common = common_dir(tree).unwrap_or_else(|| tree.to_owned());
    Some((tree.to_owned(), common))
}

/// The git directory of a working tree; none for what is no tree of git.
fn common_dir(tree: &Path) -> Option<PathBuf> {
    let dot_git = tree.join(".git");
    let own = if dot_git.is_dir() {
        dot_git
    } else {
        // A linked working tree, or a submodule.
        tree.join(line(&dot_git)?.strip_prefix("gitdir:")?.trim())
    };
    let common = match line(&own.join("commondir")) {
        Some(common) => own.join(common.trim()),
        None => own,
    };
    Some(fs::canonicalize(&common).unwrap_or_else(|_| lexical(&common)))
}

fn line(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LINE_MAX).read_to_string(&mut text).ok()?;
    text.lines().next().map(str::to_owned)
}

/// Whether a project lives in a directory; the root of the file system is none, whatever lies there.
fn is_marked(directory: &Path) -> bool {
    if directory.parent().is_none() {
        return false;
    }
    if MARKERS.iter().any(|marker| directory.join(marker).exists()) {
        return true;
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
