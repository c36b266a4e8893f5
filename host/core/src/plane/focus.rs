//! Focus: what a session is at, in its own words and paths, so that others keep clear. It forbids nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lock::Pattern;
use crate::id::{Id, Session, Workspace};
use crate::{Fault, Millis};

/// Most paths of one focus.
const PATHS_MAX: usize = 64;

/// What one session is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FocusRecord {
    pub session: Id<Session>,
    pub workspace: Id<Workspace>,
    /// What it is about, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The task that it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Files and globs, relative to the workspace.
    pub paths: Vec<String>,
    pub since: Millis,
    pub expires_at: Millis,
}

impl FocusRecord {
    /// Paths of `self` that meet one of `other`, and whether both are at one task.
    pub fn overlap(&self, other: &Self) -> Option<Overlap> {
        let task = self.task.clone().filter(|task| other.task.as_ref() == Some(task));
        let theirs: Vec<Pattern> =
            other.paths.iter().filter_map(|path| Pattern::parse(path, None).ok()).collect();
        let meets = |path: &&String| {
            Pattern::parse(path, None).is_ok_and(|mine| theirs.iter().any(|theirs| mine.overlaps(theirs)))
        };
        let paths: Vec<String> = self.paths.iter().filter(meets).cloned().collect();
        (task.is_some() || !paths.is_empty()).then_some(Overlap { task, paths })
    }
}

/// Where two foci meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    pub task: Option<String>,
    pub paths: Vec<String>,
}

/// Checks the paths of a focus in the workspace whose directory is `root`; they come back as they are kept.
pub fn check_paths(paths: &[String], root: Option<&str>) -> Result<Vec<String>, Fault> {
    if paths.len() > PATHS_MAX {
        return Err(Fault::invalid(format!("a focus has at most {PATHS_MAX} paths")).param("paths"));
    }
    let mut kept = Vec::new();
    for path in paths {
        let path = Pattern::parse(path, root).map_err(|fault| fault.param("paths"))?.to_string();
        if !kept.contains(&path) {
            kept.push(path);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
