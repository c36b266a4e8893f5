//! Sessions: the durable thread of one agent in one workspace. They live by a lease that every call renews; who may
//! act as one is decided here, from what the caller can show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Checkpoint, Id, Key, Session, Workspace};
use crate::visible::is_blank;
use crate::{Ambient, Fault, FaultKind, Millis, Origin, Secret};

/// What every session token begins with.
pub const TOKEN_PREFIX: &str = "brs_";
/// How long a session lives without a call, when nothing is said.
pub const LEASE_MS: i64 = 30 * 60_000;
/// The bounds of a lease that somebody asks for.
pub const LEASE_BOUNDS_MS: (i64, i64) = (1_000, 24 * 3_600_000);
/// A session that has not been heard of for this long is idle.
pub const IDLE_MS: i64 = 5 * 60_000;
/// Longest name of a tool.
const TOOL_MAX: usize = 64;
/// Longest text of a summary, a note, a reason.
pub const TEXT_MAX: usize = 16_384;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// It was heard of lately.
    Active,
    /// It lives, but nothing was heard of it for five minutes.
    Idle,
    /// Its lease ran out; it can be resumed.
    Expired,
    /// It is over; it can be resumed under the same id.
    Ended,
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Itself.
    Ended,
    /// Its lease ran out.
    Expired,
    /// Its process on this machine is gone.
    Died,
    /// Its operator was revoked.
    Revoked,
    /// Somebody with the authority ended it.
    Killed,
}

/// A process on one machine: the pid alone would name a stranger once it is used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// The machine since its last start.
    pub machine: String,
    pub pid: u32,
    /// When it began, in the machine's own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
}

/// The key that a session works with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey {
    pub id: Id<Key>,
    /// Its name for people, which no key changes.
    pub name: String,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub id: Id<Session>,
    pub workspace: Id<Workspace>,
    /// Slug of the operator that it works for.
    pub operator: String,
    pub tool: String,
    /// Whether an agent started it.
    pub agent: bool,
    /// The key that it was started or taken up with; none for the admin key and for local commands.
    #[serde(default)]
    pub key: Option<SessionKey>,
    /// Rises with every resumption; tokens of the one before are void.
    pub epoch: u64,
    /// SHA-256 of its token.
    #[serde(skip)]
    pub token_hash: String,
    pub lease_ms: i64,
    pub lease_until: Millis,
    pub started_at: Millis,
    pub last_seen_at: Millis,
    pub ended_at: Option<Millis>,
    pub ending: Option<Ending>,
    pub summary: Option<String>,
    pub process: Option<Process>,
}

impl SessionRecord {
    pub fn state(&self, now: Millis) -> SessionState {
        match self.ending {
            Some(Ending::Expired) => SessionState::Expired,
            Some(_) => SessionState::Ended,
            None if self.lease_until <= now => SessionState::Expired,
            None if now.since(self.last_seen_at) >= IDLE_MS => SessionState::Idle,
            None => SessionState::Active,
        }
    }

    /// Whether it holds what it holds.
    pub fn lives(&self, now: Millis) -> bool {
        self.ended_at.is_none() && self.lease_until > now
    }

    /// Whether it can act, or why it cannot.
    pub fn check_alive(&self, now: Millis) -> Result<(), Fault> {
        let (code, what) = match (self.ending, self.lives(now)) {
            (None, true) => return Ok(()),
            (None, false) | (Some(Ending::Expired), _) => {
                ("session_expired", format!("expired at {}", self.lease_until))
            }
            (Some(ending), _) => {
                let at = self.ended_at.unwrap_or(self.lease_until);
                ("session_ended", format!("{} at {at}", ending.verb()))
            }
        };
        Err(Fault::conflict(format!("the session `{}` {what}; what it held is free", self.id))
            .code(code)
            .param("session")
            .hint("`resume_session` brings it back under the same id, `start_session` makes another"))
    }

    /// Whether a renewal is worth a write: leases are kept to a twentieth of their length.
    pub fn is_due(&self, now: Millis) -> bool {
        now.since(self.last_seen_at) >= (self.lease_ms / 20).min(30_000)
    }
}

impl Ending {
    const fn verb(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::Died => "died with its process",
            Self::Revoked => "ended with its operator",
            Self::Killed => "was ended by somebody else",
        }
    }
}

/// What somebody who is not that session is told: a session id that was read somewhere is no credential.
pub fn foreign(id: &Id<Session>) -> Fault {
    Fault::new(FaultKind::Forbidden, Origin::Client, format!("you are not the session `{id}`"))
        .code("session_foreign")
        .param("session")
        .hint("act through the connection that started it, or send its token as `session_token` or in the header `x-brains-session-token`; `start_session` gives you your own")
}

/// What a call is told that must act as a session and does not.
pub fn missing() -> Fault {
    Fault::invalid("this is done by a session, and no session was named")
        .code("session_required")
        .param("session")
        .hint("`start_session` first; a connection that started one is recognised by itself. After a restart of the service or of your client it is not: `resume_session` with your `session_token` takes your session up again, with its locks and tasks")
}

/// A note that a session leaves for whoever takes it up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointRecord {
    pub id: Id<Checkpoint>,
    pub session: Id<Session>,
    pub workspace: Id<Workspace>,
    /// Which life of the session wrote it.
    pub epoch: u64,
    pub summary: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<String>,
    /// What is in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blockers: Option<String>,
    /// Where further notes lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratchpad_path: Option<String>,
    pub created_at: Millis,
}

/// Who tied a native id to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkedBy {
    /// The program, from what the client sent.
    #[default]
    Auto,
    /// A person.
    Operator,
}

/// A native id that a session is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkRecord {
    pub session: Id<Session>,
    /// The kind of id: a header's name, a tool's name.
    pub kind: String,
    pub value: String,
    pub linked_at: Millis,
    pub linked_by: LinkedBy,
}

/// The kind of link that ties a session to a connection of ours. It is never shown.
pub const CONNECTION: &str = "connection";

/// A fresh token: the prefix and 32 random bytes.
pub fn token(ambient: &dyn Ambient) -> Secret {
    Secret::generate(TOKEN_PREFIX, ambient)
}

/// The name of a tool, trimmed.
pub fn check_tool(tool: &str) -> Result<String, Fault> {
    let tool = tool.trim();
    if is_blank(tool) || tool.chars().count() > TOOL_MAX || tool.chars().any(char::is_control) {
        return Err(
            Fault::invalid(format!("`tool` must have 1 to {TOOL_MAX} printable characters")).param("tool")
        );
    }
    Ok(tool.to_owned())
}

/// A lease that somebody asks for, within bounds.
pub fn check_lease(lease_ms: Option<i64>) -> Result<i64, Fault> {
    let (least, most) = LEASE_BOUNDS_MS;
    match lease_ms {
        None => Ok(LEASE_MS),
        Some(ms) if (least..=most).contains(&ms) => Ok(ms),
        Some(_) => Err(Fault::invalid("`lease` must be between one second and 24 hours").param("lease")),
    }
}

/// A text that people wrote: trimmed, blank is none, too long is refused.
pub fn check_text(member: &str, text: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(text) = text.map(str::trim).filter(|text| !is_blank(text)) else { return Ok(None) };
    if text.len() > TEXT_MAX {
        return Err(Fault::invalid(format!(
            "`{member}` has {} bytes, at most {TEXT_MAX} are kept",
            text.len()
        ))
        .code("text_too_long")
        .param(member.to_owned()));
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests;
