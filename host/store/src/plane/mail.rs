//! Mail: one row for a message, one for each recipient. What a recipient does changes its own row alone.

use brains_core::id::{Message, Session, Workspace};
use brains_core::plane::mail::{Letter, MessageRecord, Receipt, Urgency};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, execute, execute_deferred, fetch_all, fetch_optional, from_row};
use crate::text::{id, storable};
use crate::write::Tx;

const SEND: &str = "
    INSERT INTO message (
        id, thread, reply_to, workspace, operator, session, broadcast, kind, rank, subject, body,
        wants_acknowledgement, sent_at, expires_at, agent
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
const DELIVER: &str = "
    INSERT INTO delivery (session, message, rank, delivered_at, expires_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
const DELIVER_TO_ALL: &str = "
    INSERT INTO delivery (session, message, rank, delivered_at, expires_at)
    SELECT s.id, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) FROM session s
    WHERE s.workspace = $1 AND s.ended_at IS NULL AND s.lease_until > $4 AND s.id <> $6
    ON CONFLICT DO NOTHING RETURNING session";
const CATCH_UP: &str = "
    INSERT INTO delivery (session, message, rank, delivered_at, expires_at)
    SELECT CAST($2 AS TEXT), m.id, m.rank, CAST($3 AS BIGINT), m.expires_at FROM message m
    WHERE m.workspace = $1 AND m.broadcast AND m.expires_at > $3 AND (m.session IS NULL OR m.session <> $2)
    ON CONFLICT DO NOTHING";
const GET: &str = "
    SELECT m.*, w.slug FROM message m JOIN workspace w ON w.id = m.workspace WHERE m.id = $1";
const SENT_SINCE: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM message WHERE operator = $1 AND session = $2 AND sent_at > $3 LIMIT $4
    ) sent";
const SENT_BY_PERSON_SINCE: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM message WHERE operator = $1 AND session IS NULL AND sent_at > $2 LIMIT $3
    ) sent";
const UNREAD: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM delivery
        WHERE session = $1 AND read_at IS NULL AND (expires_at IS NULL OR expires_at > $2) LIMIT $3
    ) unread";
const READ: &str = "
    UPDATE delivery SET read_at = $3 WHERE session = $1 AND message = $2 AND read_at IS NULL";
const TELL: &str =
    "UPDATE delivery SET read_cursor = $3 WHERE session = $1 AND message = $2 AND read_at IS NULL";
const CONFIRM: &str = "
    UPDATE delivery SET read_at = $3 WHERE session = $1 AND read_cursor = $2 AND read_at IS NULL
    RETURNING message";
const LETTER: &str = "
    SELECT m.*, w.slug, d.read_at, d.acknowledged_at
    FROM delivery d JOIN message m ON m.id = d.message JOIN workspace w ON w.id = m.workspace
    WHERE d.session = $1 AND d.message = $2";
const UNREAD_LETTERS: &str = "
    SELECT m.*, w.slug, d.read_at, d.acknowledged_at
    FROM delivery d JOIN message m ON m.id = d.message JOIN workspace w ON w.id = m.workspace
    WHERE d.session = $1 AND d.read_at IS NULL AND (d.expires_at IS NULL OR d.expires_at > $2)
    ORDER BY d.rank, d.message LIMIT $3";
const LETTERS: &str = "
    SELECT m.*, w.slug, d.read_at, d.acknowledged_at
    FROM delivery d JOIN message m ON m.id = d.message JOIN workspace w ON w.id = m.workspace
    WHERE d.session = $1 AND d.message < $2 ORDER BY d.message DESC LIMIT $3";
const SENT: &str = "
    SELECT m.*, w.slug FROM message m JOIN workspace w ON w.id = m.workspace
    WHERE m.session = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3";
const THREAD: &str = "
    SELECT m.*, w.slug, d.read_at, d.acknowledged_at
    FROM message m JOIN workspace w ON w.id = m.workspace
        LEFT JOIN delivery d ON d.message = m.id AND d.session = $2
    WHERE m.thread = $1 AND m.id > $3 AND (m.session = $2 OR d.session IS NOT NULL)
    ORDER BY m.id LIMIT $4";
const RECEIPTS: &str = "
    SELECT session, delivered_at, read_at, acknowledged_at, note FROM delivery
    WHERE message = $1 ORDER BY session LIMIT $2";
const ACKNOWLEDGE: &str = "
    UPDATE delivery SET acknowledged_at = COALESCE(acknowledged_at, $3), read_at = COALESCE(read_at, $3), note = $4
    WHERE session = $1 AND message = $2";
const PRUNE: &str = "
    DELETE FROM delivery WHERE session = $1 AND read_at IS NULL AND expires_at IS NOT NULL AND expires_at <= $2";

/// The message in a row of either database.
macro_rules! message {
    ($row:ident) => {
        MessageRecord {
            id: id("id", $row.try_get("id")?)?,
            thread: id("thread", $row.try_get("thread")?)?,
            reply_to: $row
                .try_get::<Option<&str>, _>("reply_to")?
                .map(|text| id("reply_to", text))
                .transpose()?,
            workspace: $row.try_get("slug")?,
            from: $row.try_get("operator")?,
            from_session: $row
                .try_get::<Option<&str>, _>("session")?
                .map(|text| id("session", text))
                .transpose()?,
            from_agent: $row.try_get("agent")?,
            broadcast: $row.try_get("broadcast")?,
            kind: $row.try_get("kind")?,
            priority: Urgency::of_rank($row.try_get("rank")?).unwrap_or_default(),
            subject: $row.try_get("subject")?,
            body: $row.try_get("body")?,
            wants_acknowledgement: $row.try_get("wants_acknowledgement")?,
            sent_at: Millis($row.try_get("sent_at")?),
            expires_at: $row.try_get::<Option<i64>, _>("expires_at")?.map(Millis),
        }
    };
}

from_row! {
    row => MessageRecord { Ok(message!(row)) }
    row => Letter {
        Ok(Self {
            message: message!(row),
            read_at: row.try_get::<Option<i64>, _>("read_at")?.map(Millis),
            acknowledged_at: row.try_get::<Option<i64>, _>("acknowledged_at")?.map(Millis),
        })
    }
    row => Receipt {
        Ok(Self {
            session: id("session", row.try_get("session")?)?,
            delivered_at: Millis(row.try_get("delivered_at")?),
            read_at: row.try_get::<Option<i64>, _>("read_at")?.map(Millis),
            acknowledged_at: row.try_get::<Option<i64>, _>("acknowledged_at")?.map(Millis),
            note: row.try_get("note")?,
        })
    }
}

/// What waiting for mail listens to.
pub fn mailbox(session: &Id<Session>) -> String {
    format!("mail:{session}")
}

impl Rows {
    pub async fn message(&mut self, id: &Id<Message>) -> Result<Option<MessageRecord>, StoreError> {
        fetch_optional!(self, MessageRecord, GET, id.as_str())
    }

    /// How many messages wait unread for `session`, counted up to `most`.
    pub async fn unread(&mut self, session: &Id<Session>, now: Millis, most: u32) -> Result<u32, StoreError> {
        let count = fetch_optional!(self, i64, UNREAD, session.as_str(), now.0, i64::from(most))?;
        Ok(u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// What waits unread, in the order of reading.
    pub async fn unread_letters(
        &mut self,
        session: &Id<Session>,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<Letter>, StoreError> {
        fetch_all!(self, Letter, UNREAD_LETTERS, session.as_str(), now.0, i64::from(limit))
    }

    /// A message as `session` got it; none when it did not.
    pub async fn letter(
        &mut self,
        session: &Id<Session>,
        message: &Id<Message>,
    ) -> Result<Option<Letter>, StoreError> {
        fetch_optional!(self, Letter, LETTER, session.as_str(), message.as_str())
    }

    /// Everything that `session` got, newest first, before `before`.
    pub async fn letters(
        &mut self,
        session: &Id<Session>,
        before: Option<&Id<Message>>,
        limit: u32,
    ) -> Result<Vec<Letter>, StoreError> {
        let before = before.map_or("~", Id::as_str);
        fetch_all!(self, Letter, LETTERS, session.as_str(), before, i64::from(limit))
    }

    /// Everything that `session` sent, newest first, before `before`.
    pub async fn sent_messages(
        &mut self,
        session: &Id<Session>,
        before: Option<&Id<Message>>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let before = before.map_or("~", Id::as_str);
        fetch_all!(self, MessageRecord, SENT, session.as_str(), before, i64::from(limit))
    }

    /// What `session` sent or got of a thread, oldest first, after `after`.
    pub async fn thread(
        &mut self,
        thread: &Id<Message>,
        session: &Id<Session>,
        after: Option<&Id<Message>>,
        limit: u32,
    ) -> Result<Vec<Letter>, StoreError> {
        let after = after.map_or("", Id::as_str);
        fetch_all!(self, Letter, THREAD, thread.as_str(), session.as_str(), after, i64::from(limit))
    }

    /// What became of a message at its recipients.
    pub async fn receipts(&mut self, message: &Id<Message>, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        fetch_all!(self, Receipt, RECEIPTS, message.as_str(), i64::from(limit))
    }

    /// How many messages whoever sends now has sent since `since`, counted up to `most`.
    pub async fn sent_since(
        &mut self,
        operator: &str,
        session: Option<&Id<Session>>,
        since: Millis,
        most: u32,
    ) -> Result<u32, StoreError> {
        let count = match session {
            Some(session) => {
                fetch_optional!(self, i64, SENT_SINCE, operator, session.as_str(), since.0, i64::from(most))?
            }
            None => fetch_optional!(self, i64, SENT_BY_PERSON_SINCE, operator, since.0, i64::from(most))?,
        };
        Ok(u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX))
    }
}

impl Tx {
    /// Adds a message that nobody has yet.
    pub async fn insert_message(
        &mut self,
        workspace: &Id<Workspace>,
        message: &MessageRecord,
    ) -> Result<(), StoreError> {
        execute!(
            &mut self.rows,
            SEND,
            message.id.as_str(),
            message.thread.as_str(),
            message.reply_to.as_ref().map(Id::as_str),
            workspace.as_str(),
            storable(&message.from).as_ref(),
            message.from_session.as_ref().map(Id::as_str),
            message.broadcast,
            &message.kind,
            message.priority.rank(),
            storable(&message.subject).as_ref(),
            storable(&message.body).as_ref(),
            message.wants_acknowledgement,
            message.sent_at.0,
            message.expires_at.map(|at| at.0),
            message.from_agent
        )
        .map(drop)
    }

    /// Puts a message into the mailboxes of `sessions`.
    pub async fn deliver(
        &mut self,
        message: &MessageRecord,
        sessions: &[Id<Session>],
    ) -> Result<u64, StoreError> {
        let mut delivered = 0;
        for session in sessions {
            delivered += execute!(
                &mut self.rows,
                DELIVER,
                session.as_str(),
                message.id.as_str(),
                message.priority.rank(),
                message.sent_at.0,
                message.expires_at.map(|at| at.0)
            )?;
            self.announce(mailbox(session));
        }
        Ok(delivered)
    }

    /// Puts a broadcast into the mailboxes of all live sessions of its workspace but the sender's.
    pub async fn deliver_to_all(
        &mut self,
        workspace: &Id<Workspace>,
        message: &MessageRecord,
    ) -> Result<u64, StoreError> {
        let sender = message.from_session.as_ref().map_or("", |session| session.as_str());
        let to = fetch_all!(
            &mut self.rows,
            String,
            DELIVER_TO_ALL,
            workspace.as_str(),
            message.id.as_str(),
            message.priority.rank(),
            message.sent_at.0,
            message.expires_at.map(|at| at.0),
            sender
        )?;
        for session in &to {
            self.announce(format!("mail:{session}"));
        }
        Ok(u64::try_from(to.len()).unwrap_or(u64::MAX))
    }

    /// Gives a session that starts now the broadcasts of its workspace that still stand.
    pub async fn deliver_standing(
        &mut self,
        workspace: &Id<Workspace>,
        session: &Id<Session>,
    ) -> Result<u64, StoreError> {
        execute!(&mut self.rows, CATCH_UP, workspace.as_str(), session.as_str(), self.at.0)
    }

    /// What waits unread, in the order of reading. What expired unread is not looked at again.
    pub async fn waiting_letters(
        &mut self,
        session: &Id<Session>,
        limit: u32,
    ) -> Result<Vec<Letter>, StoreError> {
        let at = self.at;
        execute!(&mut self.rows, PRUNE, session.as_str(), at.0)?;
        self.unread_letters(session, at, limit).await
    }

    /// Notes the cursor of the answer in which a message is told; it counts as read when that is confirmed.
    pub async fn tell_letter(
        &mut self,
        session: &Id<Session>,
        message: &Id<Message>,
        cursor: &str,
    ) -> Result<(), StoreError> {
        execute_deferred!(&mut self.rows, TELL, session.as_str(), message.as_str(), cursor)
    }

    /// Marks as read what was last told in the answer with this cursor; tells which ones.
    pub async fn confirm_letters(
        &mut self,
        session: &Id<Session>,
        cursor: &str,
    ) -> Result<Vec<String>, StoreError> {
        let at = self.at.0;
        fetch_all!(&mut self.rows, String, CONFIRM, session.as_str(), cursor, at)
    }

    /// Marks a message as read; false when it was, or is not there.
    pub async fn read_letter(
        &mut self,
        session: &Id<Session>,
        message: &Id<Message>,
    ) -> Result<bool, StoreError> {
        let at = self.at.0;
        Ok(execute!(&mut self.rows, READ, session.as_str(), message.as_str(), at)? == 1)
    }

    /// Marks a message as acknowledged, and as read; again changes only the note.
    pub async fn acknowledge(
        &mut self,
        session: &Id<Session>,
        message: &Id<Message>,
        note: Option<&str>,
    ) -> Result<bool, StoreError> {
        let at = self.at.0;
        let done = execute!(
            &mut self.rows,
            ACKNOWLEDGE,
            session.as_str(),
            message.as_str(),
            at,
            note.map(storable)
        )?;
        Ok(done == 1)
    }
}
