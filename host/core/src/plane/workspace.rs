//! Workspaces: one working tree each, the unit of coordination and of privacy. Who may do what in one is decided
//! here; what somebody may not see does not exist for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_slug;
use crate::id::{Id, Workspace};
use crate::principal::Role;
use crate::{Fault, Millis, Principal};

/// Longest name.
const NAME_MAX: usize = 200;
/// What a slug made of a path is cut to, so that a number fits behind it.
const MADE_MAX: usize = 56;

/// Who sees a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Every operator sees it and works in it as a member.
    Shared,
    /// Only its members see it.
    Private,
}

/// What an operator may do in one workspace; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkspaceRole {
    /// Looks.
    Reader,
    /// Works: sessions, tasks, locks, mail.
    Member,
    /// Renames, archives, takes locks away.
    Maintainer,
    /// Decides who sees it and who is a member.
    Owner,
}

impl WorkspaceRole {
    pub const ALL: [Self; 4] = [Self::Reader, Self::Member, Self::Maintainer, Self::Owner];

    /// The word that documents use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Maintainer => "maintainer",
            Self::Owner => "owner",
        }
    }
}

/// One workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceRecord {
    pub id: Id<Workspace>,
    /// Unique name, in commands and task codes.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// The working tree's directory.
    pub path: String,
    /// The git directory that its working trees share; its own path without git.
    pub common_dir: String,
    pub visibility: Visibility,
    pub created_at: Millis,
    /// Slug of the operator who registered it.
    pub created_by: String,
    /// Since when nobody works in it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Millis>,
    /// When the last session in it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_touched_at: Option<Millis>,
    /// What that session said it had done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_summary: Option<String>,
}

/// One member of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberRecord {
    /// Slug of the operator.
    pub operator: String,
    pub role: WorkspaceRole,
    pub created_at: Millis,
}

/// A directory as the file system tells it: what identifies a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The directory that was asked about, without links.
    pub asked: String,
    /// Whether it is there.
    pub exists: bool,
    /// The working tree; without git the directory that was asked about, or the next one above with a marker.
    pub path: String,
    pub common_dir: String,
    /// Whether anything says that a project lives there.
    pub marked: bool,
    /// Whether it takes an administrator to make a workspace of it, whatever lies there: what holds other people's
    /// things, or the service's own.
    pub reserved: bool,
    /// What the tree is to its file system, and stays when it is moved; none where that cannot be told.
    pub tree: Option<String>,
}

impl Location {
    /// Whether somebody who is no administrator may make a workspace of it: a project with a marker of its own.
    pub const fn is_open(&self) -> bool {
        self.exists && self.marked && !self.reserved
    }

    /// Whether a workspace with the directory `root`, at or above what was asked about, is what is meant. One above the
    /// working tree is not: a project below a workspace is its own.
    pub fn belongs_to(&self, root: &str) -> bool {
        !self.marked || lies_in(root, &self.path)
    }
}

/// What `principal` is in a workspace; `None` means that it does not exist for them. A membership counts for more
/// than what everybody has, so a shared workspace can have readers.
pub fn standing(
    principal: &Principal,
    visibility: Visibility,
    membership: Option<WorkspaceRole>,
) -> Option<WorkspaceRole> {
    match (principal.role, membership, visibility) {
        (Role::Admin, _, _) => Some(WorkspaceRole::Owner),
        (Role::Member, Some(role), _) => Some(role),
        (Role::Member, None, Visibility::Shared) => Some(WorkspaceRole::Member),
        (Role::Member, None, Visibility::Private) => None,
    }
}

/// The slug that a path gives: its last part, all but letters and digits as `-`.
pub fn slug_of(path: &str) -> String {
    let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let mut slug = String::new();
    for symbol in last.chars().flat_map(char::to_lowercase) {
        if symbol.is_ascii_alphanumeric() {
            slug.push(symbol);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= MADE_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "workspace".into() } else { slug.into() }
}

/// Slugs to try in turn: the wanted one, then with numbers.
pub fn slugs(wanted: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::once(wanted.to_owned()).chain((2..).map(move |number| format!("{wanted}-{number}")))
}

/// Checks a slug that somebody chose. It is never mended silently.
pub fn check_slug(slug: &str) -> Result<(), Fault> {
    if is_slug(slug) {
        return Ok(());
    }
    Err(Fault::invalid(format!("`{slug}` is not a name for a workspace"))
        .param("slug")
        .hint("lower-case letters, digits, `_` and `-`, at most 63, a letter or digit first"))
}

/// A name for people, trimmed.
pub fn check_name(name: &str) -> Result<String, Fault> {
    let name = name.trim();
    if crate::visible::is_blank(name) || name.chars().count() > NAME_MAX || name.chars().any(char::is_control)
    {
        return Err(
            Fault::invalid(format!("`name` must have 1 to {NAME_MAX} printable characters")).param("name")
        );
    }
    Ok(name.to_owned())
}

/// Whether `path` is `root` or lies below it.
pub fn lies_in(path: &str, root: &str) -> bool {
    path.strip_prefix(root.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
