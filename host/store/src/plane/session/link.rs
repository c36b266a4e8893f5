//! What sessions are known by: ids that clients and tools have for them.

use brains_core::id::Session;
use brains_core::plane::session::{LinkRecord, SessionRecord};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::plane::session::session_columns;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, id, storable};
use crate::write::Tx;

/// The columns of a link.
macro_rules! link_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] session, kind, value, linked_at, linked_by)
    };
}

statements! {
    /// The newest life of what a link names.
    BY_LINK = "
    SELECT ", session_columns!(), "
    FROM session s JOIN session_link l ON l.session = s.id
    WHERE l.kind = $1 AND l.value = $2 AND s.operator = $3 AND s.ended_at IS NULL
    ORDER BY l.linked_at DESC, s.id DESC LIMIT 1";
    LINKS = "
    SELECT ", link_columns!(), " FROM session_link WHERE session = $1 ORDER BY linked_at, kind, value";
    FIND = "
    SELECT ", link_columns!(), " FROM session_link
    WHERE kind = $1 AND value = $2 ORDER BY linked_at DESC, session DESC LIMIT $3";
}

const LINKED: &str = "SELECT COUNT(*) FROM session_link WHERE session = $1 AND kind = $2 AND value = $3";
const LINK: &str = "
    INSERT INTO session_link (session, kind, value, linked_at, linked_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
const UNLINK: &str = "DELETE FROM session_link WHERE session = $1 AND kind = $2";

from_row! {
    row => LinkRecord {
        Ok(Self {
            session: id("session", row.try_get("session")?)?,
            kind: row.try_get("kind")?,
            value: row.try_get("value")?,
            linked_at: Millis(row.try_get("linked_at")?),
            linked_by: from_enum_name("linked_by", row.try_get("linked_by")?)?,
        })
    }
}

impl Rows {
    /// The operator's newest session that is not over and is linked to this.
    pub async fn session_by_link(
        &mut self,
        kind: &str,
        value: &str,
        operator: &str,
    ) -> Result<Option<SessionRecord>, StoreError> {
        fetch_optional!(
            self,
            SessionRecord,
            BY_LINK,
            storable(kind).as_ref(),
            storable(value).as_ref(),
            operator
        )
    }

    pub async fn is_linked(
        &mut self,
        session: &Id<Session>,
        kind: &str,
        value: &str,
    ) -> Result<bool, StoreError> {
        let (kind, value) = (storable(kind), storable(value));
        let found = fetch_optional!(self, i64, LINKED, session.as_str(), kind.as_ref(), value.as_ref())?;
        Ok(found != Some(0))
    }

    /// What a session is known by, oldest first.
    pub async fn session_links(&mut self, session: &Id<Session>) -> Result<Vec<LinkRecord>, StoreError> {
        fetch_all!(self, LinkRecord, LINKS, session.as_str())
    }

    /// Sessions that are or were known by this, newest link first.
    pub async fn linked_sessions(
        &mut self,
        kind: &str,
        value: &str,
        limit: u32,
    ) -> Result<Vec<LinkRecord>, StoreError> {
        fetch_all!(
            self,
            LinkRecord,
            FIND,
            storable(kind).as_ref(),
            storable(value).as_ref(),
            i64::from(limit)
        )
    }
}

impl Tx {
    /// Ties a session to an id; tells whether it was not tied before.
    pub async fn link_session(&mut self, link: &LinkRecord) -> Result<bool, StoreError> {
        let added = execute!(
            &mut self.rows,
            LINK,
            link.session.as_str(),
            storable(&link.kind).as_ref(),
            storable(&link.value).as_ref(),
            link.linked_at.0,
            enum_name(&link.linked_by)
        )?;
        Ok(added == 1)
    }

    /// Forgets the links of one kind.
    pub async fn unlink_session(&mut self, session: &Id<Session>, kind: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, UNLINK, session.as_str(), kind).map(drop)
    }
}
