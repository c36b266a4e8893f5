//! Reading: what waits, and waiting for what comes. What is told counts as read once its reader shows that it got it.

use brains_core::Fault;
use brains_core::id::{Id, Message, Session};
use brains_core::plane::mail::{COUNTED_MAX, Letter};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::{Rows, mailbox};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NOUN;
use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::waiting::{Ground, Waiting, check_timeout, default_ms};
use crate::workspace_access::WorkspaceAccess;

/// Most messages that one call takes out of a mailbox.
const TAKEN: u32 = 100;

/// Reads the messages that wait for your session, the most urgent first, then the oldest. They come again until you give
/// `next_cursor` of this answer as `cursor` of your next call. `list_messages` shows them later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadMessages {
    /// The session whose mail it is.
    session: Option<Id<Session>>,
    /// `next_cursor` of the answer before, which you got.
    cursor: Option<String>,
    /// Ids of messages that you got.
    #[serde(default)]
    #[schemars(length(max = 100))]
    ack: Vec<Id<Message>>,
    /// `true`: read at once, even if this answer is lost; `false`: only look.
    mark_read: Option<bool>,
    /// Behind them, the newest of those that were read before, as far as there is room.
    #[serde(default)]
    include_read: bool,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
}

/// Messages, and how many are left.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MailRead {
    messages: Vec<Letter>,
    /// How many more wait unread, counted up to 100.
    unread: u32,
    /// Give it as `cursor` of your next call, so that these messages count as read.
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Operation for ReadMessages {
    const NAME: &'static str = "read_messages";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "read"])
        .table(
            "messages",
            &["sent_at", "priority", "from", "from_agent", "from_session", "subject", "body", "id"],
        )
        .confirms_receipt();
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Everything that waits",
        command: "message read --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["cursor", "limit"]);
    type Output = MailRead;

    async fn run(self, cx: &Cx<'_>) -> Result<MailRead, Fault> {
        let reading = MailRequest::check(self.cursor, self.ack, self.mark_read, self.limit)?;
        let mut view = cx.control.store.read().await?;
        let (me, access) = cx.own_session(&mut view, self.session.clone(), WorkspaceRole::Reader).await?;
        let now = cx.now();
        let before =
            if self.include_read { read_before(&mut view, &me.id, reading.limit).await? } else { Vec::new() };
        // An empty mailbox is no reason to write, unless a kept answer or the lease is.
        let mut read = if reading.only_looks() {
            reading.look(cx, &mut view, &me).await?
        } else if !reading.confirms()
            && view.unread(&me.id, now, 1).await? == 0
            && cx.once.is_none()
            && !me.is_due(now)
        {
            MailRead::default()
        } else {
            drop(view);
            reading.take(cx, &me, &access).await?
        };
        read.messages.extend(before);
        read.messages.truncate(usize::try_from(reading.limit).unwrap_or(usize::MAX));
        read.messages.truncate(cx.budget.fitting(&read.messages));
        Ok(read)
    }
}

/// The newest messages that were read before, newest first.
async fn read_before(rows: &mut Rows, me: &Id<Session>, limit: u32) -> Result<Vec<Letter>, Fault> {
    let mut letters = rows.letters(me, None, limit).await?;
    letters.retain(|letter| letter.read_at.is_some());
    Ok(letters)
}

/// What a call asks of a mailbox.
#[derive(Debug, Clone)]
struct MailRequest {
    /// The answer that the reader shows to have got.
    cursor: Option<String>,
    ack: Vec<Id<Message>>,
    mark_read: Option<bool>,
    limit: u32,
}

impl MailRequest {
    fn check(
        cursor: Option<String>,
        ack: Vec<Id<Message>>,
        mark_read: Option<bool>,
        limit: u32,
    ) -> Result<Self, Fault> {
        if !(1..=TAKEN).contains(&limit) {
            return Err(Fault::invalid(format!("`limit` must be between 1 and {TAKEN}")).param("limit"));
        }
        if ack.len() > usize::try_from(TAKEN).unwrap_or(usize::MAX) {
            return Err(Fault::invalid(format!("`ack` names more than {TAKEN} messages")).param("ack"));
        }
        let odd =
            |cursor: &String| cursor.len() > 64 || !cursor.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if cursor.as_ref().is_some_and(odd) {
            return Err(page::bad_cursor());
        }
        Ok(Self { cursor, ack, mark_read, limit })
    }

    fn confirms(&self) -> bool {
        self.cursor.is_some() || !self.ack.is_empty()
    }

    fn only_looks(&self) -> bool {
        self.mark_read == Some(false) && !self.confirms()
    }

    async fn look(&self, cx: &Cx<'_>, rows: &mut Rows, me: &SessionRecord) -> Result<MailRead, Fault> {
        let now = cx.now();
        let mut messages = rows.unread_letters(&me.id, now, self.limit).await?;
        messages.truncate(cx.budget.fitting(&messages));
        Ok(MailRead { messages, unread: rows.unread(&me.id, now, COUNTED_MAX + 1).await?, next_cursor: None })
    }

    /// Marks as read what the reader shows that it got, and tells what waits. What is told stays unread until its reader
    /// shows that it got it, too: an answer may be lost on its way, and a reader with it.
    async fn take(
        &self,
        cx: &Cx<'_>,
        me: &SessionRecord,
        access: &WorkspaceAccess,
    ) -> Result<MailRead, Fault> {
        let (reading, budget) = (self.clone(), cx.budget);
        cx.write_as(access, Some(me.id.clone()), move |tx, session| {
            Box::pin(async move {
                let mut read: Vec<String> = Vec::new();
                if let Some(cursor) = &reading.cursor {
                    read.extend(tx.confirm_letters(&session.id, cursor).await?);
                }
                for message in &reading.ack {
                    if tx.read_letter(&session.id, message).await? {
                        read.push(message.to_string());
                    }
                }
                let mut messages = tx.waiting_letters(&session.id, reading.limit).await?;
                messages.truncate(budget.fitting(&messages));
                let (now, mut next_cursor, mut told) = (tx.now(), None, 0);
                match reading.mark_read {
                    Some(false) => {}
                    Some(true) => {
                        for letter in &mut messages {
                            tx.read_letter(&session.id, &letter.message.id).await?;
                            letter.read_at = Some(now);
                            read.push(letter.message.id.to_string());
                        }
                    }
                    None if messages.is_empty() => {}
                    None => {
                        let cursor = tx.mint::<Message>().unique().to_owned();
                        for letter in &messages {
                            tx.tell_letter(&session.id, &letter.message.id, &cursor).await?;
                        }
                        told = u32::try_from(messages.len()).unwrap_or(u32::MAX);
                        next_cursor = Some(cursor);
                    }
                }
                if !read.is_empty() {
                    tx.record("mail.read", json!({ "messages": read })).await?;
                }
                let most = (COUNTED_MAX + 1).saturating_add(told);
                let unread = tx.unread(&session.id, now, most).await?.saturating_sub(told);
                Ok(MailRead { messages, unread, next_cursor })
            })
        })
        .await
    }
}

/// Waits until a message comes for your session, and reads it; answers at once when one waits already. An answer without
/// messages means that none came in time. Give `next_cursor` as `cursor` of your next call: until then it comes again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitMessages {
    /// The session whose mail it is.
    session: Option<Id<Session>>,
    /// `next_cursor` of the answer before, which you got.
    cursor: Option<String>,
    /// Ids of messages that you got.
    #[serde(default)]
    #[schemars(length(max = 100))]
    ack: Vec<Id<Message>>,
    /// How long to wait, in milliseconds.
    #[serde(default = "default_ms")]
    #[schemars(range(max = 60000))]
    timeout_ms: u64,
    /// `true`: read at once, even if this answer is lost; `false`: only look.
    mark_read: Option<bool>,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
}

impl Operation for WaitMessages {
    const NAME: &'static str = "wait_messages";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "wait"])
        .table(
            "messages",
            &["sent_at", "priority", "from", "from_agent", "from_session", "subject", "body", "id"],
        )
        .confirms_receipt();
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Up to a minute",
        command: "message wait --session ses_01kax3v7yqe5nbp8w0c4mzt6rd --timeout-ms 60000",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd", "timeout_ms": 60000}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["cursor", "timeout_ms"]);
    type Output = MailRead;

    async fn run(self, cx: &Cx<'_>) -> Result<MailRead, Fault> {
        let mut reading = MailRequest::check(self.cursor, self.ack, self.mark_read, self.limit)?;
        let time = check_timeout(self.timeout_ms)?;
        let (me, access) = {
            let mut view = cx.control.store.read().await?;
            cx.own_session(&mut view, self.session.clone(), WorkspaceRole::Reader).await?
        };
        let ground = Ground::Inside(Box::new(access.clone()), access.workspace.slug.clone());
        let waiting = Waiting::start(cx, vec![mailbox(&me.id)], time, ground, Some(me.clone()));
        loop {
            let mut view = waiting.look().await?;
            if reading.confirms() || view.unread(&me.id, cx.now(), 1).await? > 0 {
                let read = if reading.only_looks() {
                    reading.look(cx, &mut view, &me).await?
                } else {
                    drop(view);
                    reading.take(cx, &me, &access).await?
                };
                // Another reader of the same mailbox may have been faster.
                if !read.messages.is_empty() {
                    return Ok(read);
                }
                (reading.cursor, reading.ack) = (None, Vec::new());
            } else {
                drop(view);
            }
            if !waiting.again().await {
                return Ok(MailRead::default());
            }
        }
    }
}
