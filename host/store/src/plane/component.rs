//! Components as this database's services have seen them, and what they were before.

use brains_core::Millis;
use brains_core::plane::component::{ComponentRecord, ComponentStanding, ComponentState};
use serde::Serialize;

use crate::error::StoreError;
use crate::generation::Topic;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, from_json, list, signed, storable, unsigned};
use crate::write::Tx;

/// The columns of a component.
macro_rules! component_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] id, digest, version, plays, state, reason, source, size_bytes, exports, instances, flat_keys)
    };
}

statements! {
    LIST = "
    SELECT ", component_columns!(), "
    FROM component ORDER BY id";
    GET = "
    SELECT ", component_columns!(), "
    FROM component WHERE id = $1";
}

const SEE: &str = "
    INSERT INTO component
        (id, digest, version, plays, state, reason, source, size_bytes, exports, instances, flat_keys, seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (id) DO UPDATE SET
        digest = excluded.digest, version = excluded.version, plays = excluded.plays, state = excluded.state,
        reason = excluded.reason, source = excluded.source, size_bytes = excluded.size_bytes,
        exports = excluded.exports, instances = excluded.instances, flat_keys = excluded.flat_keys,
        seen_at = excluded.seen_at";
const REMEMBER: &str = "
    INSERT INTO component_history (component, seq, at, digest, state, reason)
    SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM component_history WHERE component = $1";
/// Changes among which the last of one version is looked for.
const LOOKED_BACK: u32 = 64;
const REMEMBER_KNOWN: &str = "
    INSERT INTO component_history (component, seq, at, digest, state, reason)
    SELECT $1, COALESCE((SELECT MAX(seq) FROM component_history WHERE component = $1), 0) + 1, $2, $3, $4, $5
    FROM component WHERE id = $1";
const HISTORY: &str = "
    SELECT at, digest, state, reason FROM component_history WHERE component = $1 ORDER BY seq DESC LIMIT $2";

/// What a component was from one moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentChange {
    pub at: Millis,
    pub digest: String,
    pub state: ComponentStanding,
    pub reason: Option<String>,
}

from_row! {
    row => ComponentRecord {
        Ok(Self {
            component: ComponentState {
                id: row.try_get("id")?,
                digest: row.try_get("digest")?,
                version: row.try_get("version")?,
                plays: match row.try_get::<Option<&str>, _>("plays")? {
                    Some(plays) => Some(from_enum_name("plays", plays)?),
                    None => None,
                },
                state: from_enum_name("state", row.try_get("state")?)?,
                reason: row.try_get("reason")?,
            },
            source: row.try_get("source")?,
            size_bytes: unsigned(row.try_get("size_bytes")?),
            exports: from_json("exports", row.try_get("exports")?)?,
            instances: from_json("instances", row.try_get("instances")?)?,
            flat_keys: from_json("flat_keys", row.try_get("flat_keys")?)?,
            versions: Vec::new(),
        })
    }
    row => ComponentChange {
        Ok(Self {
            at: Millis(row.try_get("at")?),
            digest: row.try_get("digest")?,
            state: from_enum_name("state", row.try_get("state")?)?,
            reason: row.try_get("reason")?,
        })
    }
}

impl Rows {
    /// Every component ever seen, by id.
    pub async fn components(&mut self) -> Result<Vec<ComponentRecord>, StoreError> {
        fetch_all!(self, ComponentRecord, LIST)
    }

    pub async fn component(&mut self, id: &str) -> Result<Option<ComponentRecord>, StoreError> {
        fetch_optional!(self, ComponentRecord, GET, id)
    }

    /// What a component was, newest first.
    pub async fn component_history(
        &mut self,
        id: &str,
        limit: u32,
    ) -> Result<Vec<ComponentChange>, StoreError> {
        fetch_all!(self, ComponentChange, HISTORY, id, i64::from(limit))
    }
}

impl Tx {
    /// Notes a component as it is now. True when its version or its state is another than before; only then
    /// the history grows.
    pub async fn see_component(&mut self, seen: &ComponentRecord) -> Result<bool, StoreError> {
        let now = &seen.component;
        let before = self.rows.component(&now.id).await?.map(|record| record.component);
        let state = enum_name(&now.state);
        let reason = now.reason.as_deref().map(storable);
        let at = self.at.0;
        execute!(
            &mut self.rows,
            SEE,
            &now.id,
            &now.digest,
            now.version.as_deref().map(storable),
            now.plays.as_ref().map(enum_name),
            &state,
            reason.as_deref(),
            storable(&seen.source).as_ref(),
            signed(seen.size_bytes),
            list(&seen.exports),
            list(&seen.instances),
            list(&seen.flat_keys),
            at
        )?;
        let same = before.is_some_and(|before| {
            before.digest == now.digest
                && before.state == now.state
                && before.reason.as_deref() == reason.as_deref()
        });
        if same {
            return Ok(false);
        }
        execute!(&mut self.rows, REMEMBER, &now.id, at, &now.digest, &state, reason.as_deref())?;
        self.bump(Topic::Components).await?;
        Ok(true)
    }

    /// Notes what became of one version of a component beside the one that serves; true when that is news. A component
    /// that was never seen has no history.
    pub async fn remember_component_version(
        &mut self,
        id: &str,
        digest: &str,
        state: ComponentStanding,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let reason = reason.map(storable);
        let known = self.rows.component_history(id, LOOKED_BACK).await?;
        let last = known.iter().find(|change| change.digest == digest);
        if last.is_some_and(|last| last.state == state && last.reason.as_deref() == reason.as_deref()) {
            return Ok(false);
        }
        let at = self.at.0;
        execute!(&mut self.rows, REMEMBER_KNOWN, id, at, digest, enum_name(&state), reason.as_deref())?;
        Ok(true)
    }
}
