//! What can be locked: a whole workspace, paths of it, a task, or anything that has a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::Fault;
use crate::visible::is_blank;

/// Longest name of a resource.
const NAME_MAX: usize = 200;

/// The kinds of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LockKind {
    /// All files of the workspace.
    Workspace,
    /// A file, a folder or a glob.
    Path,
    /// A task.
    Task,
    /// Anything that has a name, e.g. `deploy`.
    Name,
}

/// One resource of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    pub kind: LockKind,
    /// The path or glob, the task or the name; empty for the whole workspace.
    pub resource: String,
}

impl Resource {
    pub fn workspace() -> Self {
        Self { kind: LockKind::Workspace, resource: String::new() }
    }

    /// A path or a glob of the workspace whose directory is `root`, in its normal form.
    pub fn path(text: &str, root: Option<&str>) -> Result<Self, Fault> {
        Ok(Self { kind: LockKind::Path, resource: Pattern::parse(text, root)?.to_string() })
    }

    pub fn task(text: &str) -> Result<Self, Fault> {
        Ok(Self { kind: LockKind::Task, resource: name("task", text)? })
    }

    pub fn name(text: &str) -> Result<Self, Fault> {
        Ok(Self { kind: LockKind::Name, resource: name("name", text)? })
    }

    fn pattern(&self) -> Result<Pattern, Fault> {
        Pattern::parse(&self.resource, None)
    }

    /// Whether the two have anything in common. A whole workspace is all its paths; tasks and names are
    /// something else.
    pub fn overlaps(&self, other: &Self) -> bool {
        use LockKind::{Name, Path, Task, Workspace};
        match (self.kind, other.kind) {
            (Workspace, Workspace | Path) | (Path, Workspace) => true,
            (Path, Path) => match (self.pattern(), other.pattern()) {
                (Ok(mine), Ok(theirs)) => mine.overlaps(&theirs),
                // What cannot be read might be anything.
                _ => true,
            },
            (Task, Task) | (Name, Name) => self.resource == other.resource,
            (Workspace | Path, Task | Name)
            | (Task, Workspace | Path | Name)
            | (Name, Workspace | Path | Task) => false,
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            LockKind::Workspace => f.write_str("the workspace"),
            LockKind::Path => write!(f, "the path `{}`", self.resource),
            LockKind::Task => write!(f, "the task `{}`", self.resource),
            LockKind::Name => write!(f, "the name `{}`", self.resource),
        }
    }
}

fn name(member: &str, text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if is_blank(text) || text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(Fault::invalid(format!("`{member}` must have 1 to {NAME_MAX} printable characters"))
            .param(member.to_owned()));
    }
    Ok(text.to_owned())
}
