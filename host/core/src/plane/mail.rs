//! Mail between sessions: one message, one delivery for each recipient. Reading, acknowledging and expiry are
//! facts of a delivery; nothing that one recipient does is seen by another.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Id, Message, Session};
use crate::plane::task::{check_text, check_title};
use crate::{Fault, FaultKind, Millis, Origin};

/// Most recipients that one message names.
pub const RECIPIENTS_MAX: usize = 100;
/// Messages that one sender may send within [`RATE_WINDOW`].
pub const RATE_MAX: u32 = 600;
pub const RATE_WINDOW: Duration = Duration::from_mins(1);
/// Unread messages that wait for one session at most.
pub const UNREAD_MAX: u32 = 1_000;
/// How long a broadcast reaches sessions that start after it, unless it says otherwise.
pub const BROADCAST_HOURS: i64 = 24;
/// The bounds of an expiry that a message asks for.
pub const EXPIRY_MINUTES: std::ops::RangeInclusive<i64> = 1..=43_200;
/// Most characters of a kind.
const KIND_MAX: usize = 32;
/// Unread messages are counted up to this.
pub const COUNTED_MAX: u32 = 99;

/// How soon a message wants to be read. The more urgent is read first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Urgent,
    High,
    #[default]
    Normal,
    Low,
}

impl Urgency {
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// Its place in the order of reading.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Urgent => 0,
            Self::High => 1,
            Self::Normal => 2,
            Self::Low => 3,
        }
    }

    pub fn of_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|urgency| urgency.rank() == rank)
    }
}

/// One message as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageRecord {
    pub id: Id<Message>,
    /// The first message of its thread.
    pub thread: Id<Message>,
    /// The message that it answers.
    pub reply_to: Option<Id<Message>>,
    /// Slug of the workspace that it was sent from.
    pub workspace: String,
    /// Slug of the operator who sent it.
    pub from: String,
    pub from_session: Option<Id<Session>>,
    /// Whether an agent sent it, rather than a person.
    #[serde(default)]
    pub from_agent: bool,
    /// To everybody in the workspace, rather than to sessions it names.
    pub broadcast: bool,
    pub kind: String,
    pub priority: Urgency,
    pub subject: String,
    pub body: String,
    /// The sender wants it acknowledged.
    pub wants_acknowledgement: bool,
    pub sent_at: Millis,
    /// After this it is not delivered any more.
    pub expires_at: Option<Millis>,
}

/// A message as one recipient has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Letter {
    #[serde(flatten)]
    pub message: MessageRecord,
    pub read_at: Option<Millis>,
    pub acknowledged_at: Option<Millis>,
}

/// What became of a message at one recipient, for its sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    pub session: Id<Session>,
    pub delivered_at: Millis,
    pub read_at: Option<Millis>,
    pub acknowledged_at: Option<Millis>,
    /// What the recipient said when acknowledging.
    pub note: Option<String>,
}

/// What a message says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailText {
    pub subject: String,
    pub body: String,
    pub kind: String,
}

impl MailText {
    pub fn check(subject: &str, body: String, kind: &str) -> Result<Self, Fault> {
        let subject = check_title("subject", subject)?;
        let body = check_text("body", body)?;
        let kind = kind.trim();
        let sound = (1..=KIND_MAX).contains(&kind.len())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if !sound {
            return Err(Fault::invalid(format!(
                "`kind` must be one word of 1 to {KIND_MAX} letters, digits, `_`, `-` and `.`"
            ))
            .param("kind"));
        }
        Ok(Self { subject, body, kind: kind.to_ascii_lowercase() })
    }
}

/// The subject of an answer that has none of its own.
pub fn reply_subject(subject: &str) -> String {
    if subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:")) {
        subject.to_owned()
    } else {
        format!("Re: {subject}").chars().take(crate::plane::task::TITLE_MAX).collect()
    }
}

/// When a message sent at `now` expires.
pub fn expiry(minutes: Option<i64>, broadcast: bool, now: Millis) -> Result<Option<Millis>, Fault> {
    match minutes {
        Some(minutes) if EXPIRY_MINUTES.contains(&minutes) => Ok(Some(now.plus_ms(minutes * 60_000))),
        Some(minutes) => Err(Fault::invalid(format!(
            "`expires_in_minutes` is {minutes}, it must be between {} and {}",
            EXPIRY_MINUTES.start(),
            EXPIRY_MINUTES.end()
        ))
        .param("expires_in_minutes")),
        None => Ok(broadcast.then(|| now.plus_ms(BROADCAST_HOURS * 3_600_000))),
    }
}

/// Refuses a message beyond the sender's rate. `sent` is how many went out within the window.
pub fn check_rate(sent: u32) -> Result<(), Fault> {
    if sent < RATE_MAX {
        return Ok(());
    }
    let window_ms = u64::try_from(RATE_WINDOW.as_millis()).unwrap_or(u64::MAX);
    Err(Fault::new(
        FaultKind::RateLimited,
        Origin::Client,
        format!("{sent} messages within {} s are enough", RATE_WINDOW.as_secs()),
    )
    .code("mail_rate_exceeded")
    .retry_after_ms(window_ms / 2)
    .hint("put what belongs together into one message"))
}

/// A recipient that lets its mail lie.
pub fn mailbox_full(session: &str) -> Fault {
    Fault::conflict(format!("the mailbox of `{session}` is full: {UNREAD_MAX} messages wait unread"))
        .code("mailbox_full")
        .hint("wait until it reads, or write to another session of the workspace")
}

/// The line about waiting mail that stands beside other results; none without mail. Never a word of the mail.
pub fn notice(unread: u32) -> Option<String> {
    match unread {
        0 => None,
        1 => Some("1 unread message: read_messages shows it".into()),
        2..=COUNTED_MAX => Some(format!("{unread} unread messages: read_messages shows them")),
        _ => Some(format!("more than {COUNTED_MAX} unread messages: read_messages shows them")),
    }
}

#[cfg(test)]
mod tests;
