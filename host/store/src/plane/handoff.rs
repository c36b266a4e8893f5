//! Handoffs: at most one active row in a workspace, by a unique index. Reading ages nothing.

use brains_core::id::{Handoff, Session, Workspace};
use brains_core::plane::handoff::{HandoffRecord, HandoffStatus};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_all, fetch_optional, from_row};
use crate::text::{from_enum_name, id, storable};
use crate::write::Tx;

const INSERT: &str = "
    INSERT INTO handoff (id, workspace, title, body, status, set_by, set_by_session, set_at, set_by_agent)
    VALUES ($1, $2, $3, $4, 'active', $5, $6, $7, $8)";
const GET: &str = "
    SELECT h.*, w.slug FROM handoff h JOIN workspace w ON w.id = h.workspace WHERE h.id = $1";
const PLACE: &str = "SELECT workspace FROM handoff WHERE id = $1";
const ACTIVE: &str = "
    SELECT h.*, w.slug FROM handoff h JOIN workspace w ON w.id = h.workspace
    WHERE h.workspace = $1 AND h.status = 'active'";
const LIST: &str = "
    SELECT h.*, w.slug FROM handoff h JOIN workspace w ON w.id = h.workspace
    WHERE h.workspace = $1 AND h.id < $2 ORDER BY h.id DESC LIMIT $3";
const PICK: &str = "
    UPDATE handoff SET status = 'picked_up', picked_up_by = $2, picked_up_by_session = $3, picked_up_at = $4,
        picked_up_by_agent = $5
    WHERE id = $1 AND status IN ('active', 'stale')";
const CLEAR: &str = "
    UPDATE handoff SET status = $2, cleared_at = $3, clear_reason = $4 WHERE id = $1 AND status = 'active'";

from_row! {
    row => HandoffRecord {
        let session = |column: &str| -> Result<Option<Id<Session>>, StoreError> {
            row.try_get::<Option<&str>, _>(column)?.map(|text| id(column, text)).transpose()
        };
        let time = |column: &str| -> Result<Option<Millis>, StoreError> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(Millis))
        };
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            workspace: row.try_get("slug")?,
            title: row.try_get("title")?,
            body: row.try_get("body")?,
            status: from_enum_name("status", row.try_get("status")?)?,
            set_by: row.try_get("set_by")?,
            set_by_session: session("set_by_session")?,
            set_by_agent: row.try_get("set_by_agent")?,
            set_at: Millis(row.try_get("set_at")?),
            picked_up_by: row.try_get("picked_up_by")?,
            picked_up_by_session: session("picked_up_by_session")?,
            picked_up_by_agent: row.try_get("picked_up_by_agent")?,
            picked_up_at: time("picked_up_at")?,
            cleared_at: time("cleared_at")?,
            clear_reason: row.try_get("clear_reason")?,
        })
    }
}

impl Rows {
    pub async fn handoff(&mut self, id: &Id<Handoff>) -> Result<Option<HandoffRecord>, StoreError> {
        fetch_optional!(self, HandoffRecord, GET, id.as_str())
    }

    /// Which workspace a handoff belongs to.
    pub async fn handoff_workspace(
        &mut self,
        handoff: &Id<Handoff>,
    ) -> Result<Option<Id<Workspace>>, StoreError> {
        let found = fetch_optional!(self, String, PLACE, handoff.as_str())?;
        found.map(|text| id("workspace", &text).map_err(|error| self.fail(error))).transpose()
    }

    /// The one that waits to be picked up, however long it has.
    pub async fn active_handoff(
        &mut self,
        workspace: &Id<Workspace>,
    ) -> Result<Option<HandoffRecord>, StoreError> {
        fetch_optional!(self, HandoffRecord, ACTIVE, workspace.as_str())
    }

    /// Handoffs of one workspace, newest first, before `before`.
    pub async fn handoffs(
        &mut self,
        workspace: &Id<Workspace>,
        before: Option<&Id<Handoff>>,
        limit: u32,
    ) -> Result<Vec<HandoffRecord>, StoreError> {
        let before = before.map_or("~", Id::as_str);
        fetch_all!(self, HandoffRecord, LIST, workspace.as_str(), before, i64::from(limit))
    }
}

impl Tx {
    /// Adds an active handoff; the one before must be out of the way.
    pub async fn insert_handoff(
        &mut self,
        workspace: &Id<Workspace>,
        slug: &str,
        title: &str,
        body: &str,
    ) -> Result<HandoffRecord, StoreError> {
        let author = self.author();
        let handoff = HandoffRecord {
            id: self.mint(),
            workspace: slug.to_owned(),
            title: storable(title).into_owned(),
            body: storable(body).into_owned(),
            status: HandoffStatus::Active,
            set_by: author.operator,
            set_by_session: author.session,
            set_by_agent: author.agent,
            set_at: self.at,
            picked_up_by: None,
            picked_up_by_session: None,
            picked_up_by_agent: false,
            picked_up_at: None,
            cleared_at: None,
            clear_reason: None,
        };
        execute!(
            &mut self.rows,
            INSERT,
            handoff.id.as_str(),
            workspace.as_str(),
            &handoff.title,
            &handoff.body,
            &handoff.set_by,
            handoff.set_by_session.as_ref().map(Id::as_str),
            handoff.set_at.0,
            handoff.set_by_agent
        )?;
        Ok(handoff)
    }

    /// Takes a handoff for whoever does this write; false when somebody else was faster.
    pub async fn pick_handoff(&mut self, handoff: &mut HandoffRecord) -> Result<bool, StoreError> {
        let author = self.author();
        let picked = execute!(
            &mut self.rows,
            PICK,
            handoff.id.as_str(),
            &author.operator,
            author.session.as_ref().map(Id::as_str),
            self.at.0,
            author.agent
        )?;
        handoff.status = HandoffStatus::PickedUp;
        handoff.picked_up_by = Some(author.operator);
        handoff.picked_up_by_session = author.session;
        handoff.picked_up_by_agent = author.agent;
        handoff.picked_up_at = Some(self.at);
        Ok(picked > 0)
    }

    /// Ends an active handoff as `status`, cleared or stale.
    pub async fn end_handoff(
        &mut self,
        handoff: &mut HandoffRecord,
        status: HandoffStatus,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let reason = reason.map(|reason| storable(&reason).into_owned());
        execute!(&mut self.rows, CLEAR, handoff.id.as_str(), status.word(), self.at.0, &reason)?;
        handoff.status = status;
        handoff.cleared_at = Some(self.at);
        handoff.clear_reason = reason;
        Ok(())
    }
}
