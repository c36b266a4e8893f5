//! Tasks: what is to be done in a workspace, who holds it, and what it waits for. The value and the checks on
//! what people write into it; its moves are in `task/moves.rs`, its graph in `task/graph.rs`.

pub mod graph;
pub mod moves;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Comment, Id, Session, Task};
use crate::visible::is_blank;
use crate::{Fault, FaultKind, Millis, Origin};

/// Most characters of a title.
pub const TITLE_MAX: usize = 256;
/// Most bytes of a body, a summary, a reason or a comment.
pub const TEXT_MAX: usize = 64 * 1024;
/// Most tags of one task.
pub const TAGS_MAX: usize = 20;
/// Most characters of a tag.
pub const TAG_MAX: usize = 64;
/// Most tasks that one waits for directly.
pub const NEEDS_MAX: usize = 100;
/// The bounds of a lease that a claim asks for.
pub const LEASE_MINUTES: std::ops::RangeInclusive<i64> = 1..=1_440;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Nobody holds it. It can be claimed once everything it waits for is done.
    Available,
    /// A session holds it.
    InProgress,
    /// It cannot go on; the reason is with it.
    Blocked,
    Done,
    /// Out of sight.
    Archived,
}

impl TaskStatus {
    pub const ALL: [Self; 5] = [Self::Available, Self::InProgress, Self::Blocked, Self::Done, Self::Archived];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::InProgress => "in_progress",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Archived => "archived",
        }
    }

    /// Whether work on it is over.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Archived)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How urgent a task is; `p0` first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    P0,
    P1,
    #[default]
    P2,
    P3,
}

impl Priority {
    pub const ALL: [Self; 4] = [Self::P0, Self::P1, Self::P2, Self::P3];

    pub const fn word(self) -> &'static str {
        match self {
            Self::P0 => "p0",
            Self::P1 => "p1",
            Self::P2 => "p2",
            Self::P3 => "p3",
        }
    }
}

/// Why a task is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    pub reason: String,
    /// Code of the task whose end unblocks it.
    pub on: Option<String>,
    pub since: Millis,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRecord {
    pub id: Id<Task>,
    /// Short name, `APP-12`: the workspace's slug and a number that is never used twice.
    pub code: String,
    /// Slug of the workspace.
    pub workspace: String,
    /// Whether the repository's other working trees see it and may claim it.
    #[serde(default)]
    pub siblings: bool,
    pub title: String,
    pub body: String,
    pub priority: Priority,
    pub status: TaskStatus,
    pub tags: Vec<String>,
    /// Codes of the tasks that must be done first.
    pub depends_on: Vec<String>,
    /// How many of them are not done yet.
    pub open_dependencies: u32,
    /// Session or operator that alone may claim it.
    pub assignee: Option<String>,
    /// The session that holds it, or that completed it.
    pub holder: Option<Id<Session>>,
    pub claimed_at: Option<Millis>,
    /// When the claim ends by itself; without it, when the session ends.
    pub lease_expires_at: Option<Millis>,
    /// How often it was claimed.
    pub attempts: u32,
    pub block: Option<Block>,
    pub completed_at: Option<Millis>,
    pub completion_summary: Option<String>,
    /// Slug of the operator who created it.
    pub created_by: String,
    pub created_by_session: Option<Id<Session>>,
    /// Whether an agent created it, rather than a person.
    #[serde(default)]
    pub created_by_agent: bool,
    pub created_at: Millis,
    pub updated_at: Millis,
    /// Rises with every change; give it as `expected_revision` to change only what you have seen.
    pub revision: u64,
}

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskChange {
    /// The revision that it made.
    pub revision: u64,
    pub at: Millis,
    /// The verb: `created`, `claimed`, `released`, …
    pub change: String,
    /// Slug of the operator.
    pub operator: String,
    pub session: Option<Id<Session>>,
    /// Whether an agent did it, rather than a person or the program.
    #[serde(default)]
    pub agent: bool,
    /// Reason, summary or the fields that changed.
    pub note: Option<String>,
}

/// What somebody said about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskComment {
    pub id: Id<Comment>,
    pub at: Millis,
    /// Slug of the operator.
    pub operator: String,
    pub session: Option<Id<Session>>,
    /// Whether an agent said it, rather than a person.
    #[serde(default)]
    pub agent: bool,
    pub body: String,
}

/// The short name of task `number` of a workspace.
pub fn code(slug: &str, number: i64) -> String {
    format!("{}{number}", code_stem(slug))
}

/// What the codes of a workspace's tasks begin with.
pub fn code_stem(slug: &str) -> String {
    format!("{}-", slug.to_ascii_uppercase())
}

/// A code as somebody typed it, in the spelling that is kept; none when it cannot be one.
pub fn read_code(text: &str) -> Option<String> {
    let (slug, number) = text.trim().rsplit_once('-')?;
    let sound = !slug.is_empty()
        && slug.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !number.is_empty()
        && number.len() <= 18
        && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = sound.then(|| number.parse().ok()).flatten()?;
    Some(code(slug, number))
}

/// A title: one line, trimmed, not empty.
pub fn check_title(param: &'static str, text: &str) -> Result<String, Fault> {
    let title = text.trim();
    if is_blank(title) {
        return Err(Fault::invalid(format!("`{param}` is empty")).param(param));
    }
    if title.chars().any(char::is_control) {
        return Err(
            Fault::invalid(format!("`{param}` must be one line of printable characters")).param(param)
        );
    }
    let length = title.chars().count();
    if length > TITLE_MAX {
        return Err(too_long(param, &format!("has {length} characters, at most {TITLE_MAX} are allowed")));
    }
    Ok(title.to_owned())
}

/// A text of some length: a body, a reason, a comment.
pub fn check_text(param: &'static str, text: String) -> Result<String, Fault> {
    if text.len() > TEXT_MAX {
        return Err(too_long(param, &format!("has {} bytes, at most {TEXT_MAX} are allowed", text.len())));
    }
    Ok(text)
}

/// As [`check_text`], and it must say something.
pub fn check_said(param: &'static str, text: String) -> Result<String, Fault> {
    if is_blank(&text) {
        return Err(Fault::invalid(format!("`{param}` is empty")).param(param));
    }
    check_text(param, text)
}

fn too_long(param: &'static str, what: &str) -> Fault {
    Fault::new(FaultKind::TooLarge, Origin::Client, format!("`{param}` {what}"))
        .code("text_too_long")
        .param(param)
        .hint("put long material into a file of the workspace and name its path")
}

/// Tags: trimmed, lower-cased, without doubles, in order.
pub fn check_tags(tags: &[String]) -> Result<Vec<String>, Fault> {
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim().to_lowercase();
        if is_blank(&tag)
            || tag.chars().count() > TAG_MAX
            || tag.contains(',')
            || tag.chars().any(char::is_control)
        {
            return Err(Fault::invalid(format!(
                "`tags`: a tag has 1 to {TAG_MAX} printable characters and no comma"
            ))
            .param("tags"));
        }
        kept.push(tag);
    }
    kept.sort();
    kept.dedup();
    if kept.len() > TAGS_MAX {
        return Err(Fault::invalid(format!("`tags`: a task has at most {TAGS_MAX}")).param("tags"));
    }
    Ok(kept)
}

/// The lease that a claim asks for, in milliseconds.
pub fn check_lease(minutes: Option<i64>) -> Result<Option<i64>, Fault> {
    match minutes {
        None => Ok(None),
        Some(minutes) if LEASE_MINUTES.contains(&minutes) => Ok(Some(minutes * 60_000)),
        Some(minutes) => Err(Fault::invalid(format!(
            "`lease_minutes` is {minutes}, it must be between {} and {}",
            LEASE_MINUTES.start(),
            LEASE_MINUTES.end()
        ))
        .code("lease_out_of_range")
        .param("lease_minutes")
        .hint("leave it out to hold the task as long as the session lives")),
    }
}

#[cfg(test)]
mod tests;
