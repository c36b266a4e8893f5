//! Looking at mail: what was, one message with what became of it, one thread; and saying that a message was understood.

use brains_core::Fault;
use brains_core::id::{Id, Message, Session};
use brains_core::plane::mail::{Letter, Receipt};
use brains_core::plane::task::check_text;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{NOUN, absent};
use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Most recipients that a sender is told of.
const RECEIPTS: u32 = 1_000;

/// Which half of a mailbox.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Folder {
    /// What came, read or not.
    #[default]
    Inbox,
    /// What went out.
    Sent,
}

/// Lists the messages that your session got or sent, newest first. Looking does not mark them as read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListMessages {
    /// The session whose mail it is.
    session: Option<Id<Session>>,
    /// What came or what went out.
    #[serde(default)]
    folder: Folder,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this message: `next_cursor` of the page before.
    cursor: Option<Id<Message>>,
}

/// A page of messages.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MessagePage {
    messages: Vec<Letter>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListMessages {
    const NAME: &'static str = "list_messages";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "list"]).table(
        "messages",
        &[
            "sent_at",
            "priority",
            "from",
            "from_agent",
            "from_session",
            "subject",
            "read_at",
            "acknowledged_at",
            "id",
        ],
    );
    const EXAMPLES: &'static [Example] = &[Example {
        title: "What was sent",
        command: "message list --folder sent --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"folder": "sent", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    type Output = MessagePage;

    async fn run(self, cx: &Cx<'_>) -> Result<MessagePage, Fault> {
        let limit = page::limit(self.limit)?;
        let mut view = cx.control.store.read().await?;
        let (me, _) = cx.own_session(&mut view, self.session, WorkspaceRole::Reader).await?;
        let mut messages = match self.folder {
            Folder::Inbox => view.letters(&me.id, self.cursor.as_ref(), limit + 1).await?,
            Folder::Sent => {
                let sent = view.sent_messages(&me.id, self.cursor.as_ref(), limit + 1).await?;
                sent.into_iter()
                    .map(|message| Letter { message, read_at: None, acknowledged_at: None })
                    .collect()
            }
        };
        let next_cursor =
            cx.budget.cut(&mut messages, limit, |letter: &Letter| letter.message.id.to_string());
        Ok(MessagePage { messages, next_cursor })
    }
}

/// Shows one message that your session got or sent; its sender also sees who read and acknowledged it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowMessage {
    /// The message.
    message: Id<Message>,
    /// The session that got or sent it.
    session: Option<Id<Session>>,
}

/// A message and, for its sender, what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MessageShown {
    message: Letter,
    /// One for each recipient; for the sender only.
    receipts: Vec<Receipt>,
}

impl Operation for ShowMessage {
    const NAME: &'static str = "show_message";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "show"]).positional(&["message"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Who has read it",
        command: "message show msg_01kax3v7yqe5nbp8w0c4mzt6rd --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"message": "msg_01kax3v7yqe5nbp8w0c4mzt6rd", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = MessageShown;

    async fn run(self, cx: &Cx<'_>) -> Result<MessageShown, Fault> {
        let mut view = cx.control.store.read().await?;
        let me = cx.session_identity(self.session).find(&mut view, cx.now()).await?;
        if let Some(me) = &me
            && let Some(message) = view.letter(&me.id, &self.message).await?
        {
            return Ok(MessageShown { message, receipts: Vec::new() });
        }
        // A person sees what that person sent.
        let own = view.message(&self.message).await?.filter(|message| match &me {
            Some(me) => message.from_session.as_ref() == Some(&me.id),
            None => {
                !message.from_agent
                    && message.from_session.is_none()
                    && message.from == cx.principal.operator
                    && !cx.is_agent()
            }
        });
        let message = own.ok_or_else(|| absent(&self.message))?;
        let receipts = view.receipts(&self.message, RECEIPTS).await?;
        Ok(MessageShown { message: Letter { message, read_at: None, acknowledged_at: None }, receipts })
    }
}

/// Shows what your session got and sent of one thread, oldest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowThread {
    /// Any message of it.
    message: Id<Message>,
    /// The session that takes part in it.
    session: Option<Id<Session>>,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this message: `next_cursor` of the page before.
    cursor: Option<Id<Message>>,
}

impl Operation for ShowThread {
    const NAME: &'static str = "show_thread";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "thread"])
        .positional(&["message"])
        .table("messages", &["sent_at", "from", "from_agent", "from_session", "subject", "body", "id"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "The whole conversation",
        command: "message thread msg_01kax3v7yqe5nbp8w0c4mzt6rd --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"message": "msg_01kax3v7yqe5nbp8w0c4mzt6rd", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = MessagePage;

    async fn run(self, cx: &Cx<'_>) -> Result<MessagePage, Fault> {
        let limit = page::limit(self.limit)?;
        let mut view = cx.control.store.read().await?;
        let (me, _) = cx.own_session(&mut view, self.session, WorkspaceRole::Reader).await?;
        let message = match view.letter(&me.id, &self.message).await? {
            Some(letter) => Some(letter.message),
            None => {
                view.message(&self.message).await?.filter(|sent| sent.from_session.as_ref() == Some(&me.id))
            }
        };
        let thread = message.ok_or_else(|| absent(&self.message))?.thread;
        let mut messages = view.thread(&thread, &me.id, self.cursor.as_ref(), limit + 1).await?;
        let next_cursor =
            cx.budget.cut(&mut messages, limit, |letter: &Letter| letter.message.id.to_string());
        Ok(MessagePage { messages, next_cursor })
    }
}

/// Acknowledges a message that your session got: its sender sees it. It counts as read from then on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgeMessage {
    /// The message.
    message: Id<Message>,
    /// A word for the sender.
    note: Option<String>,
    /// The session that got it.
    session: Option<Id<Session>>,
}

/// The message, acknowledged.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Acknowledged {
    message: Letter,
}

impl Operation for AcknowledgeMessage {
    const NAME: &'static str = "acknowledge_message";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "acknowledge"]).positional(&["message"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Understood",
        command: "message acknowledge msg_01kax3v7yqe5nbp8w0c4mzt6rd --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"message": "msg_01kax3v7yqe5nbp8w0c4mzt6rd", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).idempotent();
    type Output = Acknowledged;

    async fn run(self, cx: &Cx<'_>) -> Result<Acknowledged, Fault> {
        let note = self.note.map(|note| check_text("note", note)).transpose()?;
        let access = {
            let mut view = cx.control.store.read().await?;
            cx.own_session(&mut view, self.session.clone(), WorkspaceRole::Reader).await?.1
        };
        let message = self.message;
        cx.write_as(&access, self.session, move |tx, session| {
            Box::pin(async move {
                if !tx.acknowledge(&session.id, &message, note.as_deref()).await? {
                    return Err(absent(&message));
                }
                tx.record("mail.acknowledge", json!({ "message": message })).await?;
                let letter = tx.letter(&session.id, &message).await?.ok_or_else(|| absent(&message))?;
                Ok(Acknowledged { message: letter })
            })
        })
        .await
    }
}
