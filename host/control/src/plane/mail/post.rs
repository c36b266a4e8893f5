//! Putting a message into mailboxes, in the write that sends it or in that of the change which it tells of.

use brains_core::Fault;
use brains_core::id::{Id, Message, Session, Workspace};
use brains_core::plane::mail::{MessageRecord, Urgency};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::task::TITLE_MAX;
use brains_core::plane::workspace::WorkspaceRecord;
use brains_store::Tx;
use serde_json::json;

/// Delivers a message; tells how many mailboxes it is in.
pub(super) async fn post(
    tx: &mut Tx,
    workspace: &Id<Workspace>,
    message: &MessageRecord,
    to: &[Id<Session>],
) -> Result<u64, Fault> {
    tx.insert_message(workspace, message).await?;
    let delivered = if message.broadcast {
        tx.deliver_to_all(workspace, message).await?
    } else {
        tx.deliver(message, to).await?
    };
    // Never a word of the mail: events are seen by everybody in the workspace.
    let detail = json!({
        "message": message.id, "thread": message.thread, "kind": message.kind, "broadcast": message.broadcast,
        "delivered": delivered,
    });
    tx.record("mail.send", detail).await?;
    Ok(delivered)
}

/// What a session is told of something that was done to it. No limit keeps it back: it is part of what was done.
#[derive(Debug)]
pub(crate) struct Notice {
    /// The session that it is told.
    pub(crate) to: Id<Session>,
    pub(crate) kind: &'static str,
    /// Made one line, and cut to what a subject may be.
    pub(crate) subject: String,
    pub(crate) body: String,
}

impl Notice {
    /// Delivers it, from the session that did it; from a person when none did.
    pub(crate) async fn send(
        self,
        tx: &mut Tx,
        from: Option<&SessionRecord>,
        workspace: &WorkspaceRecord,
    ) -> Result<(), Fault> {
        let id: Id<Message> = tx.mint();
        let author = tx.author();
        let line = self.subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = MessageRecord {
            thread: id.clone(),
            reply_to: None,
            id,
            workspace: workspace.slug.clone(),
            from: from.map_or(author.operator, |from| from.operator.clone()),
            from_session: from.map(|from| from.id.clone()),
            from_agent: author.agent,
            broadcast: false,
            kind: self.kind.to_owned(),
            priority: Urgency::High,
            subject: line.chars().take(TITLE_MAX).collect(),
            body: self.body,
            wants_acknowledgement: false,
            sent_at: tx.now(),
            expires_at: None,
        };
        post(tx, &workspace.id, &message, &[self.to]).await.map(drop)
    }
}
