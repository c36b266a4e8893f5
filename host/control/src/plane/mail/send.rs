//! Sending: to sessions by name, to everybody in a workspace, or in answer to a message.

use brains_core::Fault;
use brains_core::id::{Id, Message, Session};
use brains_core::plane::mail::{
    MailText, MessageRecord, RATE_MAX, RATE_WINDOW, RECIPIENTS_MAX, UNREAD_MAX, Urgency, check_rate, expiry,
    mailbox_full, reply_subject,
};
use brains_core::plane::session::missing;
use brains_core::plane::workspace::{WorkspaceRecord, WorkspaceRole};
use brains_core::principal::Role;
use brains_store::{Rows, Scope, Scopes, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::post::post;
use super::{NOUN, absent};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;
use crate::workspace_role::role_in;

/// Sends a message to sessions, to everybody who works in a workspace, or in answer to another message. Each recipient
/// gets it once; you never get your own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendMessage {
    /// One line; an answer takes that of the message that it answers when left out.
    #[serde(default)]
    subject: String,
    /// The text.
    #[serde(default)]
    body: String,
    /// Sessions that get it; left out, everybody in the workspace, also who starts there within a day.
    #[serde(default)]
    to: Vec<Id<Session>>,
    /// The message that it answers: its sender gets it, unless `to` names others.
    reply_to: Option<Id<Message>>,
    /// Workspace whose sessions get it when `to` names none; where you work when left out.
    workspace: Option<String>,
    /// Also everybody who works in another working tree of the repository; for what is sent to everybody.
    #[serde(default)]
    siblings: bool,
    /// One word of your own, for whoever sorts mail.
    #[serde(default = "info")]
    kind: String,
    /// How soon it wants to be read.
    #[serde(default)]
    priority: Urgency,
    /// Ask the recipients to acknowledge it.
    #[serde(default)]
    wants_acknowledgement: bool,
    /// Do not deliver it after so many minutes; a broadcast stands for a day when left out.
    #[schemars(range(min = 1, max = 43200))]
    expires_in_minutes: Option<i64>,
    /// The session that sends it; none for a person.
    session: Option<Id<Session>>,
}

fn info() -> String {
    "info".into()
}

/// A message on its way.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MessageSent {
    message: MessageRecord,
    /// How many mailboxes it is in.
    delivered: u64,
}

impl Operation for SendMessage {
    const NAME: &'static str = "send_message";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["message", "send"]).positional(&["subject"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Tell everybody here",
            command: "message send \"Do not push to main\" --body \"The release is being cut\"",
            input: r#"{"subject": "Do not push to main", "body": "The release is being cut"}"#,
        },
        Example {
            title: "Ask one session",
            command: "message send \"Are you done with src/db?\" --to ses_01kax3v7yqe5nbp8w0c4mzt6rd",
            input: r#"{"subject": "Are you done with src/db?", "to": ["ses_01kax3v7yqe5nbp8w0c4mzt6rd"]}"#,
        },
    ];
    const TOOL: ToolShape =
        ToolShape::of(Self::ROLE, Self::KIND).spoken().core(&["subject", "body", "to", "reply_to"]);
    type Output = MessageSent;

    async fn run(mut self, cx: &Cx<'_>) -> Result<MessageSent, Fault> {
        if self.to.len() > RECIPIENTS_MAX {
            return Err(Fault::invalid(format!("`to` names more than {RECIPIENTS_MAX} sessions"))
                .param("to")
                .hint("leave `to` out to reach everybody in the workspace"));
        }
        if self.siblings && (!self.to.is_empty() || self.reply_to.is_some()) {
            return Err(Fault::invalid("`siblings` is for what is sent to everybody")
                .param("siblings")
                .hint("leave `to` and `reply_to` out; `to` names sessions of any workspace"));
        }
        self.to.sort_unstable();
        self.to.dedup();
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let sender = cx.own_session_if_any(&mut view, self.session.clone(), WorkspaceRole::Member).await?;
        let parent = match &self.reply_to {
            Some(id) => {
                let Some((me, _)) = &sender else { return Err(missing()) };
                Some(answered(&mut view, id, &me.id).await?)
            }
            None => None,
        };
        if let (Some(parent), true) = (&parent, self.to.is_empty()) {
            let Some(from) = &parent.from_session else {
                return Err(Fault::conflict(format!(
                    "`{}` was sent by a person, who has no mailbox",
                    parent.id
                ))
                .code("no_mailbox")
                .param("reply_to")
                .hint("name sessions in `to`, or comment on the task that it is about"));
            };
            self.to.push(from.clone());
        }
        for to in &self.to {
            let (recipient, _) = cx
                .session_in_sight(&mut view, to, WorkspaceRole::Reader)
                .await
                .map_err(|fault| fault.param("to"))?;
            recipient.check_alive(now).map_err(|fault| {
                fault
                    .param("to")
                    .hint("`list_sessions` shows who is there; leave `to` out to reach everybody")
            })?;
        }
        let from = sender.map(|(_, access)| access);
        let target = match (&self.workspace, &from) {
            (None, Some(access)) => access.clone(),
            (reference, _) => cx.workspace(&mut view, reference.as_deref(), WorkspaceRole::Member).await?,
        };
        let siblings =
            if self.siblings { cx.siblings(&mut view, &target.workspace).await? } else { Vec::new() };
        drop(view);
        let from = from.unwrap_or_else(|| target.clone());
        let subject = match (&parent, self.subject.trim().is_empty()) {
            (Some(parent), true) => reply_subject(&parent.subject),
            _ => self.subject.clone(),
        };
        let content = MailText::check(&subject, std::mem::take(&mut self.body), &self.kind)?;
        let outgoing = Outgoing {
            expires_at: expiry(self.expires_in_minutes, self.to.is_empty(), now)?,
            content,
            to: self.to,
            parent,
            priority: self.priority,
            wants_acknowledgement: self.wants_acknowledgement,
            target: target.clone(),
            siblings,
        };
        let (identity, fence) = (cx.session_identity(self.session), cx.fence);
        // All workspaces, so that whoever starts in another one meanwhile gets it too.
        let others = outgoing.siblings.iter().map(|tree| Scope::workspace(tree.id.as_str()));
        let others = std::iter::once(target.scope()).chain(others).collect();
        cx.write(Scopes::new(from.scope(), others), move |tx| {
            Box::pin(async move {
                from.enter(tx, &identity, fence).await?;
                if outgoing.target.workspace.id != from.workspace.id {
                    outgoing.target.confirm(tx).await?;
                }
                outgoing.send(tx).await
            })
        })
        .await
    }
}

/// The message that is answered, if it was sent or got by whoever answers.
async fn answered(rows: &mut Rows, id: &Id<Message>, me: &Id<Session>) -> Result<MessageRecord, Fault> {
    if let Some(letter) = rows.letter(me, id).await? {
        return Ok(letter.message);
    }
    let own = rows.message(id).await?.filter(|message| message.from_session.as_ref() == Some(me));
    own.ok_or_else(|| absent(id).param("reply_to"))
}

/// A message with everything decided that can be decided outside of its write.
struct Outgoing {
    content: MailText,
    to: Vec<Id<Session>>,
    parent: Option<MessageRecord>,
    priority: Urgency,
    wants_acknowledgement: bool,
    expires_at: Option<brains_core::Millis>,
    target: WorkspaceAccess,
    /// Working trees of the same repository whose sessions get it too.
    siblings: Vec<WorkspaceRecord>,
}

impl Outgoing {
    async fn send(self, tx: &mut Tx) -> Result<MessageSent, Fault> {
        let now = tx.now();
        let window_ms = i64::try_from(RATE_WINDOW.as_millis()).unwrap_or(i64::MAX);
        let since = now.plus_ms(-window_ms);
        let author = tx.author();
        check_rate(tx.sent_since(&author.operator, author.session.as_ref(), since, RATE_MAX).await?)?;
        for to in &self.to {
            // It may have ended since it was looked up.
            if let Some(recipient) = tx.session(to).await? {
                recipient.check_alive(now).map_err(|fault| fault.param("to"))?;
            }
            if tx.unread(to, now, UNREAD_MAX).await? >= UNREAD_MAX {
                return Err(mailbox_full(to.as_str()).param("to"));
            }
        }
        let id: Id<Message> = tx.mint();
        let message = MessageRecord {
            thread: self.parent.as_ref().map_or_else(|| id.clone(), |parent| parent.thread.clone()),
            reply_to: self.parent.map(|parent| parent.id),
            id,
            workspace: self.target.workspace.slug.clone(),
            from: author.operator,
            from_session: author.session,
            from_agent: author.agent,
            broadcast: self.to.is_empty(),
            kind: self.content.kind,
            priority: self.priority,
            subject: self.content.subject,
            body: self.content.body,
            wants_acknowledgement: self.wants_acknowledgement,
            sent_at: now,
            expires_at: self.expires_at,
        };
        let mut delivered = post(tx, &self.target.workspace.id, &message, &self.to).await?;
        for tree in &self.siblings {
            // Whoever only looks on there says nothing to those who work there.
            let role = role_in(tx, &self.target.principal, tree).await?;
            if role.is_some_and(|role| role >= WorkspaceRole::Member) {
                delivered += tx.deliver_to_all(&tree.id, &message).await?;
            }
        }
        Ok(MessageSent { message, delivered })
    }
}
